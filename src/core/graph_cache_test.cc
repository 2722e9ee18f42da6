#include "core/graph_cache.h"

#include <vector>

#include <gtest/gtest.h>

#include "core/testing/plan_builder.h"

namespace sluice::core::testing {
namespace {

std::shared_ptr<const model::App> app_of_two_steps() {
  PlanBuilder plan;
  const auto first = plan.step({.name = "first"});
  plan.output(out_of(plan.step({.name = "second", .in = {{out_of(first)}}})));
  return plan.app();
}

TEST(GraphCache, MakesTheGraphOfAnAppOnce) {
  const Limits limits;
  GraphCache cache;
  const auto app = app_of_two_steps();
  const Graph* first = cache.find_or_make(app, 0, limits).get();
  EXPECT_EQ(cache.find_or_make(app, 0, limits).get(), first);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(GraphCache, DoesNotKeepAnAppAliveAndDropsItsGraphs) {
  const Limits limits;
  GraphCache cache;
  auto app = app_of_two_steps();
  const std::weak_ptr<const model::App> gone = app;
  const std::weak_ptr<const Graph> graph = cache.find_or_make(app, 0, limits);
  app.reset();
  EXPECT_TRUE(gone.expired());
  cache.drop_gone();
  EXPECT_TRUE(graph.expired());
  EXPECT_EQ(cache.size(), 0U);
}

TEST(GraphCache, DropsTheIdleGraphThatWasAskedForTheLongestTimeAgoButNoneInUse) {
  const Limits limits;
  GraphCache cache;
  std::vector<std::shared_ptr<const model::App>> apps;
  std::vector<std::weak_ptr<const Graph>> graphs;
  for (std::size_t i = 0; i < GraphCache::kGraphsMax; ++i) {
    apps.push_back(app_of_two_steps());
    graphs.push_back(cache.find_or_make(apps[i], 0, limits));
  }
  const std::shared_ptr<const Graph> used = graphs[0].lock();
  const auto later = app_of_two_steps();
  cache.find_or_make(later, 0, limits);
  EXPECT_EQ(cache.size(), GraphCache::kGraphsMax);
  EXPECT_FALSE(graphs[0].expired());
  EXPECT_TRUE(graphs[1].expired());
  EXPECT_FALSE(graphs[2].expired());
  EXPECT_EQ(cache.find_or_make(apps[0], 0, limits), used);
}

TEST(GraphCache, ComesBackToItsBoundAfterManyGraphsWereInUseAtOnce) {
  const Limits limits;
  GraphCache cache;
  std::vector<std::shared_ptr<const model::App>> apps;
  std::vector<std::shared_ptr<const Graph>> used;
  for (std::size_t i = 0; i < 2 * GraphCache::kGraphsMax; ++i) {
    apps.push_back(app_of_two_steps());
    used.push_back(cache.find_or_make(apps[i], 0, limits));
  }
  EXPECT_EQ(cache.size(), 2 * GraphCache::kGraphsMax);
  used.clear();
  const auto later = app_of_two_steps();
  cache.find_or_make(later, 0, limits);
  EXPECT_EQ(cache.size(), GraphCache::kGraphsMax);
}

}  // namespace
}  // namespace sluice::core::testing
