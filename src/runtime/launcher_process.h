#pragma once

// What runs in the launcher process: one thread, one poll over the engine's socket and SIGCHLD.

#include <filesystem>
#include <string>

#include "base/fd.h"

namespace sluice::runtime {

// Serves the engine at the other end of `socket` until it is gone, then ends every worker and exits
// with status 0. Called right after fork.
[[noreturn]] void run_launcher(Fd socket, std::string mark, std::filesystem::path scratch);

}  // namespace sluice::runtime
