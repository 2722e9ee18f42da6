#include "base/closest.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

const std::vector<std::string> kSteps{"split", "count", "merge"};

TEST(Closest, SuggestsTheWordWithTheFewestEdits) {
  EXPECT_EQ(closest("splt", kSteps), "split");
  EXPECT_EQ(closest("conut", kSteps), "count");
  EXPECT_EQ(closest("MERGE", kSteps), "merge");
}

TEST(Closest, SuggestsNothingWhenEverythingIsFarAway) {
  EXPECT_EQ(closest("database", kSteps), std::nullopt);
  EXPECT_EQ(closest("x", kSteps), std::nullopt);
  EXPECT_EQ(closest("", kSteps), std::nullopt);
  EXPECT_EQ(closest("split", {}), std::nullopt);
}

TEST(Closest, PrefersTheEarlierOfEquallyCloseWords) {
  const std::vector<std::string> names{"port1", "port2"};
  EXPECT_EQ(closest("port", names), "port1");
}

TEST(Closest, IgnoresWordsTooLongToCompare) {
  EXPECT_EQ(closest(std::string(1000, 'a'), std::vector<std::string>{std::string(999, 'a')}),
            std::nullopt);
}

}  // namespace
}  // namespace sluice
