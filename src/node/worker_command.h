#pragma once

// How the worker of each runtime is started: the one place that knows.

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/plan.h"

namespace sluice::node {

// What workers are started with, beside the code of the app.
struct WorkerPrograms {
  std::string python;       // Absolute.
  std::string search_path;  // Folders, `:` between them, where `node` is looked for.
  std::filesystem::path python_sdk;
  std::filesystem::path node_sdk;
  std::string program_worker;  // This binary: program/program_worker.h.
};

struct WorkerCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;  // Of the runtime; the function's own `env` comes after it.
};

// An error says what is missing on this machine and what to do; it is the message of a LoadError.
// Blocking, but for the look at a few paths only.
Result<WorkerCommand> worker_command(const WorkerPrograms& programs,
                                     const model::Function& function,
                                     const std::filesystem::path& bundle);

}  // namespace sluice::node
