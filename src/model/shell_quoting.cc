#include "model/shell_quoting.h"

namespace sluice::model {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Longer than any reserved word that matters, and than a sensible delimiter.
constexpr std::size_t kWordKept = 8;
constexpr std::size_t kDelimiterMax = 256;

}  // namespace

bool is_allowed(ShellPlace place) {
  return place == ShellPlace::kBare || place == ShellPlace::kDoubleQuotes;
}

bool ShellScanner::ends_word(char c) {
  return is_blank(c) || c == '\n' || c == ';' || c == '&' || c == '|' || c == '(' || c == ')' ||
         c == '<' || c == '>';
}

ShellScanner::ShellScanner() { stack_.push_back({Context::kTop}); }

void ShellScanner::text(std::string_view text) {
  for (const char c : text) {
    if (!uncertain_about_.empty()) return;
    read(c);
  }
}

void ShellScanner::give_up(std::string_view about) { uncertain_about_ = about; }

void ShellScanner::push(Context context, std::uint32_t parentheses) {
  stack_.push_back({context, parentheses});
}

void ShellScanner::read(char c) {
  if (in_body_) return read_here_document(c);
  if (in_comment_) {
    if (c == '\n') end_line();
    return;
  }
  if (in_single_) {
    in_single_ = c != '\'';
    return;
  }
  if (is_escaped_) {
    is_escaped_ = false;
    if (c == '\n') return;  // A line that goes on is as if the two were not there.
    in_word_ = true;
    if (word_.size() < kWordKept) word_ += '\\';  // No reserved word.
    return;
  }
  if (delimiter_ != Delimiter::kNone && read_delimiter(c)) return;
  if (is_dollar_open_) {
    is_dollar_open_ = false;
    if (c == '(') return push(Context::kArithmetic, 2);
    push(Context::kCommand, 1);
    in_word_ = false;
    word_.clear();
  }
  if (is_dollar_) {
    is_dollar_ = false;
    if (read_after_dollar(c)) return;
  }
  switch (context()) {
    case Context::kTop:
    case Context::kCommand:
      return read_command_char(c);
    case Context::kParameter:
      if (c == '}') {
        stack_.pop_back();
        return;
      }
      return read_unquoted(c);
    case Context::kDouble:
    case Context::kQuotedParameter:
      return read_double(c);
    case Context::kArithmetic:
      return read_arithmetic(c);
    case Context::kBackquotes:
      if (c == '\\') is_escaped_ = true;
      if (c == '`') stack_.pop_back();
      return;
  }
}

// Whether the character belonged to the dollar sign.
bool ShellScanner::read_after_dollar(char c) {
  const bool is_quoted = context() == Context::kDouble || context() == Context::kQuotedParameter;
  if (c == '(') {
    is_dollar_open_ = true;
    return true;
  }
  if (c == '{') {
    push(is_quoted ? Context::kQuotedParameter : Context::kParameter);
    return true;
  }
  // The old and the new standard read it differently.
  if (c == '\'' && !is_quoted) {
    give_up("$'");
    return true;
  }
  return c == '#' || c == '$';  // Parameters.
}

void ShellScanner::read_unquoted(char c) {
  in_word_ = true;
  switch (c) {
    case '\'':
      in_single_ = true;
      return;
    case '"':
      return push(Context::kDouble);
    case '\\':
      is_escaped_ = true;
      return;
    case '`':
      return push(Context::kBackquotes);
    case '$':
      is_dollar_ = true;
      return;
    default:
      return;
  }
}

void ShellScanner::end_word() {
  // Its patterns end with a parenthesis that nobody opened.
  if (word_ == "case" && stack_.size() > 1) give_up("a 'case' inside of $(...)");
  word_.clear();
  in_word_ = false;
}

void ShellScanner::read_command_char(char c) {
  const bool was_less = is_less_;
  is_less_ = false;
  if (c == '#' && !in_word_) {
    in_comment_ = true;
    return;
  }
  if (!ends_word(c)) {
    if (c == '\\') {
      is_escaped_ = true;  // Perhaps of a line's end: then the word has not begun.
      return;
    }
    if (word_.size() < kWordKept) word_ += c;
    return read_unquoted(c);
  }
  end_word();
  if (c == '\n') return end_line();
  if (c == '<') {
    if (!was_less) {
      is_less_ = true;
      return;
    }
    delimiter_ = Delimiter::kBegin;
    announced_.push_back({.delimiter = {}, .strips_tabs = false, .depth = stack_.size()});
    return;
  }
  if (context() != Context::kCommand) return;
  Open& open = stack_.back();
  if (c == '(') ++open.parentheses;
  if (c == ')' && --open.parentheses == 0) {
    // The word around it goes on.
    stack_.pop_back();
    in_word_ = true;
    word_ = "$";
    for (const HereDocument& document : announced_) {
      if (document.depth > stack_.size()) give_up("a here-document that ends with its $(...)");
    }
  }
}

void ShellScanner::read_double(char c) {
  const bool is_parameter = context() == Context::kQuotedParameter;
  switch (c) {
    case '\\':
      is_escaped_ = true;
      return;
    case '$':
      is_dollar_ = true;
      return;
    case '`':
      return is_parameter ? give_up("a quote inside of \"${...}\"") : push(Context::kBackquotes);
    case '\'':
      if (is_parameter) give_up("a quote inside of \"${...}\"");
      return;
    case '"':
      if (is_parameter) return give_up("a quote inside of \"${...}\"");
      stack_.pop_back();
      in_word_ = true;
      return;
    case '}':
      if (is_parameter) stack_.pop_back();
      return;
    default:
      return;
  }
}

