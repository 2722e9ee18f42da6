#pragma once

// Recursive descent over the grammar of CEL. Recursion is bounded by Syntax::kHeightMax, and the
// first mistake ends it: what follows cannot be trusted.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/expr/lexer.h"
#include "model/expr/syntax.h"

namespace sluice::expr {

class Parser {
 public:
  // `text` stands at `begin` of its template.
  Parser(Syntax& syntax, std::string_view text, Spot begin, Mistakes& mistakes);
  // The whole text as one expression.
  std::optional<Syntax::Node> parse();

 private:
  using Node = Syntax::Node;
  using Maybe = std::optional<Node>;

  Maybe expression();
  Maybe binary(int level);
  Maybe unary();
  Maybe member();
  Maybe primary();
  Maybe number(bool is_negative, Spot spot);
  Maybe name();
  Maybe list();
  Maybe map();
  Maybe selection(Node operand);
  // Arguments up to the closing parenthesis, after `first`.
  bool arguments(std::vector<Node>& out);
  bool expect(std::string_view symbol, std::string_view after);
  Maybe add(SyntaxNode node, const std::vector<Node>& children);

  void advance();
  Spot here() const { return {begin_.text, begin_.offset + token_.offset}; }
  std::nullopt_t wrong(Spot spot, std::string message, std::string hint = {});
  std::nullopt_t too_deep(Spot spot);
  std::nullopt_t unexpected(std::string_view wanted);

  Syntax& syntax_;
  Spot begin_;
  Mistakes& mistakes_;
  Lexer lexer_;
  Token token_;
  int depth_ = 0;
  bool failed_ = false;
};

}  // namespace sluice::expr
