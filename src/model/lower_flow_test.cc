// Keys that make workflows of their own, and what is kept of the steps as written.

#include "model/lower_fixture.h"

namespace sluice::model {
namespace {

TEST(Lowering, FlowsGetObjectsAndDefaults) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { xs: list<int>, j: json }
    steps:
      a: { flow: inner, in: { n: 1, l: "${inputs.j}", j: "${inputs.xs}" } }
      b: { flow: inner, foreach: "${inputs.xs}", concurrency: 2, in: { n: "${index}", l: "${inputs.xs}", j: "${item}", d: "${item + 1}" } }
    outputs: { a: "${a.c}", b: "${b.r}" }
  inner:
    inputs: { n: int, l: list<int>, j: json, d: { type: int, default: 7 } }
    steps:
      a: { call: one, in: { x: "${inputs.n}", y: "${inputs.d}", o: "${inputs.j}" } }
      b: { call: sum, in: { xs: "${inputs.l}" } }
    outputs: { r: "${a.r}", c: 5, l: "${b.r}" }
)"),
            R"(
workflow main
  input xs: list<int>
  input j: json
  #0 (a): compute 1
     -> n: int
  #1 (a): compute l
     operand 0 = inputs.j
     -> l: list<int>
  #2 (a): compute j
     operand 0 = inputs.xs
     -> j: json
  #3 (a): compute 7
     -> d: int
  #4 a: flow inner
     n = #0.n
     l = #1.l
     j = #2.j
     d = #3.d
     -> r: int
     -> c: json
     -> l: int
  #5 (b): compute index, foreach inputs.xs
     operand 0 = index
     -> index: int
  #6 (b): compute ${item + 1}, foreach inputs.xs
     operand 0 = item
     -> d: int
  #7 (b): compute 7
     -> d: int
  #8 (b): compute first(d, default), foreach inputs.xs
     operand 0 = peer #6.d
     operand 1 = #7.d
     -> d: int
  #9 b: flow inner, foreach inputs.xs, concurrency 2
     n = peer #5.index
     l = inputs.xs
     j = item
     d = peer #8.d
     -> r: int
     -> c: json
     -> l: int
  output a: json = #4.c
  output b: list<int> = #9.r
workflow inner
  input n: int
  input l: list<int>
  input j: json
  input d: int = 7
  #0 a: call one
     x = inputs.n
     y = inputs.d
     o = inputs.j
  #1 b: call sum
     xs = inputs.l
  #2 (c): compute 5
     -> c: json
  output r: int = #0.r
  output c: json = #2.c
  output l: int = #1.r
)");
}

TEST(Lowering, ForeachOverAnything) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { n: int, j: json }
    steps:
      a: { call: one, foreach: "${range(inputs.n)}", in: { x: "${item}" } }
      b: { call: one, foreach: "${inputs.j}", in: { x: "${item}" } }
      c: { call: one, foreach: [1, null, 3], in: { x: "${item}" } }
      d: { call: one, foreach: ["${inputs.n}", 2], in: { x: "${item}" } }
      e: { call: one, foreach: "${a.r}", in: { x: "${item}", y: "${c.r[index]}" } }
    outputs: { a: "${a.r}", b: "${b.r}", c: "${c.r}", d: "${d.r}", e: "${e.r}" }
)"),
            R"(
workflow main
  input n: int
  input j: json
  #0 (a): compute ${range(inputs.n)}
     operand 0 = inputs.n
     -> foreach: list<int>
  #1 a: call one, foreach #0.foreach
     x = item
  #2 (b): compute foreach
     operand 0 = inputs.j
     -> foreach: list<json>
  #3 b: call one, foreach #2.foreach
     x = item
  #4 (c): compute [1,null,3]
     -> foreach: list<optional<int>>
  #5 c: call one, foreach #4.foreach
     x = item
  #6 (d): compute [${inputs.n}, 2]
     operand 0 = inputs.n
     -> foreach: list<int>
  #7 d: call one, foreach #6.foreach
     x = item
  #8 (e): compute ${c.r[index]}, foreach #1.r
     operand 0 = #5.r
     operand 1 = index
     -> y: optional<int>
  #9 e: call one, foreach #1.r
     x = item
     y = peer #8.y
  output a: list<int> = #1.r
  output b: list<int> = #3.r
  output c: list<optional<int>> = #5.r
  output d: list<int> = #7.r
  output e: list<int> = #9.r
)");
}

