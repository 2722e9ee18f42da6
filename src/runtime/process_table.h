#pragma once

// What /proc says about processes. Workers are recognised by their environment as it was when they
// were started: a process cannot change that image without being started anew.

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::runtime {

inline constexpr std::string_view kMarkVariable = "SLUICE_MARK";      // The data directory.
inline constexpr std::string_view kWorkerVariable = "SLUICE_WORKER";  // The worker, per launcher.

// All processes that this process may see, itself included.
std::vector<pid_t> all_processes();
// The children of the calling thread, zombies included. Complete as long as the caller reaps
// nothing meanwhile; children that are adopted while it reads may be missing.
std::vector<pid_t> own_children();
// The value of `name` in the environment of `pid`; nothing where it is not set, or may not be read.
std::optional<std::string> environment_value(pid_t pid, std::string_view name);

}  // namespace sluice::runtime
