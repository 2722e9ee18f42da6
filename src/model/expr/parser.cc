#include "model/expr/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "model/names.h"

namespace sluice::expr {
namespace {

// Loosest first; all of them bind to the left.
constexpr std::array<std::string_view, 14> kOperators{"||", "&&", "==", "!=", "<", "<=", ">",
                                                      ">=", "in", "+",  "-",  "*", "/",  "%"};
constexpr std::array<int, 14> kLevels{0, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 4};
constexpr int kUnaryLevel = 5;

// Words of CEL that cannot be names.
constexpr std::array<std::string_view, 18> kReserved{
    "as", "break", "const", "continue",  "else",    "for",    "function", "if",   "import",
    "in", "let",   "loop",  "namespace", "package", "return", "var",      "void", "while"};

int level_of(const Token& token) {
  if (token.kind != TokenKind::kSymbol && !(token.kind == TokenKind::kName && token.text == "in"))
    return -1;
  const auto* found = std::ranges::find(kOperators, token.text);
  return found == kOperators.end() ? -1 : kLevels[found - kOperators.begin()];
}

// What another language calls it.
std::string foreign_word_hint(const Token& token) {
  if (token.kind != TokenKind::kName) return {};
  if (token.text == "and") return "'and' is written '&&'";
  if (token.text == "or") return "'or' is written '||'";
  if (token.text == "not") return "'not' is written '!'";
  if (token.text == "is") return "'is' is written '=='";
  if (token.text == "if" || token.text == "else" || token.text == "then")
    return "a choice is written: condition ? one : other";
  return {};
}

}  // namespace

Parser::Parser(Syntax& syntax, std::string_view text, Spot begin, Mistakes& mistakes)
    : syntax_(syntax), begin_(begin), mistakes_(mistakes), lexer_(text) {
  advance();
}

void Parser::advance() {
  token_ = lexer_.next();
  if (token_.kind == TokenKind::kMistake) wrong(here(), token_.text, token_.hint);
}

std::nullopt_t Parser::wrong(Spot spot, std::string message, std::string hint) {
  if (!failed_) mistakes_.push_back({spot, std::move(message), std::move(hint)});
  failed_ = true;
  return std::nullopt;
}

std::nullopt_t Parser::too_deep(Spot spot) {
  return wrong(spot,
               fmt::format("the expression is nested deeper than {} levels", Syntax::kHeightMax));
}

std::nullopt_t Parser::unexpected(std::string_view wanted) {
  if (token_.kind == TokenKind::kEnd)
    return wrong(here(), fmt::format("the expression ends where {} is expected", wanted));
  return wrong(here(), fmt::format("'{}' where {} is expected", model::shown(token_.text), wanted),
               foreign_word_hint(token_));
}

Parser::Maybe Parser::add(SyntaxNode node, const std::vector<Node>& children) {
  std::uint16_t height = 0;
  for (const Node child : children) height = std::max(height, syntax_.node(child).height);
  if (height >= Syntax::kHeightMax) {
    return too_deep(node.spot);
  }
  return syntax_.add(std::move(node), children);
}

std::optional<Syntax::Node> Parser::parse() {
  if (!failed_ && token_.kind == TokenKind::kEnd) return wrong(here(), "the expression is empty");
  const Maybe tree = expression();
  if (failed_ || !tree) return std::nullopt;
  if (token_.kind != TokenKind::kEnd) return unexpected("an operator or the end");
  return tree;
}

Parser::Maybe Parser::expression() {
  if (failed_) return std::nullopt;
  if (++depth_ > Syntax::kHeightMax) {
    return too_deep(here());
  }
  Maybe tree = binary(0);
  if (tree && token_.is("?")) {
    const Spot spot = here();
    advance();
    const Maybe yes = binary(0);
    if (!yes || !expect(":", "the first value of '?'")) return std::nullopt;
    const Maybe no = expression();
    if (!no) return std::nullopt;
    tree = add({.kind = SyntaxKind::kChoice, .spot = spot, .name = "?"}, {*tree, *yes, *no});
  }
  --depth_;
  return tree;
}

Parser::Maybe Parser::binary(int level) {
  Maybe left = level == kUnaryLevel ? unary() : binary(level + 1);
  if (level == kUnaryLevel) return left;
  while (left && !failed_ && level_of(token_) == level) {
    const Spot spot = here();
    std::string name = token_.text;
    advance();
    const Maybe right = binary(level + 1);
    if (!right) return std::nullopt;
    left =
        add({.kind = SyntaxKind::kBinary, .spot = spot, .name = std::move(name)}, {*left, *right});
  }
  return failed_ ? std::nullopt : left;
}

Parser::Maybe Parser::unary() {
  struct Sign {
    Spot spot;
    std::string name;
  };
  std::vector<Sign> signs;
  while (!failed_ && (token_.is("!") || token_.is("-"))) {
    signs.push_back({here(), token_.text});
    advance();
    if (signs.size() > Syntax::kHeightMax) return too_deep(here());
  }
  // The smallest int has no positive counterpart, so the sign is part of the number.
  Maybe tree;
  if (!signs.empty() && signs.back().name == "-" &&
      (token_.kind == TokenKind::kInt || token_.kind == TokenKind::kDouble)) {
    const Spot spot = signs.back().spot;
    signs.pop_back();
    tree = number(true, spot);
    if (tree) tree = selection(*tree);
  } else {
    tree = member();
  }
  while (tree && !signs.empty()) {
    tree = add({.kind = SyntaxKind::kUnary, .spot = signs.back().spot, .name = signs.back().name},
               {*tree});
    signs.pop_back();
  }
  return tree;
}

Parser::Maybe Parser::member() {
  const Maybe tree = primary();
  return tree ? selection(*tree) : tree;
}

Parser::Maybe Parser::selection(Node operand) {
  Maybe tree = operand;
  while (tree && !failed_) {
    const Spot bracket = here();
    if (token_.is("[")) {
      advance();
      const Maybe index = expression();
      if (!index || !expect("]", "an index")) return std::nullopt;
      tree = add({.kind = SyntaxKind::kIndex, .spot = bracket}, {*tree, *index});
    } else if (token_.is(".")) {
      advance();
      if (failed_) return std::nullopt;
      if (token_.kind != TokenKind::kName && token_.kind != TokenKind::kQuoted)
        return unexpected("a name");
      SyntaxNode node{.kind = SyntaxKind::kField,
                      .quoted = token_.kind == TokenKind::kQuoted,
                      .spot = here(),
                      .name = token_.text};
      advance();
      std::vector<Node> children{*tree};
      if (token_.is("(") && !node.quoted) {
        node.kind = SyntaxKind::kMethod;
        advance();
        if (!arguments(children)) return std::nullopt;
      }
      tree = add(std::move(node), children);
    } else {
      break;
    }
  }
  return failed_ ? std::nullopt : tree;
}

bool Parser::arguments(std::vector<Node>& out) {
  while (!failed_ && !token_.is(")")) {
    const Maybe argument = expression();
    if (!argument) return false;
    out.push_back(*argument);
    if (!token_.is(",")) break;
    advance();
    if (token_.is(")")) {
      unexpected("an argument");
      return false;
    }
  }
  return expect(")", "the arguments");
}

bool Parser::expect(std::string_view symbol, std::string_view after) {
  if (failed_) return false;
  if (!token_.is(symbol)) {
    unexpected(fmt::format("'{}' after {}", symbol, after));
    return false;
  }
  advance();
  return !failed_;
}

Parser::Maybe Parser::primary() {
  if (failed_) return std::nullopt;
  const Spot spot = here();
  switch (token_.kind) {
    case TokenKind::kInt:
    case TokenKind::kDouble:
      return number(false, spot);
    case TokenKind::kString: {
      SyntaxNode node{.spot = spot, .constant = Json(std::move(token_.text))};
      advance();
      return add(std::move(node), {});
    }
    case TokenKind::kName:
      return name();
    case TokenKind::kSymbol:
      break;
    case TokenKind::kEnd:
    case TokenKind::kQuoted:
    case TokenKind::kMistake:
      return unexpected("a value");
  }
  if (token_.is("[")) return list();
  if (token_.is("{")) return map();
  if (token_.is(".")) {
    advance();
    if (token_.kind != TokenKind::kName) return unexpected("a name");
    const Maybe tree = name();
    if (tree && syntax_.nodes_[*tree].kind == SyntaxKind::kName)
      syntax_.nodes_[*tree].absolute = true;
    return tree;
  }
  if (!token_.is("(")) return unexpected("a value");
  advance();
  const Maybe tree = expression();
  if (!tree || !expect(")", "an expression in parentheses")) return std::nullopt;
  return tree;
}

Parser::Maybe Parser::number(bool is_negative, Spot spot) {
  const std::string text = (is_negative ? "-" : "") + token_.text;
  SyntaxNode node{.spot = spot};
  if (token_.kind == TokenKind::kDouble) {
    double value = 0;
    const char* end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, value);
    // What is too small becomes zero, as everywhere; what is too large has no meaning.
    if (result.ec == std::errc::result_out_of_range && !(std::fabs(value) < 1)) {
      return wrong(spot, fmt::format("the number {} does not fit a double", text.substr(0, 40)));
    }
    node.constant = Json(value);
  } else {
    const bool is_hex = token_.text.starts_with("0x") || token_.text.starts_with("0X");
    const char* begin = token_.text.data() + (is_hex ? 2 : 0);
    std::uint64_t value = 0;
    const auto result =
        std::from_chars(begin, token_.text.data() + token_.text.size(), value, is_hex ? 16 : 10);
    const std::uint64_t limit = std::uint64_t{1} << 63;
    if (result.ec != std::errc() || value > limit || (value == limit && !is_negative)) {
      return wrong(spot, fmt::format("the number {} does not fit 64 bits", text.substr(0, 40)),
                   "write it as a double: with a fraction");
    }
    node.constant = Json(is_negative ? static_cast<std::int64_t>(~value + 1)
                                     : static_cast<std::int64_t>(value));
  }
  advance();
  return add(std::move(node), {});
}

