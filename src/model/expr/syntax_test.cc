#include "model/expr/syntax.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "model/expr/fake_knowledge.h"

namespace sluice::expr {
namespace {

// The tree in brackets, so that precedence can be seen.
std::string shape(const Syntax& syntax, Syntax::Node index) {
  const SyntaxNode& node = syntax.node(index);
  std::string out;
  for (const Syntax::Node child : syntax.children(index))
    out += (out.empty() ? "" : " ") + shape(syntax, child);
  switch (node.kind) {
    case SyntaxKind::kConstant:
      return to_text(node.constant);
    case SyntaxKind::kName:
      return (node.absolute ? "." : "") + node.name;
    case SyntaxKind::kField:
      return "(." + node.name + " " + out + ")";
    case SyntaxKind::kIndex:
      return "([] " + out + ")";
    case SyntaxKind::kCall:
      return node.name + "(" + out + ")";
    case SyntaxKind::kMethod:
      return "." + node.name + "(" + out + ")";
    case SyntaxKind::kUnary:
    case SyntaxKind::kBinary:
    case SyntaxKind::kChoice:
      return "(" + node.name + " " + out + ")";
    case SyntaxKind::kList:
      return "[" + out + "]";
    case SyntaxKind::kMap:
      return "{" + out + "}";
    case SyntaxKind::kText:
      return "<" + out + ">";
  }
  return "";
}

std::string parsed(std::string_view text, bool is_template = false) {
  Syntax syntax;
  Mistakes mistakes;
  const auto root =
      is_template ? syntax.add_template(text, mistakes) : syntax.add_expression(text, mistakes);
  if (root) return shape(syntax, *root);
  EXPECT_EQ(mistakes.size(), 1U);
  return fmt::format("{}: {}{}{}", mistakes[0].spot.offset, mistakes[0].message,
                     mistakes[0].hint.empty() ? "" : "; ", mistakes[0].hint);
}

struct Row {
  std::string_view text;
  std::string_view result;
};

TEST(Syntax, OperatorsBindAsInCel) {
  const std::vector<Row> rows{
      {"1 + 2 * 3 - 4", "(- (+ 1 (* 2 3)) 4)"},
      {"a || b && c == d", "(|| a (&& b (== c d)))"},
      {"!a.b[0].c(1)", "(! .c(([] (.b a) 0) 1))"},
      {"a ? b : c ? d : e", "(? a b (? c d e))"},
      {"1 in [1, 2,]", "(in 1 [1 2])"},
      {"{'a': 1, 2: b,}", R"({"a" 1 2 b})"},
      {"-1 - -x", "(- -1 (- x))"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"0x1F + 1e3 + .5", "(+ (+ 31 1000.0) 0.5)"},
      {".a.b", "(.b .a)"},
      {"a.`b-c`.in", "(.in (.b-c a))"},
      {"x // the rest is a comment\n + 1", "(+ x 1)"},
      {"size(x.map(e, e > 1, e))", "size(.map(x e (> e 1) e))"},
  };
  for (const Row& row : rows) EXPECT_EQ(parsed(row.text), row.result) << row.text;
}

TEST(Syntax, TextsHaveTheEscapesOfCel) {
  const std::vector<Row> rows{
      {R"('a\n\x41\u00e9\U0001f431\101')", R"("a\nAé🐱A")"},
      {R"(r'\d+')", R"("\\d+")"},
      {R"("""a "b"
c""")",
       R"("a \"b\"\nc")"},
      {R"('\u12')", "1: this escape needs 4 digits"},
      {R"('\ud800')", "1: there is no character with this number"},
      {R"('\q')",
       R"(1: '\' before 'q' means nothing; a backslash itself is written '\\', or the text as r'...')"},
      {"'abc", "0: the text has no closing quote; it begins here with '"},
      {"b'abc'", "0: there are no bytes in expressions; a text is written without the 'b'"},
  };
  for (const Row& row : rows) EXPECT_EQ(parsed(row.text), row.result) << row.text;
}

TEST(Syntax, AMistakeSaysWhereAndWhat) {
  const std::vector<Row> rows{
      {"", "0: the expression is empty"},
      {"1 +", "3: the expression ends where a value is expected"},
      {"a b", "2: 'b' where an operator or the end is expected"},
      {"a and b", "2: 'and' where an operator or the end is expected; 'and' is written '&&'"},
      {"a = 1", "2: '=' has no meaning in an expression; 'equal' is written '=='"},
      {"a & b", "2: '&' has no meaning in an expression; 'and' is written '&&'"},
      {"not a", "0: 'not' is no operator; 'not' is written '!'"},
      {"f(1, 2", "6: the expression ends where ')' after the arguments is expected"},
      {"[1, 2", "5: the expression ends where ']' after the elements of a list is expected"},
      {"a ? b", "5: the expression ends where ':' after the first value of '?' is expected"},
      {"9223372036854775808",
       "0: the number 9223372036854775808 does not fit 64 bits; write it as a double: with a "
       "fraction"},
      {"12u", "0: '12u' is no number; there are no unsigned numbers here: leave out the 'u'"},
      {"import", "0: 'import' is a reserved word"},
      {"a.b{c: 1}", "3: '{' where an operator or the end is expected"},
      {"${x}",
       "0: '$' has no meaning in an expression; inside of ${...} names stand alone, without "
       "'$'"},
      {"a.1", "1: '.1' where an operator or the end is expected"},
  };
  for (const Row& row : rows) EXPECT_EQ(parsed(row.text), row.result) << row.text;
}

TEST(Syntax, ATemplateIsAValueOrAText) {
  const std::vector<Row> rows{
      {"plain", R"("plain")"},
      {"", R"("")"},
      {"${a.b}", "(.b a)"},
      {" ${a}", R"(<" " a>)"},
      {"${a}-${b}", R"(<a "-" b>)"},
      {"$${a} costs 5$", R"("${a} costs 5$")"},
      {"$$${a} ${b}", R"(<"$${a} " b>)"},
      {"${ {'a': '}'}.a }", R"((.a {"a" "}"}))"},
      {R"(${r'\'})", R"("\\")"},
      {"${'''}'''} x", R"(<"}" " x">)"},
      {"a ${b", "2: '${' without its '}'; close it with '}'; a plain '${' is written '$${'"},
      {"${a // }",
       "0: '${' without its '}'; '//' begins a comment that runs to the end of the line"},
      {"a ${} b", "4: the expression is empty"},
      {"ab ${c d} e", "7: 'd' where an operator or the end is expected"},
  };
  for (const Row& row : rows) EXPECT_EQ(parsed(row.text, true), row.result) << row.text;
}

TEST(Syntax, TextsInALiteralAreTemplatesAtAnyDepth) {
  Syntax syntax;
  Mistakes mistakes;
  const Json literal = parse_json(R"({"a": ["x", "${b}", {"c": "n=${d}"}], "e": 1})").value();
  const auto root = syntax.add_json(literal, mistakes);
  ASSERT_TRUE(root);
  EXPECT_EQ(shape(syntax, *root), R"({"a" ["x" b {"c" <"n=" d>}] "e" 1})");
  EXPECT_EQ(syntax.texts(), 4U);

  // All mistakes of all texts, each with the number of its text.
  const Json wrong = parse_json(R"(["x", "${", "y", "${1 +}"])").value();
  EXPECT_FALSE(syntax.add_json(wrong, mistakes));
  ASSERT_EQ(mistakes.size(), 2U);
  EXPECT_EQ(mistakes[0].spot, (Spot{5, 0}));
  EXPECT_EQ(mistakes[1].spot, (Spot{7, 5}));
}

TEST(Syntax, WhatIsTooLongOrTooDeepIsRefused) {
  EXPECT_EQ(parsed(std::string(Syntax::kTextMax + 1, '1')),
            "0: the expression is longer than 16 KiB; put a part of it into a `set` step");
  const std::vector<std::string> hostile{std::string(8000, '('),
                                         std::string(8000, '['),
                                         std::string(8000, '!') + "a",
                                         std::string(8000, '-'),
                                         std::string(8000, '{'),
                                         "a" + std::string(4000, '['),
                                         std::string(300, '(') + "1" + std::string(300, ')')};
  for (const std::string& text : hostile)
    EXPECT_NE(parsed(text).find("nested deeper than 250 levels"), std::string::npos);
  std::string chain = "a";
  for (int i = 0; i < 2000; ++i) chain += " + a";
  EXPECT_NE(parsed(chain).find("nested deeper than 250 levels"), std::string::npos);
  chain = "a";
  for (int i = 0; i < 2000; ++i) chain += ".a";
  EXPECT_NE(parsed(chain).find("nested deeper than 250 levels"), std::string::npos);
  EXPECT_EQ(parsed("'\xff'"), "0: the expression is not valid UTF-8");
}

TEST(Syntax, TenMebibytesOfHostileTextAreRefusedAtOnce) {
  const std::size_t size = 10 << 20;
  for (const std::string_view unit : {"(", "${", "${a}", "'", "$${", "${'", "${{", "a.", "//\n"}) {
    std::string text;
    while (text.size() < size) text += unit;
    Syntax syntax;
    Mistakes mistakes;
    static_cast<void>(syntax.add_expression(text, mistakes));
    static_cast<void>(syntax.add_template(text, mistakes));
    EXPECT_FALSE(mistakes.empty());
  }
  // The longest template that is still looked at.
  std::string text;
  while (text.size() + 4 <= (1 << 20)) text += "${a}";
  Syntax syntax;
  Mistakes mistakes;
  EXPECT_TRUE(syntax.add_template(text, mistakes));
}

TEST(Syntax, WhetherATextHasAnExpressionIsSeenWithoutParsing) {
  EXPECT_TRUE(has_expression("a ${b"));
  EXPECT_FALSE(has_expression("a $${b} $ {"));
  EXPECT_TRUE(has_expression("$${a} ${b}"));
  EXPECT_EQ(plain_text("$${a}$"), "${a}$");
}

}  // namespace
}  // namespace sluice::expr
