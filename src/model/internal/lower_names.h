#pragma once

// Where the names of expressions lead in the workflow that is being built: in the file's workflow
// to its steps and inputs, in an internal one to inputs that are made on demand.

#include <functional>
#include <map>
#include <vector>

#include "model/internal/checked.h"
#include "model/plan.h"

namespace sluice::model {

using SourceOf = std::function<Source(const Name&)>;

// The inputs of an internal workflow: all that its steps name outside.
class BodyInputs {
 public:
  // `types`: of what is named outside.
  BodyInputs(const CheckedWorkflow& outside, const CheckedStep& step)
      : outside_(outside), step_(step) {}

  // The input that stands for the name; a new one the first time.
  Source input(const Name& name);
  std::vector<WorkflowInput> take() { return std::move(inputs_); }
  // Per input: the name; those of the round before have no slot outside.
  const std::vector<Name>& names() const { return names_; }

 private:
  WorkflowInput input_for(const Name& name) const;

  const CheckedWorkflow& outside_;
  const CheckedStep& step_;
  std::map<Name, std::uint32_t> index_;
  std::vector<WorkflowInput> inputs_;
  std::vector<Name> names_;
};

// As in the file: `split.chunks`, `inputs.text`.
std::string text_of(const Name& name, const CheckedWorkflow& workflow);

}  // namespace sluice::model
