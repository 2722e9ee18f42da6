#include "model/plan_promises.h"

#include <algorithm>

#include "base/check.h"
#include "model/expr/program.h"

namespace sluice::model {
namespace {

// One bit per output of a computed task.
constexpr std::size_t kComputedOutputsMax = 64;

class WorkflowPromises {
 public:
  WorkflowPromises(const App& app, const Workflow& workflow) : app_(app), workflow_(workflow) {}

  void check() const {
    SLUICE_ASSERT(!workflow_.steps.empty());
    for (std::size_t i = 0; i < workflow_.steps.size(); ++i) check_step(i);
    for (const WorkflowOutput& output : workflow_.outputs) {
      const bool is_reference = std::holds_alternative<StepRef>(output.source) ||
                                std::holds_alternative<InputRef>(output.source) ||
                                std::holds_alternative<Literal>(output.source);
      SLUICE_ASSERT(is_reference);
      check_source(output.source, workflow_.steps.size(), nullptr);
    }
    for (const WorkflowInput& input : workflow_.inputs) {
      SLUICE_ASSERT(!input.previous || *input.previous < workflow_.outputs.size());
      SLUICE_ASSERT(!input.previous || workflow_.is_internal);
    }
    check_written();
  }

 private:
  const std::vector<Port>& outputs_of(const Step& step) const {
    return step.action == Action::kCall ? app_.functions.at(step.function).outputs : step.outputs;
  }

  void check_source(const Source& source, std::size_t before, const Step* reader) const {
    if (const auto* input = std::get_if<InputRef>(&source)) {
      SLUICE_ASSERT(input->input < workflow_.inputs.size());
    }
    if (const auto* producer = std::get_if<StepRef>(&source)) {
      SLUICE_ASSERT(producer->step < before, "steps are in topological order");
      SLUICE_ASSERT(producer->output < outputs_of(workflow_.steps[producer->step]).size());
    }
    if (const auto* peer = std::get_if<PeerRef>(&source)) {
      SLUICE_ASSERT(peer->step < before && reader != nullptr && reader->foreach);
      SLUICE_ASSERT(workflow_.steps[peer->step].foreach == reader->foreach);
      SLUICE_ASSERT(peer->output < outputs_of(workflow_.steps[peer->step]).size());
    }
    if (const auto* error = std::get_if<ErrorRef>(&source)) {
      SLUICE_ASSERT(error->step < before && reader != nullptr);
      SLUICE_ASSERT(error->clause < workflow_.steps[error->step].catches.size());
      SLUICE_ASSERT(workflow_.steps[error->step].foreach == reader->foreach);
    }
    const bool is_of_element =
        std::holds_alternative<ItemRef>(source) || std::holds_alternative<IndexRef>(source);
    SLUICE_ASSERT(!is_of_element || (reader != nullptr && reader->foreach));
    SLUICE_ASSERT(!std::holds_alternative<RoundRef>(source) || workflow_.is_internal);
  }

  void check_step(std::size_t number) const {
    const Step& step = workflow_.steps[number];
    std::int64_t last = -1;
    bool is_behind = false;  // Gates stand behind ports and operands.
    for (const Slot& slot : step.slots) {
      check_source(slot.source, number, &step);
      const bool is_gate = slot.use == Use::kGate || slot.use == Use::kChoice;
      SLUICE_ASSERT(is_gate || !is_behind, "gates stand behind");
      is_behind = is_gate;
      if (is_gate) continue;
      SLUICE_ASSERT(slot.port > last, "slots are in order of ports");
      last = slot.port;
      check_port(step, slot);
    }
    if (step.foreach) {
      const bool is_list = std::holds_alternative<InputRef>(*step.foreach) ||
                           std::holds_alternative<StepRef>(*step.foreach);
      SLUICE_ASSERT(is_list);
      check_source(*step.foreach, number, nullptr);
      SLUICE_ASSERT(type_of(*step.foreach).is_list());
    }
    for (const std::uint32_t before : step.after) SLUICE_ASSERT(before < number);
    const std::size_t outputs = outputs_of(step).size();
    for (std::uint32_t i = 0; i < outputs; ++i) {
      static_cast<void>(
          to_text(workflow_.output_type(app_, static_cast<std::uint32_t>(number), i)));
    }
    check_action(step);
  }