void ShellScanner::read_arithmetic(char c) {
  Open& open = stack_.back();
  switch (c) {
    case '(':
      ++open.parentheses;
      return;
    case ')':
      if (--open.parentheses == 0) {
        stack_.pop_back();
        in_word_ = true;
      }
      return;
    case '\'':
    case '"':
    case '`':
    case '#':
    case '\\':
      // Perhaps a subshell in $(…) and no arithmetic at all.
      return give_up("quotes inside of $((...))");
    default:
      return;
  }
}

// ---- Here-documents ----

// Whether the character belonged to the delimiter. Quotes around it do not matter here: no
// reference may stand in the body either way.
bool ShellScanner::read_delimiter(char c) {
  HereDocument& document = announced_.back();
  switch (delimiter_) {
    case Delimiter::kNone:
      return false;
    case Delimiter::kBegin:
      delimiter_ = Delimiter::kBlank;
      if (c == '-') {
        document.strips_tabs = true;
        return true;
      }
      if (c == '<') {  // `<<<` of other shells.
        give_up("'<<<'");
        return true;
      }
      [[fallthrough]];
    case Delimiter::kBlank:
      if (is_blank(c)) return true;
      if (ends_word(c)) {
        give_up("a here-document without a delimiter");
        return true;
      }
      delimiter_ = Delimiter::kWord;
      [[fallthrough]];
    case Delimiter::kWord:
      if (ends_word(c)) {
        delimiter_ = Delimiter::kNone;
        return false;
      }
      if (c == '\'') {
        delimiter_ = Delimiter::kSingle;
      } else if (c == '"') {
        delimiter_ = Delimiter::kDouble;
      } else if (c == '\\') {
        delimiter_ = Delimiter::kEscaped;
      } else if (c == '$' || c == '`') {
        give_up("an expansion in the delimiter of a here-document");
      } else {
        document.delimiter += c;
      }
      break;
    case Delimiter::kSingle:
    case Delimiter::kDouble: {
      const char quote = delimiter_ == Delimiter::kSingle ? '\'' : '"';
      if (c == quote) {
        delimiter_ = Delimiter::kWord;
      } else if (c == '\\' || c == '\n' || c == '$' || c == '`') {
        give_up("an unusual delimiter of a here-document");
      } else {
        document.delimiter += c;
      }
      break;
    }
    case Delimiter::kEscaped:
      delimiter_ = Delimiter::kWord;
      document.delimiter += c;
      if (c == '\n') give_up("an unusual delimiter of a here-document");
      break;
  }
  if (document.delimiter.size() > kDelimiterMax) give_up("a very long delimiter");
  return true;
}

void ShellScanner::end_line() {
  in_comment_ = false;
  in_word_ = false;
  word_.clear();
  if (announced_.empty()) return;
  for (const HereDocument& document : announced_) {
    if (document.depth != stack_.size()) return give_up("a here-document across $(...)");
  }
  in_body_ = true;
  reading_ = 0;
  line_.clear();
}

void ShellScanner::read_here_document(char c) {
  const HereDocument& document = announced_[reading_];
  if (c != '\n') {
    const bool is_stripped = document.strips_tabs && c == '\t' && line_.empty();
    if (!is_stripped && line_.size() <= document.delimiter.size()) line_ += c;
    return;
  }
  const bool is_end = line_ == document.delimiter;
  line_.clear();
  if (!is_end || ++reading_ < announced_.size()) return;
  announced_.clear();
  in_body_ = false;
}

// ---- References ----

ShellPlace ShellScanner::reference() {
  if (!uncertain_about_.empty()) return ShellPlace::kUncertain;
  if (in_body_ || delimiter_ != Delimiter::kNone) return ShellPlace::kHereDocument;
  if (in_comment_) return ShellPlace::kComment;
  if (in_single_) return ShellPlace::kSingleQuotes;
  if (is_escaped_ || is_dollar_) return ShellPlace::kEscaped;
  if (is_dollar_open_) {
    is_dollar_open_ = false;
    push(Context::kCommand, 1);
  }
  is_less_ = false;
  in_word_ = true;
  word_ = "$";
  switch (context()) {
    case Context::kTop:
    case Context::kCommand:
    case Context::kParameter:
      return ShellPlace::kBare;
    case Context::kDouble:
    case Context::kQuotedParameter:
      return ShellPlace::kDoubleQuotes;
    case Context::kArithmetic:
      return ShellPlace::kArithmetic;
    case Context::kBackquotes:
      return ShellPlace::kBackquotes;
  }
  return ShellPlace::kUncertain;
}

std::optional<std::string_view> ShellScanner::unclosed() const {
  if (!uncertain_about_.empty() || in_comment_ || in_body_) return std::nullopt;
  if (in_single_) return "a single quote";
  switch (context()) {
    case Context::kTop:
      return std::nullopt;
    case Context::kCommand:
      return "$(";
    case Context::kDouble:
      return "a double quote";
    case Context::kParameter:
    case Context::kQuotedParameter:
      return "$${";
    case Context::kArithmetic:
      return "$((";
    case Context::kBackquotes:
      return "a backquote";
  }
  return std::nullopt;
}

}  // namespace sluice::model
