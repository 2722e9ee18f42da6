#include "model/internal/lower_names.h"

#include <cstdlib>

#include <fmt/format.h>

namespace sluice::model {

std::string text_of(const Name& name, const CheckedWorkflow& workflow) {
  switch (name.kind) {
    case Name::Kind::kInput:
      return "inputs." + workflow.inputs[name.owner].name;
    case Name::Kind::kOutput: {
      const CheckedStep& step = workflow.steps[name.owner];
      return step.draft->name.text + "." + step.published[name.output].name;
    }
    case Name::Kind::kItem:
      return "item";
    case Name::Kind::kIndex:
      return "index";
    case Name::Kind::kPrevious:
      return fmt::format("previous.{}", name.output);
    case Name::Kind::kRound:
      return "round";
    case Name::Kind::kError:
      return "error";
    case Name::Kind::kRunId:
      return "run.id";
  }
  std::abort();  // Every kind is named above.
}

WorkflowInput BodyInputs::input_for(const Name& name) const {
  WorkflowInput input;
  input.name = text_of(name, outside_);
  switch (name.kind) {
    case Name::Kind::kInput:
      input.type = outside_.inputs[name.owner].type;
      break;
    case Name::Kind::kOutput:
      input.type = outside_.steps[name.owner].published[name.output].type;
      break;
    case Name::Kind::kItem:
      input.type = step_.item;
      break;
    case Name::Kind::kIndex:
    case Name::Kind::kRound:
      input.type.kind = Kind::kInt;
      break;
    case Name::Kind::kPrevious:
      // Those of a loop's body come first among the outputs of the step, whose clauses add more.
      input.name = "previous_" + step_.outputs[name.output].name;
      input.type = step_.outputs[name.output].type;
      input.previous = name.output;
      break;
    case Name::Kind::kError:
      input.type.kind = Kind::kJson;
      break;
    case Name::Kind::kRunId:
      input.type.kind = Kind::kText;
      break;
  }
  input.type.optional = true;  // What is absent outside is absent inside.
  return input;
}

Source BodyInputs::input(const Name& name) {
  const auto [found, is_new] = index_.emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (is_new) {
    names_.push_back(name);
    inputs_.push_back(input_for(name));
  }
  return InputRef{found->second};
}

}  // namespace sluice::model
