#pragma once

// `Range: bytes=…` (RFC 9110, 14). One range is served; several, another unit or nonsense are
// answered with the whole, as the standard allows. Pure.

#include <cstdint>
#include <string_view>
#include <variant>

namespace sluice::api {

struct WholeContent {
  friend bool operator==(const WholeContent&, const WholeContent&) = default;
};
struct ByteRange {
  std::uint64_t first = 0;
  std::uint64_t size = 0;  // At least 1.
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};
struct UnsatisfiableRange {
  friend bool operator==(const UnsatisfiableRange&, const UnsatisfiableRange&) = default;
};

using RangeChoice = std::variant<WholeContent, ByteRange, UnsatisfiableRange>;

// Which part of content of `size` bytes the field's value asks for.
RangeChoice choose_range(std::string_view field, std::uint64_t size);

}  // namespace sluice::api
