#include "model/yaml.h"

#include <chrono>

#include <gtest/gtest.h>

namespace sluice::model {
namespace {

std::optional<YamlValue> read(std::string_view text, Mistakes& mistakes) {
  Report report(mistakes, "sluice.yaml");
  return parse_yaml(text, Limits{}, report);
}

Json literal(std::string_view text, bool quoted = false) {
  YamlValue scalar;
  scalar.text = text;
  scalar.quoted = quoted;
  return scalar_to_json(scalar).value_or(Json("no JSON"));
}

TEST(Yaml, KeepsThePlaceOfEveryWord) {
  Mistakes mistakes;
  const YamlValue root = read("a: 1\nümläut: { x: 'q', y: [1, zwei] }\nempty:\n", mistakes).value();
  EXPECT_TRUE(mistakes.empty());
  ASSERT_EQ(root.members.size(), 3U);
  EXPECT_EQ(root.members[0].value.place, (Place{1, 4}));
  EXPECT_EQ(root.members[1].place, (Place{2, 1}));
  const YamlValue& map = root.members[1].value;
  EXPECT_EQ(map.members[1].place, (Place{2, 19}));  // In characters, not bytes.
  EXPECT_EQ(map.members[1].value.items[1].place, (Place{2, 26}));
  EXPECT_TRUE(map.members[0].value.quoted);
  EXPECT_TRUE(root.members[2].value.is_null());
  EXPECT_EQ(root.members[2].value.place, (Place{3, 1}));
}

TEST(Yaml, ReadsPlainWordsByTheCoreSchema) {
  EXPECT_EQ(literal("true"), Json(true));
  EXPECT_EQ(literal("FALSE"), Json(false));
  EXPECT_EQ(literal("yes"), Json("yes"));
  EXPECT_EQ(literal("on"), Json("on"));
  EXPECT_EQ(literal("~"), Json());
  EXPECT_EQ(literal("null"), Json());
  EXPECT_EQ(literal(""), Json());
  EXPECT_EQ(literal("12"), Json(12));
  EXPECT_EQ(literal("+12"), Json(12));
  EXPECT_EQ(literal("-12"), Json(-12));
  EXPECT_EQ(literal("012"), Json(12));
  EXPECT_EQ(literal("0x1F"), Json(31));
  EXPECT_EQ(literal("0o17"), Json(15));
  EXPECT_EQ(literal("1.5"), Json(1.5));
  EXPECT_EQ(literal("-.5"), Json(-0.5));
  EXPECT_EQ(literal("5."), Json(5.0));
  EXPECT_EQ(literal("1e3"), Json(1000.0));
  EXPECT_EQ(literal("9223372036854775807"), Json(std::int64_t{9223372036854775807}));
  EXPECT_EQ(literal("9223372036854775808"), Json(9223372036854775808.0));
  EXPECT_EQ(literal(".inf"), Json("no JSON"));
  EXPECT_EQ(literal("-.INF"), Json("no JSON"));
  EXPECT_EQ(literal(".nan"), Json("no JSON"));
  EXPECT_EQ(literal("1e999"), Json("no JSON"));
  for (const auto* text : {"1.2.3", "12:30", "2026-11-21", "--1", "+-1", "-+1", "1e", "e5", ".",
                           "-", "0x", "0xG", "-0x1", "0o8", "1_000", "inf", "nan", "infinity"}) {
    EXPECT_EQ(literal(text), Json(text)) << text;
  }
  EXPECT_EQ(literal("12", true), Json("12"));
  EXPECT_EQ(literal("", true), Json(""));
}

TEST(Yaml, ReadsSingleQuotes) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"''", ""},           {"'it''s'", "it's"}, {"''''", "'"},
      {"'''a'' '", "'a' "}, {"'a\n  b'", "a b"}, {"'a  \n\n   \n  b'", "a\n\nb"},
      {"' a\n '", " a "},   {"'\\n'", "\\n"},    {"'ä''ö'", "ä'ö"},
  };
  for (const auto& [text, expected] : cases) {
    Mistakes mistakes;
    const auto root = read("k: " + text + "\nnext: [" + text + "]\n", mistakes);
    ASSERT_TRUE(root) << text;
    EXPECT_EQ(root->members[0].value.text, expected) << text;
    EXPECT_EQ(root->members[1].value.items[0].text, expected) << text;
  }
}

TEST(Yaml, StopsAtTheFirstSyntaxError) {
  for (const auto* text : {"a: [1", "a: }", "a: \"open", "a: b: c", "- a\nb: c", "\t- a",
                           "a: 'x' y", "%BAD\n---\n", "a: \x01"}) {
    Mistakes mistakes;
    EXPECT_FALSE(read(text, mistakes)) << text;
    EXPECT_EQ(mistakes.size(), 1U) << text;
  }
}

TEST(Yaml, RefusesKeysThatAreNoWords) {
  Mistakes mistakes;
  const auto root = read("? [a, b]\n: 1\n? { c: d }\n: 2\nok: 3\n*x : 4\n", mistakes);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->members.size(), 1U);
  EXPECT_EQ(mistakes.size(), 3U);
}

// Below the limit of size: no shape of it may take long or much memory.
TEST(Yaml, ReadsHostileFilesInBoundedTime) {
  const std::size_t size = 256 << 10;  // Enough to tell a line from a parabola.
  const auto repeat = [&](std::string_view part) {
    std::string text;
    while (text.size() + part.size() <= size) text += part;
    return text;
  };
  std::string wide = "[";
  wide += repeat("a,").substr(2);
  std::string keys;
  for (int i = 0; keys.size() < size - 20; ++i) keys += std::to_string(i) + ": 1\n";
  const std::vector<std::string> files{repeat("["),
                                       repeat("{a: "),
                                       repeat("- "),
                                       repeat("a: "),
                                       repeat("? "),
                                       repeat("&a "),
                                       repeat("*a "),
                                       repeat("!a "),
                                       repeat("#"),
                                       repeat("\n"),
                                       repeat("a\n"),
                                       repeat("- a\n"),
                                       repeat("a: &a b\n"),
                                       repeat("a: a\n"),
                                       repeat("'"),
                                       repeat("\"\\n"),
                                       repeat("|\n"),
                                       repeat("---\n"),
                                       repeat("a ? "),
                                       repeat(" "),
                                       repeat(":"),
                                       repeat("%"),
                                       "a: |\n" + repeat(" x\n").substr(5),
                                       wide,
                                       keys,
                                       "\"" + repeat("\\x41").substr(4) + "\""};
  for (const std::string& file : files) {
    Mistakes mistakes;
    const auto begin = std::chrono::steady_clock::now();
    static_cast<void>(read(std::string_view(file).substr(0, size), mistakes));
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took, std::chrono::seconds(20)) << file.substr(0, 12);
    EXPECT_LE(mistakes.size(), Report::kMistakesMax + 1) << file.substr(0, 12);
    if (took > std::chrono::seconds(1)) {
      RecordProperty("slow", file.substr(0, 12));
      std::cout << "slow: " << file.substr(0, 12) << " "
                << std::chrono::duration<double>(took).count() << " s\n";
    }
  }
  Mistakes mistakes;
  EXPECT_FALSE(read(std::string(10 << 20, '['), mistakes));
  ASSERT_EQ(mistakes.size(), 1U);
  EXPECT_EQ(mistakes[0].message,
            "the file has 10485760 bytes, more than the 1048576 that are read");
}

}  // namespace
}  // namespace sluice::model
