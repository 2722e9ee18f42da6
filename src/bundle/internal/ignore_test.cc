#include "bundle/internal/ignore.h"

#include <gtest/gtest.h>

namespace sluice::bundle {
namespace {

struct Case {
  std::string_view rules;
  std::string_view path;
  EntryKind kind;
  bool is_ignored;
};

// Each line was compared with `git check-ignore`, which also looks at the parents: `a/*` on `a/b/c`
// is true there, and here the walk never gets to it.
TEST(IgnoreRules, AreThoseOfGit) {
  constexpr auto kFile = EntryKind::kFile;
  constexpr auto kDirectory = EntryKind::kDirectory;
  const std::vector<Case> cases{
      {"", "a.py", kFile, false},
      {"", "x/__pycache__", kDirectory, true},
      {"", "__pycache__", kFile, false},
      {"", "deep/down/a.pyc", kFile, true},
      {"", ".git", kDirectory, true},
      {"", "node_modules/.cache", kDirectory, true},
      {"", "node_modules/left-pad", kDirectory, false},
      {"", "x/.a.py.swp", kFile, true},
      {"", "a.swp", kFile, false},
      {"", "a.py~", kFile, true},
      {"", ".#a.py", kFile, true},
      {"!*.pyc", "a.pyc", kFile, false},
      {"!*~", "a.py~", kFile, false},
      {"*.log", "a/b/c.log", kFile, true},
      {"*.log\n!keep.log", "a/keep.log", kFile, false},
      {"!keep.log\n*.log", "a/keep.log", kFile, true},
      {"/only", "only", kFile, true},
      {"/only", "a/only", kFile, false},
      {"a/b", "a/b", kFile, true},
      {"a/b", "c/a/b", kFile, false},
      {"build/", "build", kDirectory, true},
      {"build/", "x/build", kDirectory, true},
      {"build/", "build", kFile, false},
      {"**/tmp", "tmp", kDirectory, true},
      {"**/tmp", "a/b/tmp", kDirectory, true},
      {"a/**", "a", kDirectory, false},
      {"a/**", "a/x", kFile, true},
      {"a/**/z", "a/z", kFile, true},
      {"a/**/z", "a/b/c/z", kFile, true},
      {"a/**/z", "b/z", kFile, false},
      {"a*z", "abcz", kFile, true},
      {"a*z", "ab/cz", kFile, false},
      {"a/*", "a/b", kFile, true},
      {"a/*", "a/b/c", kFile, false},
      {"?.txt", "a.txt", kFile, true},
      {"?.txt", "ab.txt", kFile, false},
      {"[a-c].txt", "b.txt", kFile, true},
      {"[!a-c].txt", "b.txt", kFile, false},
      {"[]x].txt", "].txt", kFile, true},
      {"[a.txt", "[a.txt", kFile, false},
      {"\\#x", "#x", kFile, true},
      {"# x", "# x", kFile, false},
      {"\\!x", "!x", kFile, true},
      {"x  ", "x", kFile, true},
      {"x\r", "x", kFile, true},
      {"\n\n  \nx", "x", kFile, true},
      {"*", "anything", kFile, true},
      {"foo\\*", "foo*", kFile, true},
      {"foo\\*", "foob", kFile, false},
  };
  for (const Case& one : cases) {
    const IgnoreRules rules = IgnoreRules::parse(one.rules).value();
    EXPECT_EQ(rules.ignores(one.path, one.kind), one.is_ignored) << one.rules << " on " << one.path;
  }
}

TEST(IgnoreRules, AreBounded) {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "x\n";
  EXPECT_FALSE(IgnoreRules::parse(text));
  // The pattern that blows up naive matchers.
  const IgnoreRules rules =
      IgnoreRules::parse("**/a/**/a/**/a/**/a/**/a/**/b\n*a*a*a*a*a*a*a*a*b").value();
  std::string path = "a";
  for (int i = 0; i < 400; ++i) path += "/a";
  EXPECT_FALSE(rules.ignores(path, EntryKind::kFile));
  EXPECT_FALSE(rules.ignores(std::string(255, 'a'), EntryKind::kFile));
}

}  // namespace
}  // namespace sluice::bundle
