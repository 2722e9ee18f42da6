#include "model/internal/check_action.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/literal.h"
#include "model/names.h"

namespace sluice::model {
namespace {

constexpr std::uint32_t kNoTarget = 0xffffffff;
// The outputs of one computed task; node and core keep a bit for each.
constexpr std::size_t kTogetherMax = 64;

std::vector<std::string> names_of(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  return names;
}

}  // namespace

void ActionChecker::resolve_target(const DraftAction& draft, CheckedAction& action) {
  action.target = kNoTarget;
  if (!draft.target) return;
  const std::string& name = draft.target->text;
  const auto function = callables_.function_index.find(name);
  const auto workflow = callables_.workflow_index.find(name);
  const bool is_call = draft.kind == ActionKind::kCall;
  const bool is_function = function != callables_.function_index.end();
  const bool is_workflow = workflow != callables_.workflow_index.end();
  if (is_call ? is_function : is_workflow) {
    action.target = is_call ? function->second : workflow->second;
    return;
  }
  if (is_call && !callables_.has_functions) return;
  std::vector<std::string> names;
  if (is_call) {
    for (const ResolvedFunction& known : callables_.functions) names.push_back(known.function.name);
  } else {
    for (const WorkflowSignature& known : callables_.workflows) names.push_back(known.name);
  }
  std::string hint =
      names.empty() ? "declare it under 'functions'" : did_you_mean_or_list(name, names);
  if (is_call && is_workflow) hint = fmt::format("it is a workflow: write 'flow: {}'", shown(name));
  if (!is_call && is_function)
    hint = fmt::format("it is a function: write 'call: {}'", shown(name));
  report_.add(draft.target->place,
              fmt::format("unknown {} '{}'", is_call ? "function" : "workflow", shown(name)),
              std::move(hint));
}

// A list of lists comes out of a flow as one value.
void ActionChecker::check_flow_output(const DraftAction& draft, Port& output) {
  if (!is_computable(output.type)) {
    report_.add(draft.target->place,
                fmt::format("output '{}' of workflow '{}' is {}: a list of lists of these that "
                            "comes out of a flow is part of the language but not there yet",
                            shown(output.name), shown(draft.target->text), to_text(output.type)),
                "pass on a plain list, with `flatten()` for example");
  }
  output.type = as_computed(output.type);
}

CheckedAction ActionChecker::resolve(const DraftAction& draft) {
  CheckedAction action;
  action.kind = draft.kind;
  switch (draft.kind) {
    case ActionKind::kNone:
      action.outputs_known = !draft.is_broken;
      break;
    case ActionKind::kCall:
      resolve_target(draft, action);
      if (action.target == kNoTarget) break;
      action.outputs = callables_.functions[action.target].function.outputs;
      action.outputs_known = callables_.functions[action.target].outputs_known;
      break;
    case ActionKind::kRun:
      action.outputs_known = draft.command.has_value();
      if (!draft.command) break;
      for (const DraftCommand::Product& product : draft.command->products) {
        action.outputs.push_back({product.name.text, product.type, std::nullopt});
      }
      break;
    case ActionKind::kFlow:
      resolve_target(draft, action);
      if (action.target == kNoTarget) break;
      action.outputs = callables_.workflows[action.target].outputs;
      for (Port& output : action.outputs) check_flow_output(draft, output);
      action.outputs_known = callables_.workflows[action.target].outputs_known;
      break;
    case ActionKind::kSet:
      action.outputs_known = !draft.is_broken;
      for (const DraftBinding& output : draft.set) {
        Port port{output.port.text, Type{}, std::nullopt};
        if (output.value.literal) port.type = type_of(*output.value.literal);
        action.outputs.push_back(std::move(port));
      }
      break;
    case ActionKind::kWait:
      action.outputs_known = true;
      action.is_answer = !draft.time.has_value();
      for (const DraftPort& port : draft.answers) {
        action.outputs.push_back({port.name.text, port.type.value_or(Type{}), std::nullopt});
      }
      break;
    case ActionKind::kFail:
      action.outputs_known = true;
      break;
  }
  return action;
}

const std::vector<Port>* ActionChecker::inputs_of(const CheckedAction& action) const {
  if (action.target == kNoTarget) return nullptr;
  if (action.kind == ActionKind::kCall) {
    const ResolvedFunction& function = callables_.functions[action.target];
    return function.inputs_known ? &function.function.inputs : nullptr;
  }
  const WorkflowSignature& workflow = callables_.workflows[action.target];
  return workflow.inputs_known ? &workflow.inputs : nullptr;
}

std::string ActionChecker::target_of(const CheckedAction& action) const {
  return action.kind == ActionKind::kCall
             ? fmt::format("function '{}'",
                           shown(callables_.functions[action.target].function.name))
             : fmt::format("workflow '{}'", shown(callables_.workflows[action.target].name));
}

void ActionChecker::check_binding(const DraftBinding& binding, const ActionPlace& place,
                                  const Visible& visible, CheckedAction& action,
                                  MaySkip& may_skip) {
  CheckedValue value = values_.check(binding.value, visible);
  const std::vector<Port>* inputs = inputs_of(action);
  if (inputs == nullptr) return;
  const auto port = std::ranges::find(*inputs, binding.port.text, &Port::name);
  if (port == inputs->end()) {
    report_.add(binding.port.place,
                fmt::format("{} has no input '{}'", target_of(action), shown(binding.port.text)),
                inputs->empty() ? "it has no inputs"
                                : did_you_mean_or_list(binding.port.text, names_of(*inputs)));
    return;
  }
  const Fitting to{.port = *port,
                   .where = fmt::format("input '{}' of {}", shown(port->name), place.who),
                   .in_foreach = place.in_foreach};
  if (!check_fit(value, to, scope_, report_)) return;
  if (value.literal) {
    // For everything but JSON, null means what leaving it out means.
    const bool takes_null = port->type.kind == Kind::kJson || port->type.kind == Kind::kAny;
    if (value.literal->is_null() && !takes_null) return;
  }
  const bool is_required =
      action.kind == ActionKind::kCall && !port->type.optional && !port->default_value.has_value();
  if (value.type.optional && is_required) {
    (place.in_foreach && is_per_element(value) ? may_skip.element : may_skip.whole) = true;
  }
  action.in.push_back({static_cast<std::uint32_t>(port - inputs->begin()), std::move(value)});
}

void ActionChecker::check_in(const DraftAction& draft, const ActionPlace& place,
                             const Visible& visible, CheckedAction& action, MaySkip& may_skip) {
  for (const DraftBinding& binding : draft.in) {
    check_binding(binding, place, visible, action, may_skip);
  }
  std::ranges::sort(action.in, {}, &CheckedBinding::port);
  const std::vector<Port>* inputs = inputs_of(action);
  if (inputs == nullptr || draft.is_broken || place.is_broken) return;
  for (const Port& port : *inputs) {
    if (port.default_value || port.type.optional) continue;
    const bool is_bound = std::ranges::any_of(
        draft.in, [&](const DraftBinding& binding) { return binding.port.text == port.name; });
    if (is_bound) continue;
    report_.add(
        place.name_place,
        fmt::format("{} gives nothing to input '{}' of {}", place.who, shown(port.name),
                    target_of(action)),
        fmt::format("add 'in: {{ {}: ... }}'; it takes {}", shown(port.name), to_text(port.type)));
  }
}

void ActionChecker::check_set(const DraftAction& draft, const ActionPlace& place,
                              const Visible& visible, CheckedAction& action) {
  std::vector<const DraftValue*> together;
  bool is_whole = true;
  for (std::size_t i = 0; i < draft.set.size(); ++i) {
    const DraftBinding& output = draft.set[i];
    CheckedValue value = values_.check(output.value, visible);
    is_whole = is_whole && !value.is_broken();
    const Type type = value.literal ? type_of(*value.literal) : value.type;
    if (!is_computable(type)) {
      report_.add(output.value.place,
                  fmt::format("output '{}' of {} is {}: a list of lists that an "
                              "expression puts "
                              "together is part of the language but not there yet",
                              shown(output.port.text), place.who, to_text(type)),
                  "pass on a list of lists as it is, by its name alone");
    }
    action.outputs[i].type = as_computed(type);
    together.push_back(&output.value);
    action.set.push_back(std::move(value));
  }
  if (!place.together || !is_whole || together.empty()) return;
  if (together.size() > kTogetherMax) {
    report_.add(draft.place,
                fmt::format("'set' of {} has {} outputs, more than {}", place.who, together.size(),
                            kTogetherMax),
                "set one map, and look into it where it is used");
    return;
  }
  action.program = values_.compile_together(together, visible);
}

void ActionChecker::check_wait(const DraftAction& draft, const Visible& visible,
                               CheckedAction& action) {
  if (!draft.time || draft.time->is_broken()) return;
  CheckedValue time = values_.check(*draft.time, visible);
  if (time.is_broken()) return;
  const bool fits = time.literal || (!time.type.is_list() && (time.type.kind == Kind::kText ||
                                                              time.type.kind == Kind::kJson ||
                                                              time.type.kind == Kind::kAny));
  if (!fits) {
    report_.add(draft.time->place,
                fmt::format("'wait' takes a duration or a time as a text, but {} is {}",
                            what_of(time, scope_), to_text(time.type)),
                time.type.kind == Kind::kInt ? "add a unit, like \"${...}s\"" : "");
    return;
  }
  action.in.push_back({0, std::move(time)});
}

void ActionChecker::check_fail(const DraftAction& draft, const Visible& visible,
                               CheckedAction& action) {
  if (!draft.fail_name) return;
  DraftValue empty;
  empty.literal = Json("");
  const std::vector<const DraftValue*> both{&*draft.fail_name,
                                            draft.fail_message ? &*draft.fail_message : &empty};
  bool is_whole = true;
  for (const DraftValue* value : both) {
    is_whole = !values_.check(*value, visible).is_broken() && is_whole;
  }
  if (is_whole) action.program = values_.compile_together(both, visible);
}

void ActionChecker::check(const DraftAction& draft, const ActionPlace& place,
                          const Visible& visible, CheckedAction& action, MaySkip& may_skip) {
  switch (draft.kind) {
    case ActionKind::kNone:
      for (const DraftBinding& binding : draft.in) values_.check(binding.value, visible);
      return;
    case ActionKind::kCall:
    case ActionKind::kFlow:
      return check_in(draft, place, visible, action, may_skip);
    case ActionKind::kRun:
      return check_run(draft, place, visible, action, may_skip);
    case ActionKind::kSet:
      return check_set(draft, place, visible, action);
    case ActionKind::kWait:
      return check_wait(draft, visible, action);
    case ActionKind::kFail:
      return check_fail(draft, visible, action);
  }
}

}  // namespace sluice::model
