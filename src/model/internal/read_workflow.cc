#include <fmt/format.h>

#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/internal/read_value.h"
#include "model/names.h"

namespace sluice::model {
namespace {

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
               "use foreach for what is repeated, and 'flow' for what belongs "
               "together");
    workflow.is_broken = true;
    return;
  }
  for (const YamlMember& step : member.value.members) {
    workflow.steps.push_back(read_step(step, report));
  }
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
  check_keys(map, Section::kWorkflow, report);
  for (const YamlMember& key : map.members) {
    const bool is_read = key.key == "inputs" || key.key == "steps" || key.key == "outputs";
    if (!is_read) collect_mentions(key.value, workflow.mentions);
  }
  if (const YamlMember* inputs = map.find("inputs");
      inputs != nullptr && !inputs->value.is_null()) {
    auto ports = read_ports(*inputs, PortsOf::kWorkflowInputs, report);
    workflow.has_inputs = ports.has_value();
    if (ports) workflow.inputs = std::move(*ports);
  } else {
    workflow.has_inputs = !has_unknown_key(map, Section::kWorkflow);
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
        if (const auto problem = field_problem(output.key)) {
          report.add(output.place,
                     fmt::format("output '{}': {}", shown(output.key), problem->message),
                     problem->hint);
        }
        workflow.outputs.push_back(
            {{output.key, output.place},
             read_value(output.value, workflow.texts, workflow.mentions, report)});
      }
    }
  }
  if (const YamlMember* timeout = map.find("timeout"))
    workflow.timeout = read_duration(*timeout, report);
  // Which of the two it is has no meaning yet: a node keeps runs in memory.
  if (const YamlMember* durability = map.find("durability")) {
    read_choice(*durability, Section::kWorkflow, report);
  }
  if (const YamlMember* on_failure = map.find("on_failure")) {
    const auto choice = read_choice(*on_failure, Section::kWorkflow, report);
    if (choice == "continue") workflow.on_failure = OnFailure::kContinue;
  }
  if (const YamlMember* keep = map.find("keep")) {
    if (read_choice(*keep, Section::kWorkflow, report) == "all") workflow.keep = Keep::kAll;
  }
  return workflow;
}

}  // namespace sluice::model
