#include "cli/machine.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/fd.h"
#include "base/file.h"

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

// landlock_create_ruleset and io_uring_setup have these numbers on every architecture, and their
// headers are younger than what we build with.
constexpr long kLandlockCreateRuleset = 444;
constexpr unsigned kLandlockVersion = 1;
constexpr long kIoUringSetup = 425;

// Small files of /proc and /sys; empty where there is none.
std::string content(const fs::path& path) {
  Result<std::string> text = read_file(path, 1_MiB);
  if (!text) return {};
  while (text->ends_with('\n')) text->pop_back();
  return std::move(*text);
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) return std::nullopt;
  return value;
}

// `MemTotal:       65843064 kB`, in bytes.
ByteCount memory_line(std::string_view meminfo, std::string_view name) {
  const std::size_t at = meminfo.find(name);
  if (at == std::string_view::npos) return {};
  std::string_view rest = meminfo.substr(at + name.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(": "), rest.size()));
  return {number(rest).value_or(0) * 1024};
}

// The folder of this process's cgroup (version 2), or nothing.
fs::path own_cgroup() {
  const std::string lines = content("/proc/self/cgroup");
  const std::size_t at = lines.find("0::/");
  if (at == std::string::npos) return {};
  return fs::path("/sys/fs/cgroup") / lines.substr(at + 4, lines.find('\n', at) - at - 4);
}

void inspect_cgroup(Machine& machine) {
  std::error_code error;
  if (fs::exists("/sys/fs/cgroup/cgroup.controllers", error)) {
    machine.cgroup_version = 2;
  } else if (fs::exists("/sys/fs/cgroup/memory", error)) {
    machine.cgroup_version = 1;
    const auto limit = number(content("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
    // "None" is a number near 2^63 there.
    if (limit && *limit < machine.memory.value) machine.memory_limit = ByteCount{*limit};
    const auto quota = number(content("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"));
    const auto period = number(content("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
    if (quota && period && *period > 0)
      machine.cpu_limit = static_cast<double>(*quota) / static_cast<double>(*period);
    return;
  }
  // A limit of any folder above holds for us, too.
  for (fs::path folder = own_cgroup(); folder.native().starts_with("/sys/fs/cgroup");
       folder = folder.parent_path()) {
    if (const auto limit = number(content(folder / "memory.max"));
        limit && (!machine.memory_limit || *limit < machine.memory_limit->value)) {
      machine.memory_limit = ByteCount{*limit};
    }
    const std::string cpu = content(folder / "cpu.max");  // `150000 100000`, or `max 100000`
    const auto quota = number(cpu);
    const auto period =
        number(std::string_view(cpu).substr(std::min(cpu.find(' ') + 1, cpu.size())));
    if (!quota || !period || *period == 0) continue;
    const double cores = static_cast<double>(*quota) / static_cast<double>(*period);
    if (machine.cpu_limit == 0 || cores < machine.cpu_limit) machine.cpu_limit = cores;
  }
}

bool allows_user_namespaces() {
  std::error_code error;
  if (!fs::exists("/proc/self/ns/user", error)) return false;
  if (number(content("/proc/sys/user/max_user_namespaces")) == std::uint64_t{0}) return false;
  // Debian's and Ubuntu's own switches.
  return content("/proc/sys/kernel/unprivileged_userns_clone") != "0" &&
         content("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") != "1";
}

// Whether the call is there and allowed: with arguments that it must refuse.
bool has_io_uring() {
  return ::syscall(kIoUringSetup, 0, nullptr) >= 0 || (errno != ENOSYS && errno != EPERM);
}

std::uint32_t own_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return static_cast<std::uint32_t>(CPU_COUNT(&set));
  return static_cast<std::uint32_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN)));
}

fs::path nearest_existing(fs::path path) {
  std::error_code error;
  path = fs::absolute(path, error);
  while (!fs::exists(path, error) && path.has_parent_path() && path != path.parent_path())
    path = path.parent_path();
  return path;
}

// The holder of the lock. It is tried and let go at once; a server that starts in this moment would
// be refused, and nothing else is changed.
pid_t owner_of(const fs::path& lock) {
  const Fd fd(::open(lock.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK) return 0;
  return static_cast<pid_t>(number(content(lock)).value_or(static_cast<std::uint64_t>(-1)));
}

}  // namespace

Machine inspect_machine() {
  Machine machine;
  utsname name{};
  if (::uname(&name) == 0) machine.kernel = name.release;
  // An empty range: nothing is closed.
  machine.has_close_range = ::syscall(SYS_close_range, ~0U, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
  machine.has_pidfd =
      static_cast<bool>(Fd(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0))));
  std::error_code error;
  machine.has_proc = fs::exists("/proc/self/exe", error);
  machine.cores = own_cores();
  const std::string meminfo = content("/proc/meminfo");
  machine.memory = memory_line(meminfo, "MemTotal");
  machine.memory_available = memory_line(meminfo, "MemAvailable");
  machine.huge_pages = number(content("/proc/sys/vm/nr_hugepages")).value_or(0);
  struct statvfs shm{};
  if (::statvfs("/dev/shm", &shm) == 0) machine.shm = ByteCount{shm.f_blocks * shm.f_frsize};
  inspect_cgroup(machine);
  machine.has_user_namespaces = allows_user_namespaces();
  const long landlock = ::syscall(kLandlockCreateRuleset, nullptr, 0, kLandlockVersion);
  machine.landlock = static_cast<int>(std::max(0L, landlock));
  machine.has_io_uring = has_io_uring();
  struct rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) machine.descriptors_max = descriptors.rlim_max;
  machine.is_root = ::geteuid() == 0;
  struct timex clock{};
  machine.is_clock_synchronised = ::adjtimex(&clock) >= 0 && (clock.status & STA_UNSYNC) == 0;
  return machine;
}

DataPlace inspect_data(const fs::path& path) {
  DataPlace place{.path = path};
  std::error_code error;
  place.exists = fs::exists(path, error);
  const fs::path there = nearest_existing(path);
  if (place.exists && !fs::is_directory(path, error)) {
    place.obstacle = "it is not a folder";
  } else if (::access(there.c_str(), W_OK | X_OK) != 0) {
    place.obstacle = fmt::format("{} cannot be written: {}", there.native(), std::strerror(errno));
  }
  struct statvfs disk{};
  if (::statvfs(there.c_str(), &disk) == 0) {
    place.free = ByteCount{disk.f_bavail * disk.f_frsize};
    place.total = ByteCount{disk.f_blocks * disk.f_frsize};
  }
  if (place.exists) {
    place.owner = owner_of(path / "lock");
    place.layout = content(path / "version");
  }
  return place;
}

}  // namespace sluice::cli
