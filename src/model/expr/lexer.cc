#include "model/expr/lexer.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>

namespace sluice::expr {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::uint32_t> digit_value(char c, std::uint32_t base) {
  std::uint32_t value = 99;
  if (is_digit(c)) value = static_cast<std::uint32_t>(c - '0');
  if (c >= 'a' && c <= 'f') value = static_cast<std::uint32_t>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') value = static_cast<std::uint32_t>(c - 'A' + 10);
  if (value >= base) return std::nullopt;
  return value;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | (point >> 6));
  } else if (point < 0x10000) {
    put(0xE0 | (point >> 12));
    put(0x80 | ((point >> 6) & 0x3F));
  } else {
    put(0xF0 | (point >> 18));
    put(0x80 | ((point >> 12) & 0x3F));
    put(0x80 | ((point >> 6) & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

Token mistake(std::uint32_t offset, std::string message, std::string hint = {}) {
  return {TokenKind::kMistake, offset, std::move(message), std::move(hint)};
}

// A character as it appears in a message.
std::string shown_char(char c) {
  if (c > ' ' && c < 0x7F) return fmt::format("'{}'", c);
  return fmt::format("the character 0x{:02x}", static_cast<unsigned char>(c));
}

constexpr std::array<std::string_view, 10> kBytesPrefixes{"b",  "B",  "br", "bR", "Br",
                                                          "BR", "rb", "rB", "Rb", "RB"};
// Longest first.
constexpr std::array<std::string_view, 23> kSymbols{"&&", "||", "==", "!=", "<=", ">=", "(", ")",
                                                    "[",  "]",  "{",  "}",  ",",  ".",  ":", "?",
                                                    "+",  "-",  "*",  "/",  "%",  "<",  ">"};

}  // namespace

bool Lexer::skip_space() {
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
      ++at_;
    } else if (c == '/' && at_ + 1 < text_.size() && text_[at_ + 1] == '/') {
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    } else {
      return true;
    }
  }
  return false;
}

Token Lexer::next() {
  if (!skip_space()) return {TokenKind::kEnd, at_, {}, {}};
  const char c = text_[at_];
  const std::uint32_t begin = at_;
  if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1])))
    return number();
  if (c == '\'' || c == '"') return string(begin, false);
  if (c == '`') return quoted_name();
  if (!is_letter(c)) return symbol();
  while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]))) ++at_;
  const std::string_view name = text_.substr(begin, at_ - begin);
  if (at_ < text_.size() && (text_[at_] == '\'' || text_[at_] == '"')) {
    if (std::ranges::find(kBytesPrefixes, name) != kBytesPrefixes.end()) {
      return mistake(begin, "there are no bytes in expressions",
                     "a text is written without the 'b'");
    }
    if (name == "r" || name == "R") return string(begin, true);
  }
  return {TokenKind::kName, begin, std::string(name), {}};
}

Token Lexer::number() {
  const std::uint32_t begin = at_;
  const auto digits = [&] {
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
  };
  bool is_double = false;
  if (text_.substr(at_).starts_with("0x") || text_.substr(at_).starts_with("0X")) {
    at_ += 2;
    while (at_ < text_.size() && digit_value(text_[at_], 16)) ++at_;
    if (at_ == begin + 2) return mistake(begin, "'0x' needs hexadecimal digits");
  } else {
    digits();
    if (at_ + 1 < text_.size() && text_[at_] == '.' && is_digit(text_[at_ + 1])) {
      is_double = true;
      ++at_;
      digits();
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      std::uint32_t exponent = at_ + 1;
      if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
      if (exponent < text_.size() && is_digit(text_[exponent])) {
        is_double = true;
        at_ = exponent;
        digits();
      }
    }
  }
  const std::string_view written = text_.substr(begin, at_ - begin);
  if (at_ < text_.size() && is_letter(text_[at_])) {
    const bool is_unsigned = (text_[at_] == 'u' || text_[at_] == 'U') && !is_double;
    return mistake(begin, fmt::format("'{}{}' is no number", written.substr(0, 40), text_[at_]),
                   is_unsigned ? "there are no unsigned numbers here: leave out the 'u'" : "");
  }
  return {is_double ? TokenKind::kDouble : TokenKind::kInt, begin, std::string(written), {}};
}

