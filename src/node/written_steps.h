#pragma once

// A run's tasks as its author knows them: a step that was lowered into several (branches, a
// `catch`, conditions, merges) is one step with one task per element, and helpers are no tasks at
// all. Pure.

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "core/scheduler.h"
#include "model/plan.h"

namespace sluice::node {

// A step as it is shown.
struct ShownStep {
  std::string_view name;
  std::vector<std::uint32_t> parts;  // Steps of the plan that do its work; at least one.
  bool is_foreach = false;
};
// In the order in which they are written. A step that is all helpers (a `set` with a `catch`, say,
// never is) is left out. The names live as long as the workflow.
std::vector<ShownStep> shown_steps(const model::Workflow& workflow);

// What a task of several parts is doing, told by what its parts do: of the branches of a `switch`
// all but one are skipped, and what a clause of `catch` does follows the step's own failure.
core::TaskState joined(core::TaskState a, core::TaskState b);

using StepCounts = core::Scheduler::StepCounts;
// Counts of one step of the plan; the state of one of its tasks.
using CountsOf = std::function<StepCounts(std::uint32_t step)>;
using StateOf = std::function<core::TaskState(std::uint32_t step, std::uint32_t index)>;

// State of the task of element `index`; `counts` are those of the parts, in their order.
core::TaskState shown_state(const ShownStep& step, const std::vector<StepCounts>& counts,
                            const StateOf& state, std::uint32_t index);
StepCounts shown_counts(const ShownStep& step, const CountsOf& counts, const StateOf& state);

}  // namespace sluice::node
