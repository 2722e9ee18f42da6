#pragma once

// Words of an expression, one at a time: names, numbers, strings with their escapes resolved, and
// operators. Comments (`// …` to the end of the line) and white space are skipped.

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::expr {

enum class TokenKind : std::uint8_t {
  kEnd,
  kName,     // `text`
  kQuoted,   // `text` between backticks.
  kInt,      // `text` as written, without sign.
  kDouble,   // `text` as written.
  kString,   // `text` with escapes resolved.
  kSymbol,   // `text`: an operator or a bracket.
  kMistake,  // `text` is the message, `hint` what to do.
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::uint32_t offset = 0;
  std::string text;
  std::string hint;

  bool is(std::string_view symbol) const { return kind == TokenKind::kSymbol && text == symbol; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}
  Token next();

 private:
  Token number();
  Token string(std::uint32_t begin, bool is_raw);
  Token quoted_name();
  Token symbol();
  // Reads one escape after the backslash; false and the mistake in `out`.
  bool escape(std::string& value, Token& out);
  bool skip_space();

  std::string_view text_;
  std::uint32_t at_ = 0;
};

}  // namespace sluice::expr
