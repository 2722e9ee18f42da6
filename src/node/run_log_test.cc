#include "node/run_log.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "base/file.h"

namespace sluice::node {
namespace {

class RunLogTest : public testing::Test {
 protected:
  RunLogTest() {
    folder_ = std::filesystem::temp_directory_path() / fmt::format("sluice-run-log-{}", ::getpid());
  }
  ~RunLogTest() override { static_cast<void>(remove_tree(folder_)); }

  std::string all(std::string_view step = {}, std::string_view task = {}) const {
    std::string text;
    for (std::uint64_t at = 0; at < log_.size();) {
      const api::LogChunk chunk = log_.read(at, step, task);
      EXPECT_GT(chunk.next, at) << "the log does not move on";
      if (chunk.next == at) break;
      text += chunk.text;
      at = chunk.next;
    }
    return text;
  }

  Limits limits_;
  std::filesystem::path folder_;
  RunLog log_;
};

TEST_F(RunLogTest, LinesOfTwoTasksDoNotMixAndAreFoundByStepAndTask) {
  TaskLog one;
  TaskLog two;
  log_.append("count.1", one, "hal", folder_, limits_);
  log_.append("count.2", two, "other\n", folder_, limits_);
  log_.append("count.1", one, "f\nrest", folder_, limits_);
  log_.finish("count.1", one, folder_, limits_);
  EXPECT_EQ(all(), "count.2 | other\ncount.1 | half\ncount.1 | rest\n");
  EXPECT_EQ(all("count"), all());
  EXPECT_EQ(all({}, "count.2"), "count.2 | other\n");
  EXPECT_EQ(all("merge"), "");
  EXPECT_FALSE(std::filesystem::exists(folder_)) << "a small log needs no folder";
}

TEST_F(RunLogTest, BytesThatAreNoUtf8AreShownAsEscapes) {
  TaskLog task;
  log_.append("a", task, "gr\xfc\xdf \xc3\xa4\n", folder_, limits_);
  EXPECT_EQ(all(), "a | gr\\xfc\\xdf \xc3\xa4\n");
}

TEST_F(RunLogTest, ALargeLogContinuesInAFileWithoutAGap) {
  TaskLog task;
  std::string expected;
  for (int i = 0; i < 5000; ++i) {
    log_.append("a", task, fmt::format("line {}\n", i), folder_, limits_);
    expected += fmt::format("a | line {}\n", i);
  }
  EXPECT_EQ(all(), expected);
  EXPECT_GT(log_.on_disk(), 0U);
}

TEST_F(RunLogTest, ATaskThatFloodsIsCutAndTheLogSaysSo) {
  limits_.log_per_task = ByteCount{1000};
  TaskLog task;
  for (int i = 0; i < 1000; ++i) log_.append("a", task, "0123456789\n", folder_, limits_);
  EXPECT_LT(log_.size(), 2000U);
  EXPECT_NE(all().find("log cut"), std::string::npos);
  TaskLog another;
  log_.append("b", another, "still heard\n", folder_, limits_);
  EXPECT_NE(all().find("b | still heard"), std::string::npos);
}

TEST_F(RunLogTest, ALineWithoutAnEndIsBroken) {
  TaskLog task;
  log_.append("a", task, std::string(100'000, 'x'), folder_, limits_);
  log_.finish("a", task, folder_, limits_);
  EXPECT_GT(log_.size(), 100'000U);
  EXPECT_LT(task.partial.size(), 1U);
}

}  // namespace
}  // namespace sluice::node
