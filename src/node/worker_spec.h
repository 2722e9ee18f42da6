#pragma once

// What is started for a function, and what it is told first: the command line, the environment and
// the `setup` frame of its workers.

#include <filesystem>
#include <string>

#include "base/units.h"
#include "model/plan.h"
#include "node/app_registry.h"
#include "runtime/runtime.h"

namespace sluice::node {

struct WorkerPrograms {
  std::string python;
  std::filesystem::path python_sdk;
  std::string program_worker;  // This binary: program/program_worker.h.
};

// `memory`: what a function may hold that does not say it.
runtime::PoolSpec worker_spec(const AppVersion& version, const model::Function& function,
                              const WorkerPrograms& programs, ByteCount memory);

}  // namespace sluice::node
