#pragma once

// The worker that runs programs (`run:`): a process of its own that speaks the protocol of workers
// and knows nothing of the engine. The launcher starts it as any other worker: this binary with
// kProgramWorkerCommand, SLUICE_FD in its environment and its scratch folder as the working one.

#include <string_view>

namespace sluice::program {

inline constexpr std::string_view kProgramWorkerCommand = "program-worker";

// Runs until the node lets go; the exit status.
int run_program_worker();

}  // namespace sluice::program
