#include "cli/file_name.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace sluice::cli {
namespace {

TEST(FileName, IsReadFromTheField) {
  EXPECT_EQ(disposition_file_name(" attachment; filename=\"a b.txt\"\r\n"), "a b.txt");
  EXPECT_EQ(disposition_file_name("attachment; filename=plain.txt"), "plain.txt");
  EXPECT_EQ(disposition_file_name("attachment; filename=\"x\\\"y;z\"; size=3"), "x\"y;z");
  EXPECT_EQ(disposition_file_name("attachment; filename=\"old\"; FileName*=utf-8'en'n%C3%A4%zz"),
            "n\xc3\xa4%zz");
  EXPECT_EQ(disposition_file_name("inline"), "");
  EXPECT_EQ(disposition_file_name(";;;=;filename"), "");
  EXPECT_EQ(disposition_file_name("a; filename=\"never closed"), "never closed");
}

TEST(FileName, IsOneComponentAndNeverOutside) {
  EXPECT_EQ(safe_file_name("out.mp4", "x"), "out.mp4");
  EXPECT_EQ(safe_file_name("../../etc/passwd", "x"), "passwd");
  EXPECT_EQ(safe_file_name("C:\\dir\\file", "x"), "file");
  for (const char* nothing : {"", ".", "..", "...", "a/", "/", "-", " . "}) {
    EXPECT_EQ(safe_file_name(nothing, "fallback"), "fallback") << nothing;
  }
}

TEST(FileName, HidesNothingAndDrivesNoTerminal) {
  EXPECT_EQ(safe_file_name(".bashrc", "x"), "bashrc");
  EXPECT_EQ(safe_file_name("-rf", "x"), "rf");
  EXPECT_EQ(safe_file_name(std::string_view("a\0b\n\x1b[2J", 8), "x"), "a_b__[2J");
  EXPECT_EQ(safe_file_name("a\xc2\x9b"
                           "b\xc3\xa4",
                           "x"),
            "a_b\xc3\xa4");
  EXPECT_EQ(safe_file_name("bad\xff\xc2", "x"), "bad__");
}

TEST(FileName, IsShortEnoughForAFileSystemAndKeepsItsEnd) {
  std::string name;
  for (int i = 0; i < 200; ++i) name += "\xc3\xa4";
  const std::string safe = safe_file_name(name + ".txt", "x");
  EXPECT_LE(safe.size(), 200U);
  EXPECT_TRUE(safe.ends_with(".txt"));
  EXPECT_TRUE(is_utf8(safe));
}

}  // namespace
}  // namespace sluice::cli
