// Each key, and keys that nest, against the plan that they are lowered into.

#include "model/lower.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/describe.h"
#include "model/draft.h"
#include "model/parse.h"
#include "model/plan_promises.h"

namespace sluice::model {
namespace {

constexpr std::string_view kFunctions = R"(app: a
functions:
  one: { runtime: python3, handler: f.one, inputs: { x: int, y: { type: int, default: 1 }, o: optional<json> }, outputs: { r: int, s: optional<int> } }
  many: { runtime: python3, handler: f.many, inputs: { n: json }, outputs: { xs: list<int> } }
  sum: { runtime: python3, handler: f.sum, inputs: { xs: stream<int> }, outputs: { r: int } }
  act: { runtime: python3, handler: f.act, inputs: { x: int }, outputs: { r: int }, replay: never, cache: false, retry: { attempts: 2 } }
workflows:
)";

App app_of(std::string_view workflows) {
  Mistakes mistakes;
  const Limits limits;
  const auto draft = parse_app(std::string(kFunctions) + std::string(workflows), limits, mistakes);
  std::optional<App> app;
  if (draft != nullptr) app = check_app(*draft, {}, limits, mistakes);
  for (const Mistake& mistake : mistakes) ADD_FAILURE() << to_text(mistake);
  if (!app) return {};
  check_promises(*app);
  return std::move(*app);
}

std::string lowered(std::string_view workflows) { return "\n" + describe(app_of(workflows)); }

TEST(Lowering, LinksAndLiteralsStayLinks) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { n: int, xs: list<int> }
    timeout: 1h
    on_failure: continue
    keep: all
    steps:
      b: { call: one, foreach: "${inputs.xs}", concurrency: 2, in: { x: "${item}", y: "${index}" }, retry: { attempts: 3 }, timeout: 5s }
      a: { call: sum, in: { xs: "${b.r}" }, after: [c] }
      c: { call: one, in: { x: 3, o: { deep: [1] } }, start: early, resources: { cpu: 2, memory: 1Gi } }
      d: { call: act, in: { x: "${inputs.n}" } }
      e: { call: one, in: { x: 1 }, cache: true }
    outputs: { r: "${a.r}", n: "${inputs.n}", c: [1, 2] }
)"),
            R"(
workflow main
  timeout 60 m
  on failure continue
  keep all
  input n: int
  input xs: list<int>
  #0 b: call one, foreach inputs.xs, concurrency 2, attempts 3, timeout 5 s
     x = item
     y = index
  #1 c: call one, early, cpu 2, memory 1.0 GiB
     x = 3
     o = {"deep":[1]}
  #2 a: call sum, after #1
     xs = #0.r
  #3 d: call act, effects
     x = inputs.n
  #4 e: call one, cache
     x = 1
  output r: int = #2.r
  output n: int = inputs.n
  output c: json = [1,2]
)");
}

TEST(Lowering, ComputedInputsAreHelpers) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { n: int, xs: list<int> }
    steps:
      a: { call: one, in: { x: "${inputs.n + 1}", o: { n: "${inputs.n}", id: "run ${run.id}" } } }
      b: { call: one, foreach: "${inputs.xs}", in: { x: "${item + a.r}", y: "${a.r * 2}", o: "${run.id}" } }
    outputs: { r: "${size(b.r)}" }
)"),
            R"(
workflow main
  input n: int
  input xs: list<int>
  #0 (a): compute ${inputs.n + 1}
     operand 0 = inputs.n
     -> x: int
  #1 (a): compute { n: ${inputs.n}, id: run ${run.id} }
     operand 0 = inputs.n
     operand 1 = run.id
     -> o: json
  #2 a: call one
     x = #0.x
     o = #1.o
  #3 (b): compute ${item + a.r}, foreach inputs.xs
     operand 0 = item
     operand 1 = #2.r
     -> x: int
  #4 (b): compute ${a.r * 2}
     operand 0 = #2.r
     -> y: int
  #5 (b): compute run.id
     operand 0 = run.id
     -> run.id: text
  #6 b: call one, foreach inputs.xs
     x = peer #3.x
     y = #4.y
     o = #5.run.id
  #7 (r): compute ${size(b.r)}
     operand 0 = #6.r
     -> r: int
  output r: int = #7.r
)");
}

