#include "settings/toml.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "model/names.h"

namespace sluice::settings {
namespace {

// No setting has more; what is longer is not a list of settings.
constexpr std::size_t kListMax = 1000;

bool is_key_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}
bool is_plain_character(char c) { return is_key_character(c) || c == '+'; }

class Reader {
 public:
  Reader(std::string_view text, std::string_view file) : text_(text), file_(file) {}

  Result<std::vector<TomlEntry>> run() {
    if (!is_utf8(text_)) return mistake("this is not UTF-8 text");
    if (text_.starts_with("\xef\xbb\xbf")) text_.remove_prefix(3);
    std::vector<TomlEntry> entries;
    while (true) {
      SLUICE_OK(skip_lines());
      if (text_.empty()) return entries;
      SLUICE_TRY(TomlEntry entry, read_entry());
      const auto before = std::ranges::find(entries, entry.key, &TomlEntry::key);
      if (before != entries.end()) {
        line_ = entry.line;
        return mistake(fmt::format("'{}' is set twice, first in line {}", model::shown(entry.key),
                                   before->line));
      }
      entries.push_back(std::move(entry));
      SLUICE_OK(end_of_line());
    }
  }

 private:
  std::unexpected<Error> mistake(std::string_view what) const {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}:{}: {}", file_, line_, what));
  }
  bool takes(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void skip_spaces() {
    text_.remove_prefix(std::min(text_.find_first_not_of(" \t"), text_.size()));
  }
  void skip_comment() {
    if (text_.starts_with('#')) text_.remove_prefix(std::min(text_.find('\n'), text_.size()));
  }
  bool takes_line_end() {
    const bool has_return = text_.starts_with("\r\n");
    if (!has_return && !text_.starts_with('\n')) return false;
    text_.remove_prefix(has_return ? 2 : 1);
    ++line_;
    return true;
  }
  // Spaces, comments and empty lines.
  Status skip_lines() {
    do {
      skip_spaces();
      skip_comment();
    } while (takes_line_end());
    return {};
  }
  Status end_of_line() {
    skip_spaces();
    skip_comment();
    if (text_.empty() || takes_line_end()) return {};
    return mistake("one setting a line: something follows the value");
  }

  Result<TomlEntry> read_entry() {
    TomlEntry entry;
    entry.line = line_;
    if (text_.starts_with('[')) {
      return mistake("settings have no sections: write them as they are, `workers = 4`");
    }
    if (text_.starts_with('"') || text_.starts_with('\'')) {
      SLUICE_TRY(entry.key, read_string());
    } else {
      entry.key = take_while(is_key_character);
    }
    if (entry.key.empty()) return mistake("a line is `name = value`, or a comment after #");
    skip_spaces();
    if (!takes('=')) {
      return mistake(
          fmt::format("'{}' has no value: a line is `name = value`", model::shown(entry.key)));
    }
    skip_spaces();
    if (takes('[')) {
      entry.is_list = true;
      SLUICE_OK(read_list(entry.values));
    } else {
      SLUICE_TRY(entry.values.emplace_back(), read_value());
    }
    return entry;
  }

  Status read_list(std::vector<std::string>& values) {
    while (true) {
      SLUICE_OK(skip_lines());
      if (takes(']')) return {};
      if (values.size() == kListMax)
        return mistake(fmt::format("a list has at most {} values", kListMax));
      SLUICE_TRY(values.emplace_back(), read_value());
      SLUICE_OK(skip_lines());
      if (takes(']')) return {};
      if (!takes(',')) return mistake("a list needs a comma between values and ] at its end");
    }
  }

  Result<std::string> read_value() {
    if (text_.starts_with('"') || text_.starts_with('\'')) return read_string();
    if (text_.starts_with('[') || text_.starts_with('{'))
      return mistake("lists in lists and tables have no meaning here");
    std::string word = take_while(is_plain_character);
    if (word.empty()) return mistake("the value is missing");
    const bool is_number = word.find_first_not_of("0123456789+-._eE") == std::string::npos &&
                           word.find_first_of("0123456789") != std::string::npos;
    if (!is_number && word != "true" && word != "false") {
      return mistake(fmt::format("texts are quoted: \"{}\"", model::shown(word)));
    }
    std::erase(word, '_');  // 10_000
    return word;
  }

  Result<std::string> read_string() {
    const char quote = text_.front();
    if (text_.starts_with("\"\"\"") || text_.starts_with("'''"))
      return mistake("texts of several lines have no meaning here");
    text_.remove_prefix(1);
    std::string out;
    while (true) {
      if (text_.empty() || text_.front() == '\n')
        return mistake(fmt::format("the closing {} is missing", quote));
      const char c = text_.front();
      text_.remove_prefix(1);
      if (c == quote) return out;
      if (c == '\\' && quote == '"') {
        SLUICE_OK(read_escape(out));
      } else if (static_cast<unsigned char>(c) < 0x20 && c != '\t') {
        return mistake("a control character in a text");
      } else {
        out.push_back(c);
      }
    }
  }

  Status read_escape(std::string& out) {
    constexpr std::string_view kNames = "\"\\bfnrt";
    constexpr std::string_view kMeanings = "\"\\\b\f\n\r\t";
    const std::size_t at = text_.empty() ? std::string_view::npos : kNames.find(text_.front());
    if (at == std::string_view::npos) {
      return mistake("after \\ stands one of \" \\ b f n r t; in '…' a \\ is itself");
    }
    out.push_back(kMeanings[at]);
    text_.remove_prefix(1);
    return {};
  }

  template <class Is>
  std::string take_while(Is is) {
    const auto* const end = std::ranges::find_if_not(text_, is);
    const std::string taken(text_.begin(), end);
    text_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view text_;  // What is still to be read.
  std::string_view file_;
  std::size_t line_ = 1;
};

}  // namespace

Result<std::vector<TomlEntry>> read_toml(std::string_view text, std::string_view file) {
  return Reader(text, file).run();
}

}  // namespace sluice::settings
