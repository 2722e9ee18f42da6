#include "node/bind_inputs.h"

#include <algorithm>

namespace sluice::node {
namespace {

Status check_names(const model::Workflow& workflow, const Json& inputs) {
  if (inputs.as_map() == nullptr)
    return fail(ErrorCode::kInvalidArgument, "`inputs` must be a map from names to values");
  for (const auto& [name, value] : *inputs.as_map()) {
    if (std::ranges::find(workflow.inputs, name, &model::WorkflowInput::name) ==
        workflow.inputs.end()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("workflow '{}' has no input '{}'; {}", workflow.name,
                              name.substr(0, 64), input_names(workflow)));
    }
  }
  std::string missing;
  for (const auto& input : workflow.inputs) {
    if (inputs.find(input.name) == nullptr && is_required(input)) {
      missing += fmt::format("{}'{}' ({})", missing.empty() ? "" : ", ", input.name,
                             model::to_text(input.type));
    }
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("workflow '{}' needs the input {}", workflow.name, missing));
  }
  return {};
}

}  // namespace

std::string input_names(const model::Workflow& workflow) {
  std::string names;
  for (const auto& input : workflow.inputs)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", input.name);
  return names.empty() ? "it has none" : "it has: " + names;
}

bool is_required(const model::WorkflowInput& input) {
  return !input.default_value && !input.type.optional;
}

Result<BoundInput> bind_input(const std::string& name, const model::Type& type, const Json& value,
                              const Limits& limits) {
  BoundInput bound{.is_given = true, .is_list = type.is_list(), .values = {}};
  const std::string what = fmt::format("input '{}'", name);
  if (!bound.is_list) {
    SLUICE_TRY(Value only, value_from_json(value, type, what));
    bound.values.push_back(std::move(only));
    return bound;
  }
  const Json::List* list = value.as_list();
  if (list == nullptr)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} must be a list, not {}", what, value.type_name()));
  if (list->size() > limits.elements_per_list) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("{} has {} elements; at most {} are taken", what, list->size(),
                            limits.elements_per_list));
  }
  if (type.lists > 1)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: lists of lists as inputs are not there yet", what));
  bound.values.reserve(list->size());
  for (const Json& element : *list) {
    Result<Value> one = value_from_json(element, type.element(), what);
    if (!one) {
      // Named only now: a million names would take longer than all the rest.
      const std::string which = fmt::format("{}[{}]", what, bound.values.size());
      one = value_from_json(element, type.element(), which);
      return fail(std::move(one).error());
    }
    bound.values.push_back(std::move(*one));
  }
  return bound;
}

Result<std::vector<BoundInput>> bind_inputs(const model::Workflow& workflow, const Json& inputs,
                                            const Limits& limits) {
  SLUICE_OK(check_names(workflow, inputs));
  std::vector<BoundInput> all;
  for (const auto& input : workflow.inputs) {
    BoundInput& bound = all.emplace_back();
    const Json* value = inputs.find(input.name);
    if (value == nullptr || (value->is_null() && input.type.optional)) continue;
    SLUICE_TRY(bound, bind_input(input.name, input.type, *value, limits));
  }
  return all;
}

}  // namespace sluice::node
