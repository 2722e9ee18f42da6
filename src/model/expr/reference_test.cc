// docs/reference/expressions.md: its table of functions is the one of the code, and its examples
// are true.

#include <array>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "model/expr/fake_knowledge.h"

namespace sluice::expr {
namespace {

std::string page() {
  std::ifstream file(std::string(SLUICE_SOURCE_DIR) + "/docs/reference/expressions.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Reference, HasTheTableOfFunctions) {
  std::string table;
  for (const FunctionHelp& row : function_help())
    table += fmt::format("| `{}` | {} |\n", row.form, row.help);
  EXPECT_NE(page().find(table), std::string::npos) << "the table should be:\n" << table;
}

// Lines like "    1 + 2    → 3" in blocks of code.
TEST(Reference, EveryExampleIsTrue) {
  const std::string text = page();
  static const std::regex kExample(R"(\n([^\n|]*\S) +→ ([^\n|]*))");
  int count = 0;
  for (std::sregex_iterator at(text.begin(), text.end(), kExample), end; at != end; ++at) {
    const std::string expression = (*at)[1];
    Syntax syntax;
    Mistakes mistakes;
    const auto root = syntax.add_expression(expression, mistakes);
    ASSERT_TRUE(root) << expression;
    const std::array roots{*root};
    const auto program = Program::compile(syntax, roots, FakeNames{}, mistakes, Checking::kLate);
    Evaluation evaluation;
    const Outcome& outcome = evaluation.evaluate(*program, 0, FakeKnowledge(), Want::kJson);
    std::string result = "absent";
    if (outcome.kind == Outcome::Kind::kError)
      result = outcome.failure.name + ": " + outcome.failure.message;
    if (outcome.kind == Outcome::Kind::kValue) result = to_json_text(outcome.value).value();
    EXPECT_EQ(result, (*at)[2].str()) << expression;
    ++count;
  }
  EXPECT_GE(count, 20);
}

}  // namespace
}  // namespace sluice::expr
