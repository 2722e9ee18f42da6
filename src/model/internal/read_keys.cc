#include "model/internal/read_keys.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "model/expr/syntax.h"
#include "model/names.h"

namespace sluice::model {

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

namespace {

constexpr std::string_view kWhereExpressions =
    "expressions stand in 'in', 'foreach', 'when', 'while', 'set', 'wait', "
    "'fail' and the 'outputs' "
    "of a workflow";

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
  if (expr::has_expression(value.text)) {
    report.add(value.place, fmt::format("'${{...}}' cannot stand in '{}'", shown(member.key)),
               std::string(kWhereExpressions));
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
      if (expr::has_expression(value.text)) {
        has_reference = true;
        return std::nullopt;
      }
      std::optional<Json> json = scalar_to_json(value);
      if (!json) {
        report.add(value.place, fmt::format("'{}' has no JSON value", shown(value.text)),
                   "quote it if a text is meant");
      } else if (json->as_string() != nullptr) {
        json = Json(expr::plain_text(value.text));
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
        if (expr::has_expression(member.key)) has_reference = true;
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

void check_keys(const YamlValue& map, Section section, Report& report) {
  std::vector<std::string_view> known;
  for (const Key& key : keys_of(section)) {
    if (key.state == KeyState::kKnown) known.push_back(key.name);
  }
  const std::string_view where = section_name(section);
  for (const YamlMember& member : map.members) {
    if (const Key* key = find_key(section, member.key)) {
      if (key->state == KeyState::kKnown) continue;
      report.add(
          member.place,
          fmt::format("'{}' is reserved: it is part of the language but not there yet", member.key),
          fmt::format("{} has so far: {}", where, fmt::join(known, ", ")));
      continue;
    }
    const std::span<const KeyHint> hints = key_hints(section);
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

bool has_unknown_key(const YamlValue& map, Section section) {
  return std::ranges::any_of(map.members, [&](const YamlMember& member) {
    return find_key(section, member.key) == nullptr;
  });
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

std::optional<bool> read_flag(const YamlMember& member, Report& report) {
  if (!expect_plain(member, "true or false", report)) return std::nullopt;
  const std::optional<Json> json = scalar_to_json(member.value);
  const bool* flag = json ? json->as_bool() : nullptr;
  if (flag == nullptr) {
    report.add(member.value.place, fmt::format("'{}' must be true or false, not '{}'", member.key,
                                               shown(member.value.text)));
    return std::nullopt;
  }
  return *flag;
}

std::optional<double> read_number(const YamlMember& member, Section section, Report& report) {
  if (!expect_plain(member, "a number", report)) return std::nullopt;
  const Key& key = *find_key(section, member.key);
  const std::optional<Json> json = scalar_to_json(member.value);
  double number = std::nan("");
  if (json && json->as_int() != nullptr) number = static_cast<double>(*json->as_int());
  if (json && json->as_double() != nullptr) number = *json->as_double();
  if (std::isnan(number) || number < key.least || number > key.most) {
    report.add(member.value.place,
               fmt::format("'{}' must be a number from {} to {}, not '{}'", member.key, key.least,
                           key.most, shown(member.value.text)));
    return std::nullopt;
  }
  return number;
}

std::optional<std::uint32_t> read_count(const YamlMember& member, Section section, Report& report) {
  if (!expect_plain(member, "a whole number", report)) return std::nullopt;
  const Key& key = *find_key(section, member.key);
  const std::optional<Json> json = scalar_to_json(member.value);
  const std::int64_t* count = json ? json->as_int() : nullptr;
  if (count == nullptr || static_cast<double>(*count) < key.least ||
      static_cast<double>(*count) > key.most) {
    report.add(member.value.place,
               fmt::format("'{}' must be a whole number from {} to {}, not '{}'", member.key,
                           key.least, key.most, shown(member.value.text)));
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*count);
}

std::optional<std::string> read_choice(const YamlMember& member, Section section, Report& report) {
  const std::optional<Word> word = read_word(member, report);
  if (!word) return std::nullopt;
  std::vector<std::string_view> choices;
  std::string_view rest = find_key(section, member.key)->choices;
  while (!rest.empty()) {
    const std::size_t bar = std::min(rest.find('|'), rest.size());
    choices.push_back(rest.substr(0, bar));
    rest.remove_prefix(std::min(bar + 1, rest.size()));
  }
  if (std::ranges::find(choices, word->text) != choices.end()) return word->text;
  std::string hint = did_you_mean(word->text, std::span<const std::string_view>(choices));
  if (hint.empty()) {
    hint = fmt::format("there {} {}", choices.size() == 1 ? "is" : "are", fmt::join(choices, ", "));
  }
  report.add(word->place, fmt::format("unknown {} '{}'", member.key, shown(word->text)), hint);
  return std::nullopt;
}

std::vector<Word> read_words(const YamlMember& member, std::string_view example, Report& report) {
  std::vector<Word> words;
  const YamlValue& value = member.value;
  const bool is_word = value.kind == YamlValue::Kind::kScalar && !value.is_null();
  if (!expect_list(value, fmt::format("'{}'", member.key), report,
                   is_word ? fmt::format("write [{}]", shown(value.text))
                           : fmt::format("write [{}]", example))) {
    return words;
  }
  for (const YamlValue& item : value.items) {
    if (auto word = read_word({member.key, item.place, item}, report)) {
      words.push_back(std::move(*word));
    }
  }
  return words;
}

std::optional<Json> read_literal(const YamlValue& value, std::string_view what, Report& report) {
  bool has_reference = false;
  std::optional<Json> json = to_json(value, has_reference, report);
  if (has_reference) {
    report.add(value.place, fmt::format("'${{...}}' cannot stand in {}", what),
               std::string(kWhereExpressions));
  }
  return json;
}

}  // namespace sluice::model
