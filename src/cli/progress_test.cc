#include "cli/progress.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

Json step(const char* name, int succeeded, int total, bool is_final, int running = 0) {
  Json step;
  step.set("name", name).set("succeeded", succeeded).set("total", total);
  step.set("total_is_final", is_final).set("running", running);
  return step;
}

TEST(Progress, HasALinePerStepWithWhatIsDoneAndRunning) {
  Json steps = Json::list();
  steps.push(step("split", 1, 1, true)).push(step("count", 12, 80, false, 4));
  steps.push(Json(step("merge", 0, 1, true)).set("bytes", 2048).set("skipped", 1));
  Json run;
  run.set("steps", std::move(steps));
  EXPECT_EQ(progress_lines(run, 80, 24),
            (std::vector<std::string>{"split      1/1", "count   12/80+  4 running",
                                      "merge      1/1  1 skipped  2.0 KiB"}));
}

TEST(Progress, FitsTheTerminal) {
  Json steps = Json::list();
  for (int i = 0; i < 10; ++i)
    steps.push(step(i < 5 ? "ended" : "going", 1, i < 5 ? 1 : 2, true, 1000));
  Json run;
  run.set("steps", std::move(steps));
  const std::vector<std::string> lines = progress_lines(run, 20, 4);
  ASSERT_EQ(lines.size(), 4U);
  for (const std::string& line : lines) EXPECT_LE(display_width(line), 20U);
  EXPECT_TRUE(lines[0].starts_with("going"));  // What has ended makes room first.
  EXPECT_EQ(lines[3], "\xe2\x80\xa6 and 7 more steps");
}

TEST(Progress, SurvivesDocumentsOfAnotherShape) {
  EXPECT_TRUE(progress_lines(Json(), 80, 24).empty());
  EXPECT_EQ(
      progress_lines(parse_json(R"({"steps": [1, {"name": "\u001b[2J", "total": "x"}]})").value(),
                     80, 24)
          .size(),
      2U);
}

}  // namespace
}  // namespace sluice::cli
