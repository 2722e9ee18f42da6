// The graph of a workflow as its author wrote it, with a layout (views.h: workflow_document).

#include <algorithm>
#include <unordered_map>

#include "node/views.h"

namespace sluice::node {
namespace {

// An expression as it stands in the file; `text` is bare where it is one expression and no more.
std::string expression_text(const std::string& text) {
  return text.find("${") == std::string::npos ? "${" + text + "}" : text;
}

std::string output_text(const model::Workflow& workflow, const model::App& app, std::uint32_t step,
                        std::uint32_t output) {
  const model::Step& producer = workflow.steps[step];
  if (producer.helper && !producer.text.empty()) return expression_text(producer.text);
  const auto& outputs = producer.action == model::Action::kCall
                            ? app.functions[producer.function].outputs
                            : producer.outputs;
  return fmt::format("${{{}.{}}}", producer.name, outputs[output].name);
}

std::string source_text(const model::Workflow& workflow, const model::App& app,
                        const model::Source& source) {
  if (const auto* literal = std::get_if<model::Literal>(&source)) return to_text(literal->value);
  if (const auto* input = std::get_if<model::InputRef>(&source))
    return fmt::format("${{inputs.{}}}", workflow.inputs[input->input].name);
  if (const auto* step = std::get_if<model::StepRef>(&source))
    return output_text(workflow, app, step->step, step->output);
  if (const auto* peer = std::get_if<model::PeerRef>(&source))
    return output_text(workflow, app, peer->step, peer->output);
  if (std::holds_alternative<model::ItemRef>(source)) return "${item}";
  if (std::holds_alternative<model::IndexRef>(source)) return "${index}";
  if (std::holds_alternative<model::RoundRef>(source)) return "${round}";
  if (std::holds_alternative<model::RunIdRef>(source)) return "${run.id}";
  return "${error}";
}

const std::vector<model::Port>& inputs_of(const model::App& app, const model::Step& step,
                                          std::vector<model::Port>& scratch) {
  if (step.action == model::Action::kCall) return app.functions[step.function].inputs;
  scratch.clear();
  if (step.action == model::Action::kFlow || step.action == model::Action::kLoop) {
    for (const auto& input : app.workflows[step.workflow].inputs)
      scratch.push_back({.name = input.name, .type = input.type, .default_value = std::nullopt});
  }
  return scratch;
}

Json bindings_of(const model::Workflow& workflow, const model::App& app,
                 const model::WrittenStep& written) {
  Json bindings = Json::map();
  std::vector<model::Port> scratch;
  for (const std::uint32_t part : written.parts) {
    const model::Step& step = workflow.steps[part];
    if (step.helper) continue;
    const std::vector<model::Port>& ports = inputs_of(app, step, scratch);
    for (const model::Slot& slot : step.slots) {
      if (slot.use == model::Use::kPort && slot.port < ports.size())
        bindings.set(ports[slot.port].name, source_text(workflow, app, slot.source));
    }
    if (step.action == model::Action::kCompute && !step.text.empty()) {
      for (const model::Port& output : step.outputs)
        bindings.set(output.name, expression_text(step.text));
    }
  }
  return bindings;
}

Json step_json(const model::Workflow& workflow, const model::App& app,
               const model::WrittenStep& written) {
  Json entry;
  entry.set("name", written.name);
  entry.set(written.action, written.target.empty() ? Json(true) : Json(written.target));
  const auto set_text = [&](std::string_view key, const std::string& text) {
    if (!text.empty()) entry.set(key, expression_text(text));
  };
  set_text("foreach", written.foreach);
  set_text("when", written.when);
  set_text("while", written.loop);
  if (!written.catches.empty()) {
    Json catches = Json::list();
    for (const std::string& errors : written.catches) catches.push(errors);
    entry.set("catch", std::move(catches));
  }
  entry.set("in", bindings_of(workflow, app, written));
  if (!written.after.empty()) {
    Json after = Json::list();
    for (const std::uint32_t before : written.after) after.push(workflow.written[before].name);
    entry.set("after", std::move(after));
  }
  return entry;
}

}  // namespace

Json workflow_document(const AppVersion& version, const model::Workflow& workflow) {
  const model::App& app = *version.app;
  Json document;
  document.set("name", version.name + "." + workflow.name)
      .set("app", version.name)
      .set("version", version.number);
  Json inputs = Json::list();
  for (const auto& input : workflow.inputs) {
    Json entry;
    entry.set("name", input.name).set("type", model::to_text(input.type));
    if (input.default_value) entry.set("default", *input.default_value);
    inputs.push(std::move(entry));
  }
  Json outputs = Json::list();
  for (const auto& output : workflow.outputs) {
    Json entry;
    entry.set("name", output.name)
        .set("type", model::to_text(output.type))
        .set("from", source_text(workflow, app, output.source));
    outputs.push(std::move(entry));
  }
  // Layout: a step's column is the longest way to it, its row the place among those of its column.
  // Steps may be written in any order, so the ways are followed until none grows; there is no
  // cycle.
  std::vector<std::uint32_t> columns(workflow.written.size(), 0);
  for (bool grows = true; grows;) {
    grows = false;
    for (std::uint32_t i = 0; i < workflow.written.size(); ++i) {
      const auto follow = [&](const std::vector<std::uint32_t>& before) {
        for (const std::uint32_t one : before) {
          if (columns[i] > columns[one]) continue;
          columns[i] = columns[one] + 1;
          grows = true;
        }
      };
      follow(workflow.written[i].uses);
      follow(workflow.written[i].after);
    }
  }
  Json steps = Json::list();
  std::unordered_map<std::uint32_t, std::uint32_t> rows;
  for (std::uint32_t i = 0; i < workflow.written.size(); ++i) {
    Json entry = step_json(workflow, app, workflow.written[i]);
    Json layout;
    layout.set("column", columns[i]).set("row", rows[columns[i]]++);
    entry.set("layout", std::move(layout));
    steps.push(std::move(entry));
  }
  return document.set("inputs", std::move(inputs))
      .set("outputs", std::move(outputs))
      .set("steps", std::move(steps));
}

}  // namespace sluice::node
