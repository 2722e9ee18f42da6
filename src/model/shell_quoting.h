#pragma once

// Where in a command of /bin/sh a `${…}` stands: it becomes a positional parameter, which is safe
// between words and in double quotes, and means something else or nothing at all everywhere else.
// The scanner knows as much of the shell's grammar as this takes. What it does not know for certain
// (a `case` inside of `$(…)`, say) it does not guess: references behind that are refused.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::model {

enum class ShellPlace : std::uint8_t {
  kBare,          // Outside of quotes: it goes in as "${1}".
  kDoubleQuotes,  // Inside of double quotes: as ${1}.
  // Refused:
  kSingleQuotes,
  kComment,
  kHereDocument,
  kBackquotes,
  kArithmetic,
  kEscaped,    // Right behind a backslash or a dollar sign.
  kUncertain,  // Behind what the scanner cannot read.
};
bool is_allowed(ShellPlace place);

class ShellScanner {
 public:
  ShellScanner();

  // The next part of the command as the shell will read it.
  void text(std::string_view text);
  // The next part is a reference.
  ShellPlace reference();
  // Whether the shell is between two words (or at the beginning) here.
  bool is_between_words() const { return !in_word_; }
  static bool ends_word(char c);
  // At the end: what is open, as `a single quote`.
  std::optional<std::string_view> unclosed() const;
  // What the scanner could not read, once it has met it.
  std::string_view uncertain_about() const { return uncertain_about_; }

 private:
  enum class Context : std::uint8_t {
    kTop,
    kCommand,          // $( … )
    kDouble,           // " … "
    kParameter,        // ${ … }, of the shell's own
    kQuotedParameter,  // The same inside of double quotes.
    kArithmetic,       // $(( … ))
    kBackquotes,
  };
  struct Open {
    Context context;
    std::uint32_t parentheses = 0;  // kCommand, kArithmetic: open ones.
  };
  struct HereDocument {
    std::string delimiter;
    bool strips_tabs = false;
    std::size_t depth = 0;  // Of contexts, where it was announced.
  };
  // The word behind `<<` while it is read.
  enum class Delimiter : std::uint8_t { kNone, kBegin, kBlank, kWord, kSingle, kDouble, kEscaped };

  void read(char c);
  bool read_delimiter(char c);
  void read_here_document(char c);
  bool read_after_dollar(char c);
  void read_unquoted(char c);
  void read_command_char(char c);
  void read_double(char c);
  void read_arithmetic(char c);
  void end_line();
  void end_word();
  void push(Context context, std::uint32_t parentheses = 0);
  void give_up(std::string_view about);
  Context context() const { return stack_.back().context; }

  std::vector<Open> stack_;
  std::vector<HereDocument> announced_;  // Their bodies begin behind the end of the line.
  std::size_t reading_ = 0;              // Of announced_: whose body this is, while in_body_.
  bool in_body_ = false;
  std::string line_;  // Of a body; no longer than what can still be a delimiter.
  Delimiter delimiter_ = Delimiter::kNone;
  bool in_single_ = false;
  bool in_comment_ = false;
  bool is_escaped_ = false;
  bool is_dollar_ = false;       // The character before is a `$` that may begin something.
  bool is_dollar_open_ = false;  // The two before are `$(`.
  bool is_less_ = false;         // The character before is a `<`.
  bool in_word_ = false;
  std::string word_;  // Letters of the bare word, as far as it may be `case`.
  std::string_view uncertain_about_;
};

}  // namespace sluice::model
