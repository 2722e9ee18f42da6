#include "node/retention.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace sluice::node {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

class RetentionTest : public testing::Test {
 protected:
  RunId ended(TimePoint at) {
    const RunId run = RunId::make(WallTime{}, random_);
    retention_.add(run, at);
    return run;
  }

  const TimePoint start_{hours(1)};
  Limits limits_;
  Random random_{1};
  Retention retention_{limits_, 1000};
};

TEST_F(RetentionTest, TakesARunWhenItHasBeenKeptForItsTimeAndNotBefore) {
  EXPECT_EQ(retention_.next_due(), std::nullopt);
  const RunId late = ended(start_ + hours(1));
  const RunId early = ended(start_);
  EXPECT_EQ(retention_.next_due(), start_ + hours(24 * 7));
  EXPECT_EQ(retention_.take(start_ + hours(24 * 7) - seconds(1), 0), std::nullopt);
  EXPECT_EQ(retention_.take(start_ + hours(24 * 7), 0), early);
  EXPECT_EQ(retention_.take(start_ + hours(24 * 7), 0), std::nullopt);
  EXPECT_EQ(retention_.next_due(), start_ + hours(24 * 7 + 1));
  EXPECT_TRUE(retention_.is_gone(early));
  EXPECT_FALSE(retention_.is_gone(late));
}

TEST_F(RetentionTest, TakesTheOldestWhileTheFilesOfAllRunsAreTooBig) {
  const RunId first = ended(start_);
  const RunId second = ended(start_ + seconds(1));
  EXPECT_EQ(retention_.take(start_ + seconds(2), 1000), std::nullopt);
  EXPECT_EQ(retention_.take(start_ + seconds(2), 1001), first);
  EXPECT_EQ(retention_.take(start_ + seconds(2), 1001), second);
  // What is left belongs to runs that have not ended.
  EXPECT_EQ(retention_.take(start_ + seconds(2), 1001), std::nullopt);
}

TEST_F(RetentionTest, TakesByNumberTheOldestFirst) {
  limits_.retention_runs = 2;
  const RunId third = ended(start_ + seconds(3));
  const RunId first = ended(start_ + seconds(1));
  const RunId second = ended(start_ + seconds(2));
  EXPECT_EQ(retention_.take(start_ + seconds(3), 0), first);
  EXPECT_EQ(retention_.take(start_ + seconds(3), 0), std::nullopt);
  EXPECT_FALSE(retention_.is_gone(second));
  EXPECT_FALSE(retention_.is_gone(third));
}

TEST_F(RetentionTest, ForgetsARunThatSomebodyDeleted) {
  const RunId run = ended(start_);
  retention_.remove(run, start_);
  EXPECT_EQ(retention_.next_due(), std::nullopt);
  EXPECT_EQ(retention_.take(start_ + hours(24 * 365), 5000), std::nullopt);
  EXPECT_FALSE(retention_.is_gone(run));
}

TEST_F(RetentionTest, OfAFileSystemThatDoesNotSayItsSizeHasNoBoundOfBytes) {
  Retention unbounded(limits_, 0);
  unbounded.add(RunId::make(WallTime{}, random_), start_);
  EXPECT_EQ(unbounded.take(start_, UINT64_MAX), std::nullopt);
}

}  // namespace
}  // namespace sluice::node
