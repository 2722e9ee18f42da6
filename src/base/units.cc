#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>

#include <fmt/chrono.h>

namespace sluice {
namespace {

// Splits `1.5Gi` into 1.5 and `Gi`. from_chars accepts no sign here and no locale.
bool split_number(std::string_view& text, double& number) {
  const auto parsed =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (parsed.ec != std::errc{} || number < 0 || !std::isfinite(number)) return false;
  text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  return true;
}

template <class T>
struct Unit {
  std::string_view name;
  T factor;
};

constexpr std::array<Unit<double>, 14> kSizes{{{"", 1.0},
                                               {"B", 1.0},
                                               {"k", 1e3},
                                               {"K", 1e3},
                                               {"M", 1e6},
                                               {"G", 1e9},
                                               {"T", 1e12},
                                               {"Ki", 1024.0},
                                               {"Mi", 1048576.0},
                                               {"Gi", 1073741824.0},
                                               {"Ti", 1099511627776.0},
                                               {"KiB", 1024.0},
                                               {"MiB", 1048576.0},
                                               {"GiB", 1073741824.0}}};
constexpr std::array<Unit<double>, 8> kTimes{{{"ns", 1.0},
                                              {"us", 1e3},
                                              {"µs", 1e3},
                                              {"ms", 1e6},
                                              {"s", 1e9},
                                              {"m", 60e9},
                                              {"h", 3600e9},
                                              {"d", 86400e9}}};

}  // namespace

Result<ByteCount> parse_byte_count(std::string_view text) {
  std::string_view rest = text;
  double number = 0;
  if (split_number(rest, number)) {
    for (const auto& unit : kSizes) {
      if (unit.name != rest) continue;
      const double bytes = number * unit.factor;
      if (bytes > 9e18) break;
      return ByteCount{static_cast<std::uint64_t>(bytes)};
    }
  }
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' is not a size: write a number and a unit, like 512Mi or 2Gi", text));
}

Result<Duration> parse_duration(std::string_view text) {
  std::string_view rest = text;
  double total = 0;
  bool valid = !rest.empty();
  while (valid && !rest.empty()) {
    double number = 0;
    valid = split_number(rest, number);
    const std::size_t end = std::min(rest.find_first_of("0123456789."), rest.size());
    const std::string_view name = rest.substr(0, end);
    bool found = false;
    for (const auto& unit : kTimes) {
      if (unit.name == name) {
        total += number * unit.factor;
        found = true;
      }
    }
    valid = valid && found && total <= 9e18;
    rest.remove_prefix(end);
  }
  if (!valid) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' is not a duration: write a number and a unit, like 30s, 250ms, 10m or 2h",
                    text));
  }
  return Duration{static_cast<std::int64_t>(total)};
}

std::string to_text(ByteCount size) {
  constexpr std::array<std::string_view, 5> kNames{"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(size.value);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kNames.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", size.value)
                   : fmt::format("{:.1f} {}", value, kNames[unit]);
}

std::string to_text(Duration duration) {
  const double ns = static_cast<double>(duration.count());
  if (ns < 1e3) return fmt::format("{} ns", duration.count());
  if (ns < 1e6) return fmt::format("{:.3g} µs", ns / 1e3);
  if (ns < 1e9) return fmt::format("{:.3g} ms", ns / 1e6);
  if (ns < 120e9) return fmt::format("{:.3g} s", ns / 1e9);
  if (ns < 7200e9) return fmt::format("{:.0f} m", ns / 60e9);
  return fmt::format("{:.1f} h", ns / 3600e9);
}

std::string to_rfc3339(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06}Z",
                     fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     (time - seconds).count());
}

}  // namespace sluice
