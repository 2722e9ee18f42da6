#include "cli/document.h"

#include <time.h>

#include <charconv>
#include <optional>

#include "base/units.h"

namespace sluice::cli {
namespace {

// `2026-11-21T22:10:54.000123Z` → since the epoch.
std::optional<Duration> parse_time(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t length) {
    int value = -1;
    if (at + length <= text.size())
      std::from_chars(text.data() + at, text.data() + at + length, value);
    return value;
  };
  struct tm parts{};
  parts.tm_year = number(0, 4) - 1900;
  parts.tm_mon = number(5, 2) - 1;
  parts.tm_mday = number(8, 2);
  parts.tm_hour = number(11, 2);
  parts.tm_min = number(14, 2);
  parts.tm_sec = number(17, 2);
  if (parts.tm_year < 0 || parts.tm_mon < 0 || parts.tm_mday < 1 || parts.tm_hour < 0 ||
      parts.tm_min < 0 || parts.tm_sec < 0) {
    return std::nullopt;
  }
  Duration since = std::chrono::seconds(::timegm(&parts));
  if (text.size() > 20 && text[19] == '.') {
    std::int64_t unit = 100'000'000;
    for (std::size_t at = 20; at < text.size() && text[at] >= '0' && text[at] <= '9' && unit > 0;
         ++at) {
      since += std::chrono::nanoseconds((text[at] - '0') * unit);
      unit /= 10;
    }
  }
  return since;
}

}  // namespace

std::string_view text_member(const Json& map, std::string_view key) {
  const Json* member = map.find(key);
  const std::string* text = member != nullptr ? member->as_string() : nullptr;
  return text != nullptr ? std::string_view(*text) : std::string_view();
}

std::int64_t int_member(const Json& map, std::string_view key) {
  const Json* member = map.find(key);
  const std::int64_t* value = member != nullptr ? member->as_int() : nullptr;
  return value != nullptr ? *value : 0;
}

bool bool_member(const Json& map, std::string_view key) {
  const Json* member = map.find(key);
  const bool* value = member != nullptr ? member->as_bool() : nullptr;
  return value != nullptr && *value;
}

const Json::List& list_member(const Json& map, std::string_view key) {
  static const Json::List kNone;
  const Json* member = map.find(key);
  const Json::List* list = member != nullptr ? member->as_list() : nullptr;
  return list != nullptr ? *list : kNone;
}

const Json::Map& map_member(const Json& map, std::string_view key) {
  static const Json::Map kNone;
  const Json* member = map.find(key);
  const Json::Map* members = member != nullptr ? member->as_map() : nullptr;
  return members != nullptr ? *members : kNone;
}

std::string_view name_of(const Json& item) {
  if (const std::string* text = item.as_string()) return *text;
  return text_member(item, "name");
}

std::string cell_text(const Json& value) {
  if (value.is_null()) return {};
  if (const std::string* text = value.as_string()) return *text;
  return to_text(value);
}

std::string duration_text(std::string_view from, std::string_view to) {
  const std::optional<Duration> start = parse_time(from);
  const std::optional<Duration> end = parse_time(to);
  if (!start || !end || *end < *start) return {};
  return to_text(*end - *start);
}

}  // namespace sluice::cli
