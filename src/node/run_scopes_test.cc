#include "node/run_scopes.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using core::TaskState;

constexpr char kDone = static_cast<char>(TaskState::kSucceeded);
constexpr char kFailed = static_cast<char>(TaskState::kFailed);

model::Step step_of(std::string name, model::Action action, std::uint32_t workflow = 0,
                    bool is_foreach = false) {
  model::Step step{.name = std::move(name)};
  step.action = action;
  step.workflow = workflow;
  if (is_foreach) step.foreach = model::InputRef{0};
  return step;
}

// main: rows (a foreach of the flow `row`), loop; row: cells (a foreach of the flow `cell`), last.
class RunScopesTest : public testing::Test {
 protected:
  RunScopesTest() {
    app_.workflows.resize(4);
    app_.workflows[0].steps = {step_of("rows", model::Action::kFlow, 1, true),
                               step_of("loop", model::Action::kLoop, 3)};
    app_.workflows[1].steps = {step_of("cells", model::Action::kFlow, 2, true),
                               step_of("last", model::Action::kCall)};
    app_.workflows[2].steps = {step_of("add", model::Action::kCall)};
    app_.workflows[3].steps = {step_of("loop", model::Action::kCall)};
    app_.workflows[3].is_internal = true;
    scopes_.start(app_, 0, 3);
  }
  void open(std::uint32_t number, std::uint32_t scope, std::uint32_t step, std::uint32_t index,
            std::uint32_t round = 0) {
    const std::uint32_t inside = scope == 0 ? 0U : scopes_.at(scope).workflow;
    scopes_.open({.task = {.run = {}, .step = step, .index = index, .scope = scope},
                  .scope = number,
                  .workflow = app_.workflows[inside].steps[step].workflow,
                  .round = round});
  }
  // Tasks that have ended inside of the steps of this path.
  std::uint32_t closed(std::string_view path, std::uint32_t step) const {
    for (const RunScopes::Place& place : scopes_.places())
      if (place.path == path) return place.closed[step].total;
    return 0;
  }

  model::App app_;
  RunScopes scopes_;
};

TEST_F(RunScopesTest, AClosedScopeKeepsTheStatesOfItsTasks) {
  open(1, 0, 0, 7);
  EXPECT_TRUE(scopes_.is_open(1));
  const RunScopes::States states{std::string(300, kDone), {kFailed}};
  scopes_.close(1, false, states);
  EXPECT_FALSE(scopes_.is_open(1));
  EXPECT_EQ(RunScopes::states_of(scopes_.at(1)), states);
  EXPECT_EQ(closed("rows", 0), 300);
  EXPECT_EQ(scopes_.visible().count({0, 0, 7, 0}), 1);
  EXPECT_EQ(scopes_.kept(), 1);
}

TEST_F(RunScopesTest, WhatIsVoidLeavesNothing) {
  open(1, 0, 0, 0);
  open(2, 1, 0, 0);
  scopes_.close(2, false, {{kDone}});
  EXPECT_EQ(closed("rows~cells", 0), 1);
  scopes_.close(1, true, {});
  EXPECT_EQ(closed("rows~cells", 0), 0);
  EXPECT_TRUE(scopes_.visible().empty());
  EXPECT_EQ(scopes_.kept(), 0);
}

TEST_F(RunScopesTest, AnAttemptThatIsStillBeingEndedGivesWayToTheNext) {
  open(1, 0, 0, 0);
  open(2, 1, 0, 0);
  open(3, 0, 0, 0);  // The task has begun anew.
  open(4, 3, 0, 0);
  scopes_.close(4, false, {{kDone}});
  scopes_.close(1, true, {});
  EXPECT_EQ(scopes_.at(2).task.scope, 1) << "its tasks may still be named";
  scopes_.close(2, false, {{kFailed}});
  EXPECT_EQ(closed("rows~cells", 0), 1) << "of the second attempt";
  EXPECT_EQ(scopes_.visible().at({0, 0, 0, 0}), 3);
}

TEST_F(RunScopesTest, BeyondTheLimitOnlyTheCountsStay) {
  open(1, 0, 0, 0);
  for (std::uint32_t i = 0; i < 10; ++i) {
    open(10 + i, 1, 0, i);
    scopes_.close(10 + i, false, {{kDone}});
  }
  EXPECT_EQ(scopes_.kept(), 3);
  EXPECT_EQ(scopes_.beyond(), 7);
  EXPECT_EQ(closed("rows~cells", 0), 10);
  EXPECT_EQ(scopes_.visible().size(), 1 + 3);
  // What was counted is void with what is around it.
  scopes_.close(1, true, {});
  EXPECT_EQ(closed("rows~cells", 0), 0);
}

TEST_F(RunScopesTest, AScopeBeyondTheLimitTakesWhatIsInItAlong) {
  open(1, 0, 0, 0);
  open(2, 1, 0, 0);
  scopes_.close(2, false, {{kDone}});
  for (std::uint32_t i = 1; i <= 2; ++i) {
    open(10 + i, 0, 0, i);
    scopes_.close(10 + i, false, {{}, {kDone}});
  }
  scopes_.close(1, false, {{kDone}, {kDone}});
  EXPECT_EQ(closed("rows~cells", 0), 1);
  EXPECT_EQ(closed("rows", 1), 3);
  EXPECT_EQ(scopes_.kept(), 2);
}

TEST_F(RunScopesTest, AScopeThatHasFailedMayBeNamedToTheEnd) {
  open(1, 0, 0, 0);
  open(2, 1, 0, 4);
  scopes_.mark_failed(2);
  scopes_.close(2, true, {});
  scopes_.close(1, true, {});
  EXPECT_EQ(scopes_.at(2).task.index, 4);
  EXPECT_EQ(scopes_.at(1).task.scope, 0);
  EXPECT_TRUE(scopes_.visible().empty());
}

TEST_F(RunScopesTest, RoundsOfALoopStandNextToEachOtherUnderItsOwnPath) {
  open(1, 0, 1, 0, 1);
  scopes_.close(1, false, {{kDone}});
  open(2, 0, 1, 0, 2);
  EXPECT_EQ(scopes_.visible().size(), 2);
  EXPECT_EQ(scopes_.places()[1].path, "loop");
  EXPECT_TRUE(scopes_.places()[1].is_internal);
  scopes_.close(2, true, {});  // A round too many.
  EXPECT_EQ(scopes_.visible().size(), 1);
}

TEST_F(RunScopesTest, AnOldRunForgetsItsTasksButNotTheirNumber) {
  open(1, 0, 0, 0);
  scopes_.close(1, false, {{}, {kDone}});
  scopes_.forget_tasks();
  EXPECT_EQ(scopes_.kept(), 0);
  EXPECT_EQ(scopes_.beyond(), 1);
  EXPECT_EQ(closed("rows", 1), 1);
}

}  // namespace
}  // namespace sluice::node
