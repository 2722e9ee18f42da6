#include "model/graph.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::model {
namespace {

constexpr double kColumnWidth = 6.7;  // Of the text of lines and labels.
constexpr double kTitleColumnWidth = 7.9;
// Of one link. A label shows fewer, and who looks for one of more reads the file.
constexpr std::size_t kNamesMax = 32;

std::int32_t pixels(std::size_t columns, double width) {
  return static_cast<std::int32_t>(static_cast<double>(columns) * width + 0.5);
}

std::string output_names(const WrittenAction& action) {
  return fmt::format("{}", fmt::join(action.outputs, ", "));
}

class Drawing {
 public:
  Drawing(const App& app, const Workflow& workflow, std::size_t& left)
      : app_(app), workflow_(workflow), left_(left) {}

  Graph run();

 private:
  void add_inputs();
  void add_step(std::uint32_t index);
  void add_outputs();
  void add_action(const WrittenAction& action, bool is_inner, GraphNode& node);
  void add_inside(const WrittenAction& action, GraphNode& node);
  void link_step(std::uint32_t index);
  void link(const WrittenValue& value, Reader reader, std::uint32_t to, const std::string& port);
  GraphLink& link_between(std::uint32_t from, std::uint32_t to, Carries carries);
  void place();

  std::uint32_t node_of_step(std::uint32_t step) const {
    return static_cast<std::uint32_t>(workflow_.inputs.size()) + step;
  }

