#include "api/header_value.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/target.h"
#include "api/token.h"
#include "base/json.h"

namespace sluice::api {
namespace {

constexpr std::size_t kParametersMax = 16;
constexpr std::size_t kFileNameMax = 255;  // What Linux's file systems take.

class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  bool is_at_end() const { return rest_.empty(); }
  void skip_spaces() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t'))
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view take_token() {
    std::size_t size = 0;
    while (size < rest_.size() && is_token_char(rest_[size])) ++size;
    const std::string_view token = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return token;
  }
  // After the opening quote. Only \" and \\ are escapes: old browsers send `C:\dir\file` unescaped.
  OrProblem<std::string> take_quoted() {
    std::string result;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return result;
      if (c == '\\' && (rest_.starts_with('"') || rest_.starts_with('\\'))) {
        result += rest_.front();
        rest_.remove_prefix(1);
      } else {
        result += c;
      }
    }
    return refuse(400, "a quoted text of a header field does not end");
  }

 private:
  std::string_view rest_;
};

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), to_lower);
  return result;
}

// A browser writes `"`, CR and LF of a name as escapes and nothing else (WHATWG's form encoding).
std::string without_form_escapes(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (equals_ignoring_case(text.substr(i, 3), "%22")) {
      result += '"';
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

const std::string* HeaderValue::find(std::string_view name) const {
  for (const auto& [parameter, text] : parameters) {
    if (parameter == name) return &text;
  }
  return nullptr;
}

OrProblem<HeaderValue> parse_header_value(std::string_view text) {
  const std::size_t semicolon = text.find(';');
  std::string_view value = text.substr(0, semicolon);
  while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
  const std::size_t slash = value.find('/');
  const bool is_value = slash == std::string_view::npos
                            ? is_token(value)
                            : is_token(value.substr(0, slash)) && is_token(value.substr(slash + 1));
  if (!is_value) return refuse(400, "a header field's value is malformed");

  HeaderValue result{.value = lower_case(value)};
  if (semicolon == std::string_view::npos) return result;
  Reader reader(text.substr(semicolon));
  while (!reader.is_at_end()) {
    if (!reader.take(';')) return refuse(400, "a header field's parameters are malformed");
    reader.skip_spaces();
    if (reader.is_at_end()) break;
    std::string name = lower_case(reader.take_token());
    if (name.empty() || !reader.take('=')) {
      return refuse(400, "a parameter of a header field is not 'name=value'");
    }
    if (result.find(name) != nullptr)
      return refuse(400, fmt::format("the parameter '{}' is there twice", name));
    if (result.parameters.size() == kParametersMax)
      return refuse(400, "a header field has too many parameters");
    if (reader.take('"')) {
      auto quoted = reader.take_quoted();
      if (!quoted) return std::unexpected(quoted.error());
      result.parameters.emplace_back(std::move(name), *std::move(quoted));
    } else {
      const std::string_view token = reader.take_token();
      if (token.empty()) return refuse(400, fmt::format("the parameter '{}' has no value", name));
      result.parameters.emplace_back(std::move(name), std::string(token));
    }
    reader.skip_spaces();
  }
  return result;
}

OrProblem<std::string> file_name_of(const HeaderValue& disposition) {
  std::string name;
  if (const std::string* extended = disposition.find("filename*")) {
    const std::size_t quote = extended->find('\'');
    const std::size_t second = quote == std::string::npos ? quote : extended->find('\'', quote + 1);
    if (second == std::string::npos || !equals_ignoring_case(extended->substr(0, quote), "utf-8")) {
      return refuse(400, "'filename*' is not of the form UTF-8''name");
    }
    auto decoded = percent_decoded(std::string_view(*extended).substr(second + 1));
    if (!decoded) return refuse(400, "'filename*' is not percent-encoded UTF-8");
    name = *std::move(decoded);
  } else if (const std::string* plain = disposition.find("filename")) {
    name = without_form_escapes(*plain);
  }
  if (const std::size_t slash = name.find_last_of("/\\"); slash != std::string::npos) {
    name.erase(0, slash + 1);
  }
  if (name == "." || name == "..") return refuse(400, "a file's name is '.' or '..'");
  if (name.size() > kFileNameMax)
    return refuse(400, fmt::format("a file's name is longer than {} bytes", kFileNameMax));
  if (!is_utf8(name)) return refuse(400, "a file's name is not UTF-8");
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return refuse(400, "a file's name has a control character");
  }
  return name;
}

std::string attachment_of(std::string_view file_name) {
  std::string plain;
  for (const char c : file_name) {
    const bool is_safe = c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '%' && c != '/';
    plain += is_safe ? c : '_';
  }
  std::string result = fmt::format("attachment; filename=\"{}\"", plain);
  if (plain != file_name) result += "; filename*=UTF-8''" + percent_encoded(file_name);
  return result;
}

}  // namespace sluice::api
