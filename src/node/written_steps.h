#pragma once

// A run's tasks as its author knows them: a step that was lowered into several (branches, a
// `catch`, conditions, merges) is one step with one task per element, and helpers are no tasks at
// all. Pure.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
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

// A step of the plan in one of the app's workflows.
struct NamedPart {
  std::uint32_t workflow = 0;
  std::uint32_t step = 0;
  friend bool operator==(const NamedPart&, const NamedPart&) = default;
};
// Of a step in a workflow `rows~cells~add`, of a task `rows.3~cells.0~add`: with the number of its
// element where it is a foreach, and that of its round where it is a loop.
enum class PathOf : std::uint8_t { kStep, kTask };
// What does the work of the step that `path` names, as seen from the workflow. kNotFound says which
// part of the path names nothing.
Result<std::vector<NamedPart>> named_parts(const model::App& app, std::uint32_t workflow,
                                           std::string_view path, PathOf kind);

// `rows~add` of the task `rows.3~add.0`.
std::string step_in(std::string_view task_path);

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
// Of tasks that have ended: each byte of `states` is a TaskState.
StepCounts counts_of(std::string_view states);

}  // namespace sluice::node