TEST(Lowering, ALimitOnSeveralPartsMakesAWorkflow) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { xs: list<int> }
    steps:
      a: { foreach: "${inputs.xs}", concurrency: 2, switch: [ { when: "${item > 1}", call: one, in: { x: "${item}" } }, { set: { r: 0 } } ], retry: { attempts: 2 } }
    outputs: { a: "${a.r}" }
)"),
            R"(
workflow main
  input xs: list<int>
  #0 a: flow main.a, foreach inputs.xs, concurrency 2
     item = item
     -> r: int
     -> s: optional<int>
  output a: list<int> = #0.r
internal main.a
  input item: optional<int>
  #0 (a): choose ${item > 1} | true
     operand 0 = inputs.item
     -> branch_0: bool
     -> branch_1: bool
  #1 a: call one, attempts 2
     x = inputs.item
     choice #0.branch_0
  #2 a: compute r: 0, attempts 2
     choice #0.branch_1
     -> r: int
  #3 (a): compute first of 2 r
     operand 0 = #1.r
     operand 1 = #2.r
     -> r: int
  output r: int = #3.r
  output s: optional<int> = #1.s
)");
}

TEST(Lowering, WaitsAndFailures) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { t: text, n: int }
    steps:
      a: { wait: 30s }
      b: { wait: "${inputs.t}", after: [a] }
      c: { wait: "${inputs.n}s", timeout: 1m }
      d: { wait: { ok: bool, note: optional<text> }, after: [c], timeout: 1h, catch: { errors: [Timeout], set: { ok: false } } }
      e: { fail: { name: "Not${inputs.t}", message: "no" }, when: "${!d.ok}" }
      f: { set: { x: 1, y: "${d.note}", z: "${inputs.n + 1}" } }
    outputs: { ok: "${d.ok}", y: "${f.y}", id: "${run.id}" }
)"),
            R"(
workflow main
  input t: text
  input n: int
  #0 a: wait for a time
     time = "30s"
  #1 b: wait for a time, after #0
     time = inputs.t
  #2 (c): compute ${inputs.n}s
     operand 0 = inputs.n
     -> time: text
  #3 c: wait for a time, timeout 60 s
     time = #2.time
  #4 d: wait for an answer, after #3, timeout 60 m, catch Timeout
     -> ok: bool
     -> note: optional<text>
  #5 d: compute ok: false
     choice error #4.0
     -> ok: bool
  #6 (d): compute first of 2 ok
     operand 0 = #4.ok
     operand 1 = #5.ok
     -> ok: bool
  #7 (e): ask ${!d.ok}
     operand 0 = #6.ok
     -> when: bool
  #8 e: fail Not${inputs.t}: no
     operand 0 = inputs.t
     gate #7.when
  #9 f: compute 1
     -> x: int
  #10 f: compute ${d.note}
     operand 0 = #4.note
     -> y: optional<text>
  #11 f: compute ${inputs.n + 1}
     operand 0 = inputs.n
     -> z: int
  #12 (id): compute ${run.id}
     operand 0 = run.id
     -> id: text
  output ok: bool = #6.ok
  output y: optional<text> = #10.y
  output id: text = #12.id
)");
}

