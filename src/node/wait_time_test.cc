#include "node/wait_time.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using std::chrono::seconds;

TEST(WaitTime, AMomentIsReadInEverySpellingOfTheStandard) {
  const WallTime expected{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) +
                          std::chrono::hours(22) + std::chrono::minutes(10) + seconds(54)};
  for (const char* text : {"2026-11-21T22:10:54Z", "2026-11-21t22:10:54z", "2026-11-21 22:10:54Z",
                           "2026-11-21T23:10:54+01:00", "2026-11-21T16:40:54-05:30"}) {
    const auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(*time, expected) << text;
  }
  EXPECT_EQ(parse_rfc3339("2026-11-21T22:10:54.000123999Z").value(),
            expected + std::chrono::microseconds(123));
}

TEST(WaitTime, WhatIsNoMomentIsRefused) {
  for (const char* text :
       {"", "tomorrow", "2026-11-21", "2026-11-21T22:10Z", "2026-13-21T22:10:54Z",
        "2026-02-30T22:10:54Z", "2026-11-21T24:10:54Z", "2026-11-21T22:10:54",
        "2026-11-21T22:10:54.Z", "2026-11-21T22:10:54Zz", "2026-11-21T22:10:54+25:00"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(WaitTime, ADurationCountsFromNowAndAMomentThatIsPastTakesNoTime) {
  const WallTime now = parse_rfc3339("2026-11-21T22:00:00Z").value();
  EXPECT_EQ(wait_for(Json("1m30s"), now).value(), seconds(90));
  EXPECT_EQ(wait_for(Json("2026-11-21T22:00:05Z"), now).value(), seconds(5));
  EXPECT_EQ(wait_for(Json("2020-01-01T00:00:00Z"), now).value(), seconds(0));
  EXPECT_GT(wait_for(Json("9999-12-31T23:59:59Z"), now).value(), std::chrono::hours(24 * 365));
  EXPECT_FALSE(wait_for(Json("soon"), now));
  EXPECT_FALSE(wait_for(Json(30), now)) << "a number has no unit";
}

}  // namespace
}  // namespace sluice::node