TEST(Lowering, WhenIsAGate) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { n: int, xs: list<int> }
    steps:
      a: { call: one, when: "${inputs.n > 1}", in: { x: 1 } }
      b: { call: one, when: "${inputs.n > 1}", foreach: "${inputs.xs}", in: { x: "${item}" } }
      c: { call: one, when: "${item > 1}", foreach: "${inputs.xs}", in: { x: "${item}" } }
    outputs: { a: "${a.r}", b: "${b.r}", c: "${c.r}" }
)"),
            R"(
workflow main
  input n: int
  input xs: list<int>
  #0 (a): ask ${inputs.n > 1}
     operand 0 = inputs.n
     -> when: bool
  #1 a: call one
     x = 1
     gate #0.when
  #2 (b): ask ${inputs.n > 1}
     operand 0 = inputs.n
     -> when: bool
  #3 b: call one, foreach inputs.xs
     x = item
     gate #2.when
  #4 (c): ask ${item > 1}, foreach inputs.xs
     operand 0 = item
     -> when: bool
  #5 c: call one, foreach inputs.xs
     x = item
     gate peer #4.when
  output a: optional<int> = #1.r
  output b: optional<list<int>> = #3.r
  output c: list<optional<int>> = #5.r
)");
}

TEST(Lowering, SwitchChoosesOnePart) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { n: int, xs: list<int> }
    steps:
      a:
        switch:
          - { when: "${inputs.n > 1}", call: one, in: { x: "${inputs.n - 1}" } }
          - { when: "${inputs.n > 0}", set: { r: 1, why: "small" } }
          - { fail: { name: Negative, message: "${inputs.n}" } }
        after: [b]
        retry: { attempts: 2 }
        timeout: 3s
      b: { foreach: "${inputs.xs}", switch: [ { when: "${item > 1}", set: { r: "${item}" } }, { call: one, in: { x: "${item}" } } ] }
    outputs: { r: "${a.r}", why: "${a.why}", b: "${b.r}" }
)"),
            R"(
workflow main
  input n: int
  input xs: list<int>
  #0 (b): choose ${item > 1} | true, foreach inputs.xs
     operand 0 = item
     -> branch_0: bool
     -> branch_1: bool
  #1 b: compute r: ${item}, foreach inputs.xs
     operand 0 = item
     choice peer #0.branch_0
     -> r: int
  #2 b: call one, foreach inputs.xs
     x = item
     choice peer #0.branch_1
  #3 (b): compute first of 2 r, foreach inputs.xs
     operand 0 = peer #1.r
     operand 1 = peer #2.r
     -> r: int
  #4 (a): choose ${inputs.n > 1} | ${inputs.n > 0} | true
     operand 0 = inputs.n
     -> branch_0: bool
     -> branch_1: bool
     -> branch_2: bool
  #5 (a): compute ${inputs.n - 1}
     operand 0 = inputs.n
     -> x: int
  #6 a: call one, after #1, after #2, attempts 2, timeout 3 s
     x = #5.x
     choice #4.branch_0
  #7 a: compute r: 1, why: small, after #1, after #2, attempts 2, timeout 3 s
     choice #4.branch_1
     -> r: int
     -> why: text
  #8 a: fail Negative: ${inputs.n}, after #1, after #2, attempts 2, timeout 3 s
     operand 0 = inputs.n
     choice #4.branch_2
  #9 (a): compute first of 2 r
     operand 0 = #6.r
     operand 1 = #7.r
     -> r: int
  output r: int = #9.r
  output why: optional<text> = #7.why
  output b: list<int> = #3.r
)");
}

