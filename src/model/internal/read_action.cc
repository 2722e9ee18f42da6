#include <algorithm>

#include <fmt/format.h>

#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/internal/read_value.h"
#include "model/names.h"
#include "model/time_text.h"

namespace sluice::model {
namespace {

class ActionReader {
 public:
  ActionReader(std::string_view who, DraftTexts& texts, std::vector<Mention>& mentions,
               Report& report)
      : who_(who), texts_(texts), mentions_(mentions), report_(report) {}

  DraftAction read(const YamlMember& member, Section section);

 private:
  void read_target(const YamlMember& member, DraftAction& action);
  void read_set(const YamlMember& member, DraftAction& action);
  void read_wait(const YamlMember& member, DraftAction& action);
  void read_fail(const YamlMember& member, DraftAction& action);
  void read_in(const YamlMember& member, DraftAction& action);
  void refuse(const YamlValue& value, DraftAction& action) {
    action.is_broken = true;
    collect_mentions(value, mentions_);
  }
  DraftValue value_of(const YamlValue& value) {
    return read_value(value, texts_, mentions_, report_);
  }

  std::string_view who_;
  DraftTexts& texts_;
  std::vector<Mention>& mentions_;
  Report& report_;
};

void ActionReader::read_target(const YamlMember& member, DraftAction& action) {
  const std::optional<Word> word = read_word(member, report_);
  if (!word) return;
  if (word->text.find_first_of(".@") != std::string::npos) {
    const bool is_call = action.kind == ActionKind::kCall;
    report_.add(word->place,
                fmt::format("'{}': calling a {} of another app is reserved: it is part of the "
                            "language but not there yet",
                            shown(word->text), is_call ? "function" : "workflow"),
                fmt::format("name a {} of this file", is_call ? "function" : "workflow"));
    return;
  }
  action.target = *word;
}

void ActionReader::read_set(const YamlMember& member, DraftAction& action) {
  if (!expect_map(member.value, "'set'", report_, "write { OUTPUT: \"${...}\" }")) {
    return refuse(member.value, action);
  }
  if (member.value.members.empty()) {
    report_.add(member.place, "'set' sets nothing", "write { OUTPUT: \"${...}\" }");
    action.is_broken = true;
  }
  for (const YamlMember& output : member.value.members) {
    if (const auto problem = field_problem(output.key)) {
      report_.add(output.place, fmt::format("output '{}': {}", shown(output.key), problem->message),
                  problem->hint);
    }
    action.set.push_back({{output.key, output.place}, value_of(output.value)});
  }
}

void ActionReader::read_wait(const YamlMember& member, DraftAction& action) {
  const YamlValue& value = member.value;
  if (value.kind == YamlValue::Kind::kMap) {
    auto ports = read_ports(member, PortsOf::kAnswers, report_);
    if (ports) action.answers = std::move(*ports);
    if (value.members.empty()) {
      report_.add(member.place, "'wait' waits for nothing",
                  "write a duration, or { OUTPUT: TYPE } for what an answer brings");
      action.is_broken = true;
    }
    return;
  }
  if (value.kind != YamlValue::Kind::kScalar || value.is_null()) {
    if (value.kind != YamlValue::Kind::kBroken) {
      report_.add(value.kind == YamlValue::Kind::kScalar ? member.place : value.place,
                  fmt::format("'wait' must be a duration, a time, or a map of outputs, not {}",
                              shape_of(value)),
                  "write 30s, \"${...}\" or { OUTPUT: TYPE }");
    }
    return refuse(value, action);
  }
  action.time = value_of(value);
  const Json* literal = action.time->literal ? &*action.time->literal : nullptr;
  if (literal == nullptr) return;
  if (parse_duration(value.text) || is_rfc3339(value.text)) {
    action.time->literal = Json(value.text);
    return;
  }
  report_.add(value.place, fmt::format("'{}' is neither a duration nor a time", shown(value.text)),
              "write 30s, 10m, 7d, or a time like 2026-01-31T12:00:00Z");
  refuse(value, action);
}

void ActionReader::read_fail(const YamlMember& member, DraftAction& action) {
  const YamlValue& value = member.value;
  const bool is_word = value.kind == YamlValue::Kind::kScalar && !value.is_null();
  if (!expect_map(value, "'fail'", report_,
                  is_word ? fmt::format("write {{ name: {}, message: ... }}", shown(value.text))
                          : "write { name: NAME, message: ... }")) {
    return refuse(value, action);
  }
  check_keys(value, Section::kFailure, report_);
  if (const YamlMember* name = value.find("name")) {
    action.fail_name = value_of(name->value);
    const Json* literal = action.fail_name->literal ? &*action.fail_name->literal : nullptr;
    const std::string* text = literal == nullptr ? nullptr : literal->as_string();
    if (literal != nullptr && (text == nullptr || !is_error_name(*text))) {
      report_.add(name->value.place,
                  fmt::format("'{}' cannot be the name of an error", shown(name->value.text)),
                  "write a word like OutOfStock: 'retry' and 'catch' decide by it");
    }
  } else if (!has_unknown_key(value, Section::kFailure)) {
    report_.add(member.place, "'fail' does not say the name of the error",
                "write { name: NAME, message: ... }");
  }
  if (const YamlMember* message = value.find("message")) {
    action.fail_message = value_of(message->value);
  }
}

void ActionReader::read_in(const YamlMember& member, DraftAction& action) {
  if (member.value.is_null()) return;
  if (!expect_map(member.value, "'in'", report_, "write { INPUT: \"${STEP.OUTPUT}\" }")) {
    return refuse(member.value, action);
  }
  for (const YamlMember& binding : member.value.members) {
    action.in.push_back({{binding.key, binding.place}, value_of(binding.value)});
  }
}

DraftAction ActionReader::read(const YamlMember& member, Section section) {
  const YamlValue& map = member.value;
  DraftAction action;
  action.place = map.place;
  std::vector<const YamlMember*> actions;
  for (const YamlMember& key : map.members) {
    if (is_action(key.key) && find_key(section, key.key) != nullptr) actions.push_back(&key);
  }
  // An unknown key is often another word for `in` or the action, which then only looks forgotten.
  const bool has_unknown = has_unknown_key(map, section);
  action.is_broken = has_unknown && map.find("in") == nullptr;
  if (actions.empty()) {
    if (section != Section::kClause && !has_unknown) {
      report_.add(section == Section::kStep ? member.place : map.place,
                  fmt::format("{} does nothing", who_),
                  section == Section::kStep
                      ? "write 'call: FUNCTION'"
                      : "write an action beside it: { call: FUNCTION, in: ... }");
    }
    action.is_broken = action.is_broken || section != Section::kClause || has_unknown;
  }
  if (actions.size() > 1) {
    report_.add(
        actions[1]->place,
        fmt::format("{} has two actions, '{}' and '{}'", who_, actions[0]->key, actions[1]->key),
        section == Section::kStep ? "make two steps of it"
                                  : "make a workflow of it and call it with 'flow'");
  }
  const YamlMember* chosen = actions.empty() ? nullptr : actions.front();
  if (chosen != nullptr) {
    action.place = chosen->place;
    if (chosen->key == "call" || chosen->key == "flow") {
      action.kind = chosen->key == "call" ? ActionKind::kCall : ActionKind::kFlow;
      read_target(*chosen, action);
    } else if (chosen->key == "set") {
      action.kind = ActionKind::kSet;
      read_set(*chosen, action);
    } else if (chosen->key == "wait") {
      action.kind = ActionKind::kWait;
      read_wait(*chosen, action);
    } else if (chosen->key == "fail") {
      action.kind = ActionKind::kFail;
      read_fail(*chosen, action);
    } else if (chosen->key == "run") {
      action.kind = ActionKind::kRun;
      action.command = read_command(*chosen, map.find("out"), who_, texts_, mentions_, report_);
      action.is_broken = action.is_broken || !action.command;
    }
  }
  if (const YamlMember* out = map.find("out");
      out != nullptr && chosen != nullptr && chosen->key != "run") {
    report_.add(out->place,
                fmt::format("'out' names the files of a program, and '{}' runs none", chosen->key),
                "remove it");
  }
  const YamlMember* in = map.find("in");
  if (in == nullptr) return action;
  const bool takes_inputs =
      chosen == nullptr || chosen->key == "call" || chosen->key == "flow" || chosen->key == "run";
  if (!takes_inputs) {
    report_.add(in->place, fmt::format("'{}' has no inputs", chosen->key),
                chosen->key == "switch" ? "write 'in' in each branch"
                                        : "name what it uses in its expressions");
    collect_mentions(in->value, mentions_);
    return action;
  }
  if (chosen == nullptr && section == Section::kClause && !has_unknown) {
    report_.add(in->place, "'in' without an action", "write 'call: FUNCTION' or 'flow: WORKFLOW'");
  }
  read_in(*in, action);
  return action;
}

}  // namespace

DraftAction read_action(const YamlMember& member, Section section, std::string_view who,
                        DraftTexts& texts, std::vector<Mention>& mentions, Report& report) {
  return ActionReader(who, texts, mentions, report).read(member, section);
}

}  // namespace sluice::model
