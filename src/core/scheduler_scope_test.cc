// Flows and loops. On one node: the tasks of a scope run where the task runs that opened it.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
namespace {

using model::Access;
using Evaluation = FakeWorld::Evaluation;
using Kind = ComputedOutput::Kind;

class ScopeTest : public ::testing::Test {
 protected:
  FakeWorld w{1U};
  PlanBuilder plan;

  RunKey submit() { return w.submit(plan.app()); }
  void expect_over(RunKey run, RunEnded::State state) {
    ASSERT_TRUE(w.run(run).ended.has_value());
    EXPECT_EQ(w.run(run).ended->state, state);
    EXPECT_TRUE(w.is_over(run));
    EXPECT_EQ(w.objects_alive(), 0U);
    EXPECT_TRUE(w.scopes.empty());
  }
  std::vector<Value> output(RunKey run, std::uint32_t i = 0) {
    return w.run(run).outputs[i].values;
  }
  // inner(x) = b(a(x))
  std::uint32_t chain_of_two() {
    const std::uint32_t workflow = plan.begin();
    const model::Source x = plan.input();
    const auto a = plan.step({.name = "a", .in = {{x}}});
    const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
    plan.output(out_of(b));
    plan.begin(0);
    return workflow;
  }
};

TEST_F(ScopeTest, a_flow_runs_another_workflow_in_place) {
  const auto inner = chain_of_two();
  const auto first = plan.step({.name = "first"});
  const auto flow = plan.scope({.name = "flow", .in = {{out_of(first)}}}, inner);
  const auto last = plan.step({.name = "last", .in = {{out_of(flow)}}});
  plan.output(out_of(last));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  EXPECT_FALSE(w.runs_in(run, scope, 0));
  w.emit(w.live(run, first), 1);
  EXPECT_EQ(w.live_in(run, scope, 0).inputs.at(0).values, (std::vector<Value>{1}));
  w.finish_in(run, scope, 0, 0, {2});
  w.emit(w.live_in(run, scope, 1), 3);
  EXPECT_EQ(w.live(run, last).inputs.at(0).values, (std::vector<Value>{3}))
      << "before the flow is over";
  w.done(w.live_in(run, scope, 1));
  w.done(w.live(run, first));
  EXPECT_EQ(w.state(run, flow), TaskState::kSucceeded);
  w.finish(run, last, 0, {4});
  EXPECT_EQ(output(run), (std::vector<Value>{4}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, lists_grow_through_a_flow_element_by_element) {
  const std::uint32_t inner = plan.begin();
  const model::Source xs = plan.input(true);
  const auto each = plan.step({.name = "each", .foreach = xs, .in = {{item()}}});
  plan.output(out_of(each));
  plan.begin(0);
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto flow = plan.scope({.name = "flow", .in = {{out_of(list)}}, .out = {true}}, inner);
  const auto after = plan.step({.name = "after", .foreach = out_of(flow), .in = {{item()}}});
  const auto whole = plan.step({.name = "whole", .in = {{out_of(flow)}}});
  plan.output(out_of(after));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  w.emit(w.live(run, list), 0);
  w.emit(w.live(run, list), 1);
  w.finish_in(run, scope, each, 1, {11});
  EXPECT_TRUE(w.runs(run, after, 1)) << "elements come in any order";
  EXPECT_FALSE(w.runs(run, after, 0));
  w.done(w.live_in(run, scope, each, 0));  // A hole.
  w.finish(run, after, 1, {21});
  EXPECT_FALSE(w.runs(run, whole));
  w.done(w.live(run, list));
  EXPECT_EQ(w.live(run, whole).inputs.at(0).values, (std::vector<Value>{kHoleValue, 11}));
  w.finish(run, whole, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{kHoleValue, 21}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, each_element_of_a_foreach_has_a_scope_of_its_own) {
  const auto inner = chain_of_two();
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto flow = plan.scope({.name = "flow", .foreach = out_of(list), .in = {{item()}}}, inner);
  const auto after = plan.step({.name = "after", .foreach = out_of(flow), .in = {{item()}}});
  plan.output(out_of(after));
  const RunKey run = submit();
  w.emit(w.live(run, list), 0);
  w.emit(w.live(run, list), 1);
  const std::uint32_t one = w.scope_of(run, flow, 1);
  w.finish_in(run, one, 0, 0, {5});
  w.finish_in(run, one, 1, 0, {6});
  EXPECT_EQ(w.live(run, after, 1).inputs.at(0).values, (std::vector<Value>{6}));
  w.done(w.live(run, list));
  EXPECT_EQ(w.state(run, flow, 1), TaskState::kSucceeded);
  EXPECT_EQ(w.state(run, flow, 0), TaskState::kRunning);
  w.finish(run, after, 1, {7});
  const std::uint32_t zero = w.scope_of(run, flow, 0);
  w.finish_in(run, zero, 0, 0, {8});
  w.finish_in(run, zero, 1, 0, {9});
  w.finish(run, after, 0, {10});
  EXPECT_EQ(output(run), (std::vector<Value>{10, 7}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, what_a_void_attempt_fed_in_is_undone_inside_and_behind) {
  const auto inner = chain_of_two();
  const auto first = plan.step({.name = "first", .retry = attempts(3)});
  const auto flow = plan.scope({.name = "flow", .in = {{out_of(first)}}}, inner);
  const auto last = plan.step({.name = "last", .in = {{out_of(flow)}}});
  plan.output(out_of(last));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  w.emit(w.live(run, first), 1);
  w.finish_in(run, scope, 0, 0, {2});
  w.finish_in(run, scope, 1, 0, {3});
  const Attempt reader = w.live(run, last).attempt;
  w.fail(w.live(run, first));
  w.advance(Duration(1));
  w.emit(w.live(run, first), 1);
  EXPECT_EQ(w.live(run, last).attempt, reader) << "the same bytes: nothing has changed";
  w.fail(w.live(run, first));
  w.advance(Duration(1));
  w.emit(w.live(run, first), 100);
  EXPECT_EQ(w.live_in(run, scope, 0).inputs.at(0).values, (std::vector<Value>{100}));
  w.finish_in(run, scope, 0, 0, {200});
  w.finish_in(run, scope, 1, 0, {300});
  EXPECT_EQ(w.live(run, last).inputs.at(0).values, (std::vector<Value>{300}));
  w.done(w.live(run, first));
  w.finish(run, last, 0, {4});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, a_list_that_turns_out_shorter_is_shorter_inside) {
  const std::uint32_t inner = plan.begin();
  const model::Source xs = plan.input(true);
  const auto each = plan.step({.name = "each", .foreach = xs, .in = {{item()}}});
  const auto sum = plan.step({.name = "sum", .in = {{out_of(each)}}});
  plan.output(out_of(sum));
  plan.begin(0);
  const auto list = plan.step({.name = "list", .out = {true}, .retry = attempts(2)});
  const auto flow = plan.scope({.name = "flow", .in = {{out_of(list)}}}, inner);
  plan.output(out_of(flow));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  for (const Value v : {0, 1, 2}) w.emit(w.live(run, list), v);
  for (const std::uint32_t i : {0, 1, 2}) w.finish_in(run, scope, each, i, {10 + i});
  w.fail(w.live(run, list));
  w.advance(Duration(1));
  w.emit(w.live(run, list), 0);
  w.emit(w.live(run, list), 7);
  w.done(w.live(run, list));
  w.finish_in(run, scope, each, 1, {17});
  EXPECT_EQ(w.live_in(run, scope, sum).inputs.at(0).values, (std::vector<Value>{10, 17}));
  w.finish_in(run, scope, sum, 0, {27});
  EXPECT_EQ(output(run), (std::vector<Value>{27}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, what_is_absent_outside_is_absent_inside) {
  const std::uint32_t inner = plan.begin();
  const model::Source x = plan.input();
  const model::Source y = plan.input();
  const auto a = plan.step({.name = "a", .in = {{x}}});
  const auto b = plan.step({.name = "b", .in = {{y}}});
  plan.output(out_of(a));
  plan.output(out_of(b));
  plan.begin(0);
  const auto first = plan.step({.name = "first", .out = {false, false}});
  const auto flow = plan.scope(
      {.name = "flow", .in = {{out_of(first, 0)}, {out_of(first, 1)}}, .out = {false, false}},
      inner);
  plan.output(out_of(flow, 0));
  plan.output(out_of(flow, 1));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  w.finish(run, first, 0, {1});
  EXPECT_TRUE(w.runs_in(run, scope, a));
  EXPECT_FALSE(w.runs_in(run, scope, b));
  w.finish_in(run, scope, a, 0, {2});
  EXPECT_EQ(output(run, 0), (std::vector<Value>{2}));
  EXPECT_TRUE(w.run(run).outputs[1].absent);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, a_failure_inside_fails_the_flow_and_names_the_task) {
  const auto inner = chain_of_two();
  const auto first = plan.step({.name = "first"});
  const auto flow = plan.scope({.name = "flow", .in = {{out_of(first)}}}, inner);
  const auto other = plan.step({.name = "other"});
  plan.output(out_of(flow));
  const RunKey run = submit();
  w.finish(run, first, 0, {1});
  const std::uint32_t scope = w.scope_of(run, flow);
  w.fail(w.live_in(run, scope, 0), "Refused");
  EXPECT_EQ(w.run(run).ended->failed_task, (TaskKey{run, 0, 0, scope}));
  EXPECT_EQ(w.run(run).ended->failure->name, "Refused");
  EXPECT_FALSE(w.runs(run, other));
  expect_over(run, RunEnded::State::kFailed);
}

TEST_F(ScopeTest, a_retried_flow_starts_over) {
  const std::uint32_t inner = plan.begin();
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  plan.output(out_of(a));
  plan.begin(0);
  const auto flow = plan.scope({.name = "flow", .retry = attempts(2, Duration(10))}, inner);
  const auto last = plan.step({.name = "last", .in = {{out_of(flow)}}});
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  w.finish_in(run, scope, a, 0, {1});
  EXPECT_TRUE(w.runs(run, last));
  w.fail(w.live_in(run, scope, b));
  EXPECT_FALSE(w.run(run).ended.has_value());
  w.advance(Duration(10));
  const std::uint32_t again = w.scope_of(run, flow);
  EXPECT_NE(again, scope);
  ASSERT_EQ(w.closed.size(), 1U);
  EXPECT_TRUE(w.closed[0].is_void);
  w.finish_in(run, again, a, 0, {2});
  EXPECT_EQ(w.live(run, last).inputs.at(0).values, (std::vector<Value>{2}));
  w.finish_in(run, again, b, 0, {3});
  EXPECT_EQ(w.closed.back(), (ScopeClosed{run, again, false}));
  EXPECT_EQ(w.scheduler(NodeId{1})
                .step_counts(run, b, again)
                .by_state[static_cast<std::size_t>(TaskState::kSucceeded)],
            1U)
      << "until the next event";
  w.finish(run, last, 0, {4});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, a_failure_inside_is_caught_by_the_flow) {
  const std::uint32_t inner = plan.begin();
  const auto a = plan.step({.name = "a"});
  const auto slow = plan.step({.name = "slow"});
  plan.output(out_of(a));
  plan.begin(0);
  const auto flow = plan.scope({.name = "flow", .catches = {{"Refused"}}}, inner);
  const auto rescue = plan.step({.name = "rescue", .choices = {error_of(flow)}});
  plan.output(out_of(flow));
  plan.output(out_of(rescue));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  EXPECT_TRUE(w.runs_in(run, scope, slow));
  w.fail(w.live_in(run, scope, a), "Refused");
  EXPECT_TRUE(w.runs(run, rescue));
  EXPECT_TRUE(w.scopes.empty());
  w.finish(run, rescue, 0, {1});
  EXPECT_TRUE(w.run(run).outputs[0].absent);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, lists_of_a_flow_that_is_caught_are_absent_and_not_empty) {
  const std::uint32_t inner = plan.begin();
  const auto fails = plan.step({.name = "fails", .out = {true}});
  plan.output(out_of(fails));
  plan.begin(0);
  const auto flow = plan.scope({.name = "flow", .out = {true}, .catches = {{}}}, inner);
  const auto reader =
      plan.step({.name = "reader", .in = {{.source = out_of(flow), .optional = true}}});
  plan.output(out_of(flow));
  const RunKey run = submit();
  w.emit(w.live_in(run, w.scope_of(run, flow), fails), 1);
  w.fail(w.live_in(run, w.scope_of(run, flow), fails));
  ASSERT_TRUE(w.runs(run, reader));
  EXPECT_FALSE(w.live(run, reader).inputs.contains(0));
  w.finish(run, reader, 0, {1});
  EXPECT_TRUE(w.run(run).outputs[0].absent);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, effects_inside_wait_for_what_the_flow_itself_waits_for) {
  const std::uint32_t inner = plan.begin();
  const auto mail = plan.step({.name = "mail", .effects = true});
  plan.output(out_of(mail));
  plan.begin(0);
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto flow = plan.scope({.name = "flow", .gates = {out_of(a)}}, inner);
  plan.output(out_of(flow));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  EXPECT_FALSE(w.runs_in(run, w.scope_of(run, flow), mail));
  w.fail(w.live(run, a));
  w.advance(Duration(1));
  w.finish(run, a, 0, {2});
  const std::uint32_t scope = w.scope_of(run, flow);
  ASSERT_TRUE(w.runs_in(run, scope, mail));
  w.finish_in(run, scope, mail, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, with_on_failure_continue_inside_the_rest_goes_on_and_then_it_fails) {
  const std::uint32_t inner = plan.begin();
  plan.flow().on_failure = model::OnFailure::kContinue;
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b"});
  plan.output(out_of(b));
  plan.begin(0);
  const auto flow = plan.scope({.name = "flow"}, inner);
  plan.output(out_of(flow));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  w.fail(w.live_in(run, scope, a), "First");
  EXPECT_TRUE(w.runs_in(run, scope, b));
  w.finish_in(run, scope, b, 0, {1});
  expect_over(run, RunEnded::State::kFailed);
  EXPECT_EQ(w.run(run).ended->failure->name, "First");
}

TEST_F(ScopeTest, an_input_that_an_expression_fails_to_give_fails_the_flow) {
  for (const bool is_caught : {false, true}) {
    PlanBuilder both;
    plan = both;
    const auto inner = chain_of_two();
    const auto first = plan.step({.name = "first", .retry = attempts(2)});
    const auto bad = plan.compute({.name = "bad", .in = {{out_of(first)}}});
    const auto flow = plan.scope({.name = "flow",
                                  .in = {{out_of(bad)}},
                                  .catches = is_caught ? std::vector<std::vector<std::string>>{{}}
                                                       : std::vector<std::vector<std::string>>{}},
                                 inner);
    plan.output(out_of(flow));
    w.programs[bad] = [](Evaluation& e) {
      const auto value = e.read(0);
      if (!value) return;
      if (*value == 0)
        e.give(0, Kind::kBroken).failure = {.name = "BadExpression", .message = "no"};
      else
        e.give_value(0, *value);
    };
    const RunKey run = submit();
    w.emit(w.live(run, first), 0);
    EXPECT_FALSE(w.run(run).ended.has_value()) << "not before it is committed";
    w.fail(w.live(run, first));
    w.advance(Duration(1));
    w.emit(w.live(run, first), 5);
    EXPECT_EQ(w.live_in(run, w.scope_of(run, flow), 0).inputs.at(0).values, (std::vector<Value>{5}))
        << "the failure never was";
    w.fail(w.live(run, first), Failure{.name = "Lost", .counts = false});
    w.finish(run, first, 0, {0});
    if (is_caught) {
      expect_over(run, RunEnded::State::kSucceeded);
      EXPECT_TRUE(w.run(run).outputs[0].absent);
    } else {
      expect_over(run, RunEnded::State::kFailed);
      EXPECT_EQ(w.run(run).ended->failure->name, "BadExpression");
    }
  }
}

TEST_F(ScopeTest, flows_in_flows_in_flows) {
  const auto innermost = chain_of_two();
  const std::uint32_t middle = plan.begin();
  const model::Source xs = plan.input(true);
  const auto each = plan.scope({.name = "each", .foreach = xs, .in = {{item()}}}, innermost);
  plan.output(out_of(each));
  plan.begin(0);
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto flow = plan.scope({.name = "flow", .in = {{out_of(list)}}, .out = {true}}, middle);
  const auto whole = plan.step({.name = "whole", .in = {{out_of(flow)}}});
  plan.output(out_of(whole));
  const RunKey run = submit();
  const std::uint32_t outer = w.scope_of(run, flow);
  w.emit(w.live(run, list), 0);
  w.emit(w.live(run, list), 1);
  w.done(w.live(run, list));
  for (const std::uint32_t i : {1, 0}) {
    const std::uint32_t scope = w.scope_of(run, each, i, outer);
    w.finish_in(run, scope, 0, 0, {20 + i});
    w.finish_in(run, scope, 1, 0, {30 + i});
  }
  EXPECT_EQ(w.live(run, whole).inputs.at(0).values, (std::vector<Value>{30, 31}));
  w.finish(run, whole, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ScopeTest, cancelling_a_run_ends_all_scopes) {
  const auto inner = chain_of_two();
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto flow = plan.scope({.name = "flow", .foreach = out_of(list), .in = {{item()}}}, inner);
  const RunKey run = submit();
  w.auto_end = false;
  w.emit(w.live(run, list), 0);
  w.emit(w.live(run, list), 1);
  const std::uint32_t zero = w.scope_of(run, flow, 0);
  const std::uint32_t one = w.scope_of(run, flow, 1);
  w.cancel(run);
  EXPECT_FALSE(w.is_over(run));
  w.ended(w.live_in(run, one, 0));
  w.ended(w.live(run, list));
  EXPECT_FALSE(w.is_over(run));
  w.ended(w.live_in(run, zero, 0));
  expect_over(run, RunEnded::State::kCancelled);
}

class LoopTest : public ScopeTest {
 protected:
  std::uint32_t body = 0, grow = 0, again = 0, loop = 0;

  // while (grow's result < limit): grow(first(previous, start))
  void add_loop(Value limit, std::uint32_t rounds) {
    body = plan.begin();
    const model::Source start = plan.input();
    const model::Source previous = plan.input();
    plan.flow().inputs[1].previous = 0;
    const auto from = plan.compute({.name = "from", .in = {{previous}, {start}}});
    grow = plan.step({.name = "grow", .in = {{out_of(from)}}});
    again = plan.compute({.name = "again", .in = {{out_of(grow)}}});
    plan.output(out_of(grow));
    plan.output(out_of(again));
    w.inner_programs[{body, from}] = [](Evaluation& e) {
      for (const std::uint32_t s : {0, 1}) {
        const Known known = e.look(s);
        if (known.state == Known::State::kUnknown) return e.need(s);
        e.use(s);
        if (known.state == Known::State::kObject) return e.give_reference(0, s);
      }
      e.give(0, Kind::kAbsent);
    };
    w.inner_programs[{body, again}] = [limit](Evaluation& e) {
      if (const auto value = e.read(0)) e.give(0, *value < limit ? Kind::kFlag : Kind::kAbsent);
    };
    plan.begin(0);
    const auto first = plan.step({.name = "first", .retry = attempts(2)});
    loop = plan.scope({.name = "loop", .in = {{out_of(first)}}}, body);
    model::Step& step = plan.flow().steps[loop];
    step.action = model::Action::kLoop;
    step.again = 1;
    step.rounds = rounds;
    plan.output(out_of(loop));
  }
};

TEST_F(LoopTest, a_loop_runs_its_body_until_the_condition_is_false) {
  add_loop(3, 10);
  const RunKey run = submit();
  w.finish(run, 0, 0, {0});
  for (const Value v : {1, 2, 3}) {
    const std::uint32_t scope = w.scope_of(run, loop);
    EXPECT_EQ(w.live_in(run, scope, grow).inputs.at(0).values, (std::vector<Value>{v - 1}));
    w.finish_in(run, scope, grow, 0, {v});
  }
  EXPECT_EQ(output(run), (std::vector<Value>{3})) << "rounds before are not seen";
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(LoopTest, a_loop_that_would_go_on_after_its_last_round_fails) {
  add_loop(100, 2);
  const RunKey run = submit();
  w.finish(run, 0, 0, {0});
  for (const Value v : {1, 2}) w.finish_in(run, w.scope_of(run, loop), grow, 0, {v});
  ASSERT_TRUE(w.run(run).ended.has_value());
  EXPECT_EQ(w.run(run).ended->failure->name, "LoopLimit");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_F(LoopTest, the_last_round_may_be_known_before_those_in_front_of_it_are_committed) {
  add_loop(2, 10);
  const RunKey run = submit();
  w.finish(run, 0, 0, {0});
  const std::uint32_t first_round = w.scope_of(run, loop);
  w.emit(w.live_in(run, first_round, grow), 1);
  w.finish_in(run, w.scope_of(run, loop), grow, 0, {2});
  EXPECT_EQ(w.scopes.size(), 2U);
  w.done(w.live_in(run, first_round, grow));
  EXPECT_EQ(output(run), (std::vector<Value>{2}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(LoopTest, a_condition_that_fails_fails_the_loop) {
  add_loop(2, 10);
  w.inner_programs[{body, again}] = [](Evaluation& e) {
    if (!e.read(0)) return;
    e.give(0, Kind::kBroken).failure = {.name = "BadExpression", .message = "no"};
  };
  const RunKey run = submit();
  w.finish(run, 0, 0, {0});
  w.finish_in(run, w.scope_of(run, loop), grow, 0, {1});
  ASSERT_TRUE(w.run(run).ended.has_value());
  EXPECT_EQ(w.run(run).ended->failure->name, "BadExpression");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_F(LoopTest, rounds_that_were_begun_on_void_data_never_existed) {
  add_loop(3, 10);
  const auto reader = plan.step({.name = "reader", .in = {{out_of(loop)}}});
  const RunKey run = submit();
  w.emit(w.live(run, 0), 0);
  const std::uint32_t first_round = w.scope_of(run, loop);
  w.finish_in(run, first_round, grow, 0, {1});
  w.finish_in(run, w.scope_of(run, loop), grow, 0, {2});
  w.finish_in(run, w.scope_of(run, loop), grow, 0, {3});
  EXPECT_TRUE(w.runs(run, reader));
  EXPECT_EQ(w.scopes.size(), 3U);
  w.fail(w.live(run, 0));
  w.advance(Duration(1));
  w.finish(run, 0, 0, {2});
  w.finish_in(run, first_round, grow, 0, {5});
  EXPECT_TRUE(w.scopes.empty()) << "the rounds behind never were, and the first is committed";
  for (const ScopeClosed& scope : w.closed) EXPECT_EQ(scope.is_void, scope.scope != first_round);
  EXPECT_EQ(w.live(run, reader).inputs.at(0).values, (std::vector<Value>{5}));
  w.finish(run, reader, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{5}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST(ScopeLimits, a_flow_that_hands_out_too_many_elements_fails) {
  Limits limits;
  limits.tasks_per_run = 12;
  FakeWorld w(1, limits);
  PlanBuilder plan;
  const std::uint32_t inner = plan.begin();
  const auto list = plan.step({.name = "list", .out = {true}});
  plan.output(out_of(list));
  plan.begin(0);
  const auto flow = plan.scope({.name = "flow", .out = {true}}, inner);
  auto last = flow;
  for (int i = 0; i < 3; ++i)
    last = plan.step({.name = "s", .foreach = out_of(last), .in = {{item()}}});
  const RunKey run = w.submit(plan.app());
  const std::uint32_t scope = w.scope_of(run, flow);
  for (const Value value : {1, 2, 3}) w.emit(w.live_in(run, scope, list), value);
  EXPECT_FALSE(w.run(run).ended) << "2 + 3 * 3 tasks";
  w.emit(w.live_in(run, scope, list), 4);
  ASSERT_TRUE(w.run(run).ended);
  EXPECT_EQ(w.run(run).ended->failure->name, "TooLarge");
  EXPECT_EQ(w.objects_alive(), 0U);
}

TEST(ScopeLimits, tasks_of_all_scopes_count) {
  Limits limits;
  limits.tasks_per_run = 10;
  FakeWorld w(1, limits);
  PlanBuilder plan;
  const std::uint32_t inner = plan.begin();
  const auto list = plan.step({.name = "list", .out = {true}});
  plan.step({.name = "each", .foreach = out_of(list), .in = {{item()}}});
  plan.begin(0);
  const auto one = plan.scope({.name = "one"}, inner);
  const auto two = plan.scope({.name = "two"}, inner);
  const RunKey run = w.submit(plan.app());
  for (const auto flow : {one, two})
    for (const Value value : {1, 2, 3}) {
      ASSERT_FALSE(w.run(run).ended);
      w.emit(w.live_in(run, w.scope_of(run, flow), list), value);
    }
  EXPECT_FALSE(w.run(run).ended);
  w.emit(w.live_in(run, w.scope_of(run, two), list), 4);
  ASSERT_TRUE(w.run(run).ended);
  EXPECT_EQ(w.run(run).ended->failure->name, "TooLarge");
}

}  // namespace
}  // namespace sluice::core::testing
