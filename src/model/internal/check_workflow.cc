#include "model/internal/check_workflow.h"

#include <algorithm>
#include <functional>
#include <map>

#include <fmt/format.h>

#include "model/expr/program.h"
#include "model/internal/order_steps.h"
#include "model/literal.h"
#include "model/names.h"

namespace sluice::model {
namespace {

void for_each_value(const DraftAction& action,
                    const std::function<void(const DraftValue&)>& visit) {
  for (const DraftBinding& binding : action.in) visit(binding.value);
  for (const DraftBinding& binding : action.set) visit(binding.value);
  if (action.command) {
    for (const std::vector<DraftCommand::Piece>& word : action.command->words) {
      for (const DraftCommand::Piece& piece : word) {
        if (piece.value) visit(*piece.value);
      }
    }
  }
  for (const auto* value : {&action.time, &action.fail_name, &action.fail_message}) {
    if (*value) visit(**value);
  }
}

void for_each_value(const DraftStep& step, const std::function<void(const DraftValue&)>& visit) {
  for (const auto* value : {&step.foreach, &step.when, &step.loop}) {
    if (*value) visit(**value);
  }
  for_each_value(step.action, visit);
  for (const DraftBranch& branch : step.branches) {
    if (branch.when) visit(*branch.when);
    for_each_value(branch.action, visit);
  }
  for (const DraftClause& clause : step.clauses) for_each_value(clause.action, visit);
}

class WorkflowChecker {
 public:
  WorkflowChecker(const DraftWorkflow& draft, const Callables& callables, Report& report)
      : draft_(draft), callables_(callables), report_(report), scope_(draft) {}

  CheckedWorkflow run();

 private:
  void check_inputs();
  // Steps whose outputs the step names; their types are not known yet.
  std::vector<std::uint32_t> used_by(const DraftStep& step) const;
  void order();
  void report_cycle(const std::vector<std::uint32_t>& cycle);
  void check_outputs();
  void check_unused();

