// Helpers that serve a step or an output and know nothing of either.

#include <fmt/format.h>

#include "model/internal/check_value.h"
#include "model/internal/lower_step.h"
#include "model/internal/small_programs.h"

namespace sluice::model {

std::uint32_t Building::add(Step step) {
  workflow.steps.push_back(std::move(step));
  return static_cast<std::uint32_t>(workflow.steps.size() - 1);
}

std::uint32_t add_value_helper(Building& building, std::string name, std::uint32_t written,
                               const Compiled& compiled, const Port& output, std::string text,
                               const SourceOf& source_of) {
  Step helper;
  helper.name = std::move(name);
  helper.written = written;
  helper.action = Action::kCompute;
  helper.helper = true;
  helper.program = compiled.program;
  for (std::uint32_t i = 0; i < compiled.names.size(); ++i) {
    helper.slots.push_back({i, source_of(compiled.names[i]), Use::kOperand});
  }
  helper.outputs = {output};
  helper.text = std::move(text);
  return building.add(std::move(helper));
}

std::uint32_t add_constant_helper(Building& building, std::string name, std::uint32_t written,
                                  const Json& value, const Port& output) {
  Port port{output.name, as_computed(output.type), std::nullopt};
  port.type.optional = false;
  return add_value_helper(building, std::move(name), written, {constant_program(value), {}}, port,
                          to_text(value), {});
}

std::uint32_t add_program(Building& building, const std::string& step,
                          const CheckedAction& action) {
  std::vector<Function>& functions = building.app.functions;
  functions.push_back(*action.command);
  functions.back().name = fmt::format("{}.{}", building.workflow.name, step);
  return static_cast<std::uint32_t>(functions.size() - 1);
}

}  // namespace sluice::model
