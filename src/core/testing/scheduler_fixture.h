#pragma once

// The frame of core's tables. Every table runs on one node and with the graph cut over two: all on
// one, alternating with either node as the owner, and with the owner running nothing. One file of
// the binary says SLUICE_SCHEDULER_CUTS().

#include <gtest/gtest.h>

#include "core/testing/fake_world.h"
#include "core/testing/plan_builder.h"

namespace sluice::core::testing {

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

inline std::string cut_name(const ::testing::TestParamInfo<Cut>& info) {
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
}

#define SLUICE_SCHEDULER_CUTS()                                                                \
  INSTANTIATE_TEST_SUITE_P(                                                                    \
      Cuts, SchedulerTest,                                                                     \
      ::testing::Values(Cut::kOne, Cut::kAlternate, Cut::kAlternateOther, Cut::kAllElsewhere), \
      cut_name)

}  // namespace sluice::core::testing
