#include "cli/file_name.h"

#include "base/json.h"

namespace sluice::cli {
namespace {

constexpr std::size_t kNameMax = 200;  // File systems take 255; room for a prefix and `.part`.

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Takes one `name=value` off `rest`; quoted values may hold `;`.
bool next_parameter(std::string_view& rest, std::string& name, std::string& value) {
  const std::size_t start = rest.find(';');
  if (start == std::string_view::npos) return false;
  rest.remove_prefix(start + 1);
  const std::size_t end = rest.find_first_of("=;");
  name.clear();
  value.clear();
  if (end == std::string_view::npos || rest[end] == ';') return true;
  for (const char c : trimmed(rest.substr(0, end)))
    name += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  rest.remove_prefix(end + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
  if (!rest.starts_with('"')) {
    value = trimmed(rest.substr(0, rest.find(';')));
    return true;
  }
  std::size_t at = 1;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
    value += rest[at];
  }
  rest.remove_prefix(std::min(at + 1, rest.size()));
  return true;
}

}  // namespace

std::string disposition_file_name(std::string_view field) {
  std::string plain;
  std::string name;
  std::string value;
  while (next_parameter(field, name, value)) {
    if (name == "filename*") {
      const std::size_t language = value.find('\'');
      const std::size_t text =
          language == std::string::npos ? language : value.find('\'', language + 1);
      if (text != std::string::npos)
        return percent_decoded(std::string_view(value).substr(text + 1));
    } else if (name == "filename") {
      plain = value;
    }
  }
  return plain;
}

std::string safe_file_name(std::string_view name, std::string_view fallback) {
  if (const std::size_t separator = name.find_last_of("/\\"); separator != std::string_view::npos) {
    name.remove_prefix(separator + 1);
  }
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f || c == ':' ? '_' : c;
  }
  if (!is_utf8(out)) {
    for (char& c : out) {
      if (static_cast<unsigned char>(c) >= 0x80) c = '_';
    }
  }
  // C1 controls, which some terminals obey: U+0080 to U+009F.
  for (std::size_t at = 0; (at = out.find('\xc2', at)) != std::string::npos; ++at) {
    if (static_cast<unsigned char>(out[at + 1]) < 0xa0) out.replace(at, 2, "_");
  }
  // A hidden file (.bashrc) or something that a command takes for an option.
  const std::size_t start = out.find_first_not_of(".- ");
  out.erase(0, start);
  if (out.size() > kNameMax) {
    // The end of a name says what it is.
    std::size_t cut = out.size() - kNameMax;
    while (cut < out.size() && (static_cast<unsigned char>(out[cut]) & 0xc0) == 0x80) ++cut;
    out.erase(0, cut);
  }
  while (!out.empty() && (out.back() == ' ' || out.back() == '.')) out.pop_back();
  return out.empty() ? std::string(fallback) : out;
}

}  // namespace sluice::cli
