#include "model/internal/check_step.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "model/internal/check_action.h"
#include "model/literal.h"
#include "model/names.h"

namespace sluice::model {
namespace {

class StepChecker {
 public:
  StepChecker(const DraftStep& draft, std::uint32_t number, const Callables& callables,
              NameScope& scope, Report& report)
      : draft_(draft),
        number_(number),
        callables_(callables),
        scope_(scope),
        report_(report),
        values_(draft.texts, scope, report) {}

  CheckedStep run();

 private:
  void check_foreach();
  void check_branches();
  void check_clauses();
  void check_settings();
  void add_outputs(const CheckedAction& action);
  void finish_outputs();
  void publish();

  const DraftStep& draft_;
  const std::uint32_t number_;
  const Callables& callables_;
  NameScope& scope_;
  Report& report_;
  ValueChecker values_;
  Visible visible_;
  MaySkip may_skip_;
  CheckedStep checked_;
  std::vector<std::vector<const Port*>> sources_;  // Per output: the ports it comes from.
  std::size_t alternatives_ = 0;                   // Branches and clauses, with or without outputs.
};

void StepChecker::check_foreach() {
  if (!draft_.foreach) return;
  visible_.foreach = true;
  Visible outside;
  outside.in_step = true;
  outside.is_broken = draft_.is_broken;
  CheckedValue driver = values_.check(*draft_.foreach, outside);
  if (driver.literal) {
    driver.type = type_of(*driver.literal);
    visible_.item = driver.type.element();
    visible_.item.optional = false;
  } else if (!driver.is_broken() && driver.type.is_list()) {
    if (driver.compiled && !is_computable(driver.type)) {
      report_.add(driver.place,
                  fmt::format("foreach goes over {}: a list of lists that an expression puts "
                              "together is part of the language but not there yet",
                              to_text(driver.type)),
                  "pass on a list of lists as it is, by its name alone");
    }
    visible_.item = driver.type.element();
    if (driver.compiled && driver.type.lists > 1) visible_.item = Type{.kind = Kind::kJson};
    visible_.item.optional = false;  // A hole is passed on without a task.
  } else if (!driver.is_broken()) {
    const bool is_open = driver.type.kind == Kind::kAny || driver.type.kind == Kind::kJson;
    if (!is_open) {
      report_.add(driver.place,
                  fmt::format("foreach goes over a list, but {} is {}", what_of(driver, scope_),
                              to_text(driver.type)),
                  "a step without foreach takes the value whole");
      driver = CheckedValue{};
    } else {
      visible_.item = Type{.kind = driver.type.kind};
    }
  }
  may_skip_.whole = may_skip_.whole || driver.type.optional;
  checked_.foreach = std::move(driver);
}

void StepChecker::add_outputs(const CheckedAction& action) {
  // Nobody sees that an output of what fails is absent.
  if (action.kind != ActionKind::kFail) ++alternatives_;
  checked_.outputs_known = checked_.outputs_known && action.outputs_known;
  for (const Port& port : action.outputs) {
    const auto found = std::ranges::find(checked_.outputs, port.name, &Port::name);
    if (found == checked_.outputs.end()) {
      checked_.outputs.push_back(port);
      sources_.push_back({&port});
      continue;
    }
    auto& sources = sources_[static_cast<std::size_t>(found - checked_.outputs.begin())];
    sources.push_back(&port);
    const auto type = union_of(found->type, port.type);
    if (type) {
      found->type = *type;
      continue;
    }
    report_.add(draft_.name.place,
                fmt::format("output '{}' of step '{}' is {} in one case and {} in another",
                            shown(port.name), shown(draft_.name.text), to_text(found->type),
                            to_text(port.type)),
                "give them different names, or the same type");
    found->type = Type{};
  }
}

// What is said only by some of the branches and clauses is absent where another one ran.
void StepChecker::finish_outputs() {
  for (std::size_t i = 0; i < checked_.outputs.size(); ++i) {
    Port& output = checked_.outputs[i];
    if (sources_[i].size() < alternatives_) output.type.optional = true;
    if (sources_[i].size() < 2) continue;
    if (!is_computable(output.type)) {
      report_.add(draft_.name.place,
                  fmt::format("output '{}' of step '{}' is {}: lists of lists that come from "
                              "one of "
                              "several branches are part of the language but not there yet",
                              shown(output.name), shown(draft_.name.text), to_text(output.type)),
                  "make a workflow of each branch whose output is a plain list");
    }
    output.type = as_computed(output.type);
  }
}

void StepChecker::check_branches() {
  std::vector<Port> previous;
  bool previous_known = true;
  const bool is_switch = draft_.switch_place.has_value();
  std::vector<const DraftAction*> actions;
  if (is_switch) {
    for (const DraftBranch& branch : draft_.branches) actions.push_back(&branch.action);
  } else {
    actions.push_back(&draft_.action);
  }
  ActionChecker checker(callables_, values_, scope_, report_);
  for (const DraftAction* action : actions) {
    checked_.branches.push_back(checker.resolve(*action));
    const CheckedAction& resolved = checked_.branches.back();
    previous_known = previous_known && resolved.outputs_known;
    for (const Port& port : resolved.outputs) {
      const auto found = std::ranges::find(previous, port.name, &Port::name);
      if (found == previous.end()) {
        previous.push_back(port);
      } else {
        found->type = union_of(found->type, port.type).value_or(Type{});
      }
    }
  }
  if (draft_.loop) {
    visible_.previous = &previous;
    visible_.previous_known = previous_known && !draft_.is_broken;
  }
  std::vector<const DraftValue*> conditions;
  bool is_whole = true;
  for (std::size_t i = 0; i < actions.size(); ++i) {
    // One task has all outputs of a `set` where they stand and fall together.
    const bool together = is_switch || !draft_.clauses.empty();
    const ActionPlace place{
        .who = is_switch ? fmt::format("branch {} of step '{}'", i + 1, shown(draft_.name.text))
                         : fmt::format("step '{}'", shown(draft_.name.text)),
        .name_place = is_switch ? draft_.branches[i].place : draft_.name.place,
        .in_foreach = draft_.foreach.has_value(),
        .together = together,
        .is_broken = draft_.is_broken};
    checker.check(*actions[i], place, visible_, checked_.branches[i], may_skip_);
    if (!is_switch) continue;
    const std::optional<DraftValue>& when = draft_.branches[i].when;
    conditions.push_back(when ? &*when : nullptr);
    if (when) {
      is_whole = !values_.check_condition(*when, visible_, "when").is_broken() && is_whole;
    }
  }
  if (is_switch && is_whole && !conditions.empty()) {
    checked_.choice = values_.compile_choice(conditions, visible_);
  }
  // No branch may be taken where each has a condition.
  if (is_switch && (conditions.empty() || conditions.back() != nullptr)) ++alternatives_;
  if (draft_.loop) {
    checked_.loop = values_.check_condition(*draft_.loop, visible_, "while");
  }
  visible_.previous = nullptr;
  checked_.outputs_known = !draft_.is_broken || previous_known;
  for (const CheckedAction& action : checked_.branches) add_outputs(action);
}

void StepChecker::check_clauses() {
  Visible visible = visible_;
  visible.error = true;
  ActionChecker checker(callables_, values_, scope_, report_);
  checked_.clauses.reserve(draft_.clauses.size());
  for (std::size_t i = 0; i < draft_.clauses.size(); ++i) {
    const DraftClause& clause = draft_.clauses[i];
    CheckedClause& checked = checked_.clauses.emplace_back();
    for (const Word& error : clause.errors) checked.errors.push_back(error.text);
    checked.action = checker.resolve(clause.action);
    const ActionPlace place{.who = fmt::format("'catch' of step '{}'", shown(draft_.name.text)),
                            .name_place = clause.place,
                            .in_foreach = draft_.foreach.has_value(),
                            .together = true,
                            .is_broken = draft_.is_broken};
    MaySkip may_skip;
    checker.check(clause.action, place, visible, checked.action, may_skip);
    if (may_skip.whole || may_skip.element) {
      for (Port& port : checked.action.outputs) port.type.optional = true;
    }
    add_outputs(checked.action);
  }
}

void StepChecker::check_settings() {
  const auto calls = [&](const CheckedAction& action) {
    return action.kind == ActionKind::kCall && action.target < callables_.functions.size();
  };
  bool effects = draft_.effects.value_or(false);
  bool cache = draft_.cache.value_or(false);
  for (const CheckedAction& action : checked_.branches) {
    if (!calls(action)) continue;
    const Function& function = callables_.functions[action.target].function;
    if (!draft_.effects) effects = effects || function.effects;
    if (!draft_.cache) cache = cache || function.cache;
  }
  if (effects && draft_.start == StartMode::kEarly) {
    report_.add(draft_.start_place, "'start: early' with 'replay: never'",
                "what has effects outside starts on committed data only: "
                "remove one of them");
  }
  if (effects && cache && (draft_.cache || draft_.effects)) {
    report_.add(draft_.cache ? draft_.cache_place : draft_.effects_place,
                "'cache: true' with 'replay: never'",
                "what is taken from the cache has no effects: remove one of them");
  }
  if (draft_.start == StartMode::kEarly && cache) {
    report_.add(draft_.start_place, "'start: early' with 'cache: true'",
                "what may be in the cache waits for whole inputs: remove one of them");
  }
}

// As the rest of the workflow sees the outputs.
void StepChecker::publish() {
  NameScope::Outputs& outputs = scope_.steps[number_];
  outputs.known = checked_.outputs_known;
  for (const Port& port : checked_.outputs) {
    Type type = port.type;
    if (draft_.foreach) {
      type.optional = type.optional || may_skip_.element;
      const Type& driver = checked_.foreach->type;
      if (driver.is_list() && driver.element().optional) type.optional = true;
      if (type.lists < 7) type = type.list_of();
    }
    type.optional = type.optional || may_skip_.whole || (may_skip_.element && !draft_.foreach);
    outputs.ports.push_back({port.name, type, std::nullopt});
  }
  checked_.published = outputs.ports;
  checked_.item = visible_.item;
}

CheckedStep StepChecker::run() {
  checked_.draft = &draft_;
  scope_.use(draft_.mentions);
  visible_.in_step = true;
  visible_.is_broken = draft_.is_broken;
  check_foreach();
  if (draft_.when) {
    checked_.when = values_.check_condition(*draft_.when, visible_, "when");
    if (draft_.foreach && is_per_element(*checked_.when)) {
      may_skip_.element = true;
    } else {
      may_skip_.whole = true;
    }
  }
  check_branches();
  check_clauses();
  finish_outputs();
  check_settings();
  publish();
  return std::move(checked_);
}

}  // namespace

CheckedStep check_step(const DraftStep& draft, std::uint32_t number, const Callables& callables,
                       NameScope& scope, Report& report) {
  return StepChecker(draft, number, callables, scope, report).run();
}

}  // namespace sluice::model
