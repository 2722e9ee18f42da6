// Tasks that start before their inputs are there, and put-back of those that wait for data.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
using namespace std::chrono_literals;
using model::Access;
using Kind = Binding::Kind;

TEST_P(SchedulerTest, an_early_task_starts_with_its_producer_and_gets_its_input_later) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  ASSERT_TRUE(w.runs(run, b)) << "its producer has begun";
  EXPECT_EQ(w.live(run, b).inputs[0].kind, Kind::kLate);
  w.emit(w.live(run, a), 5);
  EXPECT_EQ(w.live(run, b).inputs[0].kind, Kind::kObject);
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{5}));
  w.finish(run, b, 0, {6});
  EXPECT_EQ(w.state(run, b), TaskState::kFinished) << "it commits after its producer";
  w.done(w.live(run, a));
  EXPECT_EQ(output(run), (std::vector<Value>{6}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_task_waits_until_its_first_producer_has_begun) {
  const auto go = plan.step({.name = "go"});
  const auto a = plan.step({.name = "a", .in = {{out_of(go)}}});
  const auto other = plan.step({.name = "other", .in = {{out_of(a)}}});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}, {out_of(other)}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  EXPECT_FALSE(w.runs(run, b));
  w.finish(run, go, 0, {1});
  ASSERT_TRUE(w.runs(run, b)) << "the other one may begin later";
  w.finish(run, a, 0, {2});
  w.finish(run, other, 0, {3});
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{2}));
  EXPECT_EQ(w.live(run, b).inputs[1].values, (std::vector<Value>{3}));
  w.finish(run, b, 0, {4});
  EXPECT_EQ(output(run), (std::vector<Value>{4}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, gates_and_elements_of_early_tasks_come_first) {
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto gate = plan.step({.name = "gate"});
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b",
                            .foreach = out_of(list),
                            .in = {{item()}, {out_of(a)}},
                            .gates = {out_of(gate)},
                            .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, list), 1);
  EXPECT_FALSE(w.runs(run, b, 0)) << "not without its gate";
  w.finish(run, gate, 0, {9});
  EXPECT_TRUE(w.runs(run, b, 0));
  EXPECT_FALSE(w.runs(run, b, 1)) << "not without its element";
  w.finish(run, list, 0, {2});
  EXPECT_EQ(w.live(run, b, 1).inputs[0].values, (std::vector<Value>{2}));
  EXPECT_EQ(w.live(run, b, 1).inputs[1].kind, Kind::kLate);
  w.finish(run, a, 0, {5});
  for (const std::uint32_t i : {0U, 1U}) {
    EXPECT_EQ(w.live(run, b, i).inputs[1].values, (std::vector<Value>{5}));
    w.finish(run, b, i, {10 + i});
  }
  EXPECT_EQ(output(run), (std::vector<Value>{10, 11}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, late_lists_are_delivered_to_early_tasks) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto stream =
      plan.step({.name = "stream", .in = {{out_of(a), Access::kStream}}, .early = true});
  const auto whole = plan.step({.name = "whole", .in = {{out_of(a)}}, .early = true});
  plan.output(out_of(stream));
  plan.output(out_of(whole));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  EXPECT_EQ(w.live(run, stream).inputs[0].values, (std::vector<Value>{1}));
  EXPECT_EQ(w.live(run, whole).inputs[0].kind, Kind::kLate);
  w.emit(w.live(run, a), 2);
  w.done(w.live(run, a));
  for (const std::uint32_t reader : {stream, whole}) {
    EXPECT_EQ(w.live(run, reader).inputs[0].values, (std::vector<Value>{1, 2}));
    EXPECT_TRUE(w.live(run, reader).inputs[0].closed);
    w.finish(run, reader, 0, {7});
  }
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_task_whose_input_turns_out_absent_is_ended_and_skipped) {
  const auto a = plan.step({.name = "a", .out = {false, true}});
  const auto other = plan.step({.name = "other"});
  const auto needs =
      plan.step({.name = "needs", .in = {{out_of(other)}, {out_of(a, 0)}}, .early = true});
  const auto takes = plan.step(
      {.name = "takes", .in = {{.source = out_of(a, 0), .optional = true}}, .early = true});
  plan.output(out_of(needs));
  plan.output(out_of(takes));
  const RunKey run = submit();
  w.emit(w.live(run, needs), 3);
  w.done(w.live(run, a));  // Without a value on port 0.
  EXPECT_FALSE(w.runs(run, needs));
  ASSERT_TRUE(w.runs(run, takes));
  EXPECT_EQ(w.live(run, takes).inputs[0].kind, Kind::kAbsent);
  w.finish(run, takes, 0, {4});
  w.finish(run, other, 0, {1});
  EXPECT_EQ(w.run(run).committed.at({needs, 0}).result, Commit::Result::kSkipped);
  EXPECT_TRUE(w.run(run).outputs[0].absent);
  EXPECT_EQ(output(run, 1), (std::vector<Value>{4}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_task_that_was_done_without_its_input_is_skipped_if_that_is_absent) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}, .early = true});
  const auto c = plan.step({.name = "c", .in = {{.source = out_of(b), .optional = true}}});
  plan.output(out_of(c));
  const RunKey run = submit();
  w.finish(run, b, 0, {3});
  EXPECT_EQ(w.state(run, b), TaskState::kFinished);
  EXPECT_EQ(w.live(run, c).inputs[0].values, (std::vector<Value>{3}));
  w.done(w.live(run, a));
  ASSERT_TRUE(w.runs(run, c));
  EXPECT_TRUE(w.live(run, c).inputs.empty()) << "what it had written never existed";
  w.finish(run, c, 0, {4});
  EXPECT_EQ(w.run(run).committed.at({b, 0}).result, Commit::Result::kSkipped);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_task_that_never_read_its_input_stays_when_that_is_undone) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.finish(run, b, 0, {3});
  w.emit(w.live(run, a), 1);
  w.fail(w.live(run, a));
  w.advance(0s);
  w.finish(run, a, 0, {2});
  EXPECT_EQ(output(run), (std::vector<Value>{3}));
  EXPECT_EQ(w.scheduler(w.node_of(run, b)).counters().rolled_back, 0U);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_task_runs_again_when_its_producer_emits_something_else) {
  const auto a = plan.step({.name = "a", .out = {true}, .retry = attempts(3)});
  const auto b = plan.step({.name = "b", .in = {{out_of(a), Access::kStream}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  const std::uint64_t first = w.live(run, b).attempt.epoch;
  w.fail(w.live(run, a));
  w.advance(0s);
  w.emit(w.live(run, a), 1);
  EXPECT_EQ(w.live(run, b).attempt.epoch, first) << "the same";
  w.emit(w.live(run, a), 2);
  w.fail(w.live(run, a));
  w.advance(0s);
  w.emit(w.live(run, a), 8);
  EXPECT_GT(w.live(run, b).attempt.epoch, first);
  EXPECT_EQ(w.live(run, b).number, 1U);
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{8}));
  w.done(w.live(run, a));
  w.finish(run, b, 0, {5});
  EXPECT_EQ(output(run), (std::vector<Value>{5}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_failure_of_an_early_task_on_void_data_is_forgotten) {
  const auto a = plan.step({.name = "a", .retry = attempts(2, 5s)});
  const auto b =
      plan.step({.name = "b", .in = {{out_of(a)}}, .retry = attempts(2, 1s), .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  w.fail(w.live(run, b));
  w.fail(w.live(run, a));
  ASSERT_TRUE(w.runs(run, b)) << "it does not wait for its retry";
  EXPECT_EQ(w.live(run, b).number, 1U);
  EXPECT_EQ(w.live(run, b).inputs[0].kind, Kind::kLate);
  w.advance(5s);
  w.finish(run, a, 0, {2});
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{2}));
  w.finish(run, b, 0, {3});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_task_fails_when_its_code_does_and_after_its_inputs) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.fail(w.live(run, b));
  EXPECT_FALSE(w.run(run).ended) << "it may yet be skipped";
  w.finish(run, a, 0, {1});
  ASSERT_TRUE(w.run(run).ended);
  EXPECT_EQ(w.run(run).ended->failure->name, "ValueError");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_P(SchedulerTest, an_early_task_that_waits_for_its_parameters_holds_no_slot) {
  set_slots(2);
  w.auto_start = false;
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}, .timeout = 1s, .early = true});
  const auto in = plan.input();
  const auto c = plan.step({.name = "c", .in = {{in}}});
  for (const std::uint32_t step : {b, c}) plan.output(out_of(step));
  const RunKey run = submit();
  w.start(w.live(run, a));
  ASSERT_TRUE(w.runs(run, b));
  w.input(run, 0, 7);
  w.block(w.live(run, b));
  EXPECT_TRUE(w.runs(run, c)) << "on the slot of the task that waits";
  EXPECT_EQ(w.state(run, b), TaskState::kBlocked);
  w.advance(1min);
  w.start(w.live(run, c));
  w.finish(run, c, 0, {1});
  w.emit(w.live(run, a), 5);
  w.unblock(w.live(run, b));
  EXPECT_EQ(w.state(run, b), TaskState::kPreparing) << "its code is not called yet";
  w.start(w.live(run, b));
  w.advance(999ms);
  EXPECT_TRUE(w.runs(run, b));
  w.block(w.live(run, b));
  w.advance(1min);
  w.unblock(w.live(run, b));
  w.done(w.live(run, a));
  w.finish(run, b, 0, {6});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_cancelled_run_ends_its_early_tasks) {
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.block(w.live(run, b));
  w.cancel(run);
  expect_over(run, RunEnded::State::kCancelled);
}

