#include "model/shell_quoting.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::model {
namespace {

using enum ShellPlace;

// `@` stands for a reference: where each of them is.
std::vector<ShellPlace> places(std::string_view command) {
  ShellScanner scanner;
  std::vector<ShellPlace> found;
  while (true) {
    const std::size_t at = command.find('@');
    scanner.text(command.substr(0, at));
    if (at == std::string_view::npos) return found;
    found.push_back(scanner.reference());
    command.remove_prefix(at + 1);
  }
}

using Places = std::vector<ShellPlace>;

TEST(ShellQuoting, SaysWhereAReferenceStands) {
  const std::vector<std::pair<std::string_view, Places>> commands{
      {"cat @", {kBare}},
      {"cat \"a @ b\" @", {kDoubleQuotes, kBare}},
      {"echo 'a @' @", {kSingleQuotes, kBare}},
      {"echo \"it's @\" @", {kDoubleQuotes, kBare}},
      {"echo 'a \"' @", {kBare}},
      {"echo \"a \\\" @\" @", {kDoubleQuotes, kBare}},
      {"echo \\' @", {kBare}},
      {"echo \\@", {kEscaped}},
      {"echo $@", {kEscaped}},
      {"echo `cat @` @", {kBackquotes, kBare}},
      {"echo \"`cat @`\" @", {kBackquotes, kBare}},
      {"a=@; b=\"@\"", {kBare, kDoubleQuotes}},
      {"cat < @ > @", {kBare, kBare}}};
  for (const auto& [command, expected] : commands) EXPECT_EQ(places(command), expected) << command;
}

TEST(ShellQuoting, FollowsSubstitutions) {
  const std::vector<std::pair<std::string_view, Places>> commands{
      {"echo \"$(cat @ \"@\")@\"", {kBare, kDoubleQuotes, kDoubleQuotes}},
      {"echo $(a (b) @) @", {kBare, kBare}},
      {"echo \"$(echo ')' @)\" @", {kBare, kBare}},
      {"echo \"$(echo \\) @)@\"", {kBare, kDoubleQuotes}},
      {"echo $(@)", {kBare}},
      {"echo $((1 + @)) @", {kArithmetic, kBare}},
      {"echo $(((1) + (2))) @", {kBare}},
      {"echo ${x:-@} \"${x:-@}\"", {kBare, kDoubleQuotes}},
      {"echo ${#x} ${x#a} @", {kBare}},
      {"echo $# @", {kBare}},
      {"echo $$ '@'", {kSingleQuotes}}};
  for (const auto& [command, expected] : commands) EXPECT_EQ(places(command), expected) << command;
}

TEST(ShellQuoting, KnowsCommentsFromOtherHashes) {
  EXPECT_EQ(places("a # don't @\n@"), (Places{kComment, kBare}));
  EXPECT_EQ(places("a#b @ a;#@"), (Places{kBare, kComment}));
  EXPECT_EQ(places("@#b @"), (Places{kBare, kBare}));
  EXPECT_EQ(places("a \\\n# @"), (Places{kComment}));
  EXPECT_EQ(places("a\\\n#b @"), (Places{kBare}));
  EXPECT_EQ(places("\"# @\""), (Places{kDoubleQuotes}));
  EXPECT_EQ(places("$(# ) '\n @)"), (Places{kBare}));
}

TEST(ShellQuoting, FindsTheEndOfHereDocuments) {
  EXPECT_EQ(places("cat <<E @\n'@\nE\n@"), (Places{kBare, kHereDocument, kBare}));
  EXPECT_EQ(places("cat <<-'E F'\n\t@\n\tE F\n@"), (Places{kHereDocument, kBare}));
  EXPECT_EQ(places("cat <<A <<B\n@\nA\n@\nB\n@"), (Places{kHereDocument, kHereDocument, kBare}));
  EXPECT_EQ(places("cat <<@"), (Places{kHereDocument}));
  EXPECT_EQ(places("cat << E\n E\n@"), (Places{kHereDocument}));
}

TEST(ShellQuoting, GuessesNothing) {
  EXPECT_EQ(places("$(case a in a) echo @;; esac) @"), (Places{kUncertain, kUncertain}));
  EXPECT_EQ(places("case @ in @) echo @;; esac"), (Places{kBare, kBare, kBare}));
  EXPECT_EQ(places("@ $'a\\'b @'"), (Places{kBare, kUncertain}));
  EXPECT_EQ(places("\"${x:-'@'}\""), (Places{kUncertain}));
  EXPECT_EQ(places("cat <<<@"), (Places{kUncertain}));
  EXPECT_EQ(places("$(cat <<E) \n@"), (Places{kUncertain}));
  EXPECT_EQ(places("$((a ')' ) ) @"), (Places{kUncertain}));
}

TEST(ShellQuoting, KnowsWhichWordsStandAlone) {
  ShellScanner scanner;
  EXPECT_TRUE(scanner.is_between_words());
  scanner.text("cat ");
  EXPECT_TRUE(scanner.is_between_words());
  scanner.text("a=");
  EXPECT_FALSE(scanner.is_between_words());
  scanner.text(" \"\"");
  EXPECT_FALSE(scanner.is_between_words());
  scanner.text(";");
  EXPECT_TRUE(scanner.is_between_words());
}

TEST(ShellQuoting, SaysWhatIsNotClosed) {
  const std::vector<std::pair<std::string_view, std::string_view>> commands{
      {"echo 'a", "a single quote"},
      {"echo \"a", "a double quote"},
      {"echo $(a", "$("},
      {"echo `a", "a backquote"},
      {"echo ${a", "$${"},
      {"echo $((1", "$(("}};
  for (const auto& [command, open] : commands) {
    ShellScanner scanner;
    scanner.text(command);
    EXPECT_EQ(scanner.unclosed(), open) << command;
  }
  for (const std::string_view whole : {"echo 'a' # don't", "cat <<E\n'", "a $'b"}) {
    ShellScanner scanner;
    scanner.text(whole);
    EXPECT_EQ(scanner.unclosed(), std::nullopt) << whole;
  }
}

}  // namespace
}  // namespace sluice::model
