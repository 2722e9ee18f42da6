#include "program/arguments.h"

#include <gtest/gtest.h>

namespace sluice::program {
namespace {

Description shell(Word script, std::size_t inputs) {
  Description description;
  description.is_shell = true;
  description.words = {std::move(script)};
  description.inputs.resize(inputs);
  return description;
}

TEST(Arguments, OfTheShellArePositional) {
  const Description command = shell({{.text = "cat "},
                                     {.input = 0},
                                     {.text = " \"a "},
                                     {.input = 1, .in_quotes = true},
                                     {.text = "\" "},
                                     {.input = 2},
                                     {.text = " end"}},
                                    3);
  const auto line = build_command_line(command, {{"$(x)"}, {"'"}, {"p", "q r"}});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->arguments,
            (std::vector<std::string>{"/bin/sh", "-c", R"(cat "${1}" "a ${2}" "${3}" "${4}" end)",
                                      "sh", "$(x)", "'", "p", "q r"}));
  const auto empty = build_command_line(command, {{""}, {""}, {}});
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->arguments[2], R"(cat "${1}" "a ${2}"  end)");
}

TEST(Arguments, OfAListAreAsTheyAre) {
  Description command;
  command.inputs.resize(2);
  command.words = {{{.text = "p"}}, {{.text = "n="}, {.input = 0}}, {{.input = 1}}, {{.text = ""}}};
  command.variables = {{"N", 0}};
  const auto line = build_command_line(command, {{"1 2"}, {"a", "b"}});
  ASSERT_TRUE(line);
  EXPECT_EQ(line->arguments, (std::vector<std::string>{"p", "n=1 2", "a", "b", ""}));
  EXPECT_EQ(line->variables, std::vector<std::string>{"N=1 2"});
}

TEST(Arguments, AreBounded) {
  Description command;
  command.inputs.resize(1);
  command.words = {{{.text = "p"}}, {{.input = 0}}};
  EXPECT_TRUE(build_command_line(command, {{std::string(kArgumentMax - 1, 'x')}}));
  EXPECT_FALSE(build_command_line(command, {{std::string(kArgumentMax, 'x')}}));
  EXPECT_FALSE(build_command_line(command, {Texts(17, std::string(64 << 10, 'x'))}));
  const auto many = build_command_line(shell({{.input = 0}}, 1), {Texts(20'000, "x")});
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code(), ErrorCode::kResourceExhausted);
}

TEST(Arguments, JsonThatIsATextIsThatText) {
  EXPECT_EQ(*as_argument("\"a \\n b\"", true, "x"), "a \n b");
  EXPECT_EQ(*as_argument("{\"a\":1}", true, "x"), "{\"a\":1}");
  EXPECT_EQ(*as_argument("\"a\"", false, "x"), "\"a\"");
  EXPECT_FALSE(as_argument("\"a\\u0000b\"", true, "x"));
  EXPECT_FALSE(as_argument(std::string_view("a\0b", 3), false, "x"));
}

TEST(Arguments, TheProgramIsLookedForInThePathAndInTheApp) {
  const auto is_program = [](const std::string& path) { return path == "/b/x"; };
  EXPECT_EQ(find_program("x", "/a:/b", "/app", is_program), "/b/x");
  EXPECT_EQ(find_program("y", "/a:/b", "/app", is_program), "");
  EXPECT_EQ(find_program("", "/a:/b", "/app", is_program), "");
  EXPECT_EQ(find_program("bin/x", "/a:/b", "/app", is_program), "/app/bin/x");
  EXPECT_EQ(find_program("/c/x", "/a:/b", "/app", is_program), "/c/x");
}

}  // namespace
}  // namespace sluice::program
