#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
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

std::string what_is_said(const fs::path& app) {
  const Result<Checked> checked = check(app, Limits{});
  if (!checked) return "error: " + checked.error().message() + "\n";
  std::string text;
  for (const model::Mistake& mistake : checked->mistakes) text += to_text(mistake) + "\n";
  EXPECT_EQ(checked->app.has_value(), checked->mistakes.empty()) << app;
  return text;
}

// What is said of a copy that `complete` has put files into.
template <class Complete>
std::string what_is_said_of_copy(const fs::path& app, Complete complete) {
  std::string name = (fs::temp_directory_path() / "sluice-mistakes-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) return "no directory for the test";
  fs::copy(app, name, fs::copy_options::recursive);
  complete(fs::path(name));
  std::string said = what_is_said(name);
  fs::remove_all(name);
  return said;
}

// Two files are made for the test: git should not carry megabytes for nothing.
std::string what_is_said_with_large_files(const fs::path& app) {
  return what_is_said_of_copy(app, [&app](const fs::path& copy) {
    if (app.filename() == "huge_file") {
      EXPECT_TRUE(write_file(copy / "words.py", std::string(2 << 20, '#'), Sync::kNo));
    } else {
      EXPECT_TRUE(write_file(copy / "sluice.yaml", std::string(10 << 20, '['), Sync::kNo));
    }
  });
}

// As its author deploys it: programs are built into the app's folder first, and only that they are
// there is looked at.
void put_programs(const fs::path& copy) {
  constexpr std::string_view kKey = "binary: ";
  const Result<std::string> yaml = read_file(copy / "sluice.yaml", 1_MiB);
  ASSERT_TRUE(yaml) << yaml.error().message();
  for (auto at = yaml->find(kKey); at != std::string::npos; at = yaml->find(kKey, at + 1)) {
    const std::size_t begin = at + kKey.size();
    const fs::path program = copy / yaml->substr(begin, yaml->find('\n', begin) - begin);
    fs::create_directories(program.parent_path());
    ASSERT_TRUE(write_file(program, "", Sync::kNo));
    fs::permissions(program, fs::perms::owner_all);
  }
}

void compare(const fs::path& app) {
  const bool is_large = app.filename() == "huge_file" || app.filename() == "huge_yaml";
  const std::string said = is_large ? what_is_said_with_large_files(app) : what_is_said(app);
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
  EXPECT_GE(apps.size(), 68U);
  for (const fs::path& app : apps) compare(app);
}

TEST(Mistakes, OfPythonAreSaidExactlyAsExpected) {
  const std::vector<fs::path> apps = apps_below(fs::path(SLUICE_MISTAKES_DIR) / "python");
  EXPECT_GE(apps.size(), 17U);
  for (const fs::path& app : apps) compare(app);
}

TEST(Mistakes, AreNotFoundInTheExamples) {
  for (const fs::path& app : apps_below(SLUICE_EXAMPLES_DIR))
    EXPECT_EQ(what_is_said_of_copy(app, put_programs), "") << app;
}

}  // namespace
}  // namespace sluice::bundle
