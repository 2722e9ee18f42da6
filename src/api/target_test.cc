#include "api/target.h"

#include <gtest/gtest.h>

namespace sluice::api {
namespace {

TEST(Target, DecodesSegmentsOnlyAfterSplitting) {
  const auto target = parse_target("/a%2Fb/c%20d/?x=1&y=a%26b+c&flag&z=");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->segments, (std::vector<std::string>{"a/b", "c d", ""}));
  EXPECT_EQ(*target->find("x"), "1");
  EXPECT_EQ(*target->find("y"), "a&b c");
  EXPECT_EQ(*target->find("flag"), "");
  EXPECT_EQ(*target->find("z"), "");
  EXPECT_EQ(target->find("w"), nullptr);
}

TEST(Target, RefusesBrokenEscapesNulForeignBytesAndDoubles) {
  for (const auto* bad : {"", "x", "/%", "/%4", "/%zz", "/%00", "/%ff", "/%c3%28", "/a#b",
                          "/?a=1&a=2", "/?%zz=1", "/?a=%0"}) {
    const auto target = parse_target(bad);
    ASSERT_FALSE(target) << bad;
    EXPECT_EQ(target.error().status, 400U);
  }
}

TEST(Target, EncodesWhatItDecodes) {
  std::string all;
  for (int c = 1; c < 128; ++c) all += static_cast<char>(c);
  all += "\xc3\xa9";
  EXPECT_EQ(percent_decoded(percent_encoded(all)).value(), all);
  EXPECT_EQ(percent_encoded("a-b_c.d~/ %"), "a-b_c.d~%2F%20%25");
}

}  // namespace
}  // namespace sluice::api
