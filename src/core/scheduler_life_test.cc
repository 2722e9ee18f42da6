// Attempts and runs: retries, time, cancellation, limits, events that come too late.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
using namespace std::chrono_literals;

TEST_P(SchedulerTest, attempts_are_retried_with_growing_waits_and_then_used_up) {
  model::Retry retry = attempts(3, 1s);
  retry.factor = 3;
  const auto a = plan.step({.name = "a", .retry = retry});
  const RunKey run = submit();
  w.fail(w.live(run, a));
  w.advance(999ms);
  EXPECT_FALSE(w.runs(run, a));
  w.advance(1ms);
  EXPECT_EQ(w.live(run, a).number, 2U);
  w.fail(w.live(run, a));
  w.advance(2999ms);
  EXPECT_FALSE(w.runs(run, a));
  w.advance(1ms);
  w.fail(w.live(run, a), "Last");
  EXPECT_EQ(w.run(run).ended->failure->name, "Last");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_P(SchedulerTest, only_named_errors_or_their_bases_are_retried) {
  model::Retry retry = attempts(5);
  retry.errors = {"OSError"};
  const auto a = plan.step({.name = "a", .retry = retry});
  const RunKey run = submit();
  w.fail(w.live(run, a), {.name = "ConnectionError", .message = "", .bases = {"OSError"}});
  w.advance(0s);
  ASSERT_TRUE(w.runs(run, a));
  w.fail(w.live(run, a), "ValueError");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_P(SchedulerTest, some_errors_are_never_retried) {
  const auto a = plan.step({.name = "a", .retry = attempts(5)});
  const RunKey run = submit();
  w.fail(w.live(run, a), "InvalidOutput");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_P(SchedulerTest, a_lost_worker_does_not_count) {
  const auto a = plan.step({.name = "a"});
  plan.output(out_of(a));
  const RunKey run = submit();
  for (int i = 0; i < 5; ++i) {
    w.emit(w.live(run, a), 1);
    w.fail(w.live(run, a), {.name = "Crash", .message = "", .counts = false});
    EXPECT_EQ(w.live(run, a).number, 1U);
    EXPECT_EQ(w.live(run, a).attempt.epoch, static_cast<std::uint64_t>(i) + 2);
  }
  w.finish(run, a, 0, {2});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, the_time_of_an_attempt_stands_still_while_it_is_blocked) {
  const auto a = plan.step({.name = "a", .timeout = 5s});
  const RunKey run = submit();
  w.advance(3s);
  w.block(w.live(run, a));
  w.advance(1h);
  w.unblock(w.live(run, a));
  w.advance(1999ms);
  EXPECT_TRUE(w.runs(run, a));
  w.advance(1ms);
  EXPECT_EQ(w.run(run).ended->failure->name, "Timeout");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_P(SchedulerTest, a_timed_out_attempt_is_over_when_the_world_says_so) {
  w.auto_end = false;
  const auto a = plan.step({.name = "a", .retry = attempts(2), .timeout = 1s});
  const RunKey run = submit();
  w.advance(1s);
  ASSERT_EQ(w.live(run, a).end_asked, EndAttempt::Reason::kTimeout);
  const Attempt first = w.live(run, a).attempt;
  w.ended(w.live(run, a));
  w.advance(0s);
  EXPECT_EQ(w.live(run, a).attempt.epoch, first.epoch + 1);
  w.finish(run, a, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, cancel_ends_the_run_at_once_and_drains_when_attempts_are_over) {
  w.auto_end = false;
  const auto in = plan.input();
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}, {in}}});
  const RunKey run = submit();
  w.input(run, 0, 3);
  w.emit(w.live(run, a), 1);
  w.cancel(run);
  ASSERT_TRUE(w.run(run).ended);
  EXPECT_FALSE(w.is_over(run));
  EXPECT_TRUE(w.live(run, a).end_asked && w.live(run, b).end_asked);
  w.emit(w.live(run, a), 2);
  w.ended(w.live(run, a));
  w.ended(w.live(run, b));
  EXPECT_EQ(w.state(run, b), TaskState::kCancelled);
  expect_over(run, RunEnded::State::kCancelled);
  w.input(run, 0, 4);  // An upload that does not know yet.
  EXPECT_EQ(w.objects_alive(), 0U);
}

TEST_P(SchedulerTest, the_deadline_of_a_run_ends_it) {
  const auto a = plan.step({.name = "a"});
  const RunKey run = submit(TimePoint{} + 10s);
  EXPECT_TRUE(w.runs(run, a));
  w.advance(9s);
  EXPECT_FALSE(w.run(run).ended);
  w.advance(1s);
  expect_over(run, RunEnded::State::kTimedOut);
}

TEST_P(SchedulerTest, a_failure_from_outside_ends_the_run) {
  const auto in = plan.input();
  plan.step({.name = "a", .in = {{in}}});
  const RunKey run = submit();
  w.tell_owner(run, FailRun{run, {.name = "BrokenUpload", .message = "gone"}});
  EXPECT_EQ(w.run(run).ended->failure->name, "BrokenUpload");
  expect_over(run, RunEnded::State::kFailed);
}

TEST_P(SchedulerTest, events_of_old_attempts_change_nothing_and_are_counted) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  plan.output(out_of(a));
  const RunKey run = submit();
  const Attempt old = w.live(run, a).attempt;
  const NodeId node = w.node_of(run, a);
  w.fail(w.live(run, a));
  w.advance(0s);
  const std::uint64_t before = w.stale_events();
  w.apply(node, TaskStarted{old});
  w.apply(node, TaskDone{old});
  w.apply(node, TaskFailed{old, {.name = "X"}});
  w.apply(node, AttemptEnded{old});
  w.apply(node, Committed{old});
  w.apply(node, Consumed{old, 0, 3});
  w.apply(node, Emitted{old, 0, FakeWorld::object(w.make_object(node, 9), 9)});
  w.apply(node, TaskDone{{{RunKey::make(99, 1), 0, 0}, 1}});
  EXPECT_EQ(w.stale_events(), before + 8);
  EXPECT_EQ(w.objects_alive(), 0U) << "what came with them is given back";
  w.finish(run, a, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, commits_follow_what_they_were_made_from) {
  w.auto_commit = false;
  const auto a = plan.step({.name = "a"});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  w.finish(run, b, 0, {2});
  EXPECT_EQ(w.commit_requests(), 0U);
  w.done(w.live(run, a));
  w.settle();
  EXPECT_EQ(w.commit_requests(), 2U);
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST(SchedulerLimits, a_list_that_is_too_long_fails_its_task) {
  Limits limits;
  limits.elements_per_list = 3;
  FakeWorld w(1, limits);
  PlanBuilder plan;
  const auto a = plan.step({.name = "a", .out = {true}, .retry = attempts(5)});
  const RunKey run = w.submit(plan.app());
  for (const Value value : {1, 2, 3, 4}) w.emit(w.live(run, a), value);
  ASSERT_TRUE(w.run(run).ended);
  EXPECT_EQ(w.run(run).ended->failure->name, "TooLarge");
  EXPECT_EQ(w.objects_alive(), 0U);
}

TEST(SchedulerLimits, a_run_with_too_many_tasks_fails_the_task_that_made_them) {
  Limits limits;
  limits.tasks_per_run = 10;
  FakeWorld w(1, limits);
  PlanBuilder plan;
  const auto a = plan.step({.name = "a", .out = {true}});
  auto last = a;
  for (int i = 0; i < 3; ++i)
    last = plan.step({.name = "s", .foreach = out_of(last), .in = {{item()}}});
  const RunKey run = w.submit(plan.app());
  for (const Value value : {1, 2, 3}) w.emit(w.live(run, a), value);
  EXPECT_FALSE(w.run(run).ended) << "1 + 3 * 3 tasks";
  w.emit(w.live(run, a), 4);
  ASSERT_TRUE(w.run(run).ended);
  EXPECT_EQ(w.run(run).ended->failure->name, "TooLarge");
  EXPECT_EQ(w.objects_alive(), 0U);
}

TEST(SchedulerLimits, a_workflow_without_steps_ends_at_once) {
  FakeWorld w(1);
  PlanBuilder plan;
  plan.output(plan.input());
  const RunKey run = w.submit(plan.app());
  EXPECT_FALSE(w.run(run).ended);
  w.input(run, 0, 3);
  EXPECT_EQ(w.run(run).outputs[0].values, (std::vector<Value>{3}));
  EXPECT_TRUE(w.is_over(run));
  EXPECT_EQ(w.objects_alive(), 0U);
}

}  // namespace sluice::core::testing