TEST(Lowering, CatchHasPartsForItsClauses) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { xs: list<int> }
    steps:
      a: { call: one, in: { x: 1 }, catch: {} }
      b: { call: one, in: { x: 1 }, catch: [ { errors: [A, B], call: act, in: { x: 2 } }, { set: { error: "${error.message}" } } ] }
      c: { call: one, foreach: "${inputs.xs}", in: { x: "${item}" }, catch: { call: one, in: { x: "${item}", o: "${error}" } } }
      d: { switch: [ { when: "${has(a.r)}", call: one, in: { x: 1 } }, { call: act, in: { x: 1 } } ], catch: { set: { r: 0, e: "${error.name}" } } }
      e: { set: { x: 1, y: "${a.r}" }, after: [b], catch: { set: { x: 2 } } }
    outputs: { a: "${a.r}", b: "${b.r}", be: "${b.error}", c: "${c.r}", d: "${d.r}", e: "${e.x}" }
)"),
            R"(
workflow main
  input xs: list<int>
  #0 a: call one, catch *
     x = 1
  #1 b: call one, catch A|B, catch *
     x = 1
  #2 b: call act, effects
     x = 2
     choice error #1.0
  #3 b: compute error: ${error.message}
     operand 0 = error #1.1
     choice error #1.1
     -> error: json
  #4 (b): compute first of 2 r
     operand 0 = #1.r
     operand 1 = #2.r
     -> r: optional<int>
  #5 c: call one, foreach inputs.xs, catch *
     x = item
  #6 (c): compute error, foreach inputs.xs
     operand 0 = error #5.0
     -> error: json
  #7 c: call one, foreach inputs.xs
     x = item
     o = peer #6.error
     choice error #5.0
  #8 (c): compute first of 2 r, foreach inputs.xs
     operand 0 = peer #5.r
     operand 1 = peer #7.r
     -> r: int
  #9 (c): compute first of 2 s, foreach inputs.xs
     operand 0 = peer #5.s
     operand 1 = peer #7.s
     -> s: optional<int>
  #10 (d): choose ${has(a.r)} | true
     operand 0 = #0.r
     -> branch_0: bool
     -> branch_1: bool
  #11 d: call one, catch *
     x = 1
     choice #10.branch_0
  #12 d: call act, catch *, effects
     x = 1
     choice #10.branch_1
  #13 (d): compute error
     operand 0 = error #11.0
     operand 1 = error #12.0
     -> error: optional<json>
  #14 d: compute r: 0, e: ${error.name}
     operand 0 = #13.error
     choice #13.error
     -> r: int
     -> e: json
  #15 (d): compute first of 3 r
     operand 0 = #11.r
     operand 1 = #12.r
     operand 2 = #14.r
     -> r: int
  #16 e: compute x: 1, y: ${a.r}, after #1, after #2, after #3, catch *
     operand 0 = #0.r
     -> x: int
     -> y: optional<int>
  #17 e: compute x: 2
     choice error #16.0
     -> x: int
  #18 (e): compute first of 2 x
     operand 0 = #16.x
     operand 1 = #17.x
     -> x: int
  output a: optional<int> = #0.r
  output b: optional<int> = #4.r
  output be: optional<json> = #3.error
  output c: list<int> = #8.r
  output d: int = #15.r
  output e: int = #18.x
)");
}

