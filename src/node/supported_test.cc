#include "node/supported.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

model::App make_app() {
  model::App app;
  app.functions.push_back({.name = "count"});
  app.workflows.push_back({.name = "main"});
  model::Step step{.name = "each"};
  step.written = 0;
  app.workflows[0].steps = {step, step};
  model::WrittenStep written;
  written.name = "each";
  written.parts = {0, 1};
  written.line = 12;
  app.workflows[0].written = {written};
  return app;
}

TEST(NotThereYet, IsNothingForAnAppOfWhatThereIs) {
  EXPECT_TRUE(not_there_yet(make_app()).empty());
}

TEST(NotThereYet, NamesTheStepAndItsLineOnce) {
  model::App app = make_app();
  for (model::Step& part : app.workflows[0].steps) part.cache = true;
  const model::Mistakes mistakes = not_there_yet(app);
  ASSERT_EQ(mistakes.size(), 1);
  EXPECT_EQ(mistakes[0].line, 12);
  EXPECT_EQ(mistakes[0].file, "sluice.yaml");
  EXPECT_EQ(mistakes[0].message,
            "step 'each': 'cache' is part of the language but not there yet: this server cannot "
            "run it");
}

TEST(NotThereYet, RefusesKeysOfFunctionsAndWorkflowsByTheirNames) {
  model::App app = make_app();
  app.functions[0].parallel = 4;
  app.functions.push_back({.name = "other"});
  app.functions[1].workers = model::Function::Workers{.min = 1, .max = 2, .idle = std::nullopt};
  app.workflows[0].keep = model::Keep::kAll;
  const model::Mistakes mistakes = not_there_yet(app);
  ASSERT_EQ(mistakes.size(), 3);
  EXPECT_TRUE(mistakes[0].message.starts_with("function 'count': 'parallel' is"))
      << mistakes[0].message;
  EXPECT_TRUE(mistakes[1].message.starts_with("function 'other': 'workers' is"))
      << mistakes[1].message;
  EXPECT_TRUE(mistakes[2].message.starts_with("workflow 'main': 'keep: all' is"))
      << mistakes[2].message;
}

TEST(NotThereYet, RefusesAStepThatNobodyWroteAtTheTopOfTheFile) {
  model::App app = make_app();
  app.workflows[0].written.clear();
  app.workflows[0].steps[0].cache = true;
  app.workflows[0].steps[1].cache = true;
  const model::Mistakes mistakes = not_there_yet(app);
  ASSERT_EQ(mistakes.size(), 2);
  EXPECT_EQ(mistakes[0].line, 1);
}

}  // namespace
}  // namespace sluice::node