Parser::Maybe Parser::name() {
  SyntaxNode node{.kind = SyntaxKind::kName, .spot = here(), .name = token_.text};
  const std::string& word = node.name;
  if (word == "true" || word == "false" || word == "null") {
    node.kind = SyntaxKind::kConstant;
    if (word != "null") node.constant = Json(word == "true");
    node.name.clear();
    advance();
    return add(std::move(node), {});
  }
  if (word == "in" || std::ranges::find(kReserved, word) != kReserved.end())
    return wrong(here(), fmt::format("'{}' is a reserved word", word), foreign_word_hint(token_));
  const Token written = token_;
  advance();
  if (token_.is("{"))
    return wrong(here(), "'{' after a name", "a map stands alone: {'key': value}");
  if (!token_.is("(")) {
    if (token_.kind == TokenKind::kName && !foreign_word_hint(written).empty() &&
        level_of(token_) < 0)
      return wrong(node.spot, fmt::format("'{}' is no operator", word), foreign_word_hint(written));
    return add(std::move(node), {});
  }
  node.kind = SyntaxKind::kCall;
  advance();
  std::vector<Node> children;
  if (!arguments(children)) return std::nullopt;
  return add(std::move(node), children);
}

Parser::Maybe Parser::list() {
  const Spot spot = here();
  advance();
  std::vector<Node> children;
  while (!failed_ && !token_.is("]")) {
    const Maybe element = expression();
    if (!element) return std::nullopt;
    children.push_back(*element);
    if (!token_.is(",")) break;
    advance();
  }
  if (!expect("]", "the elements of a list")) return std::nullopt;
  return add({.kind = SyntaxKind::kList, .spot = spot}, children);
}

Parser::Maybe Parser::map() {
  const Spot spot = here();
  advance();
  std::vector<Node> children;
  while (!failed_ && !token_.is("}")) {
    const Maybe key = expression();
    if (!key || !expect(":", "the key of a map")) return std::nullopt;
    const Maybe value = expression();
    if (!value) return std::nullopt;
    children.push_back(*key);
    children.push_back(*value);
    if (!token_.is(",")) break;
    advance();
  }
  if (!expect("}", "the members of a map")) return std::nullopt;
  return add({.kind = SyntaxKind::kMap, .spot = spot}, children);
}

}  // namespace sluice::expr
