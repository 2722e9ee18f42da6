#include "model/internal/read_value.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/expr/syntax.h"
#include "model/internal/mentions.h"
#include "model/internal/read_keys.h"
#include "model/names.h"

namespace sluice::model {
namespace {

// What those write who know other languages: `${{ inputs.text }}`, `${}`.
std::string braces_hint(std::string_view text) {
  const std::size_t begin = text.find("${");
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = text.substr(begin + 2);
  if (const std::size_t end = rest.find("}}"); rest.starts_with('{') && end != rest.npos) {
    std::string_view inside = rest.substr(1, end - 1);
    while (inside.starts_with(' ')) inside.remove_prefix(1);
    while (inside.ends_with(' ')) inside.remove_suffix(1);
    return fmt::format("one pair of braces is enough: ${{{}}}", shown(inside));
  }
  if (rest.find_first_not_of(" \t\n") == rest.find('}')) {
    return "write ${inputs.NAME} or ${STEP.OUTPUT}";
  }
  return {};
}

class ValueReader {
 public:
  ValueReader(DraftTexts& texts, Report& report) : texts_(texts), report_(report) {}

  std::optional<expr::Syntax::Node> read(const YamlValue& value) {
    switch (value.kind) {
      case YamlValue::Kind::kBroken:
        return std::nullopt;
      case YamlValue::Kind::kScalar:
        return expr::has_expression(value.text) ? read_template(value) : read_constant(value);
      case YamlValue::Kind::kList:
        return has_expression(value) ? read_list(value) : read_constant(value);
      case YamlValue::Kind::kMap:
        return has_expression(value) ? read_map(value) : read_constant(value);
    }
    return std::nullopt;
  }

 private:
  std::optional<expr::Syntax::Node> done(std::optional<expr::Syntax::Node> node,
                                         const expr::Mistakes& mistakes) {
    // Those of lists and maps point at the first text inside.
    texts_.texts.resize(std::max<std::size_t>(texts_.texts.size(), texts_.syntax.texts()));
    for (const expr::Mistake& mistake : mistakes) {
      std::string hint = mistake.hint;
      if (hint.empty()) hint = braces_hint(texts_.texts[mistake.spot.text].text);
      report_.add(place_of(texts_, mistake.spot), mistake.message, std::move(hint));
    }
    return node;
  }

  std::optional<expr::Syntax::Node> read_template(const YamlValue& value) {
    expr::Mistakes mistakes;
    const auto node = texts_.syntax.add_template(value.text, mistakes);
    texts_.texts.push_back({value.place, value.text, value.verbatim});
    return done(node, mistakes);
  }

  std::optional<expr::Syntax::Node> read_constant(const YamlValue& value) {
    const std::optional<Json> json = read_literal(value, "a value", report_);
    if (!json) return std::nullopt;
    const auto node = texts_.syntax.add_constant(*json);
    texts_.texts.push_back({value.place, {}, false});
    return done(node, {});
  }

  std::optional<expr::Syntax::Node> read_list(const YamlValue& value) {
    std::vector<expr::Syntax::Node> elements;
    bool is_whole = true;
    for (const YamlValue& item : value.items) {
      const auto node = read(item);
      is_whole = is_whole && node.has_value();
      if (node) elements.push_back(*node);
    }
    if (!is_whole) return std::nullopt;
    expr::Mistakes mistakes;
    const auto node = texts_.syntax.add_list(elements, mistakes);
    return done(node, mistakes);
  }

  std::optional<expr::Syntax::Node> read_map(const YamlValue& value) {
    std::vector<std::pair<std::string, expr::Syntax::Node>> members;
    bool is_whole = true;
    for (const YamlMember& member : value.members) {
      if (expr::has_expression(member.key)) {
        report_.add(member.place, "'${...}' cannot stand in the key of a map",
                    "build it inside of one expression: \"${ {KEY: VALUE} }\"");
        is_whole = false;
      }
      const auto node = read(member.value);
      is_whole = is_whole && node.has_value();
      if (node) members.emplace_back(member.key, *node);
    }
    if (!is_whole) return std::nullopt;
    expr::Mistakes mistakes;
    const auto node = texts_.syntax.add_map(members, mistakes);
    return done(node, mistakes);
  }

