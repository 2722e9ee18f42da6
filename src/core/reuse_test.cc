// What outlives the readers of a task: the cache, and runs that keep all.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
namespace {

using namespace std::chrono_literals;

class ReuseTest : public ::testing::Test {
 protected:
  FakeWorld w{1U};
  PlanBuilder plan;

  RunKey submit() { return w.submit(plan.app()); }
  std::vector<std::uint64_t> kept(std::uint32_t step) const {
    std::vector<std::uint64_t> sizes;
    for (const KeepOutput& output : w.kept_outputs)
      if (output.attempt.task.step == step) sizes.push_back(output.index);
    return sizes;
  }
  bool recalls(RunKey run, std::uint32_t step, std::uint32_t index = 0) {
    return w.runs(run, step, index) && w.live(run, step, index).is_recalling;
  }
  void expect_over(RunKey run, RunEnded::State state) {
    ASSERT_TRUE(w.run(run).ended.has_value());
    EXPECT_EQ(w.run(run).ended->state, state);
    EXPECT_TRUE(w.is_over(run));
    EXPECT_EQ(w.objects_alive(), 0U);
  }
};

TEST_F(ReuseTest, what_is_not_in_the_cache_runs_as_the_same_attempt_and_is_kept_at_its_commit) {
  w.auto_recall = false;
  const auto a = plan.step({.name = "a", .cache = true});
  plan.output(out_of(a));
  const RunKey run = submit();
  ASSERT_TRUE(recalls(run, a));
  const Attempt asked = w.live(run, a).attempt;
  w.not_cached(w.live(run, a));
  ASSERT_TRUE(w.runs(run, a));
  EXPECT_FALSE(recalls(run, a));
  EXPECT_EQ(w.live(run, a).attempt, asked);
  EXPECT_TRUE(w.kept_outputs.empty());
  w.finish(run, a, 0, {7});
  ASSERT_EQ(w.kept_outputs.size(), 1U);
  EXPECT_EQ(w.kept_outputs[0].attempt, asked);
  EXPECT_FALSE(w.kept_outputs[0].is_list);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ReuseTest, what_is_in_the_cache_ends_the_task_without_its_code) {
  w.auto_recall = false;
  const auto a = plan.step({.name = "a", .out = {true, false}, .cache = true});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  plan.output(out_of(b));
  plan.output(out_of(a, 1));
  const RunKey run = submit();
  LiveAttempt& found = w.live(run, a);
  w.emit(found, 1);
  w.emit(found, 2);
  w.emit(found, 9, 1);
  w.done(w.live(run, a));
  EXPECT_EQ(w.state(run, a), TaskState::kSucceeded);
  w.finish(run, b, 0, {11});
  w.finish(run, b, 1, {12});
  EXPECT_EQ(w.run(run).outputs[0].values, (std::vector<Value>{11, 12}));
  EXPECT_EQ(w.run(run).outputs[1].values, (std::vector<Value>{9}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ReuseTest, a_cached_step_waits_for_whole_inputs) {
  w.auto_recall = false;
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto text = plan.step({.name = "text"});
  const auto a = plan.step(
      {.name = "a",
       .in = {{out_of(list), model::Access::kStream}, {out_of(text), model::Access::kPipe}},
       .cache = true});
  plan.output(out_of(a));
  const RunKey run = submit();
  w.emit(w.live(run, list), 1);
  w.emit(w.live(run, text), 5, 0, false);
  EXPECT_FALSE(w.runs(run, a));
  w.seal(w.live(run, text), 6);
  w.done(w.live(run, text));
  EXPECT_FALSE(w.runs(run, a)) << "the list may grow";
  w.done(w.live(run, list));
  ASSERT_TRUE(recalls(run, a));
  w.not_cached(w.live(run, a));
  EXPECT_EQ(w.live(run, a).inputs.at(0).values, (std::vector<Value>{1}));
  EXPECT_EQ(w.live(run, a).inputs.at(1).values, (std::vector<Value>{6}));
  w.finish(run, a, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ReuseTest, an_answer_to_another_attempt_counts_for_nothing) {
  w.auto_recall = false;
  const auto list = plan.step({.name = "list", .out = {true}, .retry = attempts(2)});
  const auto each = plan.step({.name = "each", .foreach = out_of(list), .in = {{item()}}});
  const auto a = plan.step({.name = "a", .in = {{out_of(each)}}, .cache = true});
  plan.output(out_of(a));
  const RunKey run = submit();
  w.emit(w.live(run, list), 1);
  w.finish(run, each, 0, {10});
  w.done(w.live(run, list));
  ASSERT_TRUE(recalls(run, a));
  const Attempt first = w.live(run, a).attempt;
  // The answer of an attempt that is over counts for nothing.
  w.apply(NodeId{1}, AttemptEnded{first});
  w.apply(NodeId{1}, NotCached{{first.task, first.epoch + 1}});
  ASSERT_TRUE(recalls(run, a));
  EXPECT_EQ(w.stale_events(), 2U);
  w.cancel(run);
  expect_over(run, RunEnded::State::kCancelled);
}

TEST_F(ReuseTest, what_was_taken_for_void_inputs_is_undone) {
  w.auto_recall = false;
  const auto slow = plan.step({.name = "slow"});
  const auto early = plan.step(
      {.name = "early", .in = {{out_of(slow), model::Access::kPipe}}, .retry = attempts(2)});
  const auto a = plan.step({.name = "a", .in = {{out_of(early)}}, .cache = true});
  plan.output(out_of(a));
  const RunKey run = submit();
  w.emit(w.live(run, slow), 1, 0, false);
  w.emit(w.live(run, early), 2);
  ASSERT_TRUE(recalls(run, a));
  const Attempt first = w.live(run, a).attempt;
  w.emit(w.live(run, a), 3);
  w.done(w.live(run, a));
  EXPECT_EQ(w.state(run, a), TaskState::kFinished) << "its input is not committed";
  w.fail(w.live(run, early));
  w.advance(1min);
  w.emit(w.live(run, early), 4);
  ASSERT_TRUE(recalls(run, a)) << "for what the second attempt has written";
  EXPECT_GT(w.live(run, a).attempt.epoch, first.epoch);
  w.not_cached(w.live(run, a));
  EXPECT_EQ(w.live(run, a).inputs.at(0).values, (std::vector<Value>{4}));
  w.finish(run, a, 0, {5});
  w.seal(w.live(run, slow), 1);
  w.done(w.live(run, slow));
  w.done(w.live(run, early));
  EXPECT_EQ(w.run(run).outputs[0].values, (std::vector<Value>{5}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_F(ReuseTest, a_task_that_failed_asks_again_and_keeps_nothing) {
  w.auto_recall = false;
  const auto a = plan.step({.name = "a", .retry = attempts(2), .cache = true});
  plan.output(out_of(a));
  const RunKey run = submit();
  w.not_cached(w.live(run, a));
  w.fail(w.live(run, a));
  w.advance(1h);
  ASSERT_TRUE(recalls(run, a));
  w.not_cached(w.live(run, a));
  w.fail(w.live(run, a));
  EXPECT_TRUE(w.kept_outputs.empty());
  expect_over(run, RunEnded::State::kFailed);
}

TEST_F(ReuseTest, a_run_that_keeps_all_tells_of_every_output_also_inside_of_flows) {
  const std::uint32_t inner = plan.begin();
  const auto x = plan.step({.name = "x", .out = {true}});
  plan.output(out_of(x));
  plan.begin(0);
  plan.flow().keep = model::Keep::kAll;
  const auto flow = plan.scope({.name = "flow", .out = {true}}, inner);
  plan.output(out_of(flow));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  w.emit(w.live_in(run, scope, x), 1);
  w.emit(w.live_in(run, scope, x), 2);
  EXPECT_TRUE(w.kept_outputs.empty());
  w.done(w.live_in(run, scope, x));
  ASSERT_EQ(w.kept_outputs.size(), 6U);
  for (const std::size_t first : {0U, 3U}) {
    EXPECT_EQ(w.kept_outputs[first].kind, Deliver::Kind::kElement);
    EXPECT_EQ(w.kept_outputs[first + 1].index, 1U);
    EXPECT_EQ(w.kept_outputs[first + 2].kind, Deliver::Kind::kClosed);
    EXPECT_EQ(w.kept_outputs[first + 2].index, 2U);
  }
  EXPECT_EQ(w.kept_outputs[0].attempt.task.scope, scope);
  EXPECT_EQ(w.kept_outputs[3].attempt.task.scope, 0U);
  expect_over(run, RunEnded::State::kSucceeded);
}

}  // namespace
}  // namespace sluice::core::testing
