#include "cli/expression.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

std::string result(std::string_view expression, std::string_view variables = "{}") {
  const Evaluated evaluated = evaluate_expression(expression, parse_json(variables).value());
  if (evaluated.is_absent) return "absent";
  return evaluated.is_good ? evaluated.json : evaluated.mistake;
}

TEST(Expression, PrintsTheValueAsJson) {
  EXPECT_EQ(result("1 + 2"), "3");
  EXPECT_EQ(result("{'a': [x, x * 2.0, null], 'b': 'ä\\n'}", R"({"x": 3})"),
            R"({"a":[3,6.0,null],"b":"ä\n"})");
  EXPECT_EQ(result("split.chunks.map(c, size(c))", R"({"split": {"chunks": ["ab", "c"]}})"),
            "[2,1]");
  EXPECT_EQ(result("a.b.c + 1", R"({"a.b": {"c": 2}})"), "3");
  EXPECT_EQ(result("first([])"), "absent");
}

TEST(Expression, ShowsTheLineOfAMistakeAndItsPlace) {
  EXPECT_EQ(result("1 / 0"), "1:3: division by zero\n    1 / 0\n      ^\n");
  EXPECT_EQ(result("'ä' +\n\t(x.size)", R"({"x": {}})"),
            "2:5: no field 'size'\n    \t(x.size)\n    \t   ^\n");
  EXPECT_EQ(result("[1, 2"),
            "1:6: the expression ends where ']' after the elements of a list is expected\n"
            "    [1, 2\n         ^\n");
}

TEST(Expression, GivesHintsAsDeployDoes) {
  EXPECT_EQ(result("1 + 'a'"),
            "1:3: '+' has no meaning between an int and a text\n    1 + 'a'\n      ^\n"
            "    hint: write string(x), or a template: \"text ${x}\"\n");
  EXPECT_EQ(result("size(lst)", R"({"list": []})"),
            "1:6: unknown name 'lst'\n    size(lst)\n         ^\n    hint: did you mean 'list'?\n");
  EXPECT_EQ(result("x + 1"),
            "1:1: unknown name 'x'\n    x + 1\n    ^\n"
            "    hint: --json FILE gives values to names\n");
}

TEST(Expression, WhatIsNotEvaluatedCannotFail) {
  EXPECT_EQ(result("true || 32"), "true");
  EXPECT_EQ(result("false && nothing.there(1)"), "false");
}

TEST(Expression, AnswersWithinBounds) {
  EXPECT_NE(result("range(1000).map(a, range(1000).map(b, range(1000)))").find("steps"),
            std::string::npos);
  EXPECT_NE(result(std::string(10 << 20, '(')).find("longer than 16 KiB"), std::string::npos);
  EXPECT_NE(result("range(1000000)").find("1048576 bytes"), std::string::npos);
  const std::string large = R"({"x": ")" + std::string(2 << 20, 'x') + R"("})";
  EXPECT_NE(result("size(x)", large).find("more than 1 MiB"), std::string::npos);
}

}  // namespace
}  // namespace sluice::cli
