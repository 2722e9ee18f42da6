// Data-flow: who starts when, with what, and what the run gives.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
using namespace std::chrono_literals;

SLUICE_SCHEDULER_CUTS();

TEST_P(SchedulerTest, a_chain_of_values_runs_and_gives_its_output) {
  const auto in = plan.input();
  const auto a = plan.step({.name = "a", .in = {{in}}});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  EXPECT_FALSE(w.runs(run, a));
  w.input(run, 0, 5);
  EXPECT_EQ(w.live(run, a).inputs[0].values, (std::vector<Value>{5}));
  EXPECT_FALSE(w.runs(run, b));
  w.emit(w.live(run, a), 6);
  ASSERT_TRUE(w.runs(run, b)) << "starts before its producer has ended";
  w.finish(run, b, 0, {7});
  EXPECT_FALSE(w.run(run).ended) << "a result waits for what it was made from";
  EXPECT_EQ(w.state(run, b), TaskState::kFinished);
  w.done(w.live(run, a));
  EXPECT_EQ(output(run), (std::vector<Value>{7}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, foreach_fires_per_element_before_the_producer_ends) {
  const auto split = plan.step({.name = "split", .out = {true}});
  const auto count = plan.step({.name = "count", .foreach = out_of(split), .in = {{item()}}});
  const auto merge = plan.step({.name = "merge", .in = {{out_of(count), model::Access::kStream}}});
  const auto all = plan.step({.name = "all", .in = {{out_of(count)}}});
  plan.output(out_of(merge));
  plan.output(out_of(count));
  const RunKey run = submit();
  w.emit(w.live(run, split), 10);
  ASSERT_TRUE(w.runs(run, count, 0));
  w.finish(run, count, 0, {100});
  ASSERT_TRUE(w.runs(run, merge)) << "a stream starts with its first element";
  EXPECT_EQ(w.live(run, merge).inputs[0].values, (std::vector<Value>{100}));
  EXPECT_FALSE(w.runs(run, all));
  w.emit(w.live(run, split), 11);
  w.emit(w.live(run, split), 12);
  w.finish(run, count, 2, {120});
  EXPECT_EQ(w.live(run, merge).inputs[0].values.size(), 1U) << "elements come in order";
  w.done(w.live(run, split));
  w.finish(run, count, 1, {110});
  EXPECT_EQ(w.live(run, merge).inputs[0].values, (std::vector<Value>{100, 110, 120}));
  EXPECT_TRUE(w.live(run, merge).inputs[0].closed);
  ASSERT_TRUE(w.runs(run, all));
  EXPECT_EQ(w.live(run, all).inputs[0].values, (std::vector<Value>{100, 110, 120}));
  w.finish(run, all, 0, {1});
  w.finish(run, merge, 0, {2});
  EXPECT_EQ(output(run, 1), (std::vector<Value>{100, 110, 120}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, three_foreach_in_a_chain_have_no_barrier) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  const auto c = plan.step({.name = "c", .foreach = out_of(b), .in = {{item()}}});
  plan.output(out_of(c));
  const RunKey run = submit();
  w.input_element(run, 0, 1);
  w.finish(run, a, 0, {2});
  w.finish(run, b, 0, {3});
  EXPECT_EQ(w.live(run, c, 0).inputs[0].values, (std::vector<Value>{3}));
  w.finish(run, c, 0, {4});
  EXPECT_EQ(output(run), (std::vector<Value>{4})) << "given as soon as it is committed";
  w.input_element(run, 0, 11);
  w.input_element(run, 0, 21);
  w.close_input(run, 0);
  for (const std::uint32_t i : {2U, 1U}) {
    w.finish(run, a, i, {12 + i});
    w.finish(run, b, i, {13 + i});
    w.finish(run, c, i, {14 + i});
  }
  EXPECT_EQ(output(run), (std::vector<Value>{4, 15, 16}));
  EXPECT_TRUE(w.run(run).outputs[0].is_list);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_empty_list_gives_closed_empty_lists) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  const auto whole = plan.step({.name = "whole", .in = {{out_of(b)}}});
  const auto stream = plan.step({.name = "stream", .in = {{out_of(b), model::Access::kStream}}});
  plan.output(out_of(a));
  plan.output(out_of(whole));
  const RunKey run = submit();
  EXPECT_FALSE(w.runs(run, whole));
  w.close_input(run, 0);
  EXPECT_TRUE(w.live(run, whole).inputs[0].closed);
  EXPECT_TRUE(w.live(run, stream).inputs[0].values.empty());
  w.finish(run, stream, 0, {1});
  w.finish(run, whole, 0, {1});
  EXPECT_TRUE(w.run(run).outputs[0].is_list);
  EXPECT_TRUE(output(run).empty());
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_absent_output_skips_its_readers_unless_they_can_do_without) {
  const auto a = plan.step({.name = "a", .out = {false, false}});
  const auto required = plan.step({.name = "required", .in = {{out_of(a, 1)}}});
  const auto after_it = plan.step({.name = "after_it", .in = {{out_of(required)}}});
  const auto optional =
      plan.step({.name = "optional", .in = {{.source = out_of(a, 1), .optional = true}}});
  const auto defaulted =
      plan.step({.name = "defaulted", .in = {{.source = out_of(required), .has_default = true}}});
  plan.output(out_of(after_it));
  const RunKey run = submit();
  w.finish(run, a, 0, {1});  // Port 1 is absent.
  EXPECT_EQ(w.state(run, required), TaskState::kSkipped);
  EXPECT_EQ(w.state(run, after_it), TaskState::kSkipped);
  EXPECT_TRUE(w.live(run, optional).inputs.empty());
  w.finish(run, optional, 0, {1});
  w.finish(run, defaulted, 0, {1});
  EXPECT_TRUE(w.run(run).outputs[0].absent);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, holes_keep_their_place) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  const auto all = plan.step({.name = "all", .in = {{out_of(b)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  for (const Value value : {1, 2, 3}) w.input_element(run, 0, value);
  w.close_input(run, 0);
  w.finish(run, a, 0, {10});
  w.finish(run, a, 1, {});  // Emits nothing.
  w.finish(run, a, 2, {30});
  EXPECT_FALSE(w.runs(run, b, 1));
  EXPECT_EQ(w.state(run, b, 1), TaskState::kSkipped);
  w.finish(run, b, 0, {11});
  w.finish(run, b, 2, {31});
  EXPECT_EQ(w.live(run, all).inputs[0].values, (std::vector<Value>{11, kHoleValue, 31}));
  w.finish(run, all, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{11, kHoleValue, 31}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_absent_list_or_common_input_skips_the_whole_foreach) {
  const auto list = plan.input(true);
  const auto common = plan.input();
  const auto a = plan.step({.name = "a", .foreach = list, .in = {{item()}, {common}}});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.input_element(run, 0, 1);
  w.absent_input(run, 1);
  EXPECT_EQ(w.state(run, b), TaskState::kSkipped);
  EXPECT_TRUE(w.run(run).outputs[0].absent) << "absent, not empty";
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, lists_of_lists_are_delivered_with_brackets_and_iterated_by_lists) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}, .out = {true}});
  const auto each =
      plan.step({.name = "each", .foreach = out_of(a), .in = {{item(), model::Access::kStream}}});
  const auto all = plan.step({.name = "all", .in = {{out_of(a)}}});
  plan.output(out_of(a));
  const RunKey run = submit();
  w.input_element(run, 0, 1);
  w.input_element(run, 0, 2);
  w.close_input(run, 0);
  w.emit(w.live(run, a, 0), 10);
  EXPECT_EQ(w.live(run, each, 0).inputs[0].values, (std::vector<Value>{10}));
  w.emit(w.live(run, a, 0), 11);
  w.done(w.live(run, a, 0));
  EXPECT_TRUE(w.live(run, each, 0).inputs[0].closed);
  w.done(w.live(run, a, 1));
  EXPECT_EQ(w.live(run, all).inputs[0].values,
            (std::vector<Value>{kBegin, 10, 11, kEnd, kBegin, kEnd}));
  w.finish(run, each, 0, {1});
  w.finish(run, each, 1, {1});
  w.finish(run, all, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{kBegin, 10, 11, kEnd, kBegin, kEnd}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, readers_of_a_list_get_no_more_than_they_have_room_for) {
  w.auto_consume = false;
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto b = plan.step({.name = "b", .in = {{out_of(a), model::Access::kStream}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  for (Value i = 0; i < 40; ++i) w.emit(w.live(run, a), i);
  EXPECT_EQ(w.live(run, b).inputs[0].values.size(), 16U);
  w.consume(w.live(run, b), 0, 4);
  EXPECT_EQ(w.live(run, b).inputs[0].values.size(), 20U);
  w.done(w.live(run, a));
  w.consume(w.live(run, b), 0, 30);
  EXPECT_EQ(w.live(run, b).inputs[0].values.size(), 40U);
  EXPECT_TRUE(w.live(run, b).inputs[0].closed);
  w.finish(run, b, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_pipe_follows_an_open_value_and_others_wait_for_its_seal) {
  const auto a = plan.step({.name = "a"});
  const auto pipe = plan.step({.name = "pipe", .in = {{out_of(a), model::Access::kPipe}}});
  const auto value = plan.step({.name = "value", .in = {{out_of(a)}}});
  plan.output(out_of(value));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1, 0, false);
  EXPECT_TRUE(w.runs(run, pipe));
  EXPECT_FALSE(w.runs(run, value));
  w.seal(w.live(run, a), 5);
  EXPECT_EQ(w.live(run, value).inputs[0].values, (std::vector<Value>{5}));
  w.done(w.live(run, a));
  w.finish(run, pipe, 0, {1});
  w.finish(run, value, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, after_waits_for_the_commit_of_all_tasks) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}});
  const auto b = plan.step({.name = "b", .after = {a}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.input_element(run, 0, 1);
  w.input_element(run, 0, 2);
  w.finish(run, a, 0, {1});
  w.finish(run, a, 1, {1});
  EXPECT_FALSE(w.runs(run, b)) << "there may be more elements";
  w.close_input(run, 0);
  w.finish(run, b, 0, {9});
  EXPECT_EQ(output(run), (std::vector<Value>{9}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, concurrency_bounds_the_tasks_of_a_foreach_also_while_they_are_blocked) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}, .concurrency = 2});
  const RunKey run = submit();
  for (const Value value : {1, 2, 3, 4}) w.input_element(run, 0, value);
  w.close_input(run, 0);
  EXPECT_TRUE(w.runs(run, a, 0) && w.runs(run, a, 1));
  w.block(w.live(run, a, 0));
  EXPECT_FALSE(w.runs(run, a, 2));
  w.finish(run, a, 1, {1});
  EXPECT_TRUE(w.runs(run, a, 2));
  EXPECT_FALSE(w.runs(run, a, 3));
  w.unblock(w.live(run, a, 0));
  for (const std::uint32_t i : {0U, 2U, 3U}) w.finish(run, a, i, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, cpu_slots_bound_what_runs_and_a_blocked_task_gives_its_own_back) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}});
  set_slots(1);
  const RunKey run = submit();
  for (const Value value : {1, 2, 3}) w.input_element(run, 0, value);
  w.close_input(run, 0);
  EXPECT_FALSE(w.runs(run, a, 1));
  w.block(w.live(run, a, 0));
  EXPECT_TRUE(w.runs(run, a, 1));
  w.unblock(w.live(run, a, 0));  // Two run now, on one slot.
  w.finish(run, a, 1, {1});
  EXPECT_FALSE(w.runs(run, a, 2));
  w.finish(run, a, 0, {1});
  w.finish(run, a, 2, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, several_readers_of_one_list_each_get_everything_and_it_is_released_once) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto each =
      plan.step({.name = "each", .foreach = out_of(a), .in = {{item()}, {out_of(a)}}});
  const auto stream = plan.step({.name = "stream", .in = {{out_of(a), model::Access::kStream}}});
  plan.output(out_of(a));
  const RunKey run = submit();
  for (const Value value : {1, 2}) w.emit(w.live(run, a), value);
  w.done(w.live(run, a));
  EXPECT_EQ(w.live(run, each, 1).inputs[1].values, (std::vector<Value>{1, 2}));
  EXPECT_EQ(w.live(run, stream).inputs[0].values, (std::vector<Value>{1, 2}));
  w.finish(run, each, 0, {1});
  w.finish(run, each, 1, {1});
  w.finish(run, stream, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{1, 2}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, two_runs_do_not_see_each_other) {
  const auto in = plan.input();
  const auto a = plan.step({.name = "a", .in = {{in}}});
  plan.output(out_of(a));
  const RunKey first = submit();
  const RunKey second = submit();
  w.input(second, 0, 2);
  EXPECT_FALSE(w.runs(first, a));
  w.input(first, 0, 1);
  w.finish(first, a, 0, {10});
  EXPECT_FALSE(w.run(second).ended);
  w.cancel(second);
  EXPECT_EQ(output(first), (std::vector<Value>{10}));
  expect_over(first, RunEnded::State::kSucceeded);
  expect_over(second, RunEnded::State::kCancelled);
  w.forget(first);
  w.forget(second);
  EXPECT_EQ(w.scheduler(NodeId{1}).counters().runs, 0U);
}

TEST_P(SchedulerTest, counts_of_a_step_follow_its_tasks) {
  const auto in = plan.input(true);
  const auto a = plan.step({.name = "a", .foreach = in, .in = {{item()}}});
  const RunKey run = submit();
  for (const Value value : {1, 2, 3}) w.input_element(run, 0, value);
  w.finish(run, a, 0, {1});
  const auto counts = w.scheduler(w.node_of(run, a)).step_counts(run, a);
  EXPECT_EQ(counts.total, 3U);
  EXPECT_FALSE(counts.total_is_final);
  EXPECT_EQ(counts.by_state[static_cast<std::size_t>(TaskState::kSucceeded)], 1U);
  EXPECT_EQ(counts.by_state[static_cast<std::size_t>(TaskState::kRunning)], 2U);
  w.cancel(run);
}

}  // namespace sluice::core::testing
