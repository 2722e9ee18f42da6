#include "world.h"

namespace sluice::sim {
namespace {

TEST(Simulator, RunsASeedTwiceWithTheSameTrace) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Trace first(false);
    Trace second(false);
    const World::Report once = World(seed, first).run();
    const World::Report twice = World(seed, second).run();
    ASSERT_EQ(first.hash(), second.hash()) << "seed " << seed;
    ASSERT_EQ(once.events, twice.events);
    ASSERT_EQ(once.violation, twice.violation);
  }
}

TEST(Simulator, ReachesTheRareCases) {
  // A simulator that never rolls back, never fails and never crosses nodes would find nothing.
  std::uint64_t rolled_back = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t events = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Trace trace(false);
    const World::Report report = World(seed, trace).run();
    ASSERT_EQ(report.violation, std::nullopt) << "seed " << seed;
    rolled_back += report.rolled_back;
    succeeded += report.succeeded;
    events += report.events;
  }
  EXPECT_GT(rolled_back, 20u);
  EXPECT_GT(succeeded, 20u);
  EXPECT_GT(events, 5000u);
}

TEST(Oracle, PassesHolesOnAndSkipsWhatLacksAnInput) {
  Scenario scenario;
  scenario.app = std::make_shared<model::App>();
  model::Workflow& workflow = scenario.app->workflows.emplace_back();
  const model::Type list{.kind = model::Kind::kBytes, .lists = 1};
  const model::Type one{.kind = model::Kind::kBytes};
  workflow.inputs = {{.name = "list", .type = list}, {.name = "one", .type = one}};
  scenario.inputs = {Value::list({Value::one(1), Value{}, Value::one(3)}), Value{}};
  scenario.app->functions = {{.name = "f",
                              .inputs = {{.name = "a", .type = one}},
                              .outputs = {{.name = "o", .type = one}}}};
  scenario.behaviours.resize(1);
  workflow.steps = {
      {.name = "each",
       .function = 0,
       .slots = {{.port = 0, .source = model::ItemRef{}}},
       .foreach = model::InputRef{0}},
      {.name = "lacks", .function = 0, .slots = {{.port = 0, .source = model::InputRef{1}}}},
      {.name = "all",
       .function = 0,
       .slots = {{.port = 0, .source = model::InputRef{1}}},
       .foreach = model::InputRef{0}},
  };
  workflow.outputs = {{.name = "each", .source = model::StepRef{0, 0}},
                      {.name = "lacks", .source = model::StepRef{1, 0}},
                      {.name = "all", .source = model::StepRef{2, 0}}};
  const RunOutcome outcome = evaluate(scenario);
  EXPECT_FALSE(outcome.fails);
  ASSERT_EQ(outcome.outputs[0].items.size(), 3u);
  EXPECT_EQ(outcome.outputs[0].items[0], call(scenario, 0, {Value::one(1)}).outputs[0]);
  EXPECT_TRUE(outcome.outputs[0].items[1].is_absent());
  EXPECT_TRUE(outcome.outputs[1].is_absent());
  EXPECT_TRUE(outcome.outputs[2].is_absent());
  EXPECT_TRUE(outcome.steps[2].skipped);
}

}  // namespace
}  // namespace sluice::sim
