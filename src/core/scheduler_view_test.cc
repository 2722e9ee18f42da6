// Lists that an expression hands on while they grow.

#include "core/testing/scheduler_fixture.h"

namespace sluice::core::testing {
namespace {

using model::Access;
using Evaluation = FakeWorld::Evaluation;
using Kind = ComputedOutput::Kind;

TEST_P(SchedulerTest, a_view_drops_holes_and_grows_with_its_list) {
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto a = plan.step({.name = "a", .foreach = out_of(list), .in = {{item()}}});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}}, .out = {true}});
  const auto b = plan.step({.name = "b", .in = {{.source = out_of(x), .access = Access::kStream}}});
  plan.output(out_of(x));
  w.programs[x] = [](Evaluation& e) {
    ComputedOutput& output = e.give(0, Kind::kView);
    output.view = Evaluation::datum(0);
    output.drop_holes = true;
  };
  const RunKey run = submit();
  for (const Value v : {0, 1, 2}) w.emit(w.live(run, list), v);
  w.finish(run, a, 0, {10});
  ASSERT_TRUE(w.runs(run, b)) << "with the first element";
  w.done(w.live(run, a, 1));  // A hole.
  w.finish(run, a, 2, {12});
  EXPECT_FALSE(w.live(run, b).inputs.at(0).closed);
  w.done(w.live(run, list));
  EXPECT_TRUE(w.live(run, b).inputs.at(0).closed);
  EXPECT_EQ(w.live(run, b).inputs.at(0).values, (std::vector<Value>{10, 12}));
  w.finish(run, b, 0, {1});
  EXPECT_EQ(output(run), (std::vector<Value>{10, 12}));
  expect_over(run, RunEnded::State::kSucceeded);
}

TEST_P(SchedulerTest, two_views_of_one_list_have_each_a_place_of_their_own) {
  const auto list = plan.step({.name = "list", .out = {true}});
  const auto a = plan.step({.name = "a", .foreach = out_of(list), .in = {{item()}}});
  const auto x = plan.compute({.name = "x", .in = {{out_of(a)}}, .out = {true, true}});
  plan.output(out_of(x, 0));
  plan.output(out_of(x, 1));
  w.programs[x] = [](Evaluation& e) {
    for (const std::uint32_t port : {0U, 1U}) {
      ComputedOutput& output = e.give(port, Kind::kView);
      output.view = Evaluation::datum(0);
      output.drop_holes = port == 1;
    }
  };
  const RunKey run = submit();
  for (const Value v : {0, 1, 2}) w.emit(w.live(run, list), v);
  w.finish(run, a, 0, {10});
  w.done(w.live(run, a, 1));  // A hole.
  w.finish(run, a, 2, {12});
  w.done(w.live(run, list));
  EXPECT_EQ(output(run, 0), (std::vector<Value>{10, kHoleValue, 12}));
  EXPECT_EQ(output(run, 1), (std::vector<Value>{10, 12}));
  expect_over(run, RunEnded::State::kSucceeded);
}

}  // namespace
}  // namespace sluice::core::testing
