// Each key against the plan that it is lowered into.

#include "model/lower_fixture.h"

namespace sluice::model {
namespace {

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

}  // namespace
}  // namespace sluice::model
