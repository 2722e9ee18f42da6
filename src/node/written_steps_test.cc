#include "node/written_steps.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using core::TaskState;

model::Step step_of(std::string name, model::Action action, std::uint32_t workflow = 0) {
  model::Step step{.name = std::move(name)};
  step.action = action;
  step.workflow = workflow;
  return step;
}

model::WrittenStep written(std::string name, std::vector<std::uint32_t> parts,
                           bool is_foreach = false) {
  model::WrittenStep step;
  step.name = std::move(name);
  step.parts = std::move(parts);
  if (is_foreach) step.foreach.emplace();
  return step;
}

// main: pick (a switch: a call or the flow `inner`), rows (a foreach of `inner`), loop (a while),
// limited (a foreach of two parts under one limit). inner: ask.
model::App make_app() {
  using enum model::Action;
  model::App app;
  app.workflows.resize(4);
  app.workflows[0].name = "main";
  app.workflows[0].steps = {step_of("pick", kCompute), step_of("pick", kCall),
                            step_of("pick", kFlow, 1), step_of("rows", kFlow, 1),
                            step_of("loop", kLoop, 2), step_of("limited", kFlow, 3)};
  app.workflows[0].steps[0].helper = true;
  app.workflows[0].written = {written("pick", {0, 1, 2}), written("rows", {3}, true),
                              written("loop", {4}), written("limited", {5}, true)};
  app.workflows[1].name = "inner";
  app.workflows[1].steps = {step_of("ask", kWait)};
  app.workflows[1].written = {written("ask", {0})};
  app.workflows[2].is_internal = true;
  app.workflows[2].steps = {step_of("loop", kFlow, 1)};
  app.workflows[2].written = {written("loop", {0})};
  app.workflows[3].is_internal = true;
  app.workflows[3].steps = {step_of("limited", kCall), step_of("limited", kWait)};
  app.workflows[3].written = {written("limited", {0, 1})};
  return app;
}

std::string error_of(std::string_view path, PathOf kind) {
  const model::App app = make_app();
  const auto parts = named_parts(app, 0, path, kind);
  return parts ? "" : parts.error().message();
}

TEST(ShownSteps, AreThoseWrittenWithoutTheirHelpers) {
  const model::App app = make_app();
  const std::vector<ShownStep> steps = shown_steps(app.workflows[0]);
  ASSERT_EQ(steps.size(), 4);
  EXPECT_EQ(steps[0].name, "pick");
  EXPECT_EQ(steps[0].parts, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_FALSE(steps[0].is_foreach);
  EXPECT_TRUE(steps[1].is_foreach);
}

TEST(ShownSteps, OfAPlanThatNobodyWroteAreItsStepsButHelpers) {
  model::App app = make_app();
  app.workflows[0].written.clear();
  EXPECT_EQ(shown_steps(app.workflows[0]).size(), 5);
}

TEST(ShownState, OfASwitchIsThatOfTheBranchThatRuns) {
  const ShownStep step{.name = "pick", .parts = {1, 2}};
  const std::vector<StepCounts> counts{{.total = 1}, {.total = 1}};
  const auto with = [&](TaskState first, TaskState second) {
    return shown_state(
        step, counts, [&](std::uint32_t part, std::uint32_t) { return part == 1 ? first : second; },
        0);
  };
  EXPECT_EQ(with(TaskState::kSkipped, TaskState::kRunning), TaskState::kRunning);
  EXPECT_EQ(with(TaskState::kSucceeded, TaskState::kSkipped), TaskState::kSucceeded);
  EXPECT_EQ(with(TaskState::kSkipped, TaskState::kSkipped), TaskState::kSkipped);
  EXPECT_EQ(with(TaskState::kFailed, TaskState::kWaiting), TaskState::kFailed);
}

TEST(ShownCounts, CountEachElementOnce) {
  const ShownStep step{.name = "each", .parts = {0, 1}, .is_foreach = true};
  // The second part was skipped as a whole: it has one task for all.
  const auto counts = [](std::uint32_t part) {
    return StepCounts{.total = part == 0 ? 3U : 1U, .total_is_final = part == 1};
  };
  const auto state = [](std::uint32_t part, std::uint32_t index) {
    if (part == 1) return TaskState::kSkipped;
    return index == 2 ? TaskState::kRunning : TaskState::kSucceeded;
  };
  const StepCounts sum = shown_counts(step, counts, state);
  EXPECT_EQ(sum.total, 3);
  EXPECT_FALSE(sum.total_is_final);
  EXPECT_EQ(sum.by_state[static_cast<std::size_t>(TaskState::kSucceeded)], 2);
  EXPECT_EQ(sum.by_state[static_cast<std::size_t>(TaskState::kRunning)], 1);
}

TEST(NamedParts, LeadThroughFlowsAndWhatNobodyWrote) {
  const model::App app = make_app();
  const auto parts = [&](std::string_view path, PathOf kind) {
    return named_parts(app, 0, path, kind).value();
  };
  using Parts = std::vector<NamedPart>;
  EXPECT_EQ(parts("pick", PathOf::kTask), (Parts{{0, 1}, {0, 2}}));
  EXPECT_EQ(parts("pick~ask", PathOf::kTask), (Parts{{1, 0}}));
  EXPECT_EQ(parts("rows~ask", PathOf::kStep), (Parts{{1, 0}}));
  EXPECT_EQ(parts("rows.12~ask", PathOf::kTask), (Parts{{1, 0}}));
  EXPECT_EQ(parts("loop.2~ask", PathOf::kTask), (Parts{{1, 0}}));
  EXPECT_EQ(parts("limited.0", PathOf::kTask), (Parts{{3, 0}, {3, 1}}));
}

TEST(NamedParts, SayWhichPartOfAPathNamesNothing) {
  EXPECT_EQ(error_of("rows~tell", PathOf::kStep), "there is no step 'tell' inside of step 'rows'");
  EXPECT_EQ(error_of("other", PathOf::kTask), "workflow 'main' has no step 'other'");
  EXPECT_EQ(error_of("rows.0~ask~more", PathOf::kTask),
            "there is no step 'more' inside of step 'ask'");
  EXPECT_EQ(error_of("rows", PathOf::kTask),
            "there is no task 'rows': step 'rows' is a foreach, its first task is 'rows.0'");
  EXPECT_EQ(error_of("loop.0.1", PathOf::kTask),
            "there is no task 'loop.0.1': step 'loop' is a loop, its first task is 'loop.1'");
  EXPECT_EQ(error_of("pick.0~ask", PathOf::kTask),
            "there is no task 'pick.0~ask': step 'pick' has one task, 'pick'");
  EXPECT_EQ(error_of("rows.0~ask", PathOf::kStep),
            "'rows.0~ask' names a task: a step is written without numbers");
  for (const std::string_view path : {"", "~", "rows~", "rows.", "rows.x", "rows..1", "rows.-1"})
    EXPECT_EQ(error_of(path, PathOf::kTask),
              fmt::format("'{}' is no path of a step, such as `rows.3~add`", path));
}

TEST(StepIn, IsThePathWithoutItsNumbers) {
  EXPECT_EQ(step_in("rows.12~cells.0.3~add"), "rows~cells~add");
  EXPECT_EQ(step_in("a1"), "a1");
}

}  // namespace
}  // namespace sluice::node
