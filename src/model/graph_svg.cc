#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/graph_text.h"

namespace sluice::model {
namespace {

constexpr std::int32_t kPaperMargin = 20;
constexpr std::int32_t kHeadHeight = 34;
constexpr std::int32_t kLegendHeight = 34;
constexpr std::int32_t kLegendEntry = 190;

constexpr std::array kCarries{Carries::kValue,     Carries::kElements,  Carries::kStream,
                              Carries::kWholeList, Carries::kCondition, Carries::kAfter};

std::string_view legend(Carries carries) {
  switch (carries) {
    case Carries::kElements:
      return "element by element";
    case Carries::kStream:
      return "while it is written";
    case Carries::kValue:
      return "one value";
    case Carries::kWholeList:
      return "the whole list";
    case Carries::kCondition:
      return "a condition";
    case Carries::kAfter:
      return "order alone (after)";
  }
  std::abort();  // Every kind is named above.
}

// Colours stand in classes twice, for light and dark: not every program that draws SVG knows
// variables of CSS.
constexpr std::string_view kStyle = R"(
text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: 11px; fill: #1f2328; white-space: pre; }
.head { font-size: 15px; font-weight: bold; }
.name { font-size: 13px; font-weight: bold; }
.key, .note { fill: #59636e; }
.label { font-size: 10.5px; fill: #59636e; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; paint-order: stroke; }
.paper { fill: #ffffff; }
.box { fill: #f6f8fa; stroke: #818b98; }
.input .box { fill: #ddf4ff; stroke: #54aeff; }
.output .box { fill: #dafbe1; stroke: #4ac26b; }
.inside { fill: #ffffff; stroke: #d1d9e0; }
.round { fill: none; stroke: #8250df; stroke-width: 1.6px; }
.link { fill: none; stroke-width: 1.3px; }
.value { stroke: #59636e; } .fill-value { fill: #59636e; }
.elements { stroke: #0969da; stroke-width: 2.4px; stroke-dasharray: 0.1 5; stroke-linecap: round; } .fill-elements { fill: #0969da; }
.stream { stroke: #1a7f37; stroke-width: 1.8px; stroke-dasharray: 8 3; } .fill-stream { fill: #1a7f37; }
.list { stroke: #bc4c00; stroke-width: 3px; } .fill-list { fill: #bc4c00; }
.condition { stroke: #8250df; stroke-dasharray: 3 3; } .fill-condition { fill: #8250df; }
.after { stroke: #59636e; stroke-dasharray: 12 4 2 4; } .fill-after { fill: #59636e; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.key, .note { fill: #9198a1; }
.label { fill: #9198a1; stroke: #0d1117; }
.paper, .inside { fill: #0d1117; }
.box { fill: #1b222c; stroke: #7d8590; }
.input .box { fill: #0c2d4d; stroke: #388bfd; }
.output .box { fill: #0f2f1a; stroke: #3fb950; }
.inside { stroke: #3d444d; }
.round { stroke: #bc8cff; }
.value { stroke: #9198a1; } .fill-value { fill: #9198a1; }
.elements { stroke: #58a6ff; } .fill-elements { fill: #58a6ff; }
.stream { stroke: #3fb950; } .fill-stream { fill: #3fb950; }
.list { stroke: #f0883e; } .fill-list { fill: #f0883e; }
.condition { stroke: #bc8cff; } .fill-condition { fill: #bc8cff; }
.after { stroke: #9198a1; } .fill-after { fill: #9198a1; }
}
)";

// Text of XML; what XML cannot hold becomes a space.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\n':
        out += c;
        break;
      default:
        out += static_cast<unsigned char>(c) < ' ' || c == 0x7f ? ' ' : c;
    }
  }
  return out;
}

std::string_view class_of(const GraphNode& node) {
  switch (node.kind) {
    case GraphNode::Kind::kInput:
      return "input";
    case GraphNode::Kind::kStep:
      return "step";
    case GraphNode::Kind::kOutput:
      return "output";
  }
  std::abort();  // Every kind is named above.
}

// `split.chunks: element by element, for foreach`.
std::string words_of(const Graph& graph, const GraphLink& link) {
  const GraphNode& from = graph.nodes[link.from];
  std::string what = from.kind == GraphNode::Kind::kInput ? "inputs." + from.name : from.name;
  if (link.outputs.size() == 1) what += "." + link.outputs.front();
  const std::string ports = fmt::format("{}", fmt::join(link.ports, ", "));
  return fmt::format("{}: {}{}", what, legend(link.carries),
                     ports.empty() || link.carries == Carries::kAfter ? "" : ", for " + ports);
}

class Svg {
 public:
  std::string run(const Graph& graph, std::string_view name);

 private:
  void add_head(const Graph& graph, std::string_view name, std::int32_t width, std::int32_t height);
  void add_legend(std::int32_t y, std::int32_t width);
  void add_graph(const Graph& graph, const std::string& prefix);
  void add_link(const Graph& graph, const GraphLink& link);
  void add_node(const GraphNode& node, const std::string& prefix);
  void add_lines(const GraphNode& node, const std::string& prefix);
  void count(const Graph& graph);

  template <class... Values>
  void add(fmt::format_string<Values...> format, Values&&... values) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Values>(values)...);
  }

  std::string text_;
  std::array<bool, kCarries.size()> is_used_{};
};

void Svg::count(const Graph& graph) {
  for (const GraphLink& link : graph.links) is_used_[static_cast<std::size_t>(link.carries)] = true;
  for (const GraphNode& node : graph.nodes) {
    for (const GraphInside& inside : node.inside) {
      for (const Graph& inner : inside.graph) count(inner);
    }
  }
}

void Svg::add_link(const Graph& graph, const GraphLink& link) {
  if (link.points.size() < 3) return;
  const auto& points = link.points;
  const std::string_view kind = to_text(link.carries);
  std::string path = fmt::format("M{},{}", points[0].x, points[0].y);
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (i % 2 == 1) {
      if (points[i].x != points[i - 1].x) path += fmt::format("H{}", points[i].x);
      continue;
    }
    const LayoutPoint from = points[i - 1];
    // The arrow needs a straight end.
    const bool is_last = i + 1 == points.size();
    const std::int32_t to = points[i].x - (is_last ? 9 : 0);
    const std::int32_t middle = (from.x + to) / 2;
    path += fmt::format("C{},{} {},{} {},{}", middle, from.y, middle, points[i].y, to, points[i].y);
    if (is_last) path += fmt::format("H{}", to + 3);
  }
  const LayoutPoint end = points.back();
  add("<g><title>{}</title><path class=\"link {}\" d=\"{}\"/>", escaped(words_of(graph, link)),
      kind, path);
  if (link.carries == Carries::kAfter) {
    add("<path class=\"fill-{0}\" d=\"M{1},{2}h3v12h-3z\"/>", kind, end.x - 4, end.y - 6);
  } else {
    add("<path class=\"fill-{}\" d=\"M{},{}l-9,-4v8z\"/>", kind, end.x, end.y);
  }
  if (const std::string label = label_of(link); !label.empty()) {
    add("<text class=\"label\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", end.x - 12,
        end.y - 4, escaped(label));
  }
  text_ += "</g>\n";
}

void Svg::add_lines(const GraphNode& node, const std::string& prefix) {
  std::int32_t y = kTitleHeight;
  auto inside = node.inside.begin();
  for (std::size_t i = 0; i < node.lines.size(); ++i) {
    const GraphLine& line = node.lines[i];
    y += kLineHeight;
    add("<text x=\"{}\" y=\"{}\">", kBoxMargin + (line.is_inner ? kInnerIndent : 0), y - 5);
    if (!line.key.empty()) add("<tspan class=\"key\">{}</tspan> ", escaped(line.key));
    add("{}</text>\n", escaped(cut_text(line.text, kLineColumns)));
    for (; inside != node.inside.end() && inside->line == i + 1; ++inside) {
      if (inside->graph.empty()) continue;
      const Graph& graph = inside->graph.front();
      const std::int32_t height = graph.height + 2 * kBoxMargin;
      add("<rect class=\"inside\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"4\"/>\n",
          kBoxMargin, y + 4, node.width - 2 * kBoxMargin, height);
      add("<g transform=\"translate({},{})\">\n", inside->corner.x + kBoxMargin,
          inside->corner.y + kBoxMargin);
      add_graph(graph, inside_prefix(node, *inside, prefix));
      text_ += "</g>\n";
      y += height + 8;
    }
  }
}

void Svg::add_node(const GraphNode& node, const std::string& prefix) {
  std::string words = node.name;
  for (const GraphLine& line : node.lines) {
    words += fmt::format("\n{}{}{}", line.key, line.key.empty() || line.text.empty() ? "" : " ",
                         line.text);
  }
  add("<g id=\"{}\" class=\"{}\" transform=\"translate({},{})\"><title>{}</title>\n",
      escaped(id_of(node, prefix)), class_of(node), node.corner.x, node.corner.y, escaped(words));
  const std::int32_t corner = node.kind == GraphNode::Kind::kStep ? 5 : 14;
  // A foreach is a pile of tasks.
  for (int plate = node.is_foreach ? 2 : 0; plate >= 0; --plate) {
    add("<rect class=\"box\" x=\"{0}\" y=\"-{0}\" width=\"{1}\" height=\"{2}\" rx=\"{3}\"/>\n",
        plate * 4, node.width, node.height, corner);
  }
  add("<text class=\"name\" x=\"{}\" y=\"17\">{}</text>\n", kBoxMargin, escaped(node.name));
  if (node.is_loop) {
    add("<path class=\"round\" d=\"M{},9a5,5 0 1 0 5,3m1,-5v5h-5\"/>\n", node.width - 18);
  }
  add_lines(node, prefix);
  text_ += "</g>\n";
}

void Svg::add_graph(const Graph& graph, const std::string& prefix) {
  for (const GraphLink& link : graph.links) add_link(graph, link);
  for (const GraphNode& node : graph.nodes) add_node(node, prefix);
}

void Svg::add_head(const Graph& graph, std::string_view name, std::int32_t width,
                   std::int32_t height) {
  add("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" role=\"img\" aria-labelledby=\"graph-title graph-desc\">\n",
      width, height);
  add("<title id=\"graph-title\">Workflow {}</title>\n<desc id=\"graph-desc\">", escaped(name));
  std::vector<std::vector<std::string>> reads(graph.nodes.size());
  for (const GraphLink& link : graph.links) reads[link.to].push_back(words_of(graph, link));
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const GraphNode& node = graph.nodes[i];
    if (node.kind == GraphNode::Kind::kInput) continue;
    add("{} {}", node.kind == GraphNode::Kind::kStep ? "Step" : "Output", escaped(node.name));
    if (!reads[i].empty()) add(" reads {}", escaped(fmt::format("{}", fmt::join(reads[i], "; "))));
    text_ += ".\n";
  }
  add("</desc>\n<style>{}</style>\n<rect class=\"paper\" width=\"{}\" height=\"{}\"/>\n", kStyle,
      width, height);
  add("<text class=\"head\" x=\"{}\" y=\"{}\">{}</text>\n", kPaperMargin, kPaperMargin + 8,
      escaped(name));
}

void Svg::add_legend(std::int32_t y, std::int32_t width) {
  std::int32_t x = kPaperMargin;
  text_ += "<g id=\"legend\">\n";
  for (const Carries carries : kCarries) {
    if (!is_used_[static_cast<std::size_t>(carries)]) continue;
    if (x + kLegendEntry > width && x > kPaperMargin) {
      x = kPaperMargin;
      y += 18;
    }
    add("<path class=\"link {}\" d=\"M{},{}h34\"/><text class=\"note\" x=\"{}\" "
        "y=\"{}\">{}</text>\n",
        to_text(carries), x, y, x + 42, y + 4, legend(carries));
    x += kLegendEntry;
  }
  text_ += "</g>\n";
}

std::string Svg::run(const Graph& graph, std::string_view name) {
  count(graph);
  const auto kinds = static_cast<std::int32_t>(std::count(is_used_.begin(), is_used_.end(), true));
  const auto title = static_cast<std::int32_t>(text_columns(name) * 10);
  // Wide enough for two kinds of links beside each other.
  const std::int32_t least = std::max(title, std::min(kinds, 2) * kLegendEntry);
  const std::int32_t width = std::max(graph.width + 8, least) + 2 * kPaperMargin;
  const std::int32_t in_a_row = std::max((width - kPaperMargin) / kLegendEntry, 1);
  const std::int32_t legend_rows = (kinds + in_a_row - 1) / in_a_row;
  const std::int32_t top = kPaperMargin + kHeadHeight;
  const std::int32_t legend_y = top + graph.height + kLegendHeight;
  add_head(graph, name, width, legend_y + legend_rows * 18 + kPaperMargin - 10);
  add("<g transform=\"translate({},{})\">\n", kPaperMargin, top);
  add_graph(graph, "");
  text_ += "</g>\n";
  add_legend(legend_y, width);
  return text_ + "</svg>\n";
}

}  // namespace

std::string to_svg(const Graph& graph, std::string_view name) { return Svg().run(graph, name); }

}  // namespace sluice::model
