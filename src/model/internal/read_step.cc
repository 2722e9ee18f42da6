#include <algorithm>

#include <fmt/format.h>

#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/internal/read_value.h"
#include "model/names.h"

namespace sluice::model {
namespace {

// One flag per branch is an output of one step of the plan, which has at most so many.
constexpr std::size_t kBranchesMax = 64;

// Whether expressions may stand there, directly or further inside.
bool takes_values(KeyShape shape) {
  switch (shape) {
    case KeyShape::kValue:
    case KeyShape::kText:
    case KeyShape::kCondition:
    case KeyShape::kValues:
    case KeyShape::kList:
    case KeyShape::kTimeOrPorts:
    case KeyShape::kMap:
    case KeyShape::kMaps:
    case KeyShape::kMapList:
    case KeyShape::kMapOrMapList:
    case KeyShape::kCommand:
      return true;
    case KeyShape::kWord:
    case KeyShape::kChoice:
    case KeyShape::kDuration:
    case KeyShape::kSize:
    case KeyShape::kNumber:
    case KeyShape::kCount:
    case KeyShape::kFlag:
    case KeyShape::kWords:
    case KeyShape::kTexts:
    case KeyShape::kType:
    case KeyShape::kPorts:
    case KeyShape::kLiteral:
    case KeyShape::kProducts:
    case KeyShape::kAnything:
      return false;
  }
  return false;
}

class StepReader {
 public:
  StepReader(const YamlMember& member, Report& report)
      : member_(member), map_(member.value), report_(report) {}

  DraftStep read();

 private:
  const YamlMember* find(std::string_view key) const { return map_.find(key); }
  std::string who() const { return fmt::format("step '{}'", shown(member_.key)); }
  void read_switch(const YamlMember& member);
  void read_foreach(const YamlMember& member);
  void read_loop();
  void read_clauses(const YamlMember& member);
  void read_clause(const YamlValue& value, std::string_view who);
  void read_attempts();
  void read_call_settings();
  bool calls_something() const;

