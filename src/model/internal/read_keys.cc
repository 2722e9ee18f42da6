#include "model/internal/read_keys.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/names.h"

namespace sluice::model {
namespace {

std::string_view shape_of(const YamlValue& value) {
  switch (value.kind) {
    case YamlValue::Kind::kList:
      return "a list";
    case YamlValue::Kind::kMap:
      return "a map";
    case YamlValue::Kind::kBroken:
      return "something else";
    case YamlValue::Kind::kScalar:
      return value.is_null() ? "nothing" : "a plain value";
  }
  return "something else";
}

// A scalar that is there and holds no reference.
bool expect_plain(const YamlMember& member, std::string_view what, Report& report) {
  const YamlValue& value = member.value;
  if (value.kind == YamlValue::Kind::kBroken) return false;
  if (value.is_null()) {
    report.add(member.place, fmt::format("'{}' has no value", shown(member.key)),
               fmt::format("write {}", what));
    return false;
  }
  if (value.kind != YamlValue::Kind::kScalar) {
    report.add(value.place,
               fmt::format("'{}' must be {}, not {}", shown(member.key), what, shape_of(value)));
    return false;
  }
  if (has_expression(value.text)) {
    report.add(value.place, fmt::format("'${{...}}' cannot stand in '{}'", shown(member.key)),
               "references stand in 'in', 'foreach' and the 'outputs' of a workflow");
    return false;
  }
  return true;
}

// Below a list or map: nothing after a mistake, which is reported.
std::optional<Json> to_json(const YamlValue& value, bool& has_reference, Report& report) {
  switch (value.kind) {
    case YamlValue::Kind::kBroken:
      return std::nullopt;
    case YamlValue::Kind::kScalar: {
      if (has_expression(value.text)) {
        has_reference = true;
        return std::nullopt;
      }
      std::optional<Json> json = scalar_to_json(value);
      if (!json) {
        report.add(value.place, fmt::format("'{}' has no JSON value", shown(value.text)),
                   "quote it if a text is meant");
      } else if (json->as_string() != nullptr) {
        json = Json(read_reference(value.text, Limits{}).text);
      }
      return json;
    }
    case YamlValue::Kind::kList: {
      Json list = Json::list();
      bool is_whole = true;
      for (const YamlValue& item : value.items) {
        std::optional<Json> json = to_json(item, has_reference, report);
        is_whole = is_whole && json.has_value();
        if (is_whole) list.push(std::move(*json));
      }
      return is_whole ? std::optional(std::move(list)) : std::nullopt;
    }
    case YamlValue::Kind::kMap: {
      Json::Map map;
      bool is_whole = true;
      for (const YamlMember& member : value.members) {
        if (has_expression(member.key)) has_reference = true;
        std::optional<Json> json = to_json(member.value, has_reference, report);
        is_whole = is_whole && json.has_value();
        if (is_whole) map.emplace_back(member.key, std::move(*json));
      }
      return is_whole ? std::optional(Json(std::move(map))) : std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace

void check_keys(const YamlValue& map, std::span<const KeyRule> rules,
                std::span<const KeyHint> hints, std::string_view where, Report& report) {
  std::vector<std::string_view> known;
  for (const KeyRule& rule : rules) {
    if (rule.state == KeyState::kKnown) known.push_back(rule.name);
  }
  for (const YamlMember& member : map.members) {
    const auto rule = std::ranges::find(rules, member.key, &KeyRule::name);
    if (rule != rules.end()) {
      if (rule->state == KeyState::kKnown) continue;
      report.add(member.place,
                 fmt::format("'{}' is {}part of the language but not there yet", member.key,
                             rule->state == KeyState::kReserved ? "reserved: it is " : ""),
                 fmt::format("{} has so far: {}", where, fmt::join(known, ", ")));
      continue;
    }
    const auto hint = std::ranges::find(hints, member.key, &KeyHint::written);
    std::string advice;
    if (hint != hints.end()) {
      advice = hint->hint;
    } else {
      advice = did_you_mean(member.key, std::span<const std::string_view>(known));
      if (advice.empty()) advice = fmt::format("{} has: {}", where, fmt::join(known, ", "));
    }
    report.add(member.place, fmt::format("unknown key '{}' in {}", shown(member.key), where),
               std::move(advice));
  }
}

bool expect_map(const YamlValue& value, std::string_view what, Report& report,
                std::string_view hint) {
  if (value.kind == YamlValue::Kind::kMap) return true;
  if (value.kind == YamlValue::Kind::kBroken) return false;
  report.add(value.place,
             value.is_null() ? fmt::format("{} is empty", what)
                             : fmt::format("{} must be a map of names to values, not {}", what,
                                           shape_of(value)),
             std::string(hint));
  return false;
}

bool expect_list(const YamlValue& value, std::string_view what, Report& report,
                 std::string_view hint) {
  if (value.kind == YamlValue::Kind::kList) return true;
  if (value.kind == YamlValue::Kind::kBroken) return false;
  report.add(value.place,
             value.is_null() ? fmt::format("{} is empty", what)
                             : fmt::format("{} must be a list, not {}", what, shape_of(value)),
             std::string(hint));
  return false;
}

std::optional<Word> read_word(const YamlMember& member, Report& report) {
  if (!expect_plain(member, "a word", report)) return std::nullopt;
  return Word{member.value.text, member.value.place};
}

std::optional<Duration> read_duration(const YamlMember& member, Report& report) {
  if (!expect_plain(member, "a duration, like 30s", report)) return std::nullopt;
  Result<Duration> duration = parse_duration(member.value.text);
  if (!duration) {
    report.add(member.value.place,
               fmt::format("'{}' of '{}' is not a duration", shown(member.value.text), member.key),
               "write a number and a unit, like 30s, 250ms, 10m or 2h");
    return std::nullopt;
  }
  if (duration->count() == 0) {
    report.add(member.value.place, fmt::format("'{}' must be longer than nothing", member.key));
    return std::nullopt;
  }
  return *duration;
}

std::optional<ByteCount> read_size(const YamlMember& member, Report& report) {
  if (!expect_plain(member, "a size, like 256Mi", report)) return std::nullopt;
  Result<ByteCount> size = parse_byte_count(member.value.text);
  if (!size || size->value == 0) {
    report.add(member.value.place,
               fmt::format("'{}' of '{}' is not a size", shown(member.value.text), member.key),
               "write a number and a unit, like 256Mi or 2Gi");
    return std::nullopt;
  }
  return *size;
}

std::optional<double> read_number(const YamlMember& member, NumberRange range, Report& report) {
  if (!expect_plain(member, "a number", report)) return std::nullopt;
  const std::optional<Json> json = scalar_to_json(member.value);
  double number = std::nan("");
  if (json && json->as_int() != nullptr) number = static_cast<double>(*json->as_int());
  if (json && json->as_double() != nullptr) number = *json->as_double();
  if (std::isnan(number) || number < range.least || number > range.most) {
    report.add(member.value.place,
               fmt::format("'{}' must be a number from {} to {}, not '{}'", member.key, range.least,
                           range.most, shown(member.value.text)));
    return std::nullopt;
  }
  return number;
}

std::optional<std::uint32_t> read_count(const YamlMember& member, NumberRange range,
                                        Report& report) {
  if (!expect_plain(member, "a whole number", report)) return std::nullopt;
  const std::optional<Json> json = scalar_to_json(member.value);
  const std::int64_t* count = json ? json->as_int() : nullptr;
  if (count == nullptr || static_cast<double>(*count) < range.least ||
      static_cast<double>(*count) > range.most) {
    report.add(member.value.place,
               fmt::format("'{}' must be a whole number from {} to {}, not '{}'", member.key,
                           range.least, range.most, shown(member.value.text)));
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*count);
}

std::optional<Json> read_literal(const YamlValue& value, std::string_view what, Report& report) {
  bool has_reference = false;
  std::optional<Json> json = to_json(value, has_reference, report);
  if (has_reference) {
    report.add(value.place, fmt::format("'${{...}}' cannot stand in {}", what),
               "references stand in 'in', 'foreach' and the 'outputs' of a workflow");
  }
  return json;
}

DraftSource read_source(const YamlValue& value, const Limits& limits, Report& report) {
  DraftSource source;
  source.place = value.place;
  if (value.kind == YamlValue::Kind::kScalar && has_expression(value.text)) {
    source.reference = read_reference(value.text, limits);
    if (source.reference.kind == Reference::Kind::kRefused) {
      report.add(value.place, source.reference.message, source.reference.hint);
    }
    return source;
  }
  bool has_reference = false;
  std::optional<Json> json = to_json(value, has_reference, report);
  if (has_reference) {
    report.add(value.place,
               "a list or map with '${...}' in it is part of the language but not there yet",
               "give each value to an input of its own, or put them together in a function");
  }
  if (json) {
    source.literal = std::move(*json);
  } else {
    source.reference.kind = Reference::Kind::kRefused;
    collect_mentions(value, source.reference.mentions);
  }
  return source;
}

void collect_mentions(const YamlValue& value, std::vector<Mention>& mentions) {
  if (value.kind == YamlValue::Kind::kScalar) collect_mentions(value.text, mentions);
  for (const YamlValue& item : value.items) collect_mentions(item, mentions);
  for (const YamlMember& member : value.members) {
    collect_mentions(member.key, mentions);
    collect_mentions(member.value, mentions);
  }
}

}  // namespace sluice::model
