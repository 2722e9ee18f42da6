#include <gtest/gtest.h>

#include "core/testing/fake_world.h"
#include "core/testing/plan_builder.h"

namespace sluice::core::testing {
namespace {

// Every table runs on one node and with the graph cut over two: all on one, alternating with either
// node as the owner, and with the owner running nothing.
enum class Cut { kOne, kAlternate, kAlternateOther, kAllElsewhere };

class SchedulerTest : public ::testing::TestWithParam<Cut> {
 protected:
  FakeWorld w{GetParam() == Cut::kOne ? 1U : 2U};
  PlanBuilder plan;

  RunKey submit(std::optional<TimePoint> deadline = std::nullopt) {
    switch (GetParam()) {
      case Cut::kOne:
        return w.submit(plan.app(), {}, NodeId{1}, deadline);
      case Cut::kAlternate:
        return w.submit(
            plan.app(), [](std::uint32_t s) { return NodeId{1 + s % 2}; }, NodeId{1}, deadline);
      case Cut::kAlternateOther:
        return w.submit(
            plan.app(), [](std::uint32_t s) { return NodeId{1 + s % 2}; }, NodeId{2}, deadline);
      case Cut::kAllElsewhere:
        return w.submit(plan.app(), [](std::uint32_t) { return NodeId{2}; }, NodeId{1}, deadline);
    }
    return {};
  }
  void set_slots(std::uint32_t slots) {
    w.set_slots(slots);
    if (GetParam() != Cut::kOne) w.set_slots(slots, NodeId{2});
  }
  // The run has ended, nothing is left of it.
  void expect_over(RunKey run, RunEnded::State state) {
    ASSERT_TRUE(w.run(run).ended.has_value());
    EXPECT_EQ(w.run(run).ended->state, state);
    EXPECT_TRUE(w.is_over(run));
    EXPECT_EQ(w.objects_alive(), 0U);
  }
  std::vector<Value> output(RunKey run, std::uint32_t i = 0) {
    return w.run(run).outputs[i].values;
  }
};

INSTANTIATE_TEST_SUITE_P(Cuts, SchedulerTest,
                         ::testing::Values(Cut::kOne, Cut::kAlternate, Cut::kAlternateOther,
                                           Cut::kAllElsewhere),
                         [](const auto& info) {
                           switch (info.param) {
                             case Cut::kOne:
                               return "one_node";
                             case Cut::kAlternate:
                               return "alternating";
                             case Cut::kAlternateOther:
                               return "alternating_other_owner";
                             case Cut::kAllElsewhere:
                               return "all_elsewhere";
                           }
                           return "";
                         });

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

}  // namespace
}  // namespace sluice::core::testing
