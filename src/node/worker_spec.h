#pragma once

// What is started for a function, and what it is told first: the command line, the environment and
// the `setup` frame of its workers.

#include "base/units.h"
#include "model/plan.h"
#include "node/app_registry.h"
#include "node/worker_command.h"
#include "runtime/runtime.h"

namespace sluice::node {

// `memory`: what a function may hold that does not say it.
// Fails as worker_command() does.
Result<runtime::PoolSpec> worker_spec(const AppVersion& version, const model::Function& function,
                                      const WorkerPrograms& programs, ByteCount memory);

}  // namespace sluice::node