  Type type_of(const Source& source) const {
    if (const auto* input = std::get_if<InputRef>(&source)) {
      return workflow_.inputs[input->input].type;
    }
    const auto& producer = std::get<StepRef>(source);
    return workflow_.output_type(app_, producer.step, producer.output);
  }

  void check_port(const Step& step, const Slot& slot) const {
    const bool is_operand = slot.use == Use::kOperand;
    switch (step.action) {
      case Action::kCall:
        SLUICE_ASSERT(!is_operand && slot.port < app_.functions.at(step.function).inputs.size());
        SLUICE_ASSERT(!std::holds_alternative<RoundRef>(slot.source));
        SLUICE_ASSERT(!std::holds_alternative<RunIdRef>(slot.source));
        SLUICE_ASSERT(!std::holds_alternative<ErrorRef>(slot.source));
        break;
      case Action::kFlow:
      case Action::kLoop: {
        SLUICE_ASSERT(!is_operand && slot.port < app_.workflows.at(step.workflow).inputs.size());
        // Only data: what inside is linked to it has no other way to get it.
        const bool is_datum = std::holds_alternative<InputRef>(slot.source) ||
                              std::holds_alternative<StepRef>(slot.source) ||
                              std::holds_alternative<PeerRef>(slot.source) ||
                              std::holds_alternative<ItemRef>(slot.source);
        SLUICE_ASSERT(is_datum);
        break;
      }
      case Action::kWait:
        SLUICE_ASSERT(!is_operand && !step.is_answer && slot.port == 0);
        break;
      case Action::kCompute:
        SLUICE_ASSERT(is_operand && slot.port < step.program->variables());
        SLUICE_ASSERT(!std::holds_alternative<Literal>(slot.source));
        break;
    }
  }

  void check_action(const Step& step) const {
    SLUICE_ASSERT(step.action != Action::kCall || step.outputs.empty());
    SLUICE_ASSERT((step.action == Action::kCompute) == (step.program != nullptr));
    if (step.action == Action::kCompute) {
      const std::size_t roots = step.program->roots().size();
      SLUICE_ASSERT(step.outputs.size() <= kComputedOutputsMax);
      SLUICE_ASSERT(step.roots == Roots::kFailure ? roots == 2 && step.outputs.empty()
                                                  : roots == step.outputs.size());
      for (const Port& port : step.outputs) SLUICE_ASSERT(port.type.lists < 2);
    }
    if (step.action == Action::kLoop) {
      const Workflow& body = app_.workflows.at(step.workflow);
      SLUICE_ASSERT(body.is_internal && step.rounds > 0);
      SLUICE_ASSERT(step.again == step.outputs.size() && step.again + 1 == body.outputs.size());
    }
    if (step.action == Action::kFlow) {
      const Workflow& inner = app_.workflows.at(step.workflow);
      SLUICE_ASSERT(inner.outputs.size() == step.outputs.size());
      if (!inner.is_internal)
        for (const Port& port : step.outputs) SLUICE_ASSERT(port.type.lists < 2);
    }
    SLUICE_ASSERT(!step.helper || (step.action == Action::kCompute && step.catches.empty()));
  }

  void check_written() const {
    std::size_t parts = 0;
    for (const WrittenStep& written : workflow_.written) {
      parts += written.parts.size();
      SLUICE_ASSERT(std::ranges::is_sorted(written.parts));
      for (const std::uint32_t part : written.parts) {
        const Step& step = workflow_.steps.at(part);
        SLUICE_ASSERT(&workflow_.written.at(step.written) == &written);
      }
    }
    const auto without = std::ranges::count(workflow_.steps, kNoWritten, &Step::written);
    SLUICE_ASSERT(parts + static_cast<std::size_t>(without) == workflow_.steps.size());
  }

  const App& app_;
  const Workflow& workflow_;
};

}  // namespace

void check_promises(const App& app) {
  SLUICE_ASSERT(!app.workflows.empty());
  for (const Function& function : app.functions) SLUICE_ASSERT(!function.outputs.empty());
  for (const Workflow& workflow : app.workflows) WorkflowPromises(app, workflow).check();
}

}  // namespace sluice::model