Token Lexer::string(std::uint32_t begin, bool is_raw) {
  const char quote = text_[at_];
  const std::string triple(3, quote);
  const bool is_triple = text_.substr(at_).starts_with(triple);
  at_ += is_triple ? 3 : 1;
  Token token{TokenKind::kString, begin, {}, {}};
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == quote && (!is_triple || text_.substr(at_).starts_with(triple))) {
      at_ += is_triple ? 3 : 1;
      return token;
    }
    if ((c == '\n' || c == '\r') && !is_triple) {
      return mistake(begin, "the text is not closed in its line",
                     fmt::format("a text over several lines stands in {}", triple + " " + triple));
    }
    ++at_;
    if (c != '\\' || is_raw) {
      token.text.push_back(c);
    } else if (Token wrong; !escape(token.text, wrong)) {
      return wrong;
    }
  }
  return mistake(begin, "the text has no closing quote",
                 fmt::format("it begins here with {}", is_triple ? triple : std::string(1, quote)));
}

bool Lexer::escape(std::string& value, Token& out) {
  const std::uint32_t begin = at_ - 1;
  const auto wrong = [&](std::string message, std::string hint = {}) {
    out = mistake(begin, std::move(message), std::move(hint));
    return false;
  };
  if (at_ >= text_.size()) return wrong("the text ends inside of an escape");
  const char c = text_[at_++];
  constexpr std::string_view kFrom = "abfnrtv\\?\"'`";
  constexpr std::string_view kTo = "\a\b\f\n\r\t\v\\?\"'`";
  if (const auto found = kFrom.find(c); found != std::string_view::npos) {
    value.push_back(kTo[found]);
    return true;
  }
  std::uint32_t length = 0;
  std::uint32_t base = 16;
  if (c == 'x' || c == 'X') length = 2;
  if (c == 'u') length = 4;
  if (c == 'U') length = 8;
  if (c >= '0' && c <= '3') {
    length = 3;
    base = 8;
    --at_;
  }
  if (length == 0) {
    return wrong(fmt::format("'\\' before {} means nothing", shown_char(c)),
                 "a backslash itself is written '\\\\', or the text as r'...'");
  }
  std::uint32_t point = 0;
  for (std::uint32_t i = 0; i < length; ++i, ++at_) {
    const auto digit = at_ < text_.size() ? digit_value(text_[at_], base) : std::nullopt;
    if (!digit) return wrong(fmt::format("this escape needs {} digits", length));
    point = point * base + *digit;
  }
  if (point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
    return wrong("there is no character with this number");
  append_utf8(value, point);
  return true;
}

Token Lexer::quoted_name() {
  const std::uint32_t begin = at_;
  const auto end = text_.find('`', at_ + 1);
  if (end == std::string_view::npos || end == begin + 1)
    return mistake(begin, "a name in backticks is not closed, or empty");
  at_ = static_cast<std::uint32_t>(end + 1);
  return {TokenKind::kQuoted, begin, std::string(text_.substr(begin + 1, end - begin - 1)), {}};
}

Token Lexer::symbol() {
  const std::uint32_t begin = at_;
  const std::string_view rest = text_.substr(at_);
  for (const std::string_view symbol : kSymbols) {
    if (!rest.starts_with(symbol)) continue;
    at_ += static_cast<std::uint32_t>(symbol.size());
    return {TokenKind::kSymbol, begin, std::string(symbol), {}};
  }
  const char c = rest[0];
  if (c == '!') {
    ++at_;
    return {TokenKind::kSymbol, begin, "!", {}};
  }
  std::string hint;
  if (c == '=') hint = "'equal' is written '=='";
  if (c == '&') hint = "'and' is written '&&'";
  if (c == '|') hint = "'or' is written '||'";
  if (c == '$') hint = "inside of ${...} names stand alone, without '$'";
  return mistake(begin, fmt::format("{} has no meaning in an expression", shown_char(c)),
                 std::move(hint));
}

}  // namespace sluice::expr
