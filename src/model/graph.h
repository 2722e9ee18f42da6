#pragma once

// A workflow as a graph, for people: what its author wrote, with the inputs in front and the
// outputs behind, what travels on each link, and where everything stands. One function for all that
// show it: `GET workflows/{name}`, `sluice graph`. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/layered_layout.h"
#include "model/plan.h"
#include "model/reading.h"

namespace sluice::model {

struct GraphLink {
  std::uint32_t from = 0;  // Index into Graph::nodes.
  std::uint32_t to = 0;
  Carries carries = Carries::kValue;
  std::vector<std::string> outputs;  // What is read of a step; of an input nothing.
  std::vector<std::string> ports;    // What reads it: ports, or keys like `foreach`.
  std::vector<LayoutPoint> points;   // As in Layout::links; within the graph.
};

struct Graph;

// A line of text in a node: `when`, `${x > 1}`.
struct GraphLine {
  std::string key;
  std::string text;
  bool is_inner = false;  // Belongs to the line above it: what a branch or a clause does.
};

// A workflow that runs in place, drawn inside.
struct GraphInside {
  std::string workflow;
  std::vector<Graph> graph;  // One; none where it would be too much to draw.
  std::size_t line = 0;      // It stands below this line.
  LayoutPoint corner;        // Within the node.
};

struct GraphNode {
  enum class Kind : std::uint8_t { kInput, kStep, kOutput };
  Kind kind = Kind::kStep;
  std::uint32_t index = 0;  // Of the input, the written step or the output in the workflow.
  std::string name;
  std::vector<GraphLine> lines;
  std::vector<GraphInside> inside;
  bool is_foreach = false;
  bool is_loop = false;
  std::uint32_t column = 0;
  std::uint32_t row = 0;
  LayoutPoint corner;
  std::int32_t width = 0;
  std::int32_t height = 0;
};

struct Graph {
  std::string name;
  std::vector<GraphNode> nodes;  // Inputs, steps, outputs, each in their order in the workflow.
  std::vector<GraphLink> links;
  std::int32_t width = 0;
  std::int32_t height = 0;
};

// Flows are drawn inside of their steps as long as that makes no more than `inside_max` nodes.
Graph graph_of(const App& app, const Workflow& workflow, std::size_t inside_max);
inline constexpr std::size_t kGraphInsideMax = 3000;

// By which the boxes were made: what draws them uses the same. In pixels.
inline constexpr std::int32_t kLineHeight = 16;
inline constexpr std::int32_t kTitleHeight = 24;
inline constexpr std::int32_t kBoxMargin = 10;
inline constexpr std::int32_t kInnerIndent = 14;
inline constexpr std::size_t kLineColumns = 44;   // Longer lines are cut.
inline constexpr std::size_t kLabelColumns = 22;  // Of a link.
// In columns of a font of fixed width: two for wide characters.
std::size_t text_columns(std::string_view text);
std::string cut_text(std::string_view text, std::size_t columns);
std::string label_of(const GraphLink& link);
// `step-count`; in flows with the names of the steps around it: `step-outer.inner`.
std::string id_of(const GraphNode& node, std::string_view prefix);
// The prefix of what is drawn inside of a node.
std::string inside_prefix(const GraphNode& node, const GraphInside& inside,
                          std::string_view prefix);

}  // namespace sluice::model