  const App& app_;
  const Workflow& workflow_;
  std::size_t& left_;  // Nodes that may still be drawn inside of others.
  Graph graph_;
  std::map<std::tuple<std::uint32_t, std::uint32_t, Carries>, std::size_t> links_;
};

void add_line(GraphNode& node, std::string key, std::string text, bool is_inner = false) {
  node.lines.push_back({std::move(key), std::move(text), is_inner});
}

// What a flow inside needs is counted before it is drawn: a workflow that runs two that run two
// would else double with every level.
void Drawing::add_inside(const WrittenAction& action, GraphNode& node) {
  const Workflow& inner = app_.workflows[action.index];
  GraphInside inside{.workflow = inner.name, .graph = {}, .line = node.lines.size(), .corner = {}};
  const std::size_t size = inner.inputs.size() + inner.written.size() + inner.outputs.size() + 1;
  if (size <= left_) {
    left_ -= size;
    inside.graph.push_back(Drawing(app_, inner, left_).run());
  }
  node.inside.push_back(std::move(inside));
}

void Drawing::add_action(const WrittenAction& action, bool is_inner, GraphNode& node) {
  if (action.action == "call" || action.action == "flow") {
    add_line(node, action.action, action.target, is_inner);
  } else if (action.action == "wait") {
    add_line(node, "wait for",
             action.is_answer    ? "an answer: " + output_names(action)
             : action.in.empty() ? std::string()
                                 : bare(action.in.front()),
             is_inner);
  } else if (action.action == "fail") {
    add_line(node, "fail", action.in.empty() ? std::string() : bare(action.in.front()), is_inner);
  } else if (action.action == "set") {
    for (const WrittenValue& value : action.in)
      add_line(node, "set", fmt::format("{} = {}", value.name, bare(value)), is_inner);
  }
  if (action.action == "flow") add_inside(action, node);
}

void Drawing::add_step(std::uint32_t index) {
  const WrittenStep& step = workflow_.written[index];
  GraphNode node;
  node.index = index;
  node.name = step.name;
  node.is_foreach = step.is_foreach();
  node.is_loop = step.is_loop();
  if (step.foreach) add_line(node, "foreach", bare(*step.foreach));
  if (step.concurrency != 0)
    add_line(node, "at most", fmt::format("{} at a time", step.concurrency));
  if (step.when) add_line(node, "when", bare(*step.when));
  for (const WrittenAction& action : step.actions) {
    if (step.is_switch) {
      add_line(node, action.when ? "case" : "else", action.when ? bare(*action.when) : "");
    }
    add_action(action, step.is_switch, node);
  }
  if (step.loop) add_line(node, "while", bare(*step.loop));
  if (step.loop) add_line(node, "at most", fmt::format("{} rounds", step.rounds));
  const auto effects = [](const WrittenAction& action) { return action.effects; };
  if (std::ranges::any_of(step.actions, effects)) add_line(node, "replay", "never");
  for (const WrittenAction& clause : step.clauses) {
    const std::string errors =
        clause.errors.empty() ? "any error" : fmt::format("{}", fmt::join(clause.errors, ", "));
    add_line(node, "catch", errors);
    if (clause.action.empty()) add_line(node, "", "outputs are absent", true);
    add_action(clause, true, node);
  }
  graph_.nodes.push_back(std::move(node));
}

void Drawing::add_inputs() {
  for (std::uint32_t i = 0; i < workflow_.inputs.size(); ++i) {
    const WorkflowInput& input = workflow_.inputs[i];
    GraphNode node{.kind = GraphNode::Kind::kInput, .index = i, .name = input.name};
    add_line(
        node, "",
        to_text(input.type) + (input.default_value ? " = " + to_text(*input.default_value) : ""));
    graph_.nodes.push_back(std::move(node));
  }
}

void Drawing::add_outputs() {
  for (std::uint32_t i = 0; i < workflow_.outputs.size(); ++i) {
    GraphNode node{.kind = GraphNode::Kind::kOutput, .index = i, .name = workflow_.outputs[i].name};
    const WrittenValue& value = workflow_.written_outputs[i];
    const bool is_link =
        value.names.size() == 1 && "${" + value.names.front().text + "}" == value.text;
    if (!is_link) add_line(node, "", bare(value));
    add_line(node, "", to_text(workflow_.outputs[i].type));
    graph_.nodes.push_back(std::move(node));
  }
}

GraphLink& Drawing::link_between(std::uint32_t from, std::uint32_t to, Carries carries) {
  const auto [found, is_new] = links_.emplace(std::tuple(from, to, carries), graph_.links.size());
  if (is_new)
    graph_.links.push_back(
        {.from = from, .to = to, .carries = carries, .outputs = {}, .ports = {}, .points = {}});
  return graph_.links[found->second];
}

void Drawing::link(const WrittenValue& value, Reader reader, std::uint32_t to,
                   const std::string& port) {
  const auto add = [](std::vector<std::string>& names, const std::string& name) {
    if (names.size() < kNamesMax && std::ranges::find(names, name) == names.end())
      names.push_back(name);
  };
  for (const WrittenName& name : value.names) {
    const bool is_step = name.kind == WrittenName::Kind::kStep;
    if (!is_step && name.kind != WrittenName::Kind::kInput) continue;
    const std::uint32_t from = is_step ? node_of_step(name.owner) : name.owner;
    if (from == to) continue;  // The condition of a `while`.
    GraphLink& link = link_between(from, to, carried(name, value, reader));
    if (is_step) add(link.outputs, name.output);
    add(link.ports, port);
  }
}

void Drawing::link_step(std::uint32_t index) {
  const WrittenStep& step = workflow_.written[index];
  const std::uint32_t to = node_of_step(index);
  if (step.foreach) link(*step.foreach, Reader::kForeach, to, "foreach");
  if (step.when) link(*step.when, Reader::kCondition, to, "when");
  for (const auto* actions : {&step.actions, &step.clauses}) {
    for (const WrittenAction& action : *actions) {
      if (action.when) link(*action.when, Reader::kCondition, to, "case");
      for (const WrittenValue& value : action.in) link(value, reader_of(action), to, value.name);
    }
  }
  if (step.loop) link(*step.loop, Reader::kCondition, to, "while");
  for (const std::uint32_t before : step.after)
    link_between(node_of_step(before), to, Carries::kAfter).ports = {"after"};
}

std::int32_t line_width(const GraphLine& line) {
  const std::size_t columns = text_columns(line.key) +
                              (line.key.empty() || line.text.empty() ? 0 : 1) +
                              std::min(text_columns(line.text), kLineColumns);
  return pixels(columns, kColumnWidth) + (line.is_inner ? kInnerIndent : 0);
}

// The size of a box, and where the workflows inside of it stand.
void measure(GraphNode& node) {
  node.width = pixels(text_columns(node.name) + (node.is_loop ? 2 : 0), kTitleColumnWidth);
  for (const GraphLine& line : node.lines) node.width = std::max(node.width, line_width(line));
  std::int32_t y = kTitleHeight;
  auto inside = node.inside.begin();
  for (std::size_t i = 0; i < node.lines.size(); ++i) {
    y += kLineHeight;
    for (; inside != node.inside.end() && inside->line == i + 1; ++inside) {
      if (inside->graph.empty()) continue;
      const Graph& graph = inside->graph.front();
      inside->corner = {kBoxMargin, y + 4};
      node.width = std::max(node.width, graph.width + 2 * kBoxMargin);
      y += graph.height + 2 * kBoxMargin + 8;
    }
  }
  node.width += 2 * kBoxMargin;
  node.height = y + kBoxMargin - 2;
}

void Drawing::place() {
  std::vector<LayoutBox> boxes;
  for (GraphNode& node : graph_.nodes) {
    measure(node);
    boxes.push_back({.width = node.width,
                     .height = node.height,
                     .floats = node.kind == GraphNode::Kind::kInput,
                     .is_last = node.kind == GraphNode::Kind::kOutput});
  }
  std::vector<LayoutLink> links;
  for (const GraphLink& link : graph_.links) {
    links.push_back({link.from, link.to, pixels(text_columns(label_of(link)), kColumnWidth)});
  }
  Layout layout = lay_out(boxes, links);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    graph_.nodes[i].column = layout.boxes[i].column;
    graph_.nodes[i].row = layout.boxes[i].row;
    graph_.nodes[i].corner = layout.boxes[i].corner;
  }
  for (std::size_t i = 0; i < graph_.links.size(); ++i)
    graph_.links[i].points = std::move(layout.links[i]);
  graph_.width = layout.width;
  graph_.height = layout.height;
}