  const YamlMember& member_;
  const YamlValue& map_;
  Report& report_;
  DraftStep step_;
};

void StepReader::read_switch(const YamlMember& member) {
  step_.switch_place = member.place;
  if (!expect_list(member.value, "'switch'", report_,
                   "write [ { when: \"${...}\", call: FUNCTION, in: ... }, { "
                   "call: OTHER } ]")) {
    step_.is_broken = true;
    collect_mentions(member.value, step_.mentions);
    return;
  }
  const std::vector<YamlValue>& branches = member.value.items;
  if (branches.empty() || branches.size() > kBranchesMax) {
    report_.add(member.place,
                branches.empty() ? std::string("'switch' has no branches")
                                 : fmt::format("'switch' has {} branches, more than {}",
                                               branches.size(), kBranchesMax),
                branches.empty() ? "write [ { when: \"${...}\", call: FUNCTION, in: ... } ]"
                                 : "put some of them into a workflow and call it with 'flow'");
    step_.is_broken = true;
    return;
  }
  for (std::size_t i = 0; i < branches.size(); ++i) {
    const YamlValue& value = branches[i];
    const std::string name = fmt::format("branch {} of {}", i + 1, who());
    DraftBranch branch;
    branch.place = value.place;
    if (!expect_map(value, name, report_, "write { when: \"${...}\", call: FUNCTION, in: ... }")) {
      branch.action.is_broken = true;
      collect_mentions(value, step_.mentions);
    } else {
      check_keys(value, Section::kBranch, report_);
      branch.action = read_action({member_.key, value.place, value}, Section::kBranch, name,
                                  step_.texts, step_.mentions, report_);
      if (const YamlMember* when = value.find("when")) {
        branch.when = read_condition(*when, step_.texts, step_.mentions, report_);
      } else if (i + 1 < branches.size() && !has_unknown_key(value, Section::kBranch)) {
        report_.add(value.place,
                    fmt::format("{} has no 'when': no later one is ever reached", name),
                    "only the last branch can do without");
      }
    }
    step_.branches.push_back(std::move(branch));
  }
}

void StepReader::read_foreach(const YamlMember& member) {
  const YamlValue& value = member.value;
  DraftValue driver = read_value(value, step_.texts, step_.mentions, report_);
  const Json* literal = driver.literal ? &*driver.literal : nullptr;
  if (literal != nullptr && literal->as_list() == nullptr) {
    const std::string* text = literal->as_string();
    const bool is_name = text != nullptr && text->find('.') != std::string::npos &&
                         text->find(' ') == std::string::npos;
    report_.add(
        value.kind == YamlValue::Kind::kScalar && value.is_null() ? member.place : value.place,
        "'foreach' needs a list",
        is_name ? fmt::format("write \"${{{}}}\"", shown(*text))
                : "write \"${STEP.OUTPUT}\", \"${inputs.NAME}\" or [a, b, c]");
    driver.literal.reset();
  }
  step_.foreach = std::move(driver);
}

void StepReader::read_loop() {
  const YamlMember* loop = find("while");
  const YamlMember* max = find("max");
  if (loop != nullptr) {
    step_.loop = read_condition(*loop, step_.texts, step_.mentions, report_);
    if (max == nullptr) {
      report_.add(loop->place, "'while' without 'max'",
                  "add 'max: 50': still true after so many rounds, the step "
                  "fails with LoopLimit");
    }
  }
  if (max == nullptr) return;
  step_.rounds = read_count(*max, Section::kStep, report_).value_or(1);
  if (loop == nullptr) {
    report_.add(max->place, "'max' without 'while'",
                "it is the most rounds of a 'while'; for attempts write "
                "'retry: { attempts: N }'");
  }
}

void StepReader::read_clause(const YamlValue& value, std::string_view who_catches) {
  DraftClause clause;
  clause.place = value.place;
  if (!expect_map(value, who_catches, report_,
                  "write { errors: [NAME], call: FUNCTION, in: ... }")) {
    clause.action.is_broken = true;
    collect_mentions(value, step_.mentions);
    step_.clauses.push_back(std::move(clause));
    return;
  }
  check_keys(value, Section::kClause, report_);
  clause.action = read_action({member_.key, value.place, value}, Section::kClause, who_catches,
                              step_.texts, step_.mentions, report_);
  const YamlMember* errors = value.find("errors");
  if (errors != nullptr) {
    clause.errors = read_words(*errors, "NAME, NAME", report_);
    if (errors->value.kind == YamlValue::Kind::kList && errors->value.items.empty()) {
      report_.add(errors->place, "'errors' names no error", "leave it out to catch all");
    }
  }
  // Whoever comes behind a clause for all errors is never asked.
  if (!step_.clauses.empty() && step_.clauses.back().errors.empty() &&
      !step_.clauses.back().action.is_broken) {
    report_.add(
        value.place,
        fmt::format("{} is never reached: the one before it catches all errors", who_catches),
        "put the one without 'errors' last");
  }
  step_.clauses.push_back(std::move(clause));
}

void StepReader::read_clauses(const YamlMember& member) {
  const YamlValue& value = member.value;
  if (value.kind != YamlValue::Kind::kList) {
    return read_clause(value, fmt::format("'catch' of {}", who()));
  }
  if (value.items.empty()) {
    report_.add(member.place, "'catch' catches nothing",
                "write { errors: [NAME], call: FUNCTION }");
  }
  if (value.items.size() > kBranchesMax) {
    report_.add(
        member.place,
        fmt::format("'catch' has {} clauses, more than {}", value.items.size(), kBranchesMax),
        "catch several errors in one");
    return;
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    read_clause(value.items[i], fmt::format("'catch' {} of {}", i + 1, who()));
  }
}

void StepReader::read_attempts() {
  if (const YamlMember* concurrency = find("concurrency")) {
    step_.concurrency = read_count(*concurrency, Section::kStep, report_).value_or(0);
    if (find("foreach") == nullptr) {
      report_.add(concurrency->place, "'concurrency' without 'foreach'",
                  "it says how many elements of a foreach run at a time");
    }
  }
  if (const YamlMember* after = find("after")) {
    step_.after = read_words(*after, "STEP, STEP", report_);
  }
  if (const YamlMember* timeout = find("timeout")) step_.timeout = read_duration(*timeout, report_);
  if (const YamlMember* retry = find("retry")) step_.retry = read_retry(*retry, report_);
}

bool StepReader::calls_something() const {
  const auto calls = [](const DraftAction& action) {
    return action.kind == ActionKind::kCall || action.kind == ActionKind::kRun || action.is_broken;
  };
  return step_.is_broken || calls(step_.action) ||
         std::ranges::any_of(step_.branches, calls, &DraftBranch::action);
}

// What belongs to a function's task and not to the step as such.
void StepReader::read_call_settings() {
  for (const std::string_view key : {"start", "replay", "cache", "resources"}) {
    const YamlMember* member = find(key);
    if (member == nullptr || calls_something()) continue;
    report_.add(member->place, fmt::format("'{}' is for a step that calls a function", key),
                "remove it");
  }
  if (const YamlMember* start = find("start")) {
    step_.start_place = start->place;
    if (const auto mode = read_choice(*start, Section::kStep, report_)) {
      step_.start = *mode == "early"   ? StartMode::kEarly
                    : *mode == "ready" ? StartMode::kReady
                                       : StartMode::kAuto;
    }
  }
  if (const YamlMember* replay = find("replay")) {
    step_.effects_place = replay->place;
    step_.effects = read_replay(*replay, Section::kStep, report_);
  }
  if (const YamlMember* cache = find("cache")) {
    step_.cache_place = cache->place;
    step_.cache = read_flag(*cache, report_);
  }
  if (const YamlMember* member = find("resources")) {
    step_.resources_place = member->place;
    const Resources resources = read_resources(*member, report_);
    step_.cpu = resources.cpu;
    step_.memory = resources.memory;
  }
}

DraftStep StepReader::read() {
  step_.name = {member_.key, member_.place};
  if (const auto problem = identifier_problem(member_.key)) {
    report_.add(member_.place, fmt::format("step '{}': {}", shown(member_.key), problem->message),
                problem->hint);
  }
  if (!expect_map(map_, who(), report_,
                  "write { call: FUNCTION, in: { INPUT: \"${STEP.OUTPUT}\" } }")) {
    step_.is_broken = true;
    collect_mentions(map_, step_.mentions);
    return std::move(step_);
  }
  check_keys(map_, Section::kStep, report_);
  // An unknown key is often another word for `foreach`, which then only looks forgotten; and what
  // stands under it is not unused.
  step_.is_broken = has_unknown_key(map_, Section::kStep) && find("foreach") == nullptr;
  for (const YamlMember& key : map_.members) {
    const Key* known = find_key(Section::kStep, key.key);
    const bool takes_expressions =
        known != nullptr && known->state == KeyState::kKnown && takes_values(known->shape);
    if (!takes_expressions) collect_mentions(key.value, step_.mentions);
  }
  step_.action = read_action(member_, Section::kStep, who(), step_.texts, step_.mentions, report_);
  if (const YamlMember* branches = find("switch")) read_switch(*branches);
  if (const YamlMember* foreach = find("foreach")) read_foreach(*foreach);
  if (const YamlMember* when = find("when")) {
    step_.when = read_condition(*when, step_.texts, step_.mentions, report_);
  }
  read_loop();
  if (const YamlMember* clauses = find("catch")) read_clauses(*clauses);
  read_attempts();
  read_call_settings();
  return std::move(step_);
}

}  // namespace

DraftStep read_step(const YamlMember& member, Report& report) {
  return StepReader(member, report).read();
}

}  // namespace sluice::model
