#include "scenario.h"

#include <fmt/format.h>

namespace sluice::sim {
namespace {

using model::Access;
using model::Source;

model::Type type_of(std::uint8_t lists, Access access, bool optional) {
  return {.kind = model::Kind::kBytes, .lists = lists, .optional = optional, .access = access};
}

class Builder {
 public:
  Builder(Random& random, const ScenarioOptions& options) : random_(random), options_(options) {
    scenario_.app = std::make_shared<model::App>();
    scenario_.app->name = "simulated";
    scenario_.app->workflows.emplace_back().name = "main";
  }

  Scenario build() {
    const std::uint64_t inputs = 1 + random_.below(3);
    for (std::uint64_t i = 0; i < inputs; ++i) add_input();
    const std::uint64_t steps = 2 + random_.below(7);
    for (std::uint64_t i = 0; i < steps; ++i) add_step();
    add_outputs();
    scenario_.owner = NodeId{1 + random_.below(options_.nodes)};
    if (options_.nodes > 1) {
      for (std::uint64_t i = 0; i < steps; ++i) {
        scenario_.placement.push_back(NodeId{1 + random_.below(options_.nodes)});
      }
    }
    if (random_.chance(options_.deadline)) {
      scenario_.deadline = std::chrono::milliseconds(1 + random_.below(3000));
    }
    for (model::Step& step : workflow().steps)
      if (random_.chance(options_.early)) step.start = model::StartMode::kEarly;
    return std::move(scenario_);
  }

 private:
  struct Available {
    Source source;
    std::uint8_t lists = 0;
    bool may_be_absent = false;
  };

  model::Workflow& workflow() { return scenario_.app->workflows[0]; }

  void add_input() {
    const auto number = static_cast<std::uint32_t>(workflow().inputs.size());
    const bool is_list = random_.chance(0.5);
    const bool optional = random_.chance(0.15);
    workflow().inputs.push_back({.name = fmt::format("input{}", number),
                                 .type = type_of(is_list ? 1 : 0, Access::kWhole, optional)});
    Value value;
    if (!optional || random_.chance(0.5)) {
      value = Value::one(random_.next());
      if (is_list) {
        value = Value::list();
        // Now and then more than a reader's first credit.
        const std::uint64_t count =
            random_.chance(0.15) ? 17 + random_.below(10) : random_.below(6);
        for (std::uint64_t i = 0; i < count; ++i) value.items.push_back(Value::one(random_.next()));
      }
    }
    scenario_.inputs.push_back(std::move(value));
    available_.push_back({model::InputRef{number}, static_cast<std::uint8_t>(is_list), optional});
  }

  const Available* some_available(bool lists_only) {
    std::vector<const Available*> fitting;
    for (const Available& one : available_) {
      if (!lists_only || one.lists > 0) fitting.push_back(&one);
    }
    if (fitting.empty()) return nullptr;
    // The newer the likelier: chains are more interesting than stars.
    const std::size_t a = random_.below(fitting.size());
    const std::size_t b = random_.below(fitting.size());
    return fitting[std::max(a, b)];
  }

  void add_step() {
    const auto number = static_cast<std::uint32_t>(workflow().steps.size());
    model::Function function{.name = fmt::format("f{}", number)};
    model::Step step{.name = fmt::format("s{}", number), .function = number};
    std::optional<Available> driver;
    if (random_.chance(0.5)) {
      if (const Available* list = some_available(true)) driver = *list;
    }
    if (driver) {
      step.foreach = driver->source;
      if (random_.chance(0.4)) step.concurrency = static_cast<std::uint32_t>(1 + random_.below(3));
    }
    const std::uint64_t slots = 1 + random_.below(3);
    bool has_stream = false;
    for (std::uint64_t i = 0; i < slots; ++i) {
      has_stream |= add_slot(function, step, driver, driver && i == 0);
    }
    add_function_outputs(function, driver.has_value());

    Behaviour behaviour;
    behaviour.maps = has_stream && function.outputs[0].type.is_list() && random_.chance(0.7);
    if (random_.chance(options_.failing_function)) {
      behaviour.fails_one_in = static_cast<std::uint32_t>(1 + random_.below(6));
      behaviour.failure = random_.chance(0.7) ? "ValueError" : "InvalidOutput";
    }
    for (std::uint32_t before = 0; before < number; ++before) {
      if (random_.chance(0.08)) step.after.push_back(before);
    }
    if (random_.chance(0.75)) {
      model::Retry retry{.attempts = static_cast<std::uint32_t>(1 + random_.below(5)),
                         .backoff = std::chrono::milliseconds(1 + random_.below(500)),
                         .factor = 1 + random_.unit() * 2,
                         .backoff_max = std::chrono::milliseconds(500 + random_.below(2000)),
                         .full_jitter = random_.chance(0.5)};
      if (random_.chance(0.2)) retry.errors = {"Crash", "Timeout"};
      if (random_.chance(0.1)) retry.errors = {"Exception"};  // The base of ValueError.
      step.retry = std::move(retry);
    }
    step.timeout = std::chrono::milliseconds(200 + random_.below(5000));
    scenario_.behaviours.push_back(std::move(behaviour));

    for (std::uint32_t output = 0; output < function.outputs.size(); ++output) {
      const model::Type& type = function.outputs[output].type;
      available_.push_back({model::StepRef{number, output},
                            static_cast<std::uint8_t>(type.lists + (driver ? 1 : 0)), true});
    }
    scenario_.app->functions.push_back(std::move(function));
    workflow().steps.push_back(std::move(step));
  }

