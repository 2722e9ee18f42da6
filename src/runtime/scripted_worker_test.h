#pragma once

// A worker that speaks abi.h and does what it is told: the test binary itself, started with
// SLUICE_TEST_WORKER in its environment. The payload of `start` is a command (see the .cc).

#include <string>
#include <vector>

namespace sluice::runtime {

// The program to start as a worker.
std::vector<std::string> scripted_worker_argv();
// `behaviour` is how it starts: good, silent, deaf, wrong_abi, early, load_error, crash, garbage,
// chatty.
std::vector<std::string> scripted_worker_env(const std::string& behaviour);

}  // namespace sluice::runtime