  const DraftWorkflow& draft_;
  const Callables& callables_;
  Report& report_;
  NameScope scope_;
  CheckedWorkflow checked_;
};

void WorkflowChecker::check_inputs() {
  for (std::size_t i = 0; i < draft_.inputs.size(); ++i) {
    const DraftPort& port = draft_.inputs[i];
    WorkflowInput input{port.name.text, port.type.value_or(Type{}), port.default_value, {}};
    if (input.default_value && !port.is_broken) {
      if (const auto problem = literal_problem(*input.default_value, input.type)) {
        report_.add(port.default_place, fmt::format("the default of '{}' is wrong: it {}",
                                                    shown(input.name), *problem));
      }
      if (input.default_value->is_null() && input.type.optional) input.default_value.reset();
    }
    // Of a type that could not be read everything is believed.
    scope_.inputs[i].type = port.is_broken ? Type{} : input.type;
    if (input.default_value) scope_.inputs[i].type.optional = false;
    checked_.inputs.push_back(std::move(input));
  }
}

std::vector<std::uint32_t> WorkflowChecker::used_by(const DraftStep& step) const {
  std::vector<std::uint32_t> used;
  std::map<std::string, std::uint32_t, std::less<>> numbers;
  const expr::Resolve record = [&](std::span<const std::string_view> names)
      -> std::expected<expr::Resolution, expr::Unresolved> {
    if (const auto producer = scope_.step(names[0])) used.push_back(*producer);
    const auto number = static_cast<std::uint32_t>(numbers.size());
    const auto found = numbers.emplace(std::string(names[0]), number).first;
    return expr::Resolution{found->second, 1, Type{}};
  };
  for_each_value(step, [&](const DraftValue& value) {
    if (!value.node) return;
    expr::Mistakes ignored;  // They are found again when types are known.
    expr::Program::compile(step.texts.syntax, {&*value.node, 1}, record, ignored,
                           expr::Checking::kLate);
  });
  return used;
}

void WorkflowChecker::report_cycle(const std::vector<std::uint32_t>& cycle) {
  const DraftStep& first = draft_.steps[cycle.front()];
  if (cycle.size() == 1) {
    report_.add(first.name.place, fmt::format("step '{}' waits for itself", shown(first.name.text)),
                first.loop ? "the round before is ${previous.OUTPUT}"
                           : "a step cannot use its own outputs; with 'while' the "
                             "round before is "
                             "${previous.OUTPUT}");
    return;
  }
  std::string path;
  for (std::size_t i = 0; i < cycle.size() && i < 8; ++i) {
    path += fmt::format("'{}' for ", shown(draft_.steps[cycle[i]].name.text));
  }
  if (cycle.size() > 8) path += "... for ";
  report_.add(first.name.place,
              fmt::format("steps wait for each other: {}'{}'", path, shown(first.name.text)),
              "none of them could ever start: one must do without the data of "
              "the other");
}

void WorkflowChecker::order() {
  std::vector<std::vector<std::uint32_t>> needs(draft_.steps.size());
  for (std::uint32_t i = 0; i < draft_.steps.size(); ++i) {
    const DraftStep& step = draft_.steps[i];
    needs[i] = used_by(step);
    for (const Word& name : step.after) {
      const auto before = scope_.step(name.text);
      if (before) {
        needs[i].push_back(*before);
        continue;
      }
      report_.add(name.place, fmt::format("unknown step '{}'", shown(name.text)),
                  did_you_mean_or_list(name.text, scope_.step_names()));
    }
    std::ranges::sort(needs[i]);
    const auto rest = std::ranges::unique(needs[i]);
    needs[i].erase(rest.begin(), rest.end());
  }
  StepOrder ordered = order_steps(needs);
  for (const auto& cycle : ordered.cycles) report_cycle(cycle);
  checked_.order = std::move(ordered.order);
  std::vector<bool> is_ordered(draft_.steps.size(), false);
  for (const std::uint32_t step : checked_.order) is_ordered[step] = true;
  for (std::uint32_t i = 0; i < draft_.steps.size(); ++i) {
    if (!is_ordered[i]) checked_.order.push_back(i);
  }
}

void WorkflowChecker::check_outputs() {
  ValueChecker values(draft_.texts, scope_, report_);
  for (const DraftBinding& output : draft_.outputs) {
    CheckedValue value = values.check(output.value, Visible{});
    if (value.literal) value.type = Type{.kind = Kind::kJson};
    if (value.compiled) {
      if (!is_computable(value.type)) {
        report_.add(value.place,
                    fmt::format("output '{}' is {}: a list of lists that an expression puts "
                                "together is part of the language but not there yet",
                                shown(output.port.text), to_text(value.type)),
                    "pass on a list of lists as it is, by its name alone");
      }
      value.type = as_computed(value.type);
    }
    checked_.outputs.push_back({output.port.text, std::move(value)});
  }
}

void WorkflowChecker::check_unused() {
  scope_.use(draft_.mentions);
  if (draft_.is_broken) return;
  for (std::size_t i = 0; i < draft_.inputs.size(); ++i) {
    const Word& name = draft_.inputs[i].name;
    if (scope_.inputs[i].is_used || identifier_problem(name.text)) continue;
    report_.add(name.place, fmt::format("input '{}' is not used", shown(name.text)),
                "use it in a step or remove it");
  }
}

CheckedWorkflow WorkflowChecker::run() {
  checked_.draft = &draft_;
  check_inputs();
  order();
  checked_.steps.resize(draft_.steps.size());
  for (const std::uint32_t number : checked_.order) {
    checked_.steps[number] = check_step(draft_.steps[number], number, callables_, scope_, report_);
  }
  check_outputs();
  check_unused();
  return std::move(checked_);
}

}  // namespace

WorkflowSignature signature_of(const DraftWorkflow& draft) {
  WorkflowSignature signature;
  signature.name = draft.name.text;
  signature.inputs_known = draft.has_inputs && !draft.is_broken;
  signature.outputs_known = false;
  for (const DraftPort& port : draft.inputs) {
    signature.inputs.push_back(
        {port.name.text, port.is_broken ? Type{} : port.type.value_or(Type{}), port.default_value});
  }
  return signature;
}

std::vector<const Word*> flows_of(const DraftWorkflow& draft) {
  std::vector<const Word*> flows;
  const auto add = [&](const DraftAction& action) {
    if (action.kind == ActionKind::kFlow && action.target) flows.push_back(&*action.target);
  };
  for (const DraftStep& step : draft.steps) {
    add(step.action);
    for (const DraftBranch& branch : step.branches) add(branch.action);
    for (const DraftClause& clause : step.clauses) add(clause.action);
  }
  return flows;
}

CheckedWorkflow check_workflow(const DraftWorkflow& draft, const Callables& callables,
                               Report& report, WorkflowSignature& signature) {
  CheckedWorkflow checked = WorkflowChecker(draft, callables, report).run();
  signature.outputs_known = !draft.is_broken;
  for (const CheckedOutput& output : checked.outputs) {
    const bool is_known = !output.value.is_broken();
    signature.outputs.push_back({output.name, is_known ? output.value.type : Type{}, std::nullopt});
  }
  return checked;
}

}  // namespace sluice::model
