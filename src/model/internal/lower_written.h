#pragma once

// What is kept of steps and outputs as their author wrote them (model/written_step.h).

#include <cstdint>
#include <vector>

#include "model/internal/checked.h"
#include "model/plan.h"

namespace sluice::model {

// `places`: per step of the file its place in Workflow::written, as far as it has one. The parts of
// the step are not filled in.
WrittenStep written_step(const CheckedStep& step, const CheckedWorkflow& workflow,
                         const std::vector<std::uint32_t>& places, const App& app);
std::vector<WrittenValue> written_outputs(const CheckedWorkflow& workflow,
                                          const std::vector<std::uint32_t>& places);

}  // namespace sluice::model
