#pragma once

// One step of the file as steps of the plan.

#include <vector>

#include "model/internal/checked.h"
#include "model/internal/lower_names.h"
#include "model/plan.h"

namespace sluice::model {

// A workflow while its steps are added.
struct Building {
  App& app;  // Takes internal workflows.
  const CheckedWorkflow& checked;
  Workflow workflow;

  std::uint32_t add(Step step);
};

// Where each output of the step is found, in the order of CheckedStep::outputs. `source_of` leads
// from names to what was lowered before; `after` are the parts that it waits for.
std::vector<StepRef> lower_step(const CheckedStep& step, std::uint32_t written,
                                std::vector<std::uint32_t> after, const SourceOf& source_of,
                                Building& building);

// A helper that computes one value; `name` of the step or output that it serves.
std::uint32_t add_value_helper(Building& building, std::string name, std::uint32_t written,
                               const Compiled& compiled, const Port& output, std::string text,
                               const SourceOf& source_of);
std::uint32_t add_constant_helper(Building& building, std::string name, std::uint32_t written,
                                  const Json& value, const Port& output);
// The function that `run:` of this step becomes.
std::uint32_t add_program(Building& building, const std::string& step, const CheckedAction& action);

}  // namespace sluice::model
