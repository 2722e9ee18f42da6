#include "program/content.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace sluice::program {
namespace {

TEST(ContentCheck, TextIsUtf8HoweverItIsCut) {
  const std::string good = "a\u00e9\u20ac\U0001F600z";
  for (std::size_t piece = 1; piece <= good.size(); ++piece) {
    ContentCheck check(Content::kText);
    for (std::size_t at = 0; at < good.size(); at += piece) {
      EXPECT_TRUE(check.add(std::string_view(good).substr(at, piece)));
    }
    EXPECT_TRUE(check.finish());
  }
  for (const std::string_view bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\x80",
                                     "\xc3(", "\xe0\x80\x80", "\xf0\x80\x80\x80"}) {
    ContentCheck check(Content::kText);
    EXPECT_FALSE(check.add(bad)) << bad;
  }
  ContentCheck cut(Content::kText);
  EXPECT_TRUE(cut.add("\xe2\x82"));
  EXPECT_FALSE(cut.finish());
}

TEST(ContentCheck, JsonIsOfItsKind) {
  EXPECT_EQ(*checked_json(" 7\n", Content::kInt), "7");
  EXPECT_FALSE(checked_json("7.5", Content::kInt));
  EXPECT_TRUE(checked_json("7.5", Content::kFloat));
  EXPECT_FALSE(checked_json("\"7\"", Content::kFloat));
  EXPECT_TRUE(checked_json("true", Content::kBool));
  EXPECT_TRUE(checked_json("[1]", Content::kJson));
  EXPECT_FALSE(checked_json("[1", Content::kJson));
  EXPECT_FALSE(checked_json(" ", Content::kJson));
}

TEST(ContentCheck, AnArrayBeginsAsOne) {
  ContentCheck good(Content::kArray);
  EXPECT_TRUE(good.add("\x93NUM"));
  EXPECT_FALSE(good.finish());
  EXPECT_TRUE(good.add("PY..."));
  EXPECT_TRUE(good.finish());
  EXPECT_FALSE(ContentCheck(Content::kArray).add("P6"));
}

}  // namespace
}  // namespace sluice::program
