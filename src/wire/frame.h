#pragma once

// Frames of the worker protocol (abi.h): the one encoder and decoder. Bytes of the other side are
// copied before they are looked at, and every field is checked before anybody uses it. Text is not
// checked for UTF-8 and JSON payloads are opaque here: that is their readers' business.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "wire/abi.h"

namespace sluice::wire {

using Bytes = std::span<const std::byte>;

// Who wrote a frame: each side may send its own types only.
enum class Sender : std::uint8_t { kNode, kWorker };

// Type known and of this sender (credit is of both), length at most SLUICE_FRAME_MAX.
Result<sluice_frame_header> decode_header(std::span<const std::byte, SLUICE_HEADER_SIZE> bytes,
                                          Sender sender);
std::array<std::byte, SLUICE_HEADER_SIZE> encode(const sluice_frame_header& header);

// The name in abi.h, in lower case: `emit`. Nothing for an unknown type.
std::optional<std::string_view> frame_name(std::uint8_t type);

enum class Place : std::uint8_t {
  kInline = SLUICE_PLACE_INLINE,
  kRange = SLUICE_PLACE_RANGE,
  kOpen = SLUICE_PLACE_OPEN,
};

// The payload of `element` and `emit`. Points into the frame.
struct ValueView {
  sluice_value value{};
  std::string_view name;  // Files only: one path component.
  Place place = Place::kInline;
  bool is_hole = false;
  Bytes bytes;           // kInline: all of the value.
  sluice_range range{};  // kRange: its length is the value's size.
};
Result<ValueView> decode_value(Bytes payload, std::uint8_t flags);

// The payload of `chunk` and `grow`: bytes, or a range of them.
struct PieceView {
  Place place = Place::kInline;  // Never kOpen.
  Bytes bytes;
  sluice_range range{};
  std::uint64_t size() const { return place == Place::kInline ? bytes.size() : range.length; }
};
Result<PieceView> decode_piece(Bytes payload, std::uint8_t flags);

struct HelloView {
  sluice_hello hello{};  // `abi` may be any: what to do about it is the caller's answer.
  std::string_view sdk;
};
Result<HelloView> decode_hello(Bytes payload);

Result<sluice_range> decode_range(Bytes payload);
Result<sluice_map> decode_map(Bytes payload);
Result<sluice_credit> decode_credit(Bytes payload);
Result<std::uint64_t> decode_size(Bytes payload);  // `alloc`

// To be sent as one part of a frame. The fixed part of a value is followed by its name and its
// bytes or range.
std::array<std::byte, sizeof(sluice_value)> encode(const sluice_value& value);
std::array<std::byte, sizeof(sluice_range)> encode(const sluice_range& range);
std::array<std::byte, sizeof(sluice_map)> encode(const sluice_map& map);
std::array<std::byte, sizeof(sluice_credit)> encode(const sluice_credit& credit);
std::array<std::byte, sizeof(sluice_hello)> encode(const sluice_hello& hello);

}  // namespace sluice::wire
