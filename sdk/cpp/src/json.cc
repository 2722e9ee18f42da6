#include "json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace sluice::detail {
namespace {

constexpr int kDepthMax = 64;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  JsonValue run() {
    JsonValue value = read(0);
    skip_space();
    if (at_ != text_.size()) refuse("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void refuse(std::string_view what) const {
    throw std::invalid_argument(std::string(what) + " (byte " + std::to_string(at_) + ")");
  }

  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }
  bool take(char wanted) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }
  bool take_word(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  JsonValue read(int depth) {
    skip_space();
    if (at_ >= text_.size()) refuse("it ends too early");
    const std::size_t begin = at_;
    JsonValue found;
    const char c = text_[at_];
    if (c == '{' || c == '[') {
      if (depth >= kDepthMax) refuse("it is nested deeper than 64");
      ++at_;
      if (c == '{') {
        found.value = read_map(depth);
      } else {
        found.value = read_list(depth);
      }
    } else if (c == '"') {
      found.value = read_text();
    } else if (take_word("null")) {
      found.value = nullptr;
    } else if (take_word("true")) {
      found.value = true;
    } else if (take_word("false")) {
      found.value = false;
    } else {
      found.value = read_number();
    }
    found.text = text_.substr(begin, at_ - begin);
    return found;
  }

  JsonValue::Map read_map(int depth) {
    JsonValue::Map map;
    if (take('}')) return map;
    do {
      skip_space();
      if (at_ >= text_.size() || text_[at_] != '"') refuse("a key is no text");
      std::string key = read_text();
      if (!take(':')) refuse("a key without a value");
      map.emplace_back(std::move(key), read(depth + 1));
    } while (take(','));
    if (!take('}')) refuse("an object is not closed");
    return map;
  }

  JsonValue::List read_list(int depth) {
    JsonValue::List list;
    if (take(']')) return list;
    do {
      list.push_back(read(depth + 1));
    } while (take(','));
    if (!take(']')) refuse("an array is not closed");
    return list;
  }

  unsigned read_hex() {
    unsigned code = 0;
    const char* begin = text_.data() + at_;
    if (text_.size() - at_ < 4) refuse("a broken escape");
    const auto [end, error] = std::from_chars(begin, begin + 4, code, 16);
    if (error != std::errc() || end != begin + 4) refuse("a broken escape");
    at_ += 4;
    return code;
  }

  static void append_utf8(std::string& text, unsigned code) {
    const auto add = [&](unsigned byte) { text += static_cast<char>(byte); };
    if (code < 0x80) {
      add(code);
    } else if (code < 0x800) {
      add(0xc0 | code >> 6);
      add(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      add(0xe0 | code >> 12);
      add(0x80 | (code >> 6 & 0x3f));
      add(0x80 | (code & 0x3f));
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3f));
      add(0x80 | (code >> 6 & 0x3f));
      add(0x80 | (code & 0x3f));
    }
  }

  void read_escape(std::string& text) {
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) refuse("a broken escape");
    const char c = text_[at_++];
    if (const std::size_t known = kFrom.find(c); known != kFrom.npos) {
      text += kTo[known];
      return;
    }
    if (c != 'u') refuse("an unknown escape");
    unsigned code = read_hex();
    if (code >= 0xd800 && code < 0xdc00 && take_word("\\u")) {
      const unsigned low = read_hex();
      if (low < 0xdc00 || low > 0xdfff) refuse("a lone surrogate, which is not Unicode text");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xd800 && code <= 0xdfff) {
      refuse("a lone surrogate, which is not Unicode text");
    }
    append_utf8(text, code);
  }

  std::string read_text() {
    std::string text;
    ++at_;
    while (true) {
      if (at_ >= text_.size()) refuse("a text is not closed");
      const char c = text_[at_++];
      if (c == '"') return text;
      if (static_cast<unsigned char>(c) < 0x20) refuse("a control character in a text");
      if (c == '\\') {
        read_escape(text);
      } else {
        text += c;
      }
    }
  }

  JsonValue::Number read_number() {
    const std::size_t begin = at_;
    const auto digits = [&] {
      const std::size_t first = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      if (at_ == first) refuse("no JSON");
      return at_ - first;
    };
    if (text_[at_] == '-') ++at_;
    const std::size_t first = at_;
    if (digits() > 1 && text_[first] == '0') refuse("a number with a leading zero");
    bool is_integer = true;
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      digits();
      is_integer = false;
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      digits();
      is_integer = false;
    }
    JsonValue::Number number;
    const char* from = text_.data() + begin;
    const char* to = text_.data() + at_;
    const auto parsed = std::from_chars(from, to, number.value);
    if (parsed.ec == std::errc::result_out_of_range || !std::isfinite(number.value)) {
      refuse("a number that is too large");
    }
    std::int64_t integer = 0;
    if (is_integer && std::from_chars(from, to, integer).ec == std::errc())
      number.integer = integer;
    return number;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view key) const {
  const Map* map = std::get_if<Map>(&value);
  if (map == nullptr) return nullptr;
  for (const auto& [name, member] : *map) {
    if (name == key) return &member;
  }
  return nullptr;
}

std::string_view JsonValue::kind() const {
  constexpr std::array<std::string_view, 6> kKinds{"null",   "a bool",   "a number",
                                                   "a text", "an array", "an object"};
  return kKinds[value.index()];
}

JsonValue parse_json(std::string_view text) {
  if (const std::size_t fault = utf8_fault(text); fault != text.npos) {
    throw std::invalid_argument("it is not UTF-8 (byte " + std::to_string(fault) + ")");
  }
  return Parser(text).run();
}

std::size_t utf8_fault(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t at = 0; at < text.size();) {
    const unsigned char first = byte(at);
    if (first < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || at + length > text.size()) return at;
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(at + i) & 0xc0) != 0x80) return at;
    }
    const unsigned char second = byte(at + 1);
    const bool is_bad = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                        (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
    if (is_bad) return at;
    at += length;
  }
  return text.npos;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  while (true) {
    const std::size_t fault = utf8_fault(text);
    for (const char c : text.substr(0, fault)) {
      if (c == '"' || c == '\\') {
        result += '\\';
        result += c;
      } else if (static_cast<unsigned char>(c) < 0x20) {
        constexpr std::string_view kHex = "0123456789abcdef";
        result += "\\u00";
        result += kHex[static_cast<unsigned char>(c) >> 4];
        result += kHex[static_cast<unsigned char>(c) & 15];
      } else {
        result += c;
      }
    }
    if (fault == text.npos) break;
    result += "\xef\xbf\xbd";  // U+FFFD
    text.remove_prefix(fault + 1);
  }
  return result + '"';
}

}  // namespace sluice::detail
