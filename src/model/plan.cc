#include "model/plan.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::model {
namespace {

// The type of the list that drives a foreach.
Type driver_type(const Workflow& workflow, const App& app, const Source& driver) {
  if (const auto* input = std::get_if<InputRef>(&driver))
    return workflow.inputs.at(input->input).type;
  if (const auto* step = std::get_if<StepRef>(&driver)) {
    return workflow.output_type(app, step->step, step->output);
  }
  return {};
}

}  // namespace

std::string_view WrittenStep::action() const {
  if (is_switch) return "switch";
  return actions.empty() ? std::string_view() : actions.front().action;
}

std::string WrittenStep::target() const {
  std::string all;
  for (const WrittenAction& one : actions) {
    all += &one == &actions.front() ? "" : "|";
    all += is_switch && one.target.empty() ? one.action : one.target;
  }
  return all;
}

std::string_view to_text(Runtime runtime) {
  switch (runtime) {
    case Runtime::kPython3:
      return "python3";
    case Runtime::kNodejs:
      return "nodejs";
    case Runtime::kNative:
      return "native";
    case Runtime::kProgram:
      return "program";
  }
  return {};
}

Type Workflow::output_type(const App& app, std::uint32_t step, std::uint32_t output) const {
  const Step& producer = steps.at(step);
  Type type = producer.action == Action::kCall
                  ? app.functions.at(producer.function).outputs.at(output).type
                  : producer.outputs.at(output).type;
  if (!producer.foreach) return type;
  // A hole in the driving list gives a hole here, without a task. Steps are in topological order,
  // so this ends; a chain of foreach steps is followed to its first list.
  const Type driver = driver_type(*this, app, *producer.foreach);
  if (driver.is_list() && driver.element().optional) type.optional = true;
  return type.list_of();
}

const Workflow* App::find_workflow(std::string_view wanted) const {
  const auto found = std::ranges::find_if(workflows, [&](const Workflow& workflow) {
    return workflow.name == wanted && !workflow.is_internal;
  });
  return found == workflows.end() ? nullptr : &*found;
}

Retry effective_retry(const App& app, const Step& step) {
  if (step.retry) return *step.retry;
  if (step.action != Action::kCall) return {};
  return app.functions.at(step.function).retry.value_or(Retry{});
}

std::optional<Duration> effective_timeout(const App& app, const Step& step) {
  if (step.timeout || step.action != Action::kCall) return step.timeout;
  return app.functions.at(step.function).timeout;
}

}  // namespace sluice::model
