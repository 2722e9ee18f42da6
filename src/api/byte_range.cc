#include "api/byte_range.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace sluice::api {
namespace {

// A number too large for 64 bits lies behind the end of everything.
std::optional<std::uint64_t> parse_position(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; }))
    return std::nullopt;
  std::uint64_t value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  return failure == std::errc() ? value : std::numeric_limits<std::uint64_t>::max();
}

}  // namespace

RangeChoice choose_range(std::string_view field, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!field.starts_with(kUnit)) return WholeContent{};
  field.remove_prefix(kUnit.size());
  const std::size_t dash = field.find('-');
  if (dash == std::string_view::npos) return WholeContent{};
  const std::string_view left = field.substr(0, dash);
  const std::string_view right = field.substr(dash + 1);

  if (left.empty()) {
    const auto suffix = parse_position(right);
    if (!suffix) return WholeContent{};
    if (*suffix == 0 || size == 0) return UnsatisfiableRange{};
    const std::uint64_t count = std::min(*suffix, size);
    return ByteRange{.first = size - count, .size = count};
  }
  const auto first = parse_position(left);
  const auto last = right.empty() ? std::optional(std::numeric_limits<std::uint64_t>::max())
                                  : parse_position(right);
  if (!first || !last || *last < *first) return WholeContent{};
  if (*first >= size) return UnsatisfiableRange{};
  return ByteRange{.first = *first, .size = std::min(*last, size - 1) - *first + 1};
}

}  // namespace sluice::api
