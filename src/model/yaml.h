#pragma once

// YAML text to a tree in which every word keeps its place. Only the event interface of libfyaml is
// used, with an event loop of our own, so that aliases, anchors, tags, depth and size are refused
// while reading and no recursion follows the input. Maps keep the order in which they were written.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "model/report.h"

namespace sluice::model {

struct YamlMember;

struct YamlValue {
  // kBroken: a mistake has been reported for it already; readers stay silent about it.
  enum class Kind : std::uint8_t { kScalar, kList, kMap, kBroken };

  Kind kind = Kind::kScalar;
  bool quoted = false;  // A scalar in quotes or a block scalar: always a text.
  // A scalar that stands in the file as it is, in one line: byte n of the text
  // is n bytes behind the place.
  bool verbatim = false;
  Place place;
  std::string text;  // Of a scalar.
  std::vector<YamlValue> items;
  std::vector<YamlMember> members;

  // The value of `key`, or null; this need not be a map.
  const YamlMember* find(std::string_view key) const;
  // Nothing written (`key:`), or a plain `null` or `~`.
  bool is_null() const;
};

struct YamlMember {
  std::string key;
  Place place;
  YamlValue value;
};

// The only document of `text`, or nothing after a syntax error, which is then the only mistake
// worth showing. Aliases, anchors, tags and duplicate keys are mistakes too, but the rest is read.
std::optional<YamlValue> parse_yaml(std::string_view text, const Limits& limits, Report& report);

// What a plain scalar means by the core schema of YAML 1.2 (`true`, `12`, `0x1F`, `1.5`, `null`,
// `~`); anything else, and anything quoted, is a text. Infinity and NaN have no JSON: nothing.
std::optional<Json> scalar_to_json(const YamlValue& scalar);

}  // namespace sluice::model
