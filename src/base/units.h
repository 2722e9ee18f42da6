#pragma once

// Sizes and times as types, and their spelling in files and flags: `256Mi`, `1.5Gi`, `250ms`, `2h`.

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

struct ByteCount {
  std::uint64_t value = 0;

  friend auto operator<=>(const ByteCount&, const ByteCount&) = default;
  friend ByteCount operator+(ByteCount a, ByteCount b) { return {a.value + b.value}; }
  friend ByteCount operator-(ByteCount a, ByteCount b) { return {a.value - b.value}; }
  ByteCount& operator+=(ByteCount other) {
    value += other.value;
    return *this;
  }
  ByteCount& operator-=(ByteCount other) {
    value -= other.value;
    return *this;
  }
};

inline namespace literals {
constexpr ByteCount operator""_KiB(unsigned long long n) { return {n << 10}; }
constexpr ByteCount operator""_MiB(unsigned long long n) { return {n << 20}; }
constexpr ByteCount operator""_GiB(unsigned long long n) { return {n << 30}; }
}  // namespace literals

using Duration = std::chrono::nanoseconds;
// The monotonic clock of one process. Never serialised: it means nothing after a restart.
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
// What clients see: µs since the epoch, UTC.
using WallTime = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;

// `512`, `256Mi`, `2Gi`, `1.5G`, `10k`: binary with an `i`, decimal without.
Result<ByteCount> parse_byte_count(std::string_view text);
// `30s`, `250ms`, `10us`, `1m30s`, `2h`, `7d`; a number without a unit is an error.
Result<Duration> parse_duration(std::string_view text);
// `1.5 GiB`, `12 B`: for people.
std::string to_text(ByteCount size);
// `1.5 s`, `250 ms`, `12 µs`: for people.
std::string to_text(Duration duration);
// RFC 3339 in UTC with microseconds: `2026-11-21T22:10:54.000123Z`.
std::string to_rfc3339(WallTime time);

}  // namespace sluice