TEST_P(SchedulerTest, a_task_that_waits_is_put_back_for_one_that_has_no_worker) {
  const auto in = plan.input();
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto x = plan.step({.name = "x"});  // Keeps `c` on the node of `b`.
  const auto b = plan.step(
      {.name = "b", .in = {{out_of(a), Access::kStream}}, .out = {true}, .retry = attempts(2)});
  const auto y = plan.step({.name = "y", .in = {{out_of(b), Access::kStream}}});
  const auto c = plan.step({.name = "c", .in = {{in}}});
  plan.output(out_of(y));
  plan.output(out_of(c));
  const RunKey run = submit();
  w.finish(run, x, 0, {1});
  w.emit(w.live(run, a), 1);
  w.fail(w.live(run, b));
  w.advance(0s);
  w.emit(w.live(run, b), 11);
  w.block(w.live(run, b));
  EXPECT_EQ(w.live(run, y).inputs[0].values, (std::vector<Value>{11}));
  w.auto_start = false;
  w.input(run, 0, 9);
  w.auto_end = false;
  w.lack_worker(w.live(run, c));
  ASSERT_EQ(w.live(run, b).end_asked, EndAttempt::Reason::kPutBack);
  w.lack_worker(w.live(run, c));
  EXPECT_TRUE(w.runs(run, y)) << "what it wrote may come again";
  w.auto_end = true;
  w.ended(w.live(run, b));
  EXPECT_FALSE(w.runs(run, b));
  w.emit(w.live(run, a), 2);
  EXPECT_FALSE(w.runs(run, b)) << "until its list is whole";
  w.done(w.live(run, a));
  ASSERT_TRUE(w.runs(run, b));
  EXPECT_EQ(w.live(run, b).number, 2U) << "neither an attempt nor a new beginning";
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{1, 2}));
  w.start(w.live(run, b));
  w.block(w.live(run, b));
  w.lack_worker(w.live(run, c));
  EXPECT_TRUE(w.runs(run, b)) << "it waits for nobody, and was put back once";
  w.unblock(w.live(run, b));
  w.emit(w.live(run, b), 11);
  w.emit(w.live(run, b), 12);
  w.done(w.live(run, b));
  EXPECT_EQ(w.live(run, y).inputs[0].values, (std::vector<Value>{11, 12}));
  w.finish(run, y, 0, {3});
  w.start(w.live(run, c));
  w.finish(run, c, 0, {4});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_reader_does_not_start_on_what_was_put_back_in_the_same_event) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto b = plan.step({.name = "b", .in = {{out_of(a), Access::kStream}}, .out = {true}});
  plan.step({.name = "x"});  // Keeps `c` and `d` on the node of `b`.
  const auto c = plan.step({.name = "c"});
  plan.step({.name = "y"});
  const auto d = plan.step({.name = "d", .in = {{out_of(b), Access::kStream}}});
  plan.output(out_of(c));
  plan.output(out_of(d));
  w.auto_start = false;
  const RunKey run = submit();
  for (const std::uint32_t filler : {2U, 4U}) {
    w.start(w.live(run, filler));
    w.finish(run, filler, 0, {1});
  }
  w.start(w.live(run, a));
  w.emit(w.live(run, a), 1);
  w.start(w.live(run, b));
  w.set_slots(w.node_of(run, a) == w.node_of(run, b) ? 3 : 2, w.node_of(run, b));
  w.emit(w.live(run, b), 11);
  ASSERT_EQ(w.state(run, d), TaskState::kReady) << "it has data, and no CPU slot";
  w.lack_worker(w.live(run, c));
  // Blocked it gives its slot to `d`, and at once its worker to `c`: with it goes what `d` has.
  w.block(w.live(run, b));
  ASSERT_FALSE(w.runs(run, b));
  EXPECT_FALSE(w.runs(run, d));
  EXPECT_EQ(w.state(run, d), TaskState::kWaiting);
  w.emit(w.live(run, a), 2);
  w.done(w.live(run, a));
  w.start(w.live(run, b));
  w.emit(w.live(run, b), 21);
  w.done(w.live(run, b));
  w.start(w.live(run, c));
  w.finish(run, c, 0, {3});
  w.start(w.live(run, d));
  EXPECT_EQ(w.live(run, d).inputs[0].values, (std::vector<Value>{21}));
  w.finish(run, d, 0, {4});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, many_that_are_put_back_start_when_their_data_is_whole) {
  constexpr std::uint32_t kMany = 20;
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto list = plan.input(true);
  const auto b =
      plan.step({.name = "b", .foreach = list, .in = {{item()}, {out_of(a), Access::kStream}}});
  plan.output(out_of(b));
  w.auto_start = false;
  const RunKey run = submit();
  w.start(w.live(run, a));
  w.emit(w.live(run, a), 1);
  for (std::uint32_t i = 0; i < kMany; ++i) w.input_element(run, 0, i);
  w.close_input(run, 0);
  for (std::uint32_t i = 0; i < kMany / 2; ++i) {
    w.start(w.live(run, b, i));
    w.block(w.live(run, b, i));
    w.lack_worker(w.live(run, b, kMany - 1 - i));
    EXPECT_FALSE(w.runs(run, b, i));
  }
  w.done(w.live(run, a));
  for (std::uint32_t i = 0; i < kMany; ++i) {
    ASSERT_TRUE(w.runs(run, b, i)) << i;
    w.start(w.live(run, b, i));
    w.finish(run, b, i, {i});
  }
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, who_blocks_later_is_put_back_for_who_has_no_worker_already) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto x = plan.step({.name = "x"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a), Access::kStream}}});
  plan.output(out_of(b));
  plan.output(out_of(x));
  w.auto_start = false;
  const RunKey run = submit();
  const auto y = b;
  w.start(w.live(run, a));
  w.emit(w.live(run, a), 1);
  w.start(w.live(run, y));
  const bool same_node = w.node_of(run, x) == w.node_of(run, y);
  w.lack_worker(w.live(run, x));
  EXPECT_TRUE(w.runs(run, y));
  w.block(w.live(run, y));
  EXPECT_EQ(w.runs(run, y), !same_node) << "only a worker of the same node helps";
  w.start(w.live(run, x));
  w.finish(run, x, 0, {1});
  w.done(w.live(run, a));
  w.start(w.live(run, y));
  w.finish(run, y, 0, {2});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, only_a_task_of_the_same_function_helps_where_that_has_no_worker_left) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto b = plan.step({.name = "b", .in = {{out_of(a), Access::kStream}}});
  const auto in = plan.input(true);
  const auto c =
      plan.step({.name = "c", .foreach = in, .in = {{item()}, {out_of(a), Access::kStream}}});
  plan.output(out_of(b));
  plan.output(out_of(c));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  w.input_element(run, 0, 10);
  w.block(w.live(run, c, 0));
  w.block(w.live(run, b));
  w.auto_start = false;
  w.input_element(run, 0, 11);
  w.lack_worker(w.live(run, c, 1), true);
  EXPECT_TRUE(w.runs(run, b)) << "of another function";
  EXPECT_FALSE(w.runs(run, c, 0));
  w.close_input(run, 0);
  w.done(w.live(run, a));
  for (const std::uint32_t i : {0U, 1U}) {
    w.start(w.live(run, c, i));
    w.finish(run, c, i, {i});
  }
  w.finish(run, b, 0, {2});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_task_without_a_worker_makes_room_itself) {
  w.auto_start = false;
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto b = plan.step({.name = "b", .in = {{out_of(a), Access::kStream}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.start(w.live(run, a));
  w.lack_worker(w.live(run, b));
  EXPECT_FALSE(w.runs(run, b));
  w.emit(w.live(run, a), 1);
  EXPECT_FALSE(w.runs(run, b));
  w.done(w.live(run, a));
  ASSERT_TRUE(w.runs(run, b));
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{1}));
  w.start(w.live(run, b));
  w.finish(run, b, 0, {2});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_early_element_whose_peer_is_a_hole_becomes_one) {
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto a = plan.step({.name = "a", .foreach = out_of(list), .in = {{item()}}});
  const auto b =
      plan.step({.name = "b", .foreach = out_of(list), .in = {{peer(a)}}, .early = true});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, list), 1);
  w.emit(w.live(run, list), 2);
  w.done(w.live(run, list));
  for (const std::uint32_t i : {0U, 1U}) ASSERT_TRUE(w.runs(run, b, i));
  w.done(w.live(run, a, 0));  // Nothing.
  EXPECT_FALSE(w.runs(run, b, 0));
  w.finish(run, a, 1, {5});
  EXPECT_EQ(w.live(run, b, 1).inputs[0].values, (std::vector<Value>{5}));
  w.finish(run, b, 1, {6});
  EXPECT_EQ(output(run), (std::vector<Value>{kHoleValue, 6}));
  expect_over(run, RunEnded::State::kSucceeded);
}

}  // namespace sluice::core::testing