  DraftTexts& texts_;
  Report& report_;
};

// A list or map in one line, as far as people want to read it.
void append_text(const YamlValue& value, std::string& text) {
  constexpr std::size_t kTextMax = 200;
  if (text.size() > kTextMax) return;
  switch (value.kind) {
    case YamlValue::Kind::kBroken:
      return;
    case YamlValue::Kind::kScalar:
      text += value.quoted && !expr::has_expression(value.text) ? to_text(Json(value.text))
                                                                : value.text;
      break;
    case YamlValue::Kind::kList:
      text += "[";
      for (const YamlValue& item : value.items) {
        if (&item != &value.items.front()) text += ", ";
        append_text(item, text);
      }
      text += "]";
      break;
    case YamlValue::Kind::kMap:
      text += "{ ";
      for (const YamlMember& member : value.members) {
        if (&member != &value.members.front()) text += ", ";
        text += member.key + ": ";
        append_text(member.value, text);
      }
      text += " }";
      break;
  }
}

}  // namespace

bool has_expression(const YamlValue& value) {
  if (value.kind == YamlValue::Kind::kScalar) return expr::has_expression(value.text);
  return std::ranges::any_of(value.items,
                             [](const YamlValue& item) { return has_expression(item); }) ||
         std::ranges::any_of(value.members, [](const YamlMember& member) {
           return expr::has_expression(member.key) || has_expression(member.value);
         });
}

DraftValue read_value(const YamlValue& value, DraftTexts& texts, std::vector<Mention>& mentions,
                      Report& report) {
  DraftValue read;
  read.place = value.place;
  append_text(value, read.text);
  read.text = value.kind == YamlValue::Kind::kScalar ? value.text : shown(read.text);
  if (has_expression(value)) {
    read.node = ValueReader(texts, report).read(value);
  } else {
    read.literal = read_literal(value, "a value", report);
  }
  if (read.is_broken()) collect_mentions(value, mentions);
  return read;
}

DraftValue read_condition(const YamlMember& member, DraftTexts& texts,
                          std::vector<Mention>& mentions, Report& report) {
  const YamlValue& value = member.value;
  DraftValue broken;
  broken.place = value.place;
  const std::optional<Json> flag =
      value.kind == YamlValue::Kind::kScalar ? scalar_to_json(value) : std::nullopt;
  if (flag && flag->as_bool() != nullptr) return read_value(value, texts, mentions, report);
  if (value.kind == YamlValue::Kind::kBroken) return broken;
  if (value.kind != YamlValue::Kind::kScalar || value.is_null()) {
    report.add(value.place,
               fmt::format("'{}' must be a condition, not {}", member.key, shape_of(value)),
               "write \"${...}\"");
    collect_mentions(value, mentions);
    return broken;
  }
  if (!expr::has_expression(value.text)) {
    report.add(
        value.place,
        fmt::format("'{}' must be a condition, not the text '{}'", member.key, shown(value.text)),
        fmt::format("write \"${{{}}}\"", shown(value.text)));
    return broken;
  }
  return read_value(value, texts, mentions, report);
}

void collect_mentions(const YamlValue& value, std::vector<Mention>& mentions) {
  if (value.kind == YamlValue::Kind::kScalar) collect_mentions(value.text, mentions);
  for (const YamlValue& item : value.items) collect_mentions(item, mentions);
  for (const YamlMember& member : value.members) {
    collect_mentions(member.key, mentions);
    collect_mentions(member.value, mentions);
  }
}

Place place_of(const DraftTexts& texts, expr::Spot spot) {
  if (spot.text >= texts.texts.size()) return {};
  const DraftTexts::Text& text = texts.texts[spot.text];
  Place place = text.place;
  if (!text.verbatim) return place;
  // Columns are characters.
  const std::string_view before = std::string_view(text.text).substr(0, spot.offset);
  place.column += static_cast<std::uint32_t>(
      std::ranges::count_if(before, [](char c) { return (c & 0xC0) != 0x80; }));
  return place;
}

}  // namespace sluice::model
