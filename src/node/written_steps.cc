#include "node/written_steps.h"

#include <algorithm>
#include <cstdlib>

namespace sluice::node {
namespace {

// What says more about the task than the other part's state.
int weight(core::TaskState state) {
  switch (state) {
    case core::TaskState::kSkipped:
      return 0;
    case core::TaskState::kWaiting:
      return 1;
    case core::TaskState::kSucceeded:
      return 2;
    case core::TaskState::kFinished:
      return 3;
    case core::TaskState::kCancelled:
      return 4;
    case core::TaskState::kFailed:
      return 5;
    case core::TaskState::kReady:
      return 6;
    case core::TaskState::kPreparing:
      return 7;
    case core::TaskState::kBlocked:
      return 8;
    case core::TaskState::kRunning:
      return 9;
  }
  std::abort();
}

}  // namespace

std::vector<ShownStep> shown_steps(const model::Workflow& workflow) {
  std::vector<ShownStep> shown;
  if (workflow.written.empty()) {
    for (std::uint32_t i = 0; i < workflow.steps.size(); ++i) {
      const model::Step& step = workflow.steps[i];
      if (!step.helper)
        shown.push_back({.name = step.name, .parts = {i}, .is_foreach = step.foreach.has_value()});
    }
    return shown;
  }
  for (const model::WrittenStep& written : workflow.written) {
    ShownStep step{.name = written.name, .parts = {}, .is_foreach = written.is_foreach};
    for (const std::uint32_t part : written.parts) {
      if (!workflow.steps[part].helper) step.parts.push_back(part);
    }
    if (!step.parts.empty()) shown.push_back(std::move(step));
  }
  return shown;
}

core::TaskState joined(core::TaskState a, core::TaskState b) {
  return weight(a) >= weight(b) ? a : b;
}

core::TaskState shown_state(const ShownStep& step, const std::vector<StepCounts>& counts,
                            const StateOf& state, std::uint32_t index) {
  core::TaskState result = core::TaskState::kSkipped;
  for (std::size_t i = 0; i < step.parts.size(); ++i) {
    // A part that was skipped as a whole has one task for all elements.
    if (index < counts[i].total) result = joined(result, state(step.parts[i], index));
  }
  return result;
}

StepCounts shown_counts(const ShownStep& step, const CountsOf& counts, const StateOf& state) {
  if (step.parts.size() == 1) return counts(step.parts.front());
  std::vector<StepCounts> parts;
  StepCounts result{.total = 0, .total_is_final = true};
  for (const std::uint32_t part : step.parts) {
    parts.push_back(counts(part));
    result.total = std::max(result.total, parts.back().total);
    result.total_is_final = result.total_is_final && parts.back().total_is_final;
  }
  for (std::uint32_t i = 0; i < result.total; ++i)
    ++result.by_state[static_cast<std::size_t>(shown_state(step, parts, state, i))];
  return result;
}

}  // namespace sluice::node
