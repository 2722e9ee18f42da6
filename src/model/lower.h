#pragma once

// From what the author wrote to the plan: `when`, `switch`, `catch`, `while`, computed inputs and
// the rest become helpers, parts and merges of five plain actions
// (docs/decisions/0007-lowering.md). Pure; cannot fail: what cannot be lowered was refused by the
// check.

#include <span>

#include "model/internal/checked.h"
#include "model/plan.h"

namespace sluice::model {

// Appends the workflows to an app that has its functions: those of the file first, in their order,
// then the internal ones.
void lower(std::span<const CheckedWorkflow> workflows, App& app);

}  // namespace sluice::model
