#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/internal/read_keys.h"
#include "model/names.h"

namespace sluice::model {
namespace {

constexpr std::array<KeyRule, 23> kStepKeys{{{"call"},
                                             {"in"},
                                             {"foreach"},
                                             {"concurrency"},
                                             {"after"},
                                             {"timeout"},
                                             {"retry"},
                                             {"run", KeyState::kNotYet},
                                             {"flow", KeyState::kNotYet},
                                             {"set", KeyState::kNotYet},
                                             {"wait", KeyState::kNotYet},
                                             {"fail", KeyState::kNotYet},
                                             {"switch", KeyState::kNotYet},
                                             {"out", KeyState::kNotYet},
                                             {"emit", KeyState::kNotYet},
                                             {"when", KeyState::kNotYet},
                                             {"while", KeyState::kNotYet},
                                             {"max", KeyState::kNotYet},
                                             {"catch", KeyState::kNotYet},
                                             {"start", KeyState::kNotYet},
                                             {"replay", KeyState::kNotYet},
                                             {"cache", KeyState::kNotYet},
                                             {"resources", KeyState::kNotYet}}};
constexpr std::array<KeyHint, 24> kStepHints{
    {{"inputs", "did you mean 'in'?"},
     {"input", "did you mean 'in'?"},
     {"with", "did you mean 'in'?"},
     {"args", "did you mean 'in'?"},
     {"params", "did you mean 'in'?"},
     {"parameters", "did you mean 'in'?"},
     {"arguments", "did you mean 'in'?"},
     {"output", "outputs are declared by the function"},
     {"outputs", "outputs are declared by the function"},
     {"uses", "did you mean 'call'?"},
     {"function", "did you mean 'call'?"},
     {"task", "did you mean 'call'?"},
     {"for_each", "did you mean 'foreach'?"},
     {"forEach", "did you mean 'foreach'?"},
     {"loop", "did you mean 'foreach'?"},
     {"map", "did you mean 'foreach'?"},
     {"parallel", "did you mean 'concurrency'?"},
     {"depends_on",
      "a step waits for the data it uses; for order without data write 'after: [STEP]'"},
     {"needs", "a step waits for the data it uses; for order without data write 'after: [STEP]'"},
     {"if", "the language says 'when', which is not there yet"},
     {"else", "the language says: the last branch of a 'switch', without 'when' (not there yet)"},
     {"pick", "the language says ${first(a.x, b.x)} (not there yet)"},
     {"on", "the errors to retry are 'retry: { errors: [NAME] }'"},
     {"retries", "write 'retry: { attempts: 3 }'"}}};
constexpr std::array<KeyRule, 7> kWorkflowKeys{{{"inputs"},
                                                {"steps"},
                                                {"outputs"},
                                                {"timeout"},
                                                {"durability"},
                                                {"on_failure", KeyState::kNotYet},
                                                {"keep", KeyState::kNotYet}}};
constexpr std::array<KeyHint, 5> kWorkflowHints{{{"tasks", "did you mean 'steps'?"},
                                                 {"jobs", "did you mean 'steps'?"},
                                                 {"nodes", "did you mean 'steps'?"},
                                                 {"results", "did you mean 'outputs'?"},
                                                 {"returns", "did you mean 'outputs'?"}}};
constexpr std::array<std::string_view, 7> kActions{"call", "run",  "flow",  "set",
                                                   "wait", "fail", "switch"};

bool has_unknown_key(const YamlValue& map, std::span<const KeyRule> rules) {
  return std::ranges::any_of(map.members, [&](const YamlMember& member) {
    return std::ranges::find(rules, member.key, &KeyRule::name) == rules.end();
  });
}

void read_action(const YamlMember& member, DraftStep& step, Report& report) {
  const YamlValue& map = member.value;
  std::vector<const YamlMember*> actions;
  for (const YamlMember& key : map.members) {
    if (std::ranges::find(kActions, key.key) != kActions.end()) actions.push_back(&key);
  }
  if (actions.empty() && has_unknown_key(map, kStepKeys)) return;  // One of them is meant.
  if (actions.empty()) {
    report.add(member.place, fmt::format("step '{}' does nothing", shown(member.key)),
               "write 'call: FUNCTION'");
    return;
  }
  if (actions.size() > 1) {
    report.add(actions[1]->place,
               fmt::format("step '{}' has two actions, '{}' and '{}'", shown(member.key),
                           actions[0]->key, actions[1]->key),
               "make two steps of it");
  }
  const YamlMember* call = map.find("call");
  if (call == nullptr) return;
  const std::optional<Word> word = read_word(*call, report);
  if (!word) return;
  if (word->text.find_first_of(".@") != std::string::npos) {
    report.add(word->place,
               fmt::format("'{}': calling a function of another app is reserved: it is part of the "
                           "language but not there yet",
                           shown(word->text)),
               "name a function of this file");
    return;
  }
  step.call = *word;
}

void read_in(const YamlMember& member, DraftStep& step, const Limits& limits, Report& report) {
  if (member.value.is_null()) return;
  if (!expect_map(member.value, "'in'", report, "write { INPUT: \"${STEP.OUTPUT}\" }")) {
    step.is_broken = true;
    collect_mentions(member.value, step.mentions);
    return;
  }
  for (const YamlMember& binding : member.value.members) {
    DraftBinding read{{binding.key, binding.place}, read_source(binding.value, limits, report)};
    step.bindings.push_back(std::move(read));
  }
}

void read_foreach(const YamlMember& member, DraftStep& step, const Limits& limits, Report& report) {
  step.foreach = read_source(member.value, limits, report);
  Reference& reference = step.foreach->reference;
  if (reference.kind == Reference::Kind::kInput || reference.kind == Reference::Kind::kOutput ||
      reference.kind == Reference::Kind::kRefused) {
    return;
  }
  if (reference.kind == Reference::Kind::kText) {
    const std::string* text = step.foreach->literal.as_string();
    const bool is_name = text != nullptr && text->find('.') != std::string::npos &&
                         text->find(' ') == std::string::npos;
    report.add(member.value.place, "'foreach' needs a reference to a list",
               is_name
                   ? fmt::format("write ${{{}}}", shown(*text))
                   : "write ${STEP.OUTPUT} or ${inputs.NAME}; a fixed list can be the default of "
                     "an input");
  } else {
    report.add(member.value.place, "'item' and 'index' exist only inside of the foreach",
               "write ${STEP.OUTPUT} or ${inputs.NAME}");
  }
  reference.kind = Reference::Kind::kRefused;
}

DraftStep read_step(const YamlMember& member, const Limits& limits, Report& report) {
  DraftStep step;
  step.name = {member.key, member.place};
  if (const auto problem = identifier_problem(member.key)) {
    report.add(member.place, fmt::format("step '{}': {}", shown(member.key), problem->message),
               problem->hint);
  }
  const YamlValue& map = member.value;
  if (!expect_map(map, fmt::format("step '{}'", shown(member.key)), report,
                  "write { call: FUNCTION, in: { INPUT: \"${STEP.OUTPUT}\" } }")) {
    step.is_broken = true;
    collect_mentions(map, step.mentions);
    return step;
  }
  check_keys(map, kStepKeys, kStepHints, "a step", report);
  // An unknown key is often another word for `in` or `foreach`, which then only look forgotten.
  step.is_broken = has_unknown_key(map, kStepKeys) &&
                   (map.find("in") == nullptr || map.find("foreach") == nullptr);
  // What is refused may still name data, which is then not unused.
  for (const YamlMember& key : map.members) {
    if (key.key != "in" && key.key != "foreach") collect_mentions(key.value, step.mentions);
  }
  read_action(member, step, report);
  if (const YamlMember* in = map.find("in")) read_in(*in, step, limits, report);
  if (const YamlMember* foreach = map.find("foreach")) read_foreach(*foreach, step, limits, report);
  if (const YamlMember* concurrency = map.find("concurrency")) {
    const double most = limits.elements_per_list;
    step.concurrency = read_count(*concurrency, {.least = 1, .most = most}, report).value_or(0);
    if (!step.foreach) {
      report.add(concurrency->place, "'concurrency' without 'foreach'",
                 "it says how many elements of a foreach run at a time");
    }
  }
  if (const YamlMember* after = map.find("after")) {
    if (expect_list(after->value, "'after'", report,
                    after->value.kind == YamlValue::Kind::kScalar
                        ? fmt::format("write [{}]", shown(after->value.text))
                        : "write [STEP, STEP]")) {
      for (const YamlValue& item : after->value.items) {
        if (auto word = read_word({"after", item.place, item}, report)) step.after.push_back(*word);
      }
    }
  }
  if (const YamlMember* timeout = map.find("timeout"))
    step.timeout = read_duration(*timeout, report);
  if (const YamlMember* retry = map.find("retry")) step.retry = read_retry(*retry, limits, report);
  return step;
}

void read_steps(const YamlMember& member, DraftWorkflow& workflow, const Limits& limits,
                Report& report) {
  if (member.value.kind == YamlValue::Kind::kList) {
    report.add(member.value.place, "'steps' must be a map of names to steps, not a list",
               "write each step as 'NAME: { call: FUNCTION }', without the '-'");
    workflow.is_broken = true;
    return;
  }
  if (!expect_map(member.value, "'steps'", report, "write { NAME: { call: FUNCTION } }")) {
    workflow.is_broken = true;
    return;
  }
  if (member.value.members.size() > limits.steps_per_workflow) {
    report.add(member.place,
               fmt::format("workflow '{}' has {} steps, more than {}", shown(workflow.name.text),
                           member.value.members.size(), limits.steps_per_workflow),
               "use foreach for what is repeated");
    workflow.is_broken = true;
    return;
  }
  for (const YamlMember& step : member.value.members) {
    workflow.steps.push_back(read_step(step, limits, report));
  }
}

void read_durability(const YamlMember& member, Report& report) {
  const std::optional<Word> word = read_word(member, report);
  if (!word || word->text == "durable" || word->text == "express") return;
  report.add(word->place, fmt::format("unknown durability '{}'", shown(word->text)),
             "there are durable and express");
}

}  // namespace

DraftWorkflow read_workflow(const YamlMember& member, const Limits& limits, Report& report) {
  DraftWorkflow workflow;
  workflow.name = {member.key, member.place};
  if (const auto problem = name_problem(member.key)) {
    report.add(member.place, fmt::format("workflow '{}': {}", shown(member.key), problem->message),
               problem->hint);
  }
  const YamlValue& map = member.value;
  if (!expect_map(map, fmt::format("workflow '{}'", shown(member.key)), report)) {
    workflow.is_broken = true;
    return workflow;
  }
  check_keys(map, kWorkflowKeys, kWorkflowHints, "a workflow", report);
  for (const YamlMember& key : map.members) {
    const bool is_read = key.key == "inputs" || key.key == "steps" || key.key == "outputs";
    if (!is_read) collect_mentions(key.value, workflow.mentions);
  }
  if (const YamlMember* inputs = map.find("inputs");
      inputs != nullptr && !inputs->value.is_null()) {
    auto ports = read_ports(inputs->value, PortsOf::kWorkflowInputs, report);
    workflow.has_inputs = ports.has_value();
    if (ports) workflow.inputs = std::move(*ports);
  } else {
    workflow.has_inputs = !has_unknown_key(map, kWorkflowKeys);
  }
  if (const YamlMember* steps = map.find("steps"); steps != nullptr && !steps->value.is_null()) {
    read_steps(*steps, workflow, limits, report);
  }
  if (workflow.steps.empty() && !workflow.is_broken) {
    report.add(member.place, fmt::format("workflow '{}' has no steps", shown(member.key)),
               "write 'steps: { NAME: { call: FUNCTION } }'");
    workflow.is_broken = true;
  }
  if (const YamlMember* outputs = map.find("outputs");
      outputs != nullptr && !outputs->value.is_null()) {
    if (expect_map(outputs->value, "'outputs'", report, "write { NAME: \"${STEP.OUTPUT}\" }")) {
      for (const YamlMember& output : outputs->value.members) {
        if (const auto problem = identifier_problem(output.key)) {
          report.add(output.place,
                     fmt::format("output '{}': {}", shown(output.key), problem->message),
                     problem->hint);
        }
        workflow.outputs.push_back(
            {{output.key, output.place}, read_source(output.value, limits, report)});
      }
    }
  }
  if (const YamlMember* timeout = map.find("timeout"))
    workflow.timeout = read_duration(*timeout, report);
  if (const YamlMember* durability = map.find("durability")) read_durability(*durability, report);
  return workflow;
}

}  // namespace sluice::model
