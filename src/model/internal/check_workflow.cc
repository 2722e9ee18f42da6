#include "model/internal/check_workflow.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include <fmt/format.h>

#include "model/internal/order_steps.h"
#include "model/literal.h"
#include "model/names.h"

namespace sluice::model {
namespace {

using Index = std::unordered_map<std::string_view, std::uint32_t>;

std::optional<std::uint32_t> lookup(const Index& index, std::string_view name) {
  const auto found = index.find(name);
  return found == index.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> port_index(const std::vector<Port>& ports, std::string_view name) {
  const auto found = std::ranges::find(ports, name, &Port::name);
  if (found == ports.end()) return std::nullopt;
  return static_cast<std::uint32_t>(found - ports.begin());
}

template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& all) {
  std::vector<std::string> names;
  for (const auto& one : all) {
    if constexpr (requires { one.name.text; }) {
      names.push_back(one.name.text);
    } else {
      names.push_back(one.name);
    }
  }
  return names;
}

class WorkflowChecker {
 public:
  WorkflowChecker(const DraftWorkflow& draft, std::span<const ResolvedFunction> functions,
                  bool has_functions, Report& report)
      : draft_(draft), functions_(functions), has_functions_(has_functions), report_(report) {}

  Workflow run();

 private:
  // What a reference leads to. Steps are numbered as in the file until the end.
  struct Target {
    std::optional<Source> source;
    std::optional<Type> type;  // None: not known; nothing is said about it.
  };

  void index_names();
  void check_inputs();
  void resolve_calls();
  void order();
  void check_step(std::uint32_t number);
  void check_foreach(const DraftStep& step, std::uint32_t number);
  void check_binding(const DraftStep& step, const DraftBinding& binding, std::uint32_t number);
  void check_missing(const DraftStep& step, std::uint32_t number);
  void check_outputs();
  void check_unused();
  void report_mismatch(const DraftBinding& binding, const DraftStep& step, const Type& from,
                       const Port& to);

  Target resolve(const DraftSource& source, const DraftStep* inside,
                 const std::optional<Type>& item);
  const ResolvedFunction* function_of(std::uint32_t number) const {
    const auto& call = calls_[number];
    return call ? &functions_[*call] : nullptr;
  }
  void use(const Mention& mention) {
    if (mention.owner != "inputs") return;
    if (const auto input = lookup(inputs_, mention.name)) is_used_[*input] = true;
  }
  void renumber();

  const DraftWorkflow& draft_;
  std::span<const ResolvedFunction> functions_;
  bool has_functions_;
  Report& report_;

