// The sentences of `sluice explain`, by the keys that they are about.

#include "model/explain.h"

#include "model/lower_fixture.h"

namespace sluice::model {
namespace {

// What is said of the step, without the sentences around it.
std::string said(std::string_view workflows, std::string_view step) {
  const App app = app_of(workflows);
  if (app.find_workflow("main") == nullptr) return "no app";
  const std::string text = explain(app, *app.find_workflow("main"));
  const std::string head = "\n" + std::string(step) + "\n";
  const std::size_t begin = text.find(head);
  if (begin == std::string::npos) return "nothing is said of it:\n" + text;
  const std::size_t end = text.find("\n\n", begin + head.size());
  return text.substr(begin + head.size(), end + 1 - begin - head.size());
}

TEST(Explain, SaysWhatIsWaitedForFromTheFirstElementAndWhatWhole) {
  constexpr std::string_view kApp = R"(  main:
    inputs: { j: json }
    steps:
      a: { call: many, in: { n: "${inputs.j}" } }
      b: { call: one, foreach: "${a.xs}", in: { x: "${item}", y: "${a.xs[index]}", o: "${size(a.xs)}" } }
      c: { call: sum, in: { xs: "${b.r}" } }
      d: { call: one, in: { x: "${c.r}", o: "${b.r}" } }
    outputs: { d: "${d.r}", b: "${b.r}" }
)";
  EXPECT_EQ(said(kApp, "b"),
            R"(  - It calls the function one, one task for each element of a.xs.
  - Task i may start once element i is there, while the others are still being made: `foreach` is no
    barrier.
  - x gets the element.
  - y is `${a.xs[index]}`, which waits for one element of a.xs.
  - o is `${size(a.xs)}`, which waits for all of a.xs: the list is closed and every element there.
  - A failure fails the workflow once that is committed; what runs is cancelled.
)");
  EXPECT_EQ(said(kApp, "c"),
            R"(  - It calls the function sum.
  - xs waits for the first element of b.r, then is read on while it is made (the port is
    stream<int>).
  - A failure fails the workflow once that is committed; what runs is cancelled.
)");
  EXPECT_EQ(said(kApp, "d"),
            R"(  - It calls the function one.
  - x waits for c.r.
  - o waits for all of b.r: the list is closed and every element there (the port is optional<json>).
  - A failure fails the workflow once that is committed; what runs is cancelled.
)");
  EXPECT_EQ(said(kApp, "barriers"), R"(  - b: `in.o` waits for all of a.xs
  - d: `in.o` waits for all of b.r
)");
}

TEST(Explain, SaysWhatIsCommittedBeforeAndWhatSkipsAStep) {
  constexpr std::string_view kApp = R"(  main:
    on_failure: continue
    timeout: 1m
    inputs: { n: int, xs: list<int> }
    steps:
      a: { call: one, in: { x: "${inputs.n}" } }
      b: { call: act, when: "${a.r > 1 && inputs.n < 5}", in: { x: "${a.s}" }, after: [w] }
      w: { wait: "${string(a.r)}s" }
      c: { call: one, foreach: "${inputs.xs}", concurrency: 3, when: "${item > 1}", in: { x: "${item}" } }
    outputs: { b: "${b.r}", c: "${c.r}" }
)";
  EXPECT_EQ(said(kApp, "b"),
            R"(  - It calls the function act.
  - Nothing of it starts before all tasks of w are committed or skipped (`after`).
  - Unless `${a.r > 1 && inputs.n < 5}` is true the step is skipped, and the outputs are absent; it
    is asked once and needs a.r and inputs.n.
  - x waits for a.s.
  - It has effects outside (`replay: never`): it starts once all that it is made from is committed,
    never on early data.
  - It is skipped where a.s is absent: the port x is not optional and has no default.
  - It is tried 2 times in all, with a pause of 1 s, each 2 times the one before, 60 s at most, of
    random length up to that.
  - A failure fails the workflow once that is committed; what still can goes on (`on_failure:
    continue`).
)");
  EXPECT_EQ(said(kApp, "w"),
            R"(  - It waits as long as `${string(a.r)}s` says.
  - time is `${string(a.r)}s`, which needs a.r.
  - A `wait` begins once all that it is made from is committed, never on early data.
  - A failure fails the workflow once that is committed; what still can goes on (`on_failure:
    continue`).
)");
  EXPECT_EQ(said(kApp, "c"),
            R"(  - It calls the function one, one task for each element of inputs.xs.
  - Task i may start once element i is there, while the others are still uploaded: `foreach` is no
    barrier.
  - Unless `${item > 1}` is true the task is skipped, and the outputs are absent; it is asked for
    each element and needs the element.
  - x gets the element.
  - At most 3 of its tasks run at a time (`concurrency`).
  - A failure fails the workflow once that is committed; what still can goes on (`on_failure:
    continue`).
)");
  EXPECT_EQ(said(kApp, "barriers"),
            R"(  - w: `wait` waits for the commits of what it is made from: no early data
  - b: `after` waits for the end of w
  - b: `replay: never` waits for the commits of what it is made from: no early data
)");
}

