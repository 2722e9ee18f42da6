#include "bundle/internal/path.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "model/names.h"

namespace sluice::bundle {
namespace {

constexpr std::size_t kPathMax = 1024;
constexpr std::size_t kNameMax = 255;  // Of the file systems we run on.
constexpr std::size_t kPartsMax = 64;

// For messages: what is not UTF-8 is shown in hexadecimal.
std::string visible(std::string_view path) {
  if (is_utf8(path)) return model::shown(path);
  std::string text;
  for (const char c : path.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte >= 0x20 && byte < 0x7F ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return text;
}

}  // namespace

Status check_path(std::string_view path) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("the path '{}' {}", visible(path), why));
  };
  if (path.empty()) return refuse("is empty");
  if (!is_utf8(path)) return refuse("is not UTF-8");
  if (path.front() == '/') return refuse("is absolute");
  if (path.size() > kPathMax) return refuse("is longer than 1024 bytes");
  const bool has_control = std::ranges::any_of(path, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
  });
  if (has_control) return refuse("has control characters");
  std::size_t parts = 0;
  std::string_view rest = path;
  while (true) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == ".") return refuse("has an empty part");
    if (part == "..") return refuse("leaves the app by '..'");
    if (part.size() > kNameMax) return refuse("has a name longer than 255 bytes");
    if (++parts > kPartsMax) return refuse("is nested deeper than 64 levels");
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace sluice::bundle