  std::deque<std::string> corrected_;  // Names as they should have been; the indexes point here.
  Index inputs_;
  Index steps_;
  Index function_names_;
  std::vector<bool> is_used_;                              // Per input.
  std::vector<std::optional<std::uint32_t>> calls_;        // Per step: the function.
  std::vector<std::uint32_t> order_;                       // Steps; those on cycles come last.
  std::vector<std::vector<std::optional<Type>>> outputs_;  // Per step and output, as seen outside.
  std::vector<std::optional<Type>> items_;                 // Per step: the type of ${item}.
  std::vector<Step> checked_;                              // Per step, numbered as in the file.
  Workflow workflow_;
};

void WorkflowChecker::index_names() {
  for (std::uint32_t i = 0; i < draft_.inputs.size(); ++i)
    inputs_.emplace(draft_.inputs[i].name.text, i);
  for (std::uint32_t i = 0; i < draft_.steps.size(); ++i)
    steps_.emplace(draft_.steps[i].name.text, i);
  // Who wrote `my-step` and refers to `my_step` has made one mistake, not two.
  const auto correct = [&](Index& index, const Word& name, std::uint32_t number) {
    if (is_identifier(name.text)) return;
    index.emplace(corrected_.emplace_back(as_identifier(name.text)), number);
  };
  for (std::uint32_t i = 0; i < draft_.inputs.size(); ++i)
    correct(inputs_, draft_.inputs[i].name, i);
  for (std::uint32_t i = 0; i < draft_.steps.size(); ++i) correct(steps_, draft_.steps[i].name, i);
  for (std::uint32_t i = 0; i < functions_.size(); ++i)
    function_names_.emplace(functions_[i].function.name, i);
  is_used_.resize(draft_.inputs.size());
  calls_.resize(draft_.steps.size());
  outputs_.resize(draft_.steps.size());
  items_.resize(draft_.steps.size());
  checked_.resize(draft_.steps.size());
}

void WorkflowChecker::check_inputs() {
  for (const DraftPort& port : draft_.inputs) {
    WorkflowInput input{port.name.text, port.type.value_or(Type{}), port.default_value};
    if (input.default_value && !port.is_broken) {
      if (const auto problem = literal_problem(*input.default_value, input.type)) {
        report_.add(port.default_place, fmt::format("the default of '{}' is wrong: it {}",
                                                    shown(input.name), *problem));
      }
      if (input.default_value->is_null() && input.type.optional) input.default_value.reset();
    }
    workflow_.inputs.push_back(std::move(input));
  }
}

void WorkflowChecker::resolve_calls() {
  for (std::uint32_t i = 0; i < draft_.steps.size(); ++i) {
    const DraftStep& step = draft_.steps[i];
    if (!step.call) continue;
    calls_[i] = lookup(function_names_, step.call->text);
    if (!calls_[i] && has_functions_) {
      std::vector<std::string> names;
      for (const ResolvedFunction& known : functions_) names.push_back(known.function.name);
      report_.add(step.call->place, fmt::format("unknown function '{}'", shown(step.call->text)),
                  names.empty() ? "declare it under 'functions'"
                                : did_you_mean_or_list(step.call->text, names));
    }
    if (const ResolvedFunction* function = function_of(i)) {
      outputs_[i].resize(function->function.outputs.size());
    }
  }
}

void WorkflowChecker::order() {
  std::vector<std::vector<std::uint32_t>> needs(draft_.steps.size());
  for (std::uint32_t i = 0; i < draft_.steps.size(); ++i) {
    const DraftStep& step = draft_.steps[i];
    const auto need = [&](std::string_view name) {
      if (const auto producer = lookup(steps_, name)) needs[i].push_back(*producer);
    };
    const auto need_source = [&](const DraftSource& source) {
      if (source.reference.kind == Reference::Kind::kOutput) need(source.reference.owner);
    };
    for (const DraftBinding& binding : step.bindings) need_source(binding.source);
    if (step.foreach) need_source(*step.foreach);
    for (const Word& name : step.after) {
      if (!steps_.contains(name.text)) {
        report_.add(name.place, fmt::format("unknown step '{}'", shown(name.text)),
                    did_you_mean_or_list(name.text, names_of(draft_.steps)));
      }
      need(name.text);
    }
  }
  StepOrder ordered = order_steps(needs);
  for (const auto& cycle : ordered.cycles) {
    const DraftStep& first = draft_.steps[cycle.front()];
    if (cycle.size() == 1) {
      report_.add(first.name.place,
                  fmt::format("step '{}' waits for itself", shown(first.name.text)),
                  "a step cannot use its own outputs");
      continue;
    }
    std::string path;
    for (std::size_t i = 0; i < cycle.size() && i < 8; ++i) {
      path += fmt::format("'{}' for ", shown(draft_.steps[cycle[i]].name.text));
    }
    if (cycle.size() > 8) path += "... for ";
    report_.add(first.name.place,
                fmt::format("steps wait for each other: {}'{}'", path, shown(first.name.text)),
                "none of them could ever start: one must do without the data of the other");
  }
  order_ = std::move(ordered.order);
  std::vector<bool> is_ordered(draft_.steps.size(), false);
  for (const std::uint32_t step : order_) is_ordered[step] = true;
  for (std::uint32_t i = 0; i < draft_.steps.size(); ++i) {
    if (!is_ordered[i]) order_.push_back(i);
  }
}

WorkflowChecker::Target WorkflowChecker::resolve(const DraftSource& source, const DraftStep* inside,
                                                 const std::optional<Type>& item) {
  const Reference& reference = source.reference;
  switch (reference.kind) {
    case Reference::Kind::kText:
      return {Literal{source.literal}, std::nullopt};
    case Reference::Kind::kRefused: {
      for (const Mention& mention : reference.mentions) use(mention);
      return {};
    }
    case Reference::Kind::kItem:
    case Reference::Kind::kIndex: {
      const bool is_item = reference.kind == Reference::Kind::kItem;
      if (inside != nullptr && inside->is_broken && !inside->foreach) return {};
      if (inside == nullptr || !inside->foreach) {
        report_.add(
            source.place, fmt::format("'${{{}}}' without a 'foreach'", is_item ? "item" : "index"),
            inside == nullptr ? "an output of the workflow is an output of a step: ${STEP.OUTPUT}"
                              : "add 'foreach: ${STEP.OUTPUT}' to the step");
        return {};
      }
      if (is_item) return {ItemRef{}, item};
      return {IndexRef{}, Type{.kind = Kind::kInt}};
    }
    case Reference::Kind::kInput: {
      const auto input = lookup(inputs_, reference.name);
      if (!input && !draft_.has_inputs) return {};
      if (!input) {
        report_.add(source.place, fmt::format("unknown input '{}'", shown(reference.name)),
                    draft_.inputs.empty()
                        ? "the workflow declares no inputs"
                        : did_you_mean_or_list(reference.name, names_of(draft_.inputs)));
        return {};
      }
      is_used_[*input] = true;
      const bool is_known = !draft_.inputs[*input].is_broken;
      return {InputRef{*input},
              is_known ? std::optional(workflow_.inputs[*input].type) : std::nullopt};
    }
    case Reference::Kind::kOutput:
      break;
  }
  const auto producer = lookup(steps_, reference.owner);
  if (!producer) {
    std::string hint = did_you_mean_or_list(reference.owner, names_of(draft_.steps));
    if (reference.owner == "input" ||
        (inputs_.contains(reference.owner) && !hint.starts_with("did"))) {
      hint =
          fmt::format("write ${{inputs.{}}}",
                      reference.owner == "input" ? shown(reference.name) : shown(reference.owner));
    }
    report_.add(source.place, fmt::format("unknown step '{}'", shown(reference.owner)), hint);
    return {};
  }
  const ResolvedFunction* function = function_of(*producer);
  if (function == nullptr || !function->outputs_known) return {};
  const auto output = port_index(function->function.outputs, reference.name);
  if (!output) {
    report_.add(
        source.place,
        fmt::format("step '{}' has no output '{}'", shown(reference.owner), shown(reference.name)),
        did_you_mean_or_list(reference.name, names_of(function->function.outputs)));
    return {};
  }
  return {StepRef{*producer, *output}, outputs_[*producer][*output]};
}

void WorkflowChecker::check_foreach(const DraftStep& step, std::uint32_t number) {
  const Target driver = resolve(*step.foreach, nullptr, std::nullopt);
  checked_[number].foreach = driver.source;
  if (!driver.type) return;
  if (driver.type->is_list()) {
    Type element = driver.type->element();
    element.optional = false;  // A hole is passed on without a task.
    items_[number] = element;
    return;
  }
  const bool is_open = driver.type->kind == Kind::kAny || driver.type->kind == Kind::kJson;
  const Reference& reference = step.foreach->reference;
  const std::string what = reference.kind == Reference::Kind::kInput
                               ? fmt::format("inputs.{}", reference.name)
                               : fmt::format("{}.{}", reference.owner, reference.name);
  report_.add(
      step.foreach->place,
      fmt::format("foreach goes over a list, but {} is {}", shown(what), to_text(*driver.type)),
      is_open ? fmt::format("declare it as list<{}>", to_text(Type{.kind = driver.type->kind}))
              : "a step without foreach takes the value whole");
}

void WorkflowChecker::report_mismatch(const DraftBinding& binding, const DraftStep& step,
                                      const Type& from, const Port& to) {
  const Reference& reference = binding.source.reference;
  std::string what = reference.kind == Reference::Kind::kItem    ? "item"
                     : reference.kind == Reference::Kind::kIndex ? "index"
                     : reference.kind == Reference::Kind::kInput
                         ? fmt::format("inputs.{}", reference.name)
                         : fmt::format("{}.{}", reference.owner, reference.name);
  what = shown(what);
  std::string hint;
  Type without_holes = from;
  without_holes.holes = 0;
  if (from.is_list() && !step.foreach && fits(from.element(), to.type) != Fit::kNo) {
    hint = fmt::format("for one task per element write 'foreach: ${{{}}}' and '{}: ${{item}}'",
                       what, shown(to.name));
  } else if (from.holes != 0 && fits(without_holes, to.type) != Fit::kNo) {
    hint = fmt::format(
        "elements may be missing: take {} as list<optional<T>>; ${{present({})}} drops the "
        "holes, but is not there yet",
        shown(to.name), what);
  } else if (to.type.is_list() && fits(from, to.type.element()) != Fit::kNo) {
    hint = fmt::format("'{}' wants a whole list", shown(to.name));
  }
  report_.add(binding.source.place,
              fmt::format("input '{}' of step '{}' takes {}, but {} is {}", shown(to.name),
                          shown(step.name.text), to_text(to.type), what, to_text(from)),
              std::move(hint));
}

void WorkflowChecker::check_binding(const DraftStep& step, const DraftBinding& binding,
                                    std::uint32_t number) {
  const Target target = resolve(binding.source, &step, items_[number]);
  const ResolvedFunction* function = function_of(number);
  if (function == nullptr || !function->inputs_known) return;
  const auto port = port_index(function->function.inputs, binding.port.text);
  if (!port) {
    const std::string& name = function->function.name;
    report_.add(
        binding.port.place,
        fmt::format("function '{}' has no input '{}'", shown(name), shown(binding.port.text)),
        function->function.inputs.empty()
            ? "it has no inputs"
            : did_you_mean_or_list(binding.port.text, names_of(function->function.inputs)));
    return;
  }
  if (!target.source) return;
  const Port& to = function->function.inputs[*port];
  if (const auto* literal = std::get_if<Literal>(&*target.source)) {
    if (const auto problem = literal_problem(literal->value, to.type)) {
      const bool is_unquoted = to.type.kind == Kind::kText && !to.type.is_list();
      report_.add(binding.source.place,
                  fmt::format("input '{}' of step '{}' {}", shown(to.name), shown(step.name.text),
                              *problem),
                  is_unquoted ? "quote it if a text is meant" : "");
      return;
    }
    // For everything but JSON, null means what leaving it out means.
    const bool takes_null = to.type.kind == Kind::kJson || to.type.kind == Kind::kAny;
    if (literal->value.is_null() && !takes_null) return;
  } else if (target.type && fits(*target.type, to.type) == Fit::kNo) {
    report_mismatch(binding, step, *target.type, to);
    return;
  }
  checked_[number].slots.push_back({*port, *target.source});
}

void WorkflowChecker::check_missing(const DraftStep& step, std::uint32_t number) {
  const ResolvedFunction* function = function_of(number);
  if (function == nullptr || !function->inputs_known || step.is_broken) return;
  for (const Port& port : function->function.inputs) {
    if (port.default_value || port.type.optional) continue;
    const bool is_bound = std::ranges::any_of(
        step.bindings, [&](const DraftBinding& binding) { return binding.port.text == port.name; });
    if (is_bound) continue;
    report_.add(
        step.name.place,
        fmt::format("step '{}' gives nothing to input '{}' of function '{}'", shown(step.name.text),
                    shown(port.name), shown(function->function.name)),
        fmt::format("add 'in: {{ {}: ... }}'; it takes {}", shown(port.name), to_text(port.type)));
  }
}

void WorkflowChecker::check_step(std::uint32_t number) {
  const DraftStep& step = draft_.steps[number];
  for (const Mention& mention : step.mentions) use(mention);
  Step& checked = checked_[number];
  checked.name = step.name.text;
  checked.function = calls_[number].value_or(0);
  checked.concurrency = step.concurrency;
  checked.timeout = step.timeout;
  checked.retry = step.retry;
  for (const Word& name : step.after) {
    const auto before = lookup(steps_, name.text);
    if (before && std::ranges::find(checked.after, *before) == checked.after.end()) {
      checked.after.push_back(*before);
    }
  }
  if (step.foreach) check_foreach(step, number);
  for (const DraftBinding& binding : step.bindings) check_binding(step, binding, number);
  std::ranges::sort(checked.slots, {}, &Slot::port);
  check_missing(step, number);

  const ResolvedFunction* function = function_of(number);
  if (function == nullptr || !function->outputs_known) return;
  for (std::size_t i = 0; i < function->function.outputs.size(); ++i) {
    Type type = function->function.outputs[i].type;
    if (step.foreach) {
      const auto& driver = checked.foreach;
      const auto* producer = driver ? std::get_if<StepRef>(&*driver) : nullptr;
      const auto* input = driver ? std::get_if<InputRef>(&*driver) : nullptr;
      std::optional<Type> list;
      if (producer != nullptr) list = outputs_[producer->step][producer->output];
      if (input != nullptr) list = workflow_.inputs[input->input].type;
      if (list && list->is_list() && list->element().optional) type.optional = true;
      type = type.list_of();
    }
    outputs_[number][i] = type;
  }
}

void WorkflowChecker::check_outputs() {
  for (const DraftOutput& output : draft_.outputs) {
    const Target target = resolve(output.source, nullptr, std::nullopt);
    if (!target.source) continue;
    Type type = target.type.value_or(Type{});
    if (std::holds_alternative<Literal>(*target.source)) type = Type{.kind = Kind::kJson};
    workflow_.outputs.push_back({output.name.text, *target.source, type});
  }
}

void WorkflowChecker::check_unused() {
  for (const Mention& mention : draft_.mentions) use(mention);
  if (draft_.is_broken) return;
  for (std::size_t i = 0; i < is_used_.size(); ++i) {
    const Word& name = draft_.inputs[i].name;
    if (is_used_[i] || identifier_problem(name.text)) continue;
    report_.add(name.place, fmt::format("input '{}' is not used", shown(name.text)),
                "use it in a step or remove it");
  }
}

// From the order of the file to the topological one.
void WorkflowChecker::renumber() {
  std::vector<std::uint32_t> place(order_.size());
  for (std::uint32_t i = 0; i < order_.size(); ++i) place[order_[i]] = i;
  const auto move = [&](Source& source) {
    if (auto* step = std::get_if<StepRef>(&source)) step->step = place[step->step];
  };
  for (const std::uint32_t number : order_) {
    Step& step = checked_[number];
    for (Slot& slot : step.slots) move(slot.source);
    if (step.foreach) move(*step.foreach);
    for (std::uint32_t& before : step.after) before = place[before];
    std::ranges::sort(step.after);
    workflow_.steps.push_back(std::move(step));
  }
  for (WorkflowOutput& output : workflow_.outputs) move(output.source);
}

Workflow WorkflowChecker::run() {
  workflow_.name = draft_.name.text;
  workflow_.timeout = draft_.timeout;
  index_names();
  check_inputs();
  resolve_calls();
  order();
  for (const std::uint32_t number : order_) check_step(number);
  check_outputs();
  check_unused();
  renumber();
  return std::move(workflow_);
}

}  // namespace

Workflow check_workflow(const DraftWorkflow& draft, std::span<const ResolvedFunction> functions,
                        bool has_functions, Report& report) {
  return WorkflowChecker(draft, functions, has_functions, report).run();
}

}  // namespace sluice::model