Graph Drawing::run() {
  graph_.name = workflow_.name;
  add_inputs();
  for (std::uint32_t i = 0; i < workflow_.written.size(); ++i) add_step(i);
  add_outputs();
  for (std::uint32_t i = 0; i < workflow_.written.size(); ++i) link_step(i);
  for (std::uint32_t i = 0; i < workflow_.written_outputs.size(); ++i) {
    link(workflow_.written_outputs[i], Reader::kSet,
         node_of_step(static_cast<std::uint32_t>(workflow_.written.size()) + i), "");
  }
  place();
  return std::move(graph_);
}

bool is_wide(char lead) { return static_cast<unsigned char>(lead) >= 0xe3; }
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::size_t text_columns(std::string_view text) {
  std::size_t columns = 0;
  for (const char c : text) columns += continues(c) ? 0 : is_wide(c) ? 2 : 1;
  return columns;
}

std::string cut_text(std::string_view text, std::size_t columns) {
  std::string line(text);
  // What an author broke into lines is one here.
  std::ranges::replace_if(line, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  if (text_columns(line) <= columns) return line;
  std::size_t used = 0;
  std::size_t end = 0;
  for (; end < line.size(); ++end) {
    if (continues(line[end])) continue;
    used += is_wide(line[end]) ? 2 : 1;
    if (used >= columns) break;
  }
  return line.substr(0, end) + "…";
}

std::string label_of(const GraphLink& link) {
  return cut_text(fmt::format("{}", fmt::join(link.ports, ", ")), kLabelColumns);
}

std::string id_of(const GraphNode& node, std::string_view prefix) {
  const std::string_view kind = node.kind == GraphNode::Kind::kInput    ? "input"
                                : node.kind == GraphNode::Kind::kOutput ? "output"
                                                                        : "step";
  return fmt::format("{}-{}{}", kind, prefix, node.name);
}

std::string inside_prefix(const GraphNode& node, const GraphInside& inside,
                          std::string_view prefix) {
  if (node.inside.size() == 1) return fmt::format("{}{}.", prefix, node.name);
  // Branches may run the same workflow.
  return fmt::format("{}{}.{}.", prefix, node.name, &inside - node.inside.data());
}

Graph graph_of(const App& app, const Workflow& workflow, std::size_t inside_max) {
  return Drawing(app, workflow, inside_max).run();
}

}  // namespace sluice::model