TEST(Explain, SaysWhichBranchHowManyRoundsAndWhatAFailureDoes) {
  constexpr std::string_view kApp = R"(  main:
    inputs: { n: int }
    steps:
      a: { switch: [ { when: "${inputs.n > 9}", call: one, in: { x: 1 } }, { when: "${inputs.n > 3}", set: { r: 0 } } ], timeout: 5s, catch: [ { errors: [A, B], set: { r: "${size(error.message)}" } }, {} ] }
      b: { call: one, in: { x: "${first(previous.r, 1)}" }, while: "${previous.r < inputs.n}", max: 4 }
      c: { fail: { name: Bad }, when: "${inputs.n > 100}" }
      d: { flow: inner, in: { n: "${b.r}" } }
      e: { wait: { ok: bool } }
    outputs: { a: "${a.r}", d: "${d.r}", e: "${e.ok}" }
  inner: { inputs: { n: int }, steps: { s: { call: one, in: { x: "${inputs.n}" } } }, outputs: { r: "${s.r}" } }
)";
  EXPECT_EQ(said(kApp, "a"),
            R"(  - It takes the first branch whose condition is true.
  - If `${inputs.n > 9}`, it calls the function one.
  - If `${inputs.n > 3}`, it sets r.
  - If no condition is true it is skipped, and its outputs are absent.
  - The condition `${inputs.n > 9}` needs inputs.n.
  - The condition `${inputs.n > 3}` needs inputs.n.
  - An attempt may take 5 s, then it fails with Timeout.
  - If its attempts are used up with A or B, it sets r instead (`catch`).
  - If its attempts are used up with any error, its outputs are absent (`catch`).
  - A failure of the `catch` fails the workflow once that is committed; what runs is cancelled.
)");
  EXPECT_EQ(said(kApp, "b"),
            R"(  - It calls the function one.
  - x is `${first(previous.r, 1)}`, which waits for r of the round before.
  - After a round it is run again while `${previous.r < inputs.n}` is true, 4 rounds at most, then
    it fails with LoopLimit.
  - Outside only the outputs of the last round exist: who reads them waits for it (`while`).
  - The condition needs inputs.n.
  - A failure fails the workflow once that is committed; what runs is cancelled.
)");
  EXPECT_EQ(said(kApp, "c"),
            R"(  - It fails with Bad.
  - Unless `${inputs.n > 100}` is true the step is skipped, and the outputs are absent; it is asked
    once and needs inputs.n.
  - That fails the workflow once that is committed; what runs is cancelled.
)");
  EXPECT_EQ(said(kApp, "d"),
            R"(  - It runs the workflow inner in place.
  - The steps inside start each when what it uses itself is there; lists grow through it.
  - Inside, n needs b.r; nothing waits for it that does not use it.
  - A failure fails the workflow once that is committed; what runs is cancelled.
)");
  EXPECT_EQ(said(kApp, "e"),
            R"(  - It waits for an answer from outside (`sluice answer RUN e -i ok=…`).
  - It starts at once: it needs nothing.
  - A `wait` begins once all that it is made from is committed, never on early data.
  - A failure fails the workflow once that is committed; what runs is cancelled.
)");
}

TEST(Explain, SaysThatThereAreNoBarriersAndWhatARunResultsIn) {
  const App app = app_of(R"(  main:
    inputs: { xs: list<int>, y: { type: int, default: 7 } }
    steps:
      a: { call: one, foreach: "${inputs.xs}", in: { x: "${item}", y: "${inputs.y}" } }
    outputs: { r: "${a.r}", n: "${size(inputs.xs)}" }
)");
  const std::string text = explain(app, app.workflows.front());
  EXPECT_TRUE(
      text.starts_with("a.main\n  - A run is given xs (list<int>).\n"
                       "  - A run is given y (int; left out: `7`).\n\na\n"))
      << text;
  EXPECT_TRUE(text.ends_with(R"(
outputs
  - r is a.r; its elements can be fetched as each is committed.
  - n is `${size(inputs.xs)}`.
  - A result is committed after all that it was made from; until then it may be undone and made
    again. Clients see committed results only.

no barriers: every step starts with its first data
)")) << text;
}

}  // namespace
}  // namespace sluice::model
