// Expressions, gates, errors as data, waits: what the lowered keys of a step are made of.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
namespace {

using Evaluation = FakeWorld::Evaluation;
using Kind = ComputedOutput::Kind;

// A gate that is open for even values of operand 0.
void if_even(Evaluation& e) {
  const Known known = e.look(0);
  if (known.state == Known::State::kAbsent) {
    e.use(0);
    e.give(0, Kind::kAbsent);
  } else if (const auto value = e.read(0)) {
    e.give(0, *value % 2 == 0 ? Kind::kFlag : Kind::kAbsent);
  }
}
// first(operand 0, operand 1, …)
FakeWorld::Program first_of(std::uint32_t operands) {
  return [operands](Evaluation& e) {
    for (std::uint32_t s = 0; s < operands; ++s) {
      const Known known = e.look(s);
      if (known.state == Known::State::kUnknown || !known.object.sealed) return e.need(s);
      e.use(s);
      if (known.state == Known::State::kObject) return e.give_reference(0, s);
    }
    e.give(0, Kind::kAbsent);
  };
}

TEST_P(SchedulerTest, an_expression_reads_a_value_and_its_result_feeds_a_task) {
  const auto a = plan.step({.name = "a"});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}}});
  const auto b = plan.step({.name = "b", .in = {{out_of(x)}}});
  plan.output(out_of(b));
  w.programs[x] = [](Evaluation& e) {
    if (const auto value = e.read(0)) e.give_value(0, *value + 1);
  };
  const RunKey run = submit();
  EXPECT_FALSE(w.runs(run, b));
  w.finish(run, a, 0, {41});
  EXPECT_EQ(w.live(run, b).inputs.at(0).values, (std::vector<Value>{42}));
  w.finish(run, b, 0, {7});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_reference_is_handed_on_without_a_copy_and_released_once_by_each_holder) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b"});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}, {out_of(b)}}});
  const auto c = plan.step({.name = "c", .in = {{out_of(x)}}});
  plan.output(out_of(x));
  w.programs[x] = first_of(2);
  const RunKey run = submit();
  w.done(w.live(run, a));  // Absent.
  EXPECT_FALSE(w.runs(run, c));
  w.finish(run, b, 0, {5});
  EXPECT_EQ(w.live(run, c).inputs.at(0).values, (std::vector<Value>{5}));
  w.finish(run, c, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{5}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_value_is_certain_before_the_operands_it_does_not_need) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b"});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}, {out_of(b)}}});
  const auto c = plan.step({.name = "c", .in = {{out_of(x)}}});
  w.programs[x] = first_of(2);
  const RunKey run = submit();
  w.finish(run, a, 0, {5});
  EXPECT_TRUE(w.runs(run, c));
  w.finish(run, c, 0, {1});
  EXPECT_EQ(w.state(run, c), TaskState::kSucceeded) << "it must not wait for b";
  w.finish(run, b, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_gate_decides_and_is_asked_anew_when_its_data_is_void) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto when = plan.compute({.name = "when", .in = {{out_of(a)}}});
  const auto b = plan.step({.name = "b", .gates = {out_of(when)}});
  const auto c = plan.step({.name = "c", .in = {{out_of(b)}}});
  plan.output(out_of(c));
  w.programs[when] = if_even;
  const RunKey run = submit();
  w.emit(w.live(run, a), 2);
  EXPECT_TRUE(w.runs(run, b)) << "it starts before its condition is committed";
  w.fail(w.live(run, a));
  w.advance(Duration(1));
  w.finish(run, a, 0, {3});
  EXPECT_FALSE(w.runs(run, b)) << "it never existed";
  EXPECT_EQ(w.state(run, b), TaskState::kSkipped);
  EXPECT_EQ(w.state(run, c), TaskState::kSkipped);
  EXPECT_TRUE(w.run(run).outputs[0].absent);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, the_same_value_again_keeps_what_was_decided_on_it) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto when = plan.compute({.name = "when", .in = {{out_of(a)}}});
  const auto b = plan.step({.name = "b", .gates = {out_of(when)}});
  w.programs[when] = if_even;
  const RunKey run = submit();
  w.emit(w.live(run, a), 2);
  const Attempt before = w.live(run, b).attempt;
  w.fail(w.live(run, a));
  w.advance(Duration(1));
  w.emit(w.live(run, a), 2);
  EXPECT_EQ(w.live(run, b).attempt, before);
  w.done(w.live(run, a));
  w.finish(run, b, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_answer_that_was_overtaken_is_asked_for_again) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}}});
  const auto b = plan.step({.name = "b", .in = {{out_of(x)}}});
  w.programs[x] = [](Evaluation& e) {
    if (const auto value = e.read(0)) e.give_value(0, *value + 1);
  };
  w.auto_compute = false;
  const RunKey run = submit();
  w.answer(w.evaluate());  // It needs a.
  w.emit(w.live(run, a), 1);
  const auto overtaken = w.evaluate();
  w.fail(w.live(run, a));
  w.answer(overtaken);
  EXPECT_FALSE(w.runs(run, b));
  w.advance(Duration(1));
  w.finish(run, a, 0, {10});
  while (!w.runs(run, b)) w.answer(w.evaluate());
  EXPECT_EQ(w.live(run, b).inputs.at(0).values, (std::vector<Value>{11}));
  w.finish(run, b, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, elements_that_come_later_overtake_no_answer) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto x = plan.compute({.name = "x", .foreach = out_of(a), .in = {{item()}}});
  plan.output(out_of(x));
  w.programs[x] = [](Evaluation& e) {
    if (const auto value = e.read(0)) e.give_value(0, *value + 1);
  };
  w.auto_compute = false;
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  const auto first = w.evaluate();
  w.emit(w.live(run, a), 2);
  w.answer(first);
  EXPECT_EQ(w.state(run, x, 0), TaskState::kFinished);
  w.answer(w.evaluate());
  w.done(w.live(run, a));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, gates_of_elements_are_asked_one_by_one) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto when = plan.compute({.name = "when", .foreach = out_of(a), .in = {{item()}}});
  const auto b =
      plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}, .gates = {peer(when)}});
  const auto c = plan.step({.name = "c", .in = {{.source = out_of(b)}}});
  w.programs[when] = if_even;
  const RunKey run = submit();
  w.emit(w.live(run, a), 0);
  EXPECT_TRUE(w.runs(run, b, 0)) << "before the list is closed";
  w.emit(w.live(run, a), 1);
  w.emit(w.live(run, a), 2);
  w.done(w.live(run, a));
  EXPECT_FALSE(w.runs(run, b, 1));
  w.finish(run, b, 2, {20});
  w.finish(run, b, 0, {10});
  EXPECT_EQ(w.live(run, c).inputs.at(0).values, (std::vector<Value>{10, kHoleValue, 20}));
  w.finish(run, c, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_error_in_an_input_fails_the_task_and_absence_wins_over_it) {
  for (const bool is_absent : {false, true}) {
    PlanBuilder both;
    plan = both;
    const auto a = plan.step({.name = "a"});
    const auto bad = plan.compute({.name = "bad", .in = {{out_of(a)}}});
    const auto b = plan.step({.name = "b", .in = {{out_of(bad)}, {out_of(a)}}});
    w.programs[bad] = [](Evaluation& e) {
      if (e.look(0).state == Known::State::kUnknown) return e.need(0);
      e.use(0);
      e.give(0, Kind::kBroken).failure = {.name = "BadExpression", .message = "no"};
    };
    const RunKey run = submit();
    if (is_absent)
      w.done(w.live(run, a));
    else
      w.finish(run, a, 0, {1});
    if (is_absent) {
      EXPECT_EQ(w.state(run, b), TaskState::kSkipped);
      expect_over(run, RunEnded::State::kSucceeded);
    } else {
      expect_over(run, RunEnded::State::kFailed);
      EXPECT_EQ(w.run(run).ended->failure->name, "BadExpression");
      EXPECT_EQ(w.run(run).ended->failed_task, (TaskKey{run, b, 0}));
    }
  }
}

