#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(TerminalText, KeepsTextAndEscapesTheRest) {
  EXPECT_EQ(printable("h\xc3\xa4llo\n\t\xe6\xbc\xa2"), "h\xc3\xa4llo\n\t\xe6\xbc\xa2");
  EXPECT_EQ(printable("\x1b[2J\x07\x7f\r"), "\\x1b[2J\\x07\\x7f\\x0d");
  EXPECT_EQ(printable("\xc2\x9b"), "\\xc2\\x9b");  // CSI as one C1 character.
  EXPECT_EQ(printable("\xff\xc3(\xed\xa0\x80"), "\\xff\\xc3(\\xed\\xa0\\x80");
  EXPECT_EQ(printable_line("a\nb\tc"), "a\\nb\\tc");
}

TEST(TerminalText, GivesTheSameWhereverItIsCut) {
  const std::string text =
      "a\xc3\xa4\xe6\xbc\xa2\xf0\x9f\x98\x80\xff\xe6\xbc"
      "b\xf0\x9f";
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      TerminalText pieces;
      std::string out = pieces.filter(std::string_view(text).substr(0, first));
      out += pieces.filter(std::string_view(text).substr(first, second - first));
      out += pieces.filter(std::string_view(text).substr(second));
      out += pieces.finish();
      ASSERT_EQ(out, printable(text)) << first << ' ' << second;
      ASSERT_TRUE(pieces.has_escaped());
    }
  }
}

TEST(TerminalText, TellsWhetherItEscaped) {
  TerminalText text;
  EXPECT_EQ(text.filter("\xc3"), "");
  EXPECT_EQ(text.filter("\xa4"), "\xc3\xa4");
  EXPECT_EQ(text.finish(), "");
  EXPECT_FALSE(text.has_escaped());
}

TEST(DisplayWidth, CountsColumnsAndNotBytes) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("h\xc3\xa4"), 2U);
  EXPECT_EQ(display_width("\xe6\xbc\xa2"), 2U);  // A wide one.
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);     // A combining accent.
}

TEST(DisplayWidth, CutsBetweenCharacters) {
  EXPECT_EQ(cut_to_width("abcdef", 6), "abcdef");
  EXPECT_EQ(cut_to_width("abcdef", 4), "abc\xe2\x80\xa6");
  EXPECT_EQ(cut_to_width("\xe6\xbc\xa2\xe6\xbc\xa2", 3), "\xe6\xbc\xa2\xe2\x80\xa6");
  EXPECT_EQ(cut_to_width("abc", 0), "");
}

}  // namespace
}  // namespace sluice::cli
