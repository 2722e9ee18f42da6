#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/graph_text.h"

namespace sluice::model {
namespace {

// A string of DOT; `\n` in it breaks the line.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out + '"';
}

std::string_view style_of(Carries carries) {
  switch (carries) {
    case Carries::kElements:
      return "style=dotted, penwidth=2, color=\"#0969da\"";
    case Carries::kStream:
      return "style=dashed, color=\"#1a7f37\"";
    case Carries::kValue:
      return "color=\"#57606a\"";
    case Carries::kWholeList:
      return "penwidth=3, color=\"#bc4c00\"";
    case Carries::kCondition:
      return "style=dashed, arrowhead=odiamond, color=\"#8250df\"";
    case Carries::kAfter:
      return "style=dashed, arrowhead=tee, color=\"#57606a\"";
  }
  return "";
}

class Dot {
 public:
  std::string run(const Graph& graph, std::string_view name) {
    text_ = fmt::format(
        "digraph {} {{\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\", fontsize=11];\n"
        "  edge [fontname=\"monospace\", fontsize=9];\n",
        quoted(name));
    add(graph, "", "  ");
    return text_ + "}\n";
  }

 private:
  void add(const Graph& graph, const std::string& prefix, const std::string& indent) {
    for (const GraphNode& node : graph.nodes) add(node, prefix, indent);
    for (const GraphLink& link : graph.links) {
      const std::string label = label_of(link);
      text_ += fmt::format("{}{} -> {} [{}{}];\n", indent, id(graph.nodes[link.from], prefix),
                           id(graph.nodes[link.to], prefix),
                           label.empty() ? "" : fmt::format("label={}, ", quoted(label)),
                           style_of(link.carries));
    }
  }

  static std::string id(const GraphNode& node, const std::string& prefix) {
    return quoted(id_of(node, prefix));
  }

  void add(const GraphNode& node, const std::string& prefix, const std::string& indent) {
    std::string label = node.name;
    for (const GraphLine& line : node.lines) {
      label += fmt::format("\n{}{}{}{}", line.is_inner ? "  " : "", line.key,
                           line.key.empty() || line.text.empty() ? "" : " ",
                           cut_text(line.text, kLineColumns));
    }
    std::string_view shape = node.kind == GraphNode::Kind::kStep ? "" : ", style=rounded";
    if (node.is_foreach) shape = ", peripheries=2";
    const std::string own =
        fmt::format("{} [label={}{}];\n", id(node, prefix), quoted(label), shape);
    bool has_inside = false;
    for (const GraphInside& inside : node.inside) has_inside = has_inside || !inside.graph.empty();
    if (!has_inside) {
      text_ += indent + own;
      return;
    }
    // The step is a node in its own cluster, so that links can lead to it.
    text_ += fmt::format("{}subgraph {} {{\n{}  {}", indent,
                         quoted(fmt::format("cluster-{}{}", prefix, node.name)), indent, own);
    for (const GraphInside& inside : node.inside) {
      if (!inside.graph.empty())
        add(inside.graph.front(), inside_prefix(node, inside, prefix), indent + "  ");
    }
    text_ += indent + "}\n";
  }

  std::string text_;
};

}  // namespace

std::string to_dot(const Graph& graph, std::string_view name) { return Dot().run(graph, name); }

}  // namespace sluice::model
