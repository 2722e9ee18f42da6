#include "model/describe.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>

namespace sluice::model {
namespace {

template <class... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};

const std::vector<Port>& outputs_of(const App& app, const Step& step) {
  return step.action == Action::kCall ? app.functions[step.function].outputs : step.outputs;
}

std::string action_text(const App& app, const Step& step) {
  switch (step.action) {
    case Action::kCall:
      return fmt::format("call {}", app.functions[step.function].name);
    case Action::kCompute: {
      std::string_view what = "compute";
      if (step.roots == Roots::kFlags) what = "ask";
      if (step.roots == Roots::kChoice) what = "choose";
      if (step.roots == Roots::kFailure) what = "fail";
      return fmt::format("{} {}", what, step.text);
    }
    case Action::kFlow:
      return fmt::format("flow {}", app.workflows[step.workflow].name);
    case Action::kLoop:
      return fmt::format("loop {} at most {} while output {}", app.workflows[step.workflow].name,
                         step.rounds, step.again);
    case Action::kWait:
      return step.is_answer ? std::string("wait for an answer") : std::string("wait for a time");
  }
  std::abort();  // Every action is named above.
}

std::string settings_text(const App& app, const Workflow& workflow, const Step& step) {
  std::string text;
  if (step.foreach) text += ", foreach " + describe(*step.foreach, app, workflow);
  if (step.concurrency != 0) text += fmt::format(", concurrency {}", step.concurrency);
  for (const std::uint32_t before : step.after) text += fmt::format(", after #{}", before);
  if (step.retry) text += fmt::format(", attempts {}", step.retry->attempts);
  if (step.timeout) text += ", timeout " + sluice::to_text(*step.timeout);
  for (const std::vector<std::string>& errors : step.catches) {
    text +=
        fmt::format(", catch {}", errors.empty() ? "*" : fmt::format("{}", fmt::join(errors, "|")));
  }
  if (step.effects) text += ", effects";
  if (step.cache) text += ", cache";
  if (step.start == StartMode::kEarly) text += ", early";
  if (step.start == StartMode::kReady) text += ", ready";
  if (step.cpu) text += fmt::format(", cpu {}", *step.cpu);
  if (step.memory) text += ", memory " + sluice::to_text(*step.memory);
  return text;
}

std::string slot_text(const App& app, const Workflow& workflow, const Step& step,
                      const Slot& slot) {
  const std::string source = describe(slot.source, app, workflow);
  switch (slot.use) {
    case Use::kOperand:
      return fmt::format("operand {} = {}", slot.port, source);
    case Use::kGate:
      return fmt::format("gate {}", source);
    case Use::kChoice:
      return fmt::format("choice {}", source);
    case Use::kPort:
      break;
  }
  if (step.action == Action::kWait) return fmt::format("time = {}", source);
  const bool is_call = step.action == Action::kCall;
  const std::string& port = is_call ? app.functions[step.function].inputs[slot.port].name
                                    : app.workflows[step.workflow].inputs[slot.port].name;
  return fmt::format("{} = {}", port, source);
}

}  // namespace

std::string describe(const Source& source, const App& app, const Workflow& workflow) {
  const auto output = [&](std::uint32_t step, std::uint32_t number) {
    return fmt::format("#{}.{}", step, outputs_of(app, workflow.steps[step])[number].name);
  };
  return std::visit(
      Overload{[](const Literal& literal) { return to_text(literal.value); },
               [&](const InputRef& input) {
                 return fmt::format("inputs.{}", workflow.inputs[input.input].name);
               },
               [&](const StepRef& step) { return output(step.step, step.output); },
               [](const ItemRef&) { return std::string("item"); },
               [](const IndexRef&) { return std::string("index"); },
               [&](const PeerRef& peer) { return "peer " + output(peer.step, peer.output); },
               [](const ErrorRef& error) {
                 return fmt::format("error #{}.{}", error.step, error.clause);
               },
               [](const RoundRef&) { return std::string("round"); },
               [](const RunIdRef&) { return std::string("run.id"); }},
      source);
}

std::string describe(const App& app, const Workflow& workflow) {
  std::string text =
      fmt::format("{} {}\n", workflow.is_internal ? "internal" : "workflow", workflow.name);
  if (workflow.timeout) text += fmt::format("  timeout {}\n", sluice::to_text(*workflow.timeout));
  if (workflow.on_failure == OnFailure::kContinue) text += "  on failure continue\n";
  if (workflow.keep == Keep::kAll) text += "  keep all\n";
  for (const WorkflowInput& input : workflow.inputs) {
    text += fmt::format("  input {}: {}", input.name, to_text(input.type));
    if (input.default_value) text += " = " + to_text(*input.default_value);
    if (input.previous) text += fmt::format(" previous {}", *input.previous);
    text += "\n";
  }
  for (std::size_t i = 0; i < workflow.steps.size(); ++i) {
    const Step& step = workflow.steps[i];
    text += fmt::format("  #{} {}: {}{}\n", i, step.helper ? "(" + step.name + ")" : step.name,
                        action_text(app, step), settings_text(app, workflow, step));
    for (const Slot& slot : step.slots) {
      text += fmt::format("     {}\n", slot_text(app, workflow, step, slot));
    }
    if (step.action == Action::kCall) continue;
    for (const Port& port : step.outputs) {
      text += fmt::format("     -> {}: {}\n", port.name, to_text(port.type));
    }
  }
  for (const WorkflowOutput& output : workflow.outputs) {
    text += fmt::format("  output {}: {} = {}\n", output.name, to_text(output.type),
                        describe(output.source, app, workflow));
  }
  return text;
}

std::string describe(const App& app) {
  std::string text;
  for (const Workflow& workflow : app.workflows) text += describe(app, workflow);
  return text;
}

}  // namespace sluice::model