TEST_P(SchedulerTest, each_output_that_an_expression_fails_to_give_says_its_own_why) {
  const auto a = plan.step({.name = "a"});
  const auto bad = plan.compute({.name = "bad", .in = {{out_of(a)}}, .out = {false, false}});
  w.programs[bad] = [](Evaluation& e) {
    if (!e.read(0)) return;
    for (const std::uint32_t port : {0U, 1U})
      e.give(port, Kind::kBroken).failure = {.name = "No", .message = std::to_string(port)};
  };
  std::vector<std::string> seen(2);
  for (const std::uint32_t port : {0U, 1U}) {
    const auto b = plan.step({.name = "b", .in = {{out_of(bad, port)}}, .catches = {{}}});
    const auto why = plan.compute({.name = "why", .in = {{error_of(b)}}});
    plan.output(out_of(why));
    w.programs[why] = [&seen, port](Evaluation& e) {
      const Known known = e.look(0);
      if (known.state == Known::State::kUnknown) return e.need(0);
      e.use(0);
      if (known.state == Known::State::kFailure) seen[port] = known.failure->message;
      e.give_value(0, 3);
    };
  }
  const RunKey run = submit();
  w.finish(run, a, 0, {1});
  EXPECT_EQ(seen, (std::vector<std::string>{"0", "1"}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_caught_failure_is_data_for_the_clause_that_names_it) {
  const auto a = plan.step({.name = "a", .catches = {{"Other"}, {"Refused"}}});
  const auto other = plan.step({.name = "other", .choices = {error_of(a, 0)}});
  const auto refused = plan.step({.name = "refused", .choices = {error_of(a, 1)}});
  const auto why = plan.compute({.name = "why", .in = {{error_of(a, 1)}}});
  const auto x =
      plan.compute({.name = "x", .in = {{out_of(a)}, {out_of(other)}, {out_of(refused)}}});
  plan.output(out_of(x));
  plan.output(out_of(why));
  std::string seen;
  w.programs[x] = first_of(3);
  w.programs[why] = [&](Evaluation& e) {
    const Known known = e.look(0);
    if (known.state == Known::State::kUnknown) return e.need(0);
    e.use(0);
    if (known.state == Known::State::kFailure) seen = known.failure->message;
    e.give_value(0, 3);
  };
  const RunKey run = submit();
  EXPECT_FALSE(w.runs(run, refused));
  w.emit(w.live(run, a), 1);
  EXPECT_TRUE(w.run(run).outputs[0].values.empty());
  w.fail(w.live(run, a), Failure{.name = "Sub", .message = "sold out", .bases = {"Refused"}});
  EXPECT_FALSE(w.runs(run, other));
  ASSERT_TRUE(w.runs(run, refused));
  w.finish(run, refused, 0, {9});
  EXPECT_EQ(output(run), (std::vector<Value>{9}));
  if (GetParam() == Cut::kOne) {
    EXPECT_EQ(seen, "sold out");
  }
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, the_list_of_a_task_that_is_caught_is_absent_and_not_empty) {
  const auto a = plan.step({.name = "a", .out = {true}, .catches = {{}}});
  const auto b = plan.step({.name = "b", .in = {{.source = out_of(a), .optional = true}}});
  plan.output(out_of(a));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  w.fail(w.live(run, a));
  ASSERT_TRUE(w.runs(run, b));
  EXPECT_FALSE(w.live(run, b).inputs.contains(0));
  w.finish(run, b, 0, {1});
  EXPECT_TRUE(w.run(run).outputs[0].absent);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_output_of_the_run_whose_expression_fails_fails_the_run) {
  const auto a = plan.step({.name = "a"});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}}});
  plan.output(out_of(x));
  w.programs[x] = [](Evaluation& e) {
    if (!e.read(0)) return;
    e.give(0, Kind::kBroken).failure = {.name = "BadExpression", .message = "no"};
  };
  const RunKey run = submit();
  w.finish(run, a, 0, {1});
  ASSERT_TRUE(w.run(run).ended.has_value());
  EXPECT_EQ(w.run(run).ended->failure->name, "BadExpression");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_P(SchedulerTest, a_foreach_over_a_list_that_an_expression_fails_to_give_fails) {
  const auto a = plan.step({.name = "a"});
  const auto list = plan.compute({.name = "list", .in = {{out_of(a)}}, .out = {true}});
  const auto each = plan.step({.name = "each", .foreach = out_of(list), .in = {{item()}}});
  plan.output(out_of(each));
  w.programs[list] = [](Evaluation& e) {
    if (e.look(0).state == Known::State::kUnknown) return e.need(0);
    e.use(0);
    e.give(0, Kind::kBroken).failure = {.name = "BadExpression", .message = "no list"};
  };
  const RunKey run = submit();
  w.finish(run, a, 0, {1});
  expect_over(run, RunEnded::State::kFailed);
  EXPECT_EQ(w.run(run).ended->failure->message, "no list");
  EXPECT_EQ(w.run(run).ended->failed_task, (TaskKey{run, list, 0}));
}

