#include "runtime/process_table.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <memory>

#include "base/fd.h"
#include "base/file.h"

namespace sluice::runtime {

namespace {

// The environment is bounded by what exec takes (a quarter of the stack limit, 2 MiB by default).
constexpr ByteCount kEnvironmentMax = 8_MiB;

std::optional<pid_t> to_pid(std::string_view text) {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return pid;
}

// The fourth field of /proc/PID/stat; the second is a name in parentheses that may hold anything.
pid_t parent_of(pid_t pid) {
  const auto stat = read_file(fmt::format("/proc/{}/stat", pid), 4_KiB);
  if (!stat) return -1;
  const std::size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos || name_end + 4 > stat->size()) return -1;
  const std::string_view rest = std::string_view(*stat).substr(name_end + 4);
  return to_pid(rest.substr(0, rest.find(' '))).value_or(-1);
}

}  // namespace

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc"), ::closedir);
  if (!folder) return pids;
  while (const dirent* entry = ::readdir(folder.get())) {
    if (const auto pid = to_pid(entry->d_name)) pids.push_back(*pid);
  }
  return pids;
}

std::vector<pid_t> own_children() {
  std::vector<pid_t> pids;
  // The kernel offers the list where it was built with CONFIG_PROC_CHILDREN, as distributions do.
  if (const auto list = read_file("/proc/thread-self/children", 16_MiB)) {
    for (std::size_t begin = 0; begin < list->size();) {
      const std::size_t end = std::min(list->find(' ', begin), list->size());
      if (const auto pid = to_pid(std::string_view(*list).substr(begin, end - begin))) {
        pids.push_back(*pid);
      }
      begin = end + 1;
    }
    return pids;
  }
  const pid_t self = ::getpid();
  for (const pid_t pid : all_processes()) {
    if (parent_of(pid) == self) pids.push_back(pid);
  }
  return pids;
}

std::optional<std::string> environment_value(pid_t pid, std::string_view name) {
  const auto environment = read_file(fmt::format("/proc/{}/environ", pid), kEnvironmentMax);
  if (!environment) return std::nullopt;
  for (std::size_t begin = 0; begin < environment->size();) {
    const std::size_t end = std::min(environment->find('\0', begin), environment->size());
    const std::string_view entry = std::string_view(*environment).substr(begin, end - begin);
    if (entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name)) {
      return std::string(entry.substr(name.size() + 1));
    }
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace sluice::runtime
