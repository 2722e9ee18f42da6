#include "model/graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/graph_text.h"
#include "model/lower_fixture.h"

namespace sluice::model {
namespace {

Graph graph(std::string_view workflows, std::size_t inside_max = kGraphInsideMax) {
  const App app = app_of(workflows);
  const Workflow* workflow = app.find_workflow("main");
  return workflow == nullptr ? Graph() : graph_of(app, *workflow, inside_max);
}

std::string links(const Graph& graph) {
  std::string text;
  for (const GraphLink& link : graph.links) {
    text += fmt::format("{} -> {}: {} {} for {}\n", graph.nodes[link.from].name,
                        graph.nodes[link.to].name, to_text(link.carries),
                        fmt::join(link.outputs, ","), fmt::join(link.ports, ","));
  }
  return text;
}

std::string lines(const Graph& graph, std::string_view name) {
  std::string text;
  for (const GraphNode& node : graph.nodes) {
    if (node.name != name) continue;
    for (const GraphLine& line : node.lines)
      text += fmt::format("{}{}: {}\n", line.is_inner ? "  " : "", line.key, line.text);
  }
  return text;
}

TEST(Graph, SaysOfEachLinkHowItIsRead) {
  EXPECT_EQ(links(graph(R"(  main:
    inputs: { n: int, j: json }
    steps:
      a: { call: many, in: { n: "${inputs.j}" } }
      b: { call: one, foreach: "${a.xs}", in: { x: "${item}", y: "${a.xs[index]}" } }
      c: { call: sum, in: { xs: "${b.r}" } }
      d: { call: one, in: { x: "${size(b.r)}", o: "${a.xs}" }, when: "${c.r > inputs.n}", after: [c] }
      e: { flow: inner, in: { l: "${b.r}", j: "${b.r}" } }
      f: { set: { l: "${first(a.xs, b.r)}" } }
    outputs: { xs: "${b.r}", d: "${d.r}", e: "${e.r}", f: "${f.l}" }
  inner:
    inputs: { l: list<int>, j: json }
    steps: { s: { call: sum, in: { xs: "${inputs.l}" } }, t: { call: many, in: { n: "${inputs.j}" } } }
    outputs: { r: "${s.r}", t: "${t.xs}" }
)")),
            R"(j -> a: value  for n
a -> b: elements xs for foreach,y
b -> c: stream r for xs
c -> d: condition r for when
n -> d: condition  for when
b -> d: list r for x
a -> d: list xs for o
c -> d: after  for after
b -> e: stream r for l
b -> e: list r for j
a -> f: stream xs for l
b -> f: stream r for l
b -> xs: stream r for 
d -> d: value r for 
e -> e: value r for 
f -> f: stream l for 
)");
}

TEST(Graph, ShowsAStepAsItIsWritten) {
  const Graph drawn = graph(R"(  main:
    inputs: { n: int, xs: list<int> }
    steps:
      a: { switch: [ { when: "${inputs.n > 1}", call: act, in: { x: 1 } }, { set: { r: 0 } } ], foreach: "${inputs.xs}", concurrency: 2, when: "${item > 0}", catch: [ { errors: [A, B] }, { set: { r: 1 } } ] }
      b: { set: { x: "${first(previous.x, 0) + 1}" }, while: "${previous.x < 3}", max: 5 }
      c: { wait: { ok: bool } }
      d: { wait: 30s }
      e: { fail: { name: Bad, message: m }, when: "${c.ok}", after: [d] }
    outputs: { a: "${a.r}", b: "${b.x + 1}", l: 5 }
)");
  EXPECT_EQ(lines(drawn, "a"), R"(foreach: inputs.xs
at most: 2 at a time
when: item > 0
case: inputs.n > 1
  call: act
else: 
  set: r = 0
replay: never
catch: A, B
  : outputs are absent
catch: any error
  set: r = 1
: list<optional<int>>
)");  // The last line is of the output, which has the same name.
  EXPECT_EQ(lines(drawn, "c"), "wait for: an answer: ok\n");
  EXPECT_EQ(lines(drawn, "d"), "wait for: 30s\n");
  EXPECT_EQ(lines(drawn, "e"), "when: c.ok\nfail: Bad\n");
  EXPECT_EQ(lines(drawn, "n"), ": int\n");
  EXPECT_EQ(lines(drawn, "l"), ": 5\n: json\n");
}

constexpr std::string_view kNested = R"(  main:
    inputs: { n: int }
    steps:
      a: { flow: mid, in: { n: "${inputs.n}" } }
      b: { switch: [ { when: "${a.r > 1}", flow: leaf, in: { n: 1 } }, { flow: leaf, in: { n: 2 } } ] }
    outputs: { r: "${b.r}" }
  mid:
    inputs: { n: int }
    steps: { l: { flow: leaf, foreach: [1, 2], in: { n: "${item}" } }, m: { flow: leaf, in: { n: "${inputs.n}" } } }
    outputs: { r: "${m.r}", l: "${l.r}" }
  leaf:
    inputs: { n: int }
    steps: { s: { call: one, in: { x: "${inputs.n}" } } }
    outputs: { r: "${s.r}" }
)";

TEST(Graph, DrawsFlowsInsideOfTheirSteps) {
  const Graph drawn = graph(kNested);
  const GraphNode& a = drawn.nodes[1];
  ASSERT_EQ(a.inside.size(), 1U);
  ASSERT_EQ(a.inside[0].graph.size(), 1U);
  const Graph& mid = a.inside[0].graph[0];
  EXPECT_EQ(mid.name, "mid");
  EXPECT_GT(a.width, mid.width);
  EXPECT_GT(a.height, mid.height);
  EXPECT_EQ(mid.nodes[1].inside.at(0).graph.at(0).name, "leaf");
  EXPECT_EQ(drawn.nodes[2].inside.size(), 2U);  // One per branch.
  const std::string svg = to_svg(drawn, "a.main");
  for (const char* id : {"step-a.l.s", "step-a.m.s", "step-b.0.s", "step-b.1.s"})
    EXPECT_NE(svg.find(fmt::format("id=\"{}\"", id)), std::string::npos) << id;
}

TEST(Graph, LeavesFlowsShutThatWouldBeTooMuch) {
  const Graph drawn = graph(kNested, 12);
  EXPECT_EQ(drawn.nodes[1].inside[0].graph.size(), 1U);  // mid: 6 of 12.
  const Graph& mid = drawn.nodes[1].inside[0].graph[0];
  EXPECT_EQ(mid.nodes[1].inside[0].graph.size(), 1U);
  EXPECT_TRUE(mid.nodes[2].inside[0].graph.empty());
  EXPECT_EQ(to_dot(drawn, "a.main").find("step-a.m.s"), std::string::npos);
  EXPECT_TRUE(graph(kNested, 0).nodes[1].inside[0].graph.empty());
}

TEST(Graph, EscapesWhatAuthorsWrite) {
  const Graph drawn = graph(R"(  main:
    steps: { a: { set: { x: "${'<b>&\"\\\\'}" } } }
    outputs: { x: "${a.x}" }
)");
  const std::string svg = to_svg(drawn, "a.main");
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  EXPECT_NE(svg.find("&lt;b&gt;&amp;"), std::string::npos);
  const std::string dot = to_dot(drawn, "a.main");
  EXPECT_NE(dot.find(R"(<b>&\")"), std::string::npos);
}

TEST(Graph, CutsLongTextAtACharacter) {
  EXPECT_EQ(cut_text("short", 5), "short");
  EXPECT_EQ(cut_text("longer", 5), "long…");
  EXPECT_EQ(cut_text("ää äää", 5), "ää ä…");
  EXPECT_EQ(cut_text("漢字漢", 5), "漢字…");
  EXPECT_EQ(cut_text("a\nb", 5), "a b");
}

}  // namespace
}  // namespace sluice::model