TEST_P(SchedulerTest, an_expression_that_has_looked_at_void_data_is_asked_again) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto b = plan.step({.name = "b"});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}, {out_of(b)}}});
  plan.output(out_of(x));
  // a is odd ? 7 : b
  w.programs[x] = [](Evaluation& e) {
    const auto value = e.read(0);
    if (!value) return;
    if (*value % 2 == 1) return e.give_value(0, 7);
    // As long as nothing is certain, what it has looked at is what it waits for.
    const auto other = e.read(1);
    if (other) return e.give_value(0, *other);
    e.answer.needs.insert(e.answer.needs.end(), e.answer.used.begin(), e.answer.used.end());
    e.answer.used.clear();
  };
  const RunKey run = submit();
  w.emit(w.live(run, a), 2);
  w.fail(w.live(run, a));
  w.advance(Duration(1));
  w.finish(run, a, 0, {3});
  EXPECT_EQ(output(run), (std::vector<Value>{7})) << "without b";
  w.finish(run, b, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST(SchedulerOnOneNode, a_step_that_is_skipped_as_a_whole_does_not_depend_on_its_list) {
  FakeWorld w(1);
  PlanBuilder plan;
  const auto list = plan.step({.name = "list", .out = {true}, .retry = attempts(2)});
  const auto never = plan.step({.name = "never"});
  const auto each =
      plan.step({.name = "each", .foreach = out_of(list), .in = {{item()}, {out_of(never)}}});
  const auto is_absent = plan.compute({.name = "is_absent", .in = {{out_of(each)}}});
  plan.output(out_of(is_absent));
  w.programs[is_absent] = [](Evaluation& e) {
    if (e.look(0).state != Known::State::kAbsent) return e.need(0);
    e.use(0);
    e.give_value(0, 1);
  };
  w.auto_settle = false;
  const RunKey run = w.submit(plan.app());
  w.emit(w.live(run, list), 5);
  w.done(w.live(run, never));
  w.deliver_one(0);  // The commit of `never`,
  w.deliver_one(0);  // and of the skip; that of the expression is under way.
  w.fail(w.live(run, list));
  w.settle();
  w.advance(Duration(1));
  w.done(w.live(run, list));
  w.settle();
  EXPECT_EQ(w.run(run).outputs[0].values, (std::vector<Value>{1}));
  ASSERT_TRUE(w.is_over(run));
  EXPECT_EQ(w.run(run).ended->state, RunEnded::State::kSucceeded);
  EXPECT_EQ(w.objects_alive(), 0U);
}

TEST_P(SchedulerTest, a_clause_that_is_not_needed_is_skipped_in_each_element) {
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto a =
      plan.step({.name = "a", .foreach = out_of(list), .in = {{item()}}, .catches = {{}}});
  const auto rescue = plan.step(
      {.name = "rescue", .foreach = out_of(list), .in = {{item()}}, .choices = {error_of(a)}});
  const auto x =
      plan.compute({.name = "x", .foreach = out_of(list), .in = {{peer(a)}, {peer(rescue)}}});
  plan.output(out_of(x));
  w.programs[x] = first_of(2);
  const RunKey run = submit();
  for (const Value v : {0, 1, 2}) w.emit(w.live(run, list), v);
  w.done(w.live(run, list));
  w.finish(run, a, 2, {12});
  w.fail(w.live(run, a, 1));
  w.finish(run, a, 0, {10});
  EXPECT_FALSE(w.runs(run, rescue, 0));
  w.finish(run, rescue, 1, {99});
  EXPECT_EQ(output(run), (std::vector<Value>{10, 99, 12}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_list_of_references_hands_on_each_when_it_is_there) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b"});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}, {out_of(b)}}, .out = {true}});
  const auto c = plan.step({.name = "c", .foreach = out_of(x), .in = {{item()}}});
  plan.output(out_of(x));
  w.programs[x] = [](Evaluation& e) {
    ComputedOutput& output = e.give(0, Kind::kList);
    output.pieces.push_back(Evaluation::reference(0));
    output.pieces.push_back(Evaluation::reference(1));
    output.pieces.push_back({.kind = Piece::Kind::kHole});
  };
  const RunKey run = submit();
  w.finish(run, a, 0, {1});
  EXPECT_TRUE(w.runs(run, c, 0)) << "while b still runs";
  w.finish(run, b, 0, {2});
  w.finish(run, c, 0, {3});
  w.finish(run, c, 1, {4});
  EXPECT_EQ(w.state(run, c, 2), TaskState::kSkipped);
  EXPECT_EQ(output(run), (std::vector<Value>{1, 2, kHoleValue}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, the_length_of_a_list_is_used_and_undone_with_its_end) {
  const auto source = plan.step({.name = "source", .retry = attempts(2)});
  const auto list = plan.step({.name = "list", .in = {{out_of(source)}}, .out = {true}});
  const auto x = plan.compute({.name = "x", .in = {{out_of(list)}}});
  const auto b = plan.step({.name = "b", .in = {{out_of(x)}}});
  w.programs[x] = [](Evaluation& e) {
    const Known known = e.look(0);
    if (known.state != Known::State::kList || !known.closed) return e.need(0);
    e.use(0);
    e.give_value(0, known.count);
  };
  const RunKey run = submit();
  w.emit(w.live(run, source), 1);
  w.emit(w.live(run, list), 5);
  w.done(w.live(run, list));
  EXPECT_EQ(w.live(run, b).inputs.at(0).values, (std::vector<Value>{1}));
  w.fail(w.live(run, source));
  w.advance(Duration(1));
  w.finish(run, source, 0, {2});
  w.emit(w.live(run, list), 5);
  w.emit(w.live(run, list), 6);
  w.done(w.live(run, list));
  EXPECT_EQ(w.live(run, b).inputs.at(0).values, (std::vector<Value>{2}));
  w.finish(run, b, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, with_on_failure_continue_all_goes_on_that_can) {
  plan.flow().on_failure = model::OnFailure::kContinue;
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto a = plan.step({.name = "a", .foreach = out_of(list), .in = {{item()}}});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  const auto bad = plan.step({.name = "bad"});
  const auto c = plan.step({.name = "c", .in = {{out_of(bad)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, list), 0);
  w.emit(w.live(run, list), 1);
  w.done(w.live(run, list));
  w.fail(w.live(run, a, 0), "First");
  w.fail(w.live(run, bad), "Second");
  EXPECT_FALSE(w.run(run).ended.has_value());
  EXPECT_EQ(w.state(run, c), TaskState::kSkipped);
  EXPECT_EQ(w.state(run, b, 0), TaskState::kSkipped);
  w.finish(run, a, 1, {11});
  w.finish(run, b, 1, {21});
  EXPECT_EQ(output(run), (std::vector<Value>{kHoleValue, 21}));
  expect_over(run, RunEnded::State::kFailed);
  EXPECT_TRUE(w.run(run).ended->failure->name == "First" ||
              (GetParam() != Cut::kOne && w.run(run).ended->failure->name == "Second"));
}

TEST_P(SchedulerTest, a_task_with_effects_starts_on_committed_data_only) {
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto mail =
      plan.step({.name = "mail", .foreach = out_of(list), .in = {{item()}}, .effects = true});
  const auto a = plan.step({.name = "a"});
  const auto pay = plan.step({.name = "pay", .in = {{out_of(a)}}, .effects = true});
  const RunKey run = submit();
  w.emit(w.live(run, list), 1);
  w.emit(w.live(run, a), 1);
  EXPECT_FALSE(w.runs(run, mail, 0));
  EXPECT_FALSE(w.runs(run, pay));
  w.done(w.live(run, list));
  w.done(w.live(run, a));
  EXPECT_TRUE(w.runs(run, mail, 0));
  EXPECT_TRUE(w.runs(run, pay));
  w.finish(run, mail, 0, {1});
  w.finish(run, pay, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_wait_ends_by_its_time_and_needs_no_slot) {
  const auto a = plan.step({.name = "a"});
  const auto wait = plan.wait({.name = "wait", .in = {{out_of(a)}}, .out = {}});
  const auto b = plan.step({.name = "b", .after = {wait}});
  set_slots(0);
  const RunKey run = submit();
  set_slots(1);
  w.emit(w.live(run, a), 50);
  EXPECT_FALSE(w.runs(run, wait)) << "not on what may still be void";
  w.done(w.live(run, a));
  set_slots(0);
  ASSERT_TRUE(w.runs(run, wait));
  EXPECT_EQ(w.live(run, wait).inputs.at(0).values, (std::vector<Value>{50}));
  w.apply(w.node_of(run, wait), WaitUntil{w.live(run, wait).attempt, w.now + Duration(50)});
  w.advance(Duration(49));
  EXPECT_EQ(w.state(run, wait), TaskState::kRunning);
  w.advance(Duration(1));
  EXPECT_EQ(w.state(run, wait), TaskState::kSucceeded);
  set_slots(1);
  w.finish(run, b, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_answer_ends_a_wait_and_its_time_limit_fails_it) {
  for (const bool is_answered : {true, false}) {
    PlanBuilder both;
    plan = both;
    const auto wait = plan.wait({.name = "wait", .out = {false}, .timeout = Duration(100)});
    plan.output(out_of(wait));
    const RunKey run = submit();
    w.advance(Duration(99));
    ASSERT_TRUE(w.runs(run, wait));
    if (is_answered) {
      w.finish(run, wait, 0, {5});
      EXPECT_EQ(output(run), (std::vector<Value>{5}));
      expect_over(run, RunEnded::State::kSucceeded);
    } else {
      w.advance(Duration(1));
      expect_over(run, RunEnded::State::kFailed);
      EXPECT_EQ(w.run(run).ended->failure->name, "Timeout");
    }
  }
}

TEST_P(SchedulerTest, a_fail_step_fails_with_what_it_is_made_from_or_is_skipped) {
  for (const bool is_absent : {false, true}) {
    PlanBuilder both;
    plan = both;
    const auto a = plan.step({.name = "a"});
    const auto bad = plan.compute({.name = "bad", .in = {{out_of(a)}}, .out = {}});
    w.programs[bad] = [](Evaluation& e) {
      const Known known = e.look(0);
      if (known.state == Known::State::kUnknown) return e.need(0);
      e.use(0);
      if (known.state == Known::State::kAbsent)
        e.answer.skipped = true;
      else
        e.answer.failure = Failure{.name = "NoTrip", .message = "full"};
    };
    const RunKey run = submit();
    if (is_absent) {
      w.done(w.live(run, a));
      EXPECT_EQ(w.state(run, bad), TaskState::kSkipped);
      expect_over(run, RunEnded::State::kSucceeded);
    } else {
      w.emit(w.live(run, a), 1);
      EXPECT_FALSE(w.run(run).ended.has_value()) << "not before it is committed";
      w.done(w.live(run, a));
      expect_over(run, RunEnded::State::kFailed);
      EXPECT_EQ(w.run(run).ended->failure->name, "NoTrip");
    }
  }
}

TEST_P(SchedulerTest, what_no_worker_may_say_changes_nothing) {
  const auto a = plan.step({.name = "a", .catches = {{}}});
  const auto wait = plan.wait({.name = "wait", .out = {false}});
  plan.output(out_of(a));
  plan.output(out_of(wait));
  const RunKey run = submit();
  const std::uint64_t stale = w.stale_events();
  const NodeId node = w.node_of(run, a);
  const ObjectId object = w.make_object(node, 1);
  // The port of its own error.
  w.apply(node, Emitted{w.live(run, a).attempt, 1, FakeWorld::object(object, 1)});
  w.apply(w.node_of(run, wait), TaskBlocked{w.live(run, wait).attempt});  // It holds no slot.
  EXPECT_EQ(w.stale_events(), stale + 2);
  w.finish(run, a, 0, {5});
  w.finish(run, wait, 0, {6});
  EXPECT_EQ(output(run), (std::vector<Value>{5}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, cancelling_a_run_drops_expressions_in_flight) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b"});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}, {out_of(b)}}, .out = {true}});
  w.programs[x] = [](Evaluation& e) {
    ComputedOutput& output = e.give(0, Kind::kList);
    output.pieces.push_back(Evaluation::reference(0));
    output.pieces.push_back(e.piece(7));
  };
  const RunKey run = submit();
  w.finish(run, b, 0, {2});
  w.cancel(run);
  expect_over(run, RunEnded::State::kCancelled);
}

}  // namespace
}  // namespace sluice::core::testing
