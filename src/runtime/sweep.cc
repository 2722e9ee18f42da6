#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "runtime/launcher.h"
#include "runtime/process_table.h"
#include "runtime/scratch.h"

namespace sluice::runtime {

namespace {

// A killed process that is still there after this long hangs in the kernel (a dead disk): say so.
constexpr std::chrono::seconds kGoneWithin{10};

struct Stray {
  pid_t pid;
  Fd handle;  // A pidfd: names this process and never another one of the same number.
};

std::vector<Stray> find_strays(const std::string& mark) {
  std::vector<Stray> strays;
  for (const pid_t pid : all_processes()) {
    if (pid == ::getpid()) continue;
    Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    // Opened before the look at its environment: what was looked at is what is killed.
    if (handle && environment_value(pid, kMarkVariable) == mark) {
      strays.push_back({pid, std::move(handle)});
    }
  }
  return strays;
}

}  // namespace

Result<std::size_t> sweep(const std::string& mark, const std::filesystem::path& scratch) {
  if (mark.empty()) return fail(ErrorCode::kInvalidArgument, "sweep: the mark is empty");
  const auto deadline = std::chrono::steady_clock::now() + kGoneWithin;
  std::size_t ended = 0;
  // Again until none is found: a process may have forked between the look and the kill.
  for (auto strays = find_strays(mark); !strays.empty(); strays = find_strays(mark)) {
    for (const Stray& stray : strays) {
      ::syscall(SYS_pidfd_send_signal, stray.handle.get(), SIGKILL, nullptr, 0);
      ++ended;
    }
    for (const Stray& stray : strays) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          deadline - std::chrono::steady_clock::now());
      pollfd gone{.fd = stray.handle.get(), .events = POLLIN};
      if (left.count() <= 0 || ::poll(&gone, 1, static_cast<int>(left.count())) == 0) {
        return fail(ErrorCode::kDeadlineExceeded,
                    fmt::format("process {} of an earlier server does not end", stray.pid));
      }
    }
  }
  std::error_code error;
  std::vector<std::filesystem::path> folders;
  for (auto entry = std::filesystem::directory_iterator(scratch, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    folders.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return fail(system_error(error.value(), fmt::format("read {}", scratch.native())));
  }
  for (const std::filesystem::path& folder : folders) {
    // Its processes are gone, so that this is about disk space only: no reason not to start.
    if (const Status removed = remove_scratch(folder); !removed) {
      log::warning("a scratch folder of an earlier server stays{}",
                   log::field("error", removed.error().message()));
    }
  }
  return ended;
}

}  // namespace sluice::runtime
