// The time limits of flows.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
namespace {

using namespace std::chrono_literals;

class FlowTimeTest : public ::testing::Test {
 protected:
  FakeWorld w{1U};
  PlanBuilder plan;

  RunKey submit() { return w.submit(plan.app()); }
};

TEST_F(FlowTimeTest, the_time_limit_of_a_flow_stands_still_while_all_of_it_waits) {
  const std::uint32_t inner = plan.begin();
  const model::Source x = plan.input();
  const model::Source y = plan.input();
  const auto a = plan.step({.name = "a", .in = {{x}}});
  const auto b = plan.step({.name = "b", .in = {{y}, {out_of(a)}}, .retry = attempts(2)});
  plan.output(out_of(b));
  plan.begin(0);
  const auto now = plan.step({.name = "now"});
  const auto late = plan.step({.name = "late"});
  const auto flow =
      plan.scope({.name = "flow", .in = {{out_of(now)}, {out_of(late)}}, .timeout = 10s}, inner);
  plan.output(out_of(flow));
  const RunKey run = submit();
  const std::uint32_t scope = w.scope_of(run, flow);
  w.advance(100s);
  EXPECT_TRUE(w.runs(run, now)) << "nothing inside can begin";
  w.finish(run, now, 0, {1});
  ASSERT_TRUE(w.runs_in(run, scope, a));
  w.advance(6s);
  w.finish_in(run, scope, a, 0, {2});
  w.advance(100s);  // Now b waits for `late` alone.
  w.finish(run, late, 0, {3});
  ASSERT_TRUE(w.runs_in(run, scope, b));
  w.advance(3s);
  EXPECT_FALSE(w.run(run).ended.has_value());
  w.advance(2s);
  ASSERT_TRUE(w.run(run).ended.has_value());
  EXPECT_EQ(w.run(run).ended->failure->name, "Timeout");
}

TEST_F(FlowTimeTest, waiting_for_a_retry_inside_counts_for_the_limit_of_the_flow) {
  const std::uint32_t inner = plan.begin();
  model::Retry retry = attempts(2);
  retry.backoff = 20s;
  const auto a = plan.step({.name = "a", .retry = retry});
  plan.output(out_of(a));
  plan.begin(0);
  const auto flow = plan.scope({.name = "flow", .timeout = 10s}, inner);
  plan.output(out_of(flow));
  const RunKey run = submit();
  w.fail(w.live_in(run, w.scope_of(run, flow), a), "Broken");
  w.advance(9s);
  EXPECT_FALSE(w.run(run).ended.has_value());
  w.advance(2s);
  ASSERT_TRUE(w.run(run).ended.has_value());
  EXPECT_EQ(w.run(run).ended->failure->name, "Timeout");
}

}  // namespace
}  // namespace sluice::core::testing