  // Whether it is a stream.
  bool add_slot(model::Function& function, model::Step& step,
                const std::optional<Available>& driver, bool prefer_item) {
    const auto port = static_cast<std::uint32_t>(function.inputs.size());
    Available what{.source = model::Literal{Json(std::int64_t{port})}};
    if (driver && (prefer_item ? random_.chance(0.85) : random_.chance(0.1))) {
      what = {model::ItemRef{}, static_cast<std::uint8_t>(driver->lists - 1), false};
    } else if (driver && random_.chance(0.1)) {
      what = {.source = model::IndexRef{}};
    } else if (!random_.chance(0.08)) {
      what = *some_available(false);
    }
    const bool is_data = !std::holds_alternative<model::Literal>(what.source) &&
                         !std::holds_alternative<model::IndexRef>(what.source);
    Access access = Access::kWhole;
    if (is_data && random_.chance(0.5)) access = what.lists > 0 ? Access::kStream : Access::kPipe;
    const bool optional = what.may_be_absent && random_.chance(0.5);
    function.inputs.push_back(
        {.name = fmt::format("p{}", port), .type = type_of(what.lists, access, optional)});
    step.slots.push_back({.port = port, .source = what.source});
    return access == Access::kStream;
  }

  void add_function_outputs(model::Function& function, bool in_foreach) {
    const std::uint64_t count = 1 + random_.below(2);
    for (std::uint64_t i = 0; i < count; ++i) {
      const bool is_list = random_.chance(in_foreach ? 0.2 : 0.5);
      const bool optional = !is_list && random_.chance(0.25);
      function.outputs.push_back({.name = fmt::format("o{}", i),
                                  .type = type_of(is_list ? 1 : 0, Access::kWhole, optional)});
    }
  }

  void add_outputs() {
    std::vector<const Available*> chosen;
    for (const Available& one : available_) {
      if (random_.chance(0.35)) chosen.push_back(&one);
    }
    if (chosen.empty()) chosen.push_back(&available_.back());
    for (const Available* one : chosen) {
      workflow().outputs.push_back(
          {.name = fmt::format("result{}", workflow().outputs.size()),
           .source = one->source,
           .type = type_of(one->lists, Access::kWhole, one->may_be_absent)});
    }
  }

  Random& random_;
  ScenarioOptions options_;
  Scenario scenario_;
  std::vector<Available> available_;
};

std::string source_text(const Source& source) {
  if (const auto* input = std::get_if<model::InputRef>(&source))
    return fmt::format("inputs.{}", input->input);
  if (const auto* step = std::get_if<model::StepRef>(&source)) {
    return fmt::format("s{}.o{}", step->step, step->output);
  }
  if (std::holds_alternative<model::ItemRef>(source)) return "item";
  if (std::holds_alternative<model::IndexRef>(source)) return "index";
  return "literal";
}

std::string type_text(const model::Type& type) {
  std::string text = type.optional ? "optional " : "";
  if (type.access == Access::kPipe) text += "pipe";
  if (type.access == Access::kStream) text += "stream";
  if (type.access == Access::kWhole) text += type.lists > 0 ? "list" : "one";
  if (type.lists > 1) text += " of lists";
  return text;
}

}  // namespace

Scenario random_scenario(Random& random, const ScenarioOptions& options) {
  return Builder(random, options).build();
}

std::string to_text(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kAbsent:
      return "absent";
    case Value::Kind::kUnknown:
      return "unknown";
    case Value::Kind::kOne:
      return fmt::format("{:08x}", value.digest >> 32);
    case Value::Kind::kList:
      break;
  }
  std::string text = "[";
  for (const Value& item : value.items) text += (text.size() > 1 ? " " : "") + to_text(item);
  return text + "]";
}

std::string to_text(const Scenario& scenario) {
  std::string text;
  for (std::size_t i = 0; i < scenario.inputs.size(); ++i) {
    text += fmt::format("  inputs.{}: {}\n", i, to_text(scenario.inputs[i]));
  }
  for (std::uint32_t i = 0; i < scenario.workflow().steps.size(); ++i) {
    const model::Step& step = scenario.step(i);
    const model::Function& function = scenario.function_of(i);
    text += fmt::format("  s{} on node {}:", i, scenario.node_of(i).value);
    if (step.foreach) text += fmt::format(" foreach {}", source_text(*step.foreach));
    if (step.concurrency > 0) text += fmt::format(" concurrency {}", step.concurrency);
    text += " (";
    for (const model::Slot& slot : step.slots) {
      text += fmt::format(" {}={}", type_text(function.inputs[slot.port].type),
                          source_text(slot.source));
    }
    text += " ) ->";
    for (const model::Port& port : function.outputs) text += " " + type_text(port.type);
    for (const std::uint32_t before : step.after) text += fmt::format(" after s{}", before);
    if (step.start == model::StartMode::kEarly) text += " early";
    const Behaviour& behaviour = scenario.behaviours[step.function];
    if (behaviour.maps) text += " maps";
    if (behaviour.fails_one_in > 0) {
      text += fmt::format(" fails 1/{} {}", behaviour.fails_one_in, behaviour.failure);
    }
    text += fmt::format(" attempts {}", step.retry ? step.retry->attempts : 1);
    if (step.retry && !step.retry->errors.empty()) text += " on " + step.retry->errors[0];
    text += "\n";
  }
  for (const model::WorkflowOutput& output : scenario.workflow().outputs) {
    text += fmt::format("  {}: {}\n", output.name, source_text(output.source));
  }
  return text;
}

}  // namespace sluice::sim
