// Early data: attempts that fail after they emitted, and what becomes of their readers.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
using namespace std::chrono_literals;

TEST_P(SchedulerTest, a_reader_goes_on_when_the_next_attempt_writes_the_same) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, a), 5);
  const Attempt reader = w.live(run, b).attempt;
  w.fail(w.live(run, a));
  w.advance(0s);
  EXPECT_EQ(w.live(run, a).number, 2U);
  EXPECT_TRUE(w.runs(run, b));
  w.finish(run, b, 0, {6});
  EXPECT_EQ(w.state(run, b), TaskState::kFinished);
  w.finish(run, a, 0, {5});
  EXPECT_EQ(w.run(run).committed.at({b, 0}).inputs.at(0).values, (std::vector<Value>{5}));
  EXPECT_EQ(reader.epoch, 1U);
  EXPECT_EQ(output(run), (std::vector<Value>{6}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_reader_runs_again_when_the_next_attempt_writes_something_else) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  const auto c = plan.step({.name = "c", .in = {{out_of(b)}}});
  plan.output(out_of(c));
  const RunKey run = submit();
  w.emit(w.live(run, a), 5);
  w.finish(run, b, 0, {50});
  w.emit(w.live(run, c), 500);
  w.fail(w.live(run, a));
  w.advance(0s);
  w.emit(w.live(run, a), 6);
  ASSERT_TRUE(w.runs(run, b));
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{6}));
  EXPECT_EQ(w.live(run, b).number, 1U) << "a roll-back is no attempt of the user's";
  EXPECT_TRUE(w.runs(run, c)) << "as long as it is not known to be wrong";
  w.emit(w.live(run, b), 60);
  EXPECT_EQ(w.live(run, c).inputs[0].values, (std::vector<Value>{60})) << "undone transitively";
  w.done(w.live(run, b));
  w.finish(run, c, 0, {600});
  w.done(w.live(run, a));
  EXPECT_EQ(output(run), (std::vector<Value>{600}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, tasks_whose_element_is_gone_vanish) {
  const auto a = plan.step({.name = "a", .out = {true}, .retry = attempts(2)});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  const auto sum = plan.step({.name = "sum", .in = {{out_of(b), model::Access::kStream}}});
  plan.output(out_of(b));
  plan.output(out_of(sum));
  const RunKey run = submit();
  for (const Value value : {1, 2, 3}) w.emit(w.live(run, a), value);
  for (const std::uint32_t i : {0U, 1U, 2U}) w.finish(run, b, i, {10 + i});
  EXPECT_EQ(w.live(run, sum).inputs[0].values.size(), 3U);
  w.fail(w.live(run, a));
  w.advance(0s);
  w.emit(w.live(run, a), 1);  // The same.
  w.emit(w.live(run, a), 7);  // Another. And no third.
  EXPECT_EQ(w.live(run, b, 1).inputs[0].values, (std::vector<Value>{7}));
  EXPECT_EQ(w.state(run, b, 0), TaskState::kFinished) << "depends on its element only";
  w.done(w.live(run, a));
  w.finish(run, b, 1, {17});
  EXPECT_EQ(w.live(run, sum).inputs[0].values, (std::vector<Value>{10, 17}));
  EXPECT_TRUE(w.live(run, sum).inputs[0].closed);
  w.finish(run, sum, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{10, 17}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, more_elements_than_before_undo_who_saw_the_end) {
  const auto in = plan.input();
  const auto root = plan.step({.name = "root", .in = {{in}}, .retry = attempts(2)});
  const auto a = plan.step({.name = "a", .in = {{out_of(root)}}, .out = {true}});
  const auto whole = plan.step({.name = "whole", .in = {{out_of(a)}}});
  plan.output(out_of(whole));
  const RunKey run = submit();
  w.input(run, 0, 1);
  w.emit(w.live(run, root), 2);
  w.finish(run, a, 0, {20});
  w.finish(run, whole, 0, {200});
  w.fail(w.live(run, root));
  w.advance(0s);
  w.finish(run, root, 0, {3});  // Undoes `a`, which had ended.
  w.emit(w.live(run, a), 20);
  w.emit(w.live(run, a), 21);
  w.done(w.live(run, a));
  EXPECT_EQ(w.live(run, whole).inputs[0].values, (std::vector<Value>{20, 21}));
  w.finish(run, whole, 0, {201});
  EXPECT_EQ(output(run), (std::vector<Value>{201}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, what_nobody_has_read_is_released_at_once) {
  const auto a = plan.step({.name = "a", .out = {true}, .retry = attempts(2, 1s)});
  const auto whole = plan.step({.name = "whole", .in = {{out_of(a)}}});
  plan.output(out_of(whole));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  w.emit(w.live(run, a), 2);
  w.fail(w.live(run, a));
  EXPECT_EQ(w.objects_alive(), 0U);
  w.advance(1s);
  w.finish(run, a, 0, {3});
  w.finish(run, whole, 0, {4});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_object_is_kept_until_the_attempt_that_uses_it_is_over) {
  w.auto_end = false;
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  w.fail(w.live(run, a));
  w.advance(0s);
  w.emit(w.live(run, a), 2);  // The world aborts if value 1 goes while `b` still maps it.
  ASSERT_EQ(w.live(run, b).end_asked, EndAttempt::Reason::kRolledBack);
  w.emit(w.live(run, b), 77);  // It does not know yet: ignored, and given back.
  w.ended(w.live(run, b));
  EXPECT_EQ(w.live(run, b).inputs[0].values, (std::vector<Value>{2}));
  w.finish(run, b, 0, {3});
  w.done(w.live(run, a));
  EXPECT_EQ(output(run), (std::vector<Value>{3}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, a_failure_on_void_data_never_happened) {
  const auto a = plan.step({.name = "a", .retry = attempts(2)});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  w.fail(w.live(run, b), "InvalidInput");
  EXPECT_FALSE(w.run(run).ended) << "a failure waits for what it was made from";
  w.fail(w.live(run, a));
  w.advance(0s);
  w.finish(run, a, 0, {2});
  w.finish(run, b, 0, {3});
  EXPECT_EQ(output(run), (std::vector<Value>{3}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, an_absence_is_undone_like_a_value) {
  const auto root = plan.step({.name = "root", .retry = attempts(2)});
  const auto a = plan.step({.name = "a", .in = {{out_of(root)}}});
  const auto b = plan.step({.name = "b", .in = {{out_of(a)}}});
  const auto c = plan.step({.name = "c", .in = {{.source = out_of(b), .optional = true}}});
  plan.output(out_of(c));
  const RunKey run = submit();
  w.emit(w.live(run, root), 1);
  w.finish(run, a, 0, {});  // Nothing: b is skipped, c runs without.
  EXPECT_EQ(w.state(run, b), TaskState::kFinished);
  EXPECT_TRUE(w.live(run, c).inputs.empty());
  w.fail(w.live(run, root));
  w.advance(0s);
  w.finish(run, root, 0, {2});
  w.finish(run, a, 0, {20});
  w.finish(run, b, 0, {200});
  EXPECT_EQ(w.live(run, c).inputs[0].values, (std::vector<Value>{200}));
  w.finish(run, c, 0, {1});
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, readers_are_cancelled_when_no_attempt_is_left) {
  const auto a = plan.step({.name = "a", .out = {true}});
  const auto b = plan.step({.name = "b", .foreach = out_of(a), .in = {{item()}}});
  const auto gate = plan.step({.name = "gate"});
  const auto c = plan.step({.name = "c", .in = {{out_of(gate)}}});
  plan.output(out_of(b));
  const RunKey run = submit();
  w.emit(w.live(run, a), 1);
  EXPECT_TRUE(w.runs(run, b, 0));
  w.fail(w.live(run, a), "ValueError");
  ASSERT_TRUE(w.run(run).ended);
  EXPECT_EQ(w.run(run).ended->failure->name, "ValueError");
  EXPECT_EQ(w.run(run).ended->failed_task, (TaskKey{run, a, 0}));
  EXPECT_EQ(w.state(run, c), TaskState::kCancelled);
  expect_over(run, RunEnded::State::kFailed);
}

}  // namespace sluice::core::testing