TEST(Lowering, WhileIsAWorkflowOfItsOwn) {
  EXPECT_EQ(lowered(R"(  main:
    inputs: { n: int, xs: list<int> }
    steps:
      a: { call: one, in: { x: "${first(previous.r, inputs.n)}", y: "${round}" }, while: "${previous.r < inputs.n && round < 9}", max: 10, retry: { attempts: 2 }, when: "${inputs.n > 0}", catch: { errors: [LoopLimit], set: { r: -1 } } }
      b: { foreach: "${inputs.xs}", call: one, in: { x: "${item}", y: "${index}", o: "${previous.r}" }, while: "${previous.s > item}", max: 3 }
      c: { set: { x: "${first(previous.x, 0) + 1}" }, while: "${previous.x < 3}", max: 5 }
    outputs: { a: "${a.r}", b: "${b.r}", c: "${c.x}" }
)"),
            R"(
workflow main
  input n: int
  input xs: list<int>
  #0 (a): ask ${inputs.n > 0}
     operand 0 = inputs.n
     -> when: bool
  #1 a: loop main.a at most 10 while output 2, catch LoopLimit
     inputs.n = inputs.n
     gate #0.when
     -> r: int
     -> s: optional<int>
  #2 a: compute r: -1
     choice error #1.0
     -> r: int
  #3 (a): compute first of 2 r
     operand 0 = #1.r
     operand 1 = #2.r
     -> r: int
  #4 (b): compute index, foreach inputs.xs
     operand 0 = index
     -> index: optional<int>
  #5 b: loop main.b at most 3 while output 2, foreach inputs.xs
     item = item
     index = peer #4.index
     -> r: int
     -> s: optional<int>
  #6 c: loop main.c at most 5 while output 1
     -> x: json
  output a: optional<int> = #3.r
  output b: list<int> = #5.r
  output c: json = #6.x
internal main.a
  input previous_r: optional<int> previous 0
  input inputs.n: optional<int>
  #0 (a): compute ${first(previous.r, inputs.n)}
     operand 0 = inputs.previous_r
     operand 1 = inputs.inputs.n
     -> x: int
  #1 (a): compute round
     operand 0 = round
     -> round: int
  #2 a: call one, attempts 2
     x = #0.x
     y = #1.round
  #3 (a): ask ${previous.r < inputs.n && round < 9}
     operand 0 = #2.r
     operand 1 = inputs.inputs.n
     operand 2 = round
     -> while: bool
  output r: int = #2.r
  output s: optional<int> = #2.s
  output while: bool = #3.while
internal main.b
  input item: optional<int>
  input index: optional<int>
  input previous_r: optional<int> previous 0
  #0 b: call one
     x = inputs.item
     y = inputs.index
     o = inputs.previous_r
  #1 (b): ask ${previous.s > item}
     operand 0 = #0.s
     operand 1 = inputs.item
     -> while: bool
  output r: int = #0.r
  output s: optional<int> = #0.s
  output while: bool = #1.while
internal main.c
  input previous_x: optional<json> previous 0
  #0 c: compute ${first(previous.x, 0) + 1}
     operand 0 = inputs.previous_x
     -> x: json
  #1 (c): ask ${previous.x < 3}
     operand 0 = #0.x
     -> while: bool
  output x: json = #0.x
  output while: bool = #1.while
)");
}

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
  EXPECT_EQ(a.action, "call");
  EXPECT_EQ(a.target, "one");
  EXPECT_EQ(a.foreach, "inputs.xs");
  EXPECT_EQ(a.when, "item > 1");
  EXPECT_TRUE(a.is_foreach);
  EXPECT_EQ(a.parts.size(), 3U);  // The condition, the input, the call.
  const WrittenStep& c = main.written[1];
  EXPECT_EQ(c.name, "c");
  EXPECT_TRUE(c.is_loop);
  EXPECT_EQ(c.loop, "previous.x < 3");
  const WrittenStep& b = main.written[2];
  EXPECT_EQ(b.action, "switch");
  EXPECT_EQ(b.target, "one|set");
  EXPECT_EQ(b.uses, std::vector<std::uint32_t>{0});
  EXPECT_EQ(b.after, std::vector<std::uint32_t>{1});
  EXPECT_EQ(b.catches, (std::vector<std::string>{"A|B", "*"}));
  EXPECT_GT(b.line, a.line);
  EXPECT_EQ(main.steps.back().written, kNoWritten);  // The output.
  EXPECT_EQ(app.find_workflow("main.c"), nullptr);   // Not to be run by name.
  EXPECT_TRUE(app.workflows.back().is_internal);
}

}  // namespace
}  // namespace sluice::model