TEST(Lowering, AListOfListsLeavesAFlowAsOneValue) {
  const App app = app_of(R"(  main:
    inputs: { n: int }
    steps:
      rows: { flow: row, foreach: "${range(inputs.n)}", in: { n: "${item}" } }
      one: { call: many, foreach: "${range(inputs.n)}", in: { n: "${item}" } }
    outputs: { xs: "${rows.xs}", ys: "${one.xs}" }
  row:
    inputs: { n: int }
    steps:
      cells: { flow: cell, foreach: "${range(inputs.n)}", in: { n: "${item}" } }
    outputs: { xs: "${cells.xs}" }
  cell:
    inputs: { n: int }
    steps:
      a: { call: many, in: { n: "${inputs.n}" } }
    outputs: { xs: "${a.xs}" }
)");
  const Workflow& row = *app.find_workflow("row");
  EXPECT_EQ(to_text(row.outputs[0].type), "json");
  const Step& helper = row.steps[std::get<StepRef>(row.outputs[0].source).step];
  EXPECT_TRUE(helper.helper);
  EXPECT_EQ(helper.action, Action::kCompute);
  EXPECT_EQ(to_text(helper.outputs[0].type), "json");
  EXPECT_EQ(to_text(app.find_workflow("cell")->outputs[0].type), "list<int>");
  const Workflow& main = *app.find_workflow("main");
  EXPECT_EQ(to_text(main.outputs[0].type), "list<json>");
  EXPECT_EQ(to_text(main.outputs[1].type), "list<list<int>>") << "no flow is left by it";
}

// What views and `explain` know of the steps as they were written.
TEST(Lowering, KeepsWhatTheAuthorWrote) {
  const App app = app_of(R"(  main:
    inputs: { n: int, xs: list<int> }
    steps:
      a: { call: one, foreach: "${inputs.xs}", when: "${item > 1}", in: { x: "${item + 1}" } }
      b: { switch: [ { when: "${inputs.n > 1}", call: one, in: { x: 1 } }, { set: { r: "${size(a.r)}" } } ], after: [c], catch: [ { errors: [A, B] }, { set: { r: 0 } } ] }
      c: { set: { x: "${first(previous.x, 0)}" }, while: "${previous.x < 3}", max: 5 }
    outputs: { b: "${b.r + 1}" }
)");
  const Workflow& main = *app.find_workflow("main");
  ASSERT_EQ(main.written.size(), 3U);
  const WrittenStep& a = main.written[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.action(), "call");
  EXPECT_EQ(a.target(), "one");
  ASSERT_TRUE(a.is_foreach());
  EXPECT_EQ(a.foreach->text, "${inputs.xs}");
  ASSERT_TRUE(a.when);
  EXPECT_EQ(a.when->text, "${item > 1}");
  EXPECT_EQ(a.parts.size(), 3U);  // The condition, the input, the call.
  const WrittenStep& c = main.written[1];
  EXPECT_EQ(c.name, "c");
  ASSERT_TRUE(c.is_loop());
  EXPECT_EQ(c.loop->text, "${previous.x < 3}");
  EXPECT_EQ(c.rounds, 5U);
  const WrittenStep& b = main.written[2];
  EXPECT_EQ(b.action(), "switch");
  EXPECT_EQ(b.target(), "one|set");
  EXPECT_EQ(b.uses, std::vector<std::uint32_t>{0});
  EXPECT_EQ(b.after, std::vector<std::uint32_t>{1});
  ASSERT_EQ(b.clauses.size(), 2U);
  EXPECT_EQ(b.clauses[0].errors, (std::vector<std::string>{"A", "B"}));
  EXPECT_EQ(b.clauses[1].action, "set");
  EXPECT_GT(b.line, a.line);
  EXPECT_EQ(main.steps.back().written, kNoWritten);  // The output.
  EXPECT_EQ(app.find_workflow("main.c"), nullptr);   // Not to be run by name.
  EXPECT_TRUE(app.workflows.back().is_internal);
}

}  // namespace
}  // namespace sluice::model
