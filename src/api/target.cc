#include "api/target.h"

#include <fmt/format.h>

#include "api/token.h"
#include "base/json.h"

namespace sluice::api {
namespace {

// A query of more parameters is nobody's query; the request line bounds their bytes.
constexpr std::size_t kParametersMax = 64;

OrProblem<void> parse_query(std::string_view text, Target& target) {
  while (!text.empty()) {
    const std::size_t end = text.find('&');
    const std::string_view item = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    // In a query, as forms write it, `+` is a space.
    std::string value(equals == std::string_view::npos ? std::string_view()
                                                       : item.substr(equals + 1));
    for (char& c : value) c = c == '+' ? ' ' : c;
    auto name = percent_decoded(item.substr(0, equals));
    auto decoded = percent_decoded(value);
    if (!name) return std::unexpected(name.error());
    if (!decoded) return std::unexpected(decoded.error());
    if (target.find(*name) != nullptr) {
      return refuse(400, fmt::format("the query has '{}' twice", *name));
    }
    if (target.query.size() == kParametersMax)
      return refuse(400, "the query has too many parameters");
    target.query.emplace_back(*std::move(name), *std::move(decoded));
  }
  return {};
}

}  // namespace

const std::string* Target::find(std::string_view name) const {
  for (const auto& [parameter, value] : query) {
    if (parameter == name) return &value;
  }
  return nullptr;
}

OrProblem<std::string> percent_decoded(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return refuse(400, "the request's target has a broken escape");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (c == '\0') return refuse(400, "the request's target has a NUL");
    result += c;
  }
  if (!is_utf8(result)) return refuse(400, "the request's target is not UTF-8");
  return result;
}

std::string percent_encoded(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                          (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (is_plain) {
      result += c;
    } else {
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

OrProblem<Target> parse_target(std::string_view text) {
  if (!text.starts_with('/')) return refuse(400, "the request's target is not an absolute path");
  if (text.find('#') != std::string_view::npos)
    return refuse(400, "the request's target has a '#'");
  const std::size_t question = text.find('?');
  Target target;
  std::string_view path =
      text.substr(1, question == std::string_view::npos ? question : question - 1);
  while (true) {
    const std::size_t slash = path.find('/');
    auto segment = percent_decoded(path.substr(0, slash));
    if (!segment) return std::unexpected(segment.error());
    target.segments.push_back(*std::move(segment));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  if (question != std::string_view::npos) {
    const auto read = parse_query(text.substr(question + 1), target);
    if (!read) return std::unexpected(read.error());
  }
  return target;
}

}  // namespace sluice::api
