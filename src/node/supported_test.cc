#include "node/supported.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

model::App make_app() {
  model::App app;
  app.functions.push_back({.name = "count"});
  app.workflows.push_back({.name = "main"});
  app.workflows[0].steps.push_back({.name = "each"});
  return app;
}

TEST(NotThereYet, IsNothingForAnAppOfWhatThereIs) {
  model::App app = make_app();
  app.workflows[0].keep = model::Keep::kAll;
  app.workflows[0].steps[0].cache = true;
  EXPECT_TRUE(not_there_yet(app).empty());
}

TEST(NotThereYet, RefusesKeysOfFunctionsByTheirNames) {
  model::App app = make_app();
  app.functions[0].parallel = 4;
  app.functions.push_back({.name = "other"});
  app.functions[1].workers = model::Function::Workers{.min = 1, .max = 2, .idle = std::nullopt};
  const model::Mistakes mistakes = not_there_yet(app);
  ASSERT_EQ(mistakes.size(), 2);
  EXPECT_EQ(mistakes[0].message,
            "function 'count': 'parallel' is part of the language but not there yet: this server "
            "cannot run it");
  EXPECT_TRUE(mistakes[1].message.starts_with("function 'other': 'workers' is"))
      << mistakes[1].message;
}

}  // namespace
}  // namespace sluice::node
