#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/units.h"

namespace sluice {
namespace {

TEST(Units, ReadsSizesAndTimesAndRefusesTheRest) {
  EXPECT_EQ(parse_byte_count("256Mi").value(), 256_MiB);
  EXPECT_EQ(parse_byte_count("1.5Gi").value().value, 1610612736U);
  EXPECT_EQ(parse_byte_count("10k").value().value, 10000U);
  for (const auto* bad : {"", "Mi", "-1Mi", "1X", "1 Mi", "1e3", "99999999999Gi"}) {
    EXPECT_FALSE(parse_byte_count(bad)) << bad;
  }
  EXPECT_EQ(parse_duration("1m30s").value(), std::chrono::seconds(90));
  EXPECT_EQ(parse_duration("250ms").value(), std::chrono::milliseconds(250));
  for (const auto* bad : {"", "30", "s", "-1s", "1x", "1s junk", "99999999999d"}) {
    EXPECT_FALSE(parse_duration(bad)) << bad;
  }
}

TEST(RunIds, SortByTimeAndSurviveTheirText) {
  Random random(7);
  const RunId early = RunId::make(WallTime{std::chrono::seconds(1000)}, random);
  const RunId late = RunId::make(WallTime{std::chrono::seconds(2000)}, random);
  EXPECT_LT(early.to_text(), late.to_text());
  EXPECT_EQ(early.to_text().size(), 26U);
  EXPECT_EQ(RunId::parse(late.to_text()).value(), late);
  EXPECT_EQ(late.time(), WallTime{std::chrono::seconds(2000)});
  for (const auto* bad :
       {"", "short", "zzzzzzzzzzzzzzzzzzzzzzzzzz", "0123456789abcdefghjkmnpqri"}) {
    EXPECT_FALSE(RunId::parse(bad)) << bad;
  }
}

TEST(Json, KeepsIntAndDoubleApartThroughARoundTrip) {
  const std::string text = R"({"a":1,"b":1.0,"c":[true,null,"\u00e4\n"],"d":-9223372036854775808})";
  const Json value = parse_json(text).value();
  EXPECT_NE(value.find("a")->as_int(), nullptr);
  EXPECT_NE(value.find("b")->as_double(), nullptr);
  EXPECT_EQ(parse_json(to_text(value)).value(), value);
  EXPECT_EQ(parse_json(to_pretty_text(value)).value(), value);
}

TEST(Json, RefusesDuplicateKeysDepthNanAndTrailingBytes) {
  for (const std::string& bad :
       {std::string(R"({"a":1,"a":2})"), std::string("1e999"), std::string("[1] x"),
        std::string(""), std::string("nan"), std::string(65, '['), std::string("\"\xff\"")}) {
    EXPECT_FALSE(parse_json(bad)) << bad;
  }
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
}

TEST(Hash, AgreesWithKnownVectors) {
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string text = "the bytes of a payload";
  const auto bytes = std::as_bytes(std::span(text));
  ChecksumStream stream;
  stream.update(bytes.first(5));
  stream.update(bytes.subspan(5));
  EXPECT_EQ(stream.value(), checksum(bytes));
}

TEST(Names, FollowTheContract) {
  EXPECT_TRUE(is_name("word-count"));
  EXPECT_FALSE(is_name("-x"));
  EXPECT_FALSE(is_identifier("word-count"));
  EXPECT_FALSE(is_identifier("1a"));
  EXPECT_TRUE(is_identifier("_a1"));
  EXPECT_FALSE(is_identifier(std::string(64, 'a')));
}

TEST(Utf8, KnowsOverlongFormsAndSurrogates) {
  EXPECT_TRUE(is_utf8("a\xc3\xa4\xf0\x9f\x98\x80"));
  for (const char* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xc3", "\xf4\x90\x80\x80"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace sluice
