#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "bundle/bundle.h"

namespace sluice::bundle {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> apps_below(const fs::path& directory) {
  std::vector<fs::path> apps;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_directory()) apps.push_back(entry.path());
  }
  std::ranges::sort(apps);
  return apps;
}

// Two files are made here: git would carry megabytes, or refuse the bytes, for nothing.
void prepare(const fs::path& app) {
  if (app.filename() == "huge_file") {
    ASSERT_TRUE(write_file(app / "words.py", std::string(2 << 20, '#'), Sync::kNo));
  }
  if (app.filename() == "huge_yaml") {
    ASSERT_TRUE(write_file(app / "sluice.yaml", std::string(10 << 20, '['), Sync::kNo));
  }
}

std::string what_is_said(const fs::path& app) {
  const Result<Checked> checked = check(app, Limits{});
  if (!checked) return "error: " + checked.error().message() + "\n";
  std::string text;
  for (const model::Mistake& mistake : checked->mistakes) text += to_text(mistake) + "\n";
  EXPECT_EQ(checked->app.has_value(), checked->mistakes.empty()) << app;
  return text;
}

void compare(const fs::path& app) {
  prepare(app);
  const std::string said = what_is_said(app);
  EXPECT_NE(said, "") << app << " is a good app: it does not belong here";
  const fs::path expected = app / "expected.txt";
  if (std::getenv("SLUICE_UPDATE_EXPECTED") != nullptr) {
    ASSERT_TRUE(write_file(expected, said, Sync::kNo));
    return;
  }
  const Result<std::string> text = read_file(expected, 1_MiB);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_EQ(said, *text) << app;
}

TEST(Mistakes, OfYamlAreSaidExactlyAsExpected) {
  const std::vector<fs::path> apps = apps_below(fs::path(SLUICE_MISTAKES_DIR) / "yaml");
  EXPECT_GE(apps.size(), 35U);
  for (const fs::path& app : apps) compare(app);
}

TEST(Mistakes, OfPythonAreSaidExactlyAsExpected) {
  const std::vector<fs::path> apps = apps_below(fs::path(SLUICE_MISTAKES_DIR) / "python");
  EXPECT_GE(apps.size(), 17U);
  for (const fs::path& app : apps) compare(app);
}

TEST(Mistakes, AreNotFoundInTheExamples) {
  for (const fs::path& app : apps_below(SLUICE_EXAMPLES_DIR))
    EXPECT_EQ(what_is_said(app), "") << app;
}

}  // namespace
}  // namespace sluice::bundle
