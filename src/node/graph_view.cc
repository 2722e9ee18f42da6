// The graph of a workflow as its author wrote it, with a layout (views.h: workflow_document).

#include <fmt/ranges.h>

#include "model/graph.h"
#include "node/views.h"

namespace sluice::node {
namespace {

Json texts_of(const std::vector<std::string>& texts) {
  Json list = Json::list();
  for (const std::string& text : texts) list.push(text);
  return list;
}

Json layout_of(const model::GraphNode& node) {
  Json layout;
  layout.set("column", node.column)
      .set("row", node.row)
      .set("x", std::int64_t{node.corner.x})
      .set("y", std::int64_t{node.corner.y})
      .set("width", std::int64_t{node.width})
      .set("height", std::int64_t{node.height});
  return layout;
}

Json bindings_of(const model::WrittenStep& step) {
  Json bindings = Json::map();
  for (const auto* actions : {&step.actions, &step.clauses}) {
    for (const model::WrittenAction& action : *actions) {
      for (const model::WrittenValue& value : action.in) bindings.set(value.name, value.text);
    }
  }
  return bindings;
}

Json step_json(const model::Workflow& workflow, const model::WrittenStep& step) {
  Json entry;
  entry.set("name", step.name);
  const std::string target = step.target();
  entry.set(step.action(), target.empty() ? Json(true) : Json(target));
  if (step.foreach) entry.set("foreach", step.foreach->text);
  if (step.when) entry.set("when", step.when->text);
  if (step.loop) entry.set("while", step.loop->text);
  if (!step.clauses.empty()) {
    Json catches = Json::list();
    for (const model::WrittenAction& clause : step.clauses)
      catches.push(clause.errors.empty() ? "*" : fmt::format("{}", fmt::join(clause.errors, "|")));
    entry.set("catch", std::move(catches));
  }
  entry.set("in", bindings_of(step));
  if (!step.after.empty()) {
    Json after = Json::list();
    for (const std::uint32_t before : step.after) after.push(workflow.written[before].name);
    entry.set("after", std::move(after));
  }
  return entry;
}

// `count`, `inputs.text`, `outputs.total`: where a link begins or ends.
std::string place_of(const model::GraphNode& node) {
  switch (node.kind) {
    case model::GraphNode::Kind::kInput:
      return "inputs." + node.name;
    case model::GraphNode::Kind::kStep:
      return node.name;
    case model::GraphNode::Kind::kOutput:
      return "outputs." + node.name;
  }
  return node.name;
}

Json links_of(const model::Graph& graph) {
  Json links = Json::list();
  for (const model::GraphLink& link : graph.links) {
    Json entry;
    entry.set("from", place_of(graph.nodes[link.from]))
        .set("to", place_of(graph.nodes[link.to]))
        .set("carries", model::to_text(link.carries))
        .set("outputs", texts_of(link.outputs))
        .set("ports", texts_of(link.ports));
    Json points = Json::list();
    for (const model::LayoutPoint& point : link.points)
      points.push(Json(Json::List{std::int64_t{point.x}, std::int64_t{point.y}}));
    links.push(entry.set("points", std::move(points)));
  }
  return links;
}

}  // namespace

Json workflow_document(const AppVersion& version, const model::Workflow& workflow) {
  const model::App& app = *version.app;
  // A workflow that runs in place has a document of its own.
  const model::Graph graph = model::graph_of(app, workflow, 0);
  auto node = graph.nodes.begin();
  Json document;
  document.set("name", version.name + "." + workflow.name)
      .set("app", version.name)
      .set("version", version.number);
  Json inputs = Json::list();
  for (const auto& input : workflow.inputs) {
    Json entry;
    entry.set("name", input.name).set("type", model::to_text(input.type));
    if (input.default_value) entry.set("default", *input.default_value);
    inputs.push(entry.set("layout", layout_of(*node++)));
  }
  Json steps = Json::list();
  for (const model::WrittenStep& step : workflow.written)
    steps.push(step_json(workflow, step).set("layout", layout_of(*node++)));
  Json outputs = Json::list();
  for (std::size_t i = 0; i < workflow.outputs.size(); ++i) {
    Json entry;
    entry.set("name", workflow.outputs[i].name)
        .set("type", model::to_text(workflow.outputs[i].type))
        .set("from", workflow.written_outputs[i].text);
    outputs.push(entry.set("layout", layout_of(*node++)));
  }
  return document.set("inputs", std::move(inputs))
      .set("outputs", std::move(outputs))
      .set("steps", std::move(steps))
      .set("links", links_of(graph));
}

}  // namespace sluice::node
