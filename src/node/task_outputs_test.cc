#include "node/task_outputs.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/json.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

using Entry = TaskOutputs::Entry;
using Kind = Entry::Kind;

class TaskOutputsTest : public ::testing::Test {
 protected:
  TaskOutputsTest() { EXPECT_TRUE(remove_tree(folder_)); }
  ~TaskOutputsTest() override { EXPECT_TRUE(remove_tree(folder_)); }

  void add(std::string task, std::string output, Kind kind, std::uint32_t index,
           std::string_view json) {
    const Entry entry{.task = std::move(task),
                      .output = std::move(output),
                      .kind = kind,
                      .index = index,
                      .meta = {.kind = SLUICE_KIND_JSON},
                      .size = json.size()};
    EXPECT_TRUE(outputs_.add(entry, json));
  }
  // What is read, or the code of the error.
  std::string read(std::string_view task, std::string_view output,
                   std::optional<std::uint32_t> element = std::nullopt) {
    EXPECT_TRUE(outputs_.flush());
    const auto bytes = read_task_output(folder_, "/a", task, output, element);
    if (!bytes) return bytes.error().code() == ErrorCode::kNotFound ? "none" : "not yet";
    if (const auto* text = std::get_if<std::string>(&bytes->content)) return *text;
    return "a file";
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) / "sluice-task-outputs";
  TaskOutputs outputs_{folder_};
};

TEST_F(TaskOutputsTest, GivesBackWhatWasAdded) {
  EXPECT_EQ(read("a", "x"), "none");
  add("a", "x", Kind::kValue, 0, "1");
  add("a", "y", Kind::kElement, 0, "2");
  add("a", "y", Kind::kHole, 1, "");
  add("a", "y", Kind::kElement, 2, "\"3\"");
  add("a", "y", Kind::kClosed, 3, "");
  add("ab", "x", Kind::kValue, 0, "4");
  add("b", "y", Kind::kClosed, 0, "");
  EXPECT_EQ(read("a", "x"), "1");
  EXPECT_EQ(read("ab", "x"), "4");
  EXPECT_EQ(read("a", "y"), "[2,null,\"3\"]");
  EXPECT_EQ(read("a", "y", 2), "\"3\"");
  EXPECT_EQ(read("a", "y", 1), "none");
  EXPECT_EQ(read("a", "y", 3), "none");
  EXPECT_EQ(read("a", "x", 0), "none");
  EXPECT_EQ(read("b", "y"), "[]");
  EXPECT_GT(outputs_.on_disk(), 0U);
}

TEST_F(TaskOutputsTest, ForgetsWhatNeverExistedAndTakesWhatCameAfter) {
  add("f.1~a", "x", Kind::kValue, 0, "1");
  add("f.10~a", "x", Kind::kValue, 0, "2");
  add("l.2", "x", Kind::kValue, 0, "3");
  add("l.2~b", "x", Kind::kValue, 0, "4");
  EXPECT_TRUE(outputs_.drop("f.1"));
  EXPECT_TRUE(outputs_.drop("l.2"));
  EXPECT_EQ(read("f.1~a", "x"), "none");
  EXPECT_EQ(read("f.10~a", "x"), "2");
  EXPECT_EQ(read("l.2", "x"), "none");
  EXPECT_EQ(read("l.2~b", "x"), "none");
  add("f.1~a", "x", Kind::kValue, 0, "5");
  EXPECT_EQ(read("f.1~a", "x"), "5");
}

TEST_F(TaskOutputsTest, NamesFilesThatOthersWrite) {
  const auto path = outputs_.add_file(
      {.task = "a", .output = "x", .meta = {.kind = SLUICE_KIND_BYTES}, .size = 5});
  ASSERT_TRUE(path) << path.error().message();
  EXPECT_EQ(read("a", "x"), "not yet");
  ASSERT_TRUE(write_file(*path, "bytes", Sync::kNo));
  EXPECT_EQ(read("a", "x"), "a file");
}

TEST_F(TaskOutputsTest, ListsOfLargeElementsAreReferences) {
  add("a", "x", Kind::kElement, 0, "1");
  ASSERT_TRUE(outputs_.add_file({.task = "a",
                                 .output = "x",
                                 .kind = Kind::kElement,
                                 .index = 1,
                                 .meta = {.kind = SLUICE_KIND_BYTES},
                                 .size = 100'000}));
  const Result<Json> list = parse_json(read("a", "x"));
  ASSERT_TRUE(list);
  ASSERT_EQ(list->as_list()->size(), 2U);
  EXPECT_EQ(*(*list->as_list())[1].find("$ref")->as_string(), "/a/1");
}

}  // namespace
}  // namespace sluice::node
