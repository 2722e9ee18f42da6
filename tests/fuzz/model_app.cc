// Any bytes as a sluice.yaml: an app or mistakes, never both and never neither; and what is
// accepted keeps the promises of plan.h, which core, node and api rely on without looking.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "model/draft.h"
#include "model/parse.h"

namespace {

using namespace sluice;
using namespace sluice::model;

void check_source(const Workflow& workflow, const App& app, std::size_t step,
                  const Source& source) {
  if (const auto* input = std::get_if<InputRef>(&source))
    SLUICE_ASSERT(input->input < workflow.inputs.size());
  if (const auto* producer = std::get_if<StepRef>(&source)) {
    SLUICE_ASSERT(producer->step < step, "steps are in topological order");
    const Step& from = workflow.steps.at(producer->step);
    SLUICE_ASSERT(producer->output < app.functions.at(from.function).outputs.size());
  }
}

void check_promises(const App& app) {
  SLUICE_ASSERT(!app.workflows.empty());
  for (const Function& function : app.functions) SLUICE_ASSERT(!function.outputs.empty());
  for (const Workflow& workflow : app.workflows) {
    SLUICE_ASSERT(!workflow.steps.empty());
    for (std::size_t i = 0; i < workflow.steps.size(); ++i) {
      const Step& step = workflow.steps[i];
      const Function& function = app.functions.at(step.function);
      std::int64_t last = -1;
      for (const Slot& slot : step.slots) {
        SLUICE_ASSERT(slot.port < function.inputs.size() && slot.port > last,
                      "slots in order of ports");
        last = slot.port;
        check_source(workflow, app, i, slot.source);
        const bool is_of_element = std::holds_alternative<ItemRef>(slot.source) ||
                                   std::holds_alternative<IndexRef>(slot.source);
        SLUICE_ASSERT(!is_of_element || step.foreach.has_value());
      }
      if (step.foreach) {
        const bool is_list_reference = std::holds_alternative<InputRef>(*step.foreach) ||
                                       std::holds_alternative<StepRef>(*step.foreach);
        SLUICE_ASSERT(is_list_reference);
        check_source(workflow, app, i, *step.foreach);
      }
      for (const std::uint32_t before : step.after) SLUICE_ASSERT(before < i);
      for (std::uint32_t output = 0; output < function.outputs.size(); ++output) {
        static_cast<void>(
            to_text(workflow.output_type(app, static_cast<std::uint32_t>(i), output)));
      }
    }
    for (const WorkflowOutput& output : workflow.outputs) {
      check_source(workflow, app, workflow.steps.size(), output.source);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Limits limits;
  Mistakes mistakes;
  const auto draft = parse_app({reinterpret_cast<const char*>(data), size}, limits, mistakes);
  if (draft == nullptr) {
    SLUICE_ASSERT(!mistakes.empty());
    return 0;
  }
  static_cast<void>(code_wanted(*draft));
  const std::optional<App> app = check_app(*draft, {}, limits, mistakes);
  SLUICE_ASSERT(app.has_value() == mistakes.empty());
  for (const Mistake& mistake : mistakes) {
    SLUICE_ASSERT(mistake.line > 0 && mistake.column > 0 && !mistake.message.empty());
    SLUICE_ASSERT(is_utf8(to_text(mistake)));
  }
  if (app) check_promises(*app);
  return 0;
}
