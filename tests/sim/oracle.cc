#include "oracle.h"

namespace sluice::sim {
namespace {

using Kind = Value::Kind;

class Evaluation {
 public:
  explicit Evaluation(const Scenario& scenario) : scenario_(scenario) {}

  RunOutcome run() {
    const auto count = static_cast<std::uint32_t>(scenario_.workflow().steps.size());
    for (std::uint32_t step = 0; step < count; ++step)
      outcome_.steps.push_back(evaluate_step(step));
    for (const model::WorkflowOutput& output : scenario_.workflow().outputs) {
      outcome_.outputs.push_back(value_of(output.source, nullptr, 0));
    }
    return std::move(outcome_);
  }

 private:
  Value value_of(const model::Source& source, const Value* item, std::uint32_t index) const {
    if (const auto* literal = std::get_if<model::Literal>(&source)) return literal_value(*literal);
    if (const auto* input = std::get_if<model::InputRef>(&source))
      return scenario_.inputs[input->input];
    if (std::holds_alternative<model::ItemRef>(source)) return *item;
    if (std::holds_alternative<model::IndexRef>(source)) return Value::one(index);
    const auto& reference = std::get<model::StepRef>(source);
    const StepOutcome& step = outcome_.steps[reference.step];
    if (step.skipped) return {};
    if (step.unknown) return Value::unknown();
    const auto port_of = [&](const TaskOutcome& task) -> Value {
      switch (task.kind) {
        case TaskOutcome::Kind::kHole:
        case TaskOutcome::Kind::kSkipped:
          return {};
        case TaskOutcome::Kind::kFailed:
        case TaskOutcome::Kind::kUnknown:
          return Value::unknown();
        case TaskOutcome::Kind::kOutputs:
          return task.outputs[reference.output];
      }
      std::abort();
    };
    if (!step.is_foreach) return port_of(step.tasks[0]);
    Value list = Value::list();
    for (const TaskOutcome& task : step.tasks) list.items.push_back(port_of(task));
    return list;
  }

  TaskOutcome evaluate_task(std::uint32_t number, const Value* item, std::uint32_t index) {
    const model::Step& step = scenario_.step(number);
    const model::Function& function = scenario_.function_of(number);
    std::vector<Value> slots;
    bool absent = false;
    bool unknown = false;
    for (const model::Slot& slot : step.slots) {
      slots.push_back(value_of(slot.source, item, index));
      unknown |= slots.back().has_unknown();
      absent |= slots.back().is_absent() && !function.inputs[slot.port].type.optional;
    }
    if (absent) return {.kind = TaskOutcome::Kind::kSkipped, .outputs = {}};
    if (unknown) return {.kind = TaskOutcome::Kind::kUnknown, .outputs = {}};
    CallResult result = call(scenario_, number, slots);
    if (result.fails) {
      outcome_.fails = true;
      return {.kind = TaskOutcome::Kind::kFailed, .outputs = {}};
    }
    return {.kind = TaskOutcome::Kind::kOutputs, .outputs = std::move(result.outputs)};
  }

  StepOutcome evaluate_step(std::uint32_t number) {
    const model::Step& step = scenario_.step(number);
    if (!step.foreach) return {.tasks = {evaluate_task(number, nullptr, 0)}};
    StepOutcome outcome{.is_foreach = true};
    const Value list = value_of(*step.foreach, nullptr, 0);
    outcome.skipped = list.is_absent();
    for (const model::Slot& slot : step.slots) {
      if (std::holds_alternative<model::ItemRef>(slot.source) ||
          std::holds_alternative<model::IndexRef>(slot.source)) {
        continue;
      }
      if (scenario_.function_of(number).inputs[slot.port].type.optional) continue;
      if (value_of(slot.source, nullptr, 0).is_absent()) outcome.skipped = true;
    }
    if (outcome.skipped) return outcome;
    if (list.kind == Kind::kUnknown) {
      outcome.unknown = true;
      return outcome;
    }
    for (std::uint32_t i = 0; i < list.items.size(); ++i) {
      const Value& item = list.items[i];
      if (item.is_absent()) {
        outcome.tasks.push_back({.kind = TaskOutcome::Kind::kHole, .outputs = {}});
      } else if (item.kind == Kind::kUnknown) {
        outcome.tasks.push_back({.kind = TaskOutcome::Kind::kUnknown, .outputs = {}});
      } else {
        outcome.tasks.push_back(evaluate_task(number, &item, i));
      }
    }
    return outcome;
  }

  const Scenario& scenario_;
  RunOutcome outcome_;
};

}  // namespace

Value literal_value(const model::Literal& literal) {
  return Value::one(mix(77, static_cast<Digest>(*literal.value.as_int())));
}

Digest map_element(std::uint32_t function, const Value& element) {
  return mix(mix(1000, function), digest_of(element));
}

CallResult call(const Scenario& scenario, std::uint32_t number, const std::vector<Value>& slots) {
  const model::Step& step = scenario.step(number);
  const model::Function& function = scenario.function_of(number);
  const Behaviour& behaviour = scenario.behaviours[step.function];
  Digest inputs = mix(42, step.function);
  for (const Value& slot : slots) inputs = mix(inputs, digest_of(slot));
  CallResult result;
  result.fails = behaviour.fails_one_in > 0 && mix(inputs, 9) % behaviour.fails_one_in == 0;
  for (std::uint32_t port = 0; port < function.outputs.size(); ++port) {
    const model::Type& type = function.outputs[port].type;
    const Digest digest = mix(inputs, 100 + port);
    if (type.is_list()) {
      Value list = Value::list();
      if (port == 0 && behaviour.maps) {
        for (std::size_t i = 0; i < slots.size(); ++i) {
          const model::Port& input = function.inputs[step.slots[i].port];
          if (input.type.access != model::Access::kStream || slots[i].kind != Kind::kList) continue;
          for (const Value& item : slots[i].items) {
            list.items.push_back(Value::one(map_element(step.function, item)));
          }
          break;
        }
      } else {
        for (Digest i = 0; i < digest % 5; ++i) list.items.push_back(Value::one(mix(digest, i)));
      }
      result.outputs.push_back(std::move(list));
    } else if (type.optional && digest % 3 == 0) {
      result.outputs.emplace_back();
    } else {
      result.outputs.push_back(Value::one(digest));
    }
  }
  return result;
}

RunOutcome evaluate(const Scenario& scenario) { return Evaluation(scenario).run(); }

}  // namespace sluice::sim
