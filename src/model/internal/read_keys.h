#pragma once

// The words with which the reader of `sluice.yaml` goes through maps: which
// keys there are, which are of the language but not there yet, and plain values
// with a clear mistake for each other shape. Which keys and which values are
// allowed is in model/keys.h.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/units.h"
#include "model/draft.h"
#include "model/keys.h"
#include "model/report.h"
#include "model/yaml.h"

namespace sluice::model {

// Reports every key of `map` that is unknown or not there yet.
void check_keys(const YamlValue& map, Section section, Report& report);
bool has_unknown_key(const YamlValue& map, Section section);

// Whether it is a map (or list); otherwise says that `what` must be one. Silent on broken values.
bool expect_map(const YamlValue& value, std::string_view what, Report& report,
                std::string_view hint = {});
bool expect_list(const YamlValue& value, std::string_view what, Report& report,
                 std::string_view hint = {});
// `a list`, `a plain value`: for messages.
std::string_view shape_of(const YamlValue& value);

// The values of keys; each reports what is wrong, naming the key.
std::optional<Word> read_word(const YamlMember& member, Report& report);
std::optional<Duration> read_duration(const YamlMember& member, Report& report);
std::optional<ByteCount> read_size(const YamlMember& member, Report& report);
std::optional<bool> read_flag(const YamlMember& member, Report& report);
// In the range, or one of the choices, that the table of keys says.
std::optional<double> read_number(const YamlMember& member, Section section, Report& report);
std::optional<std::uint32_t> read_count(const YamlMember& member, Section section, Report& report);
std::optional<std::string> read_choice(const YamlMember& member, Section section, Report& report);
std::vector<Word> read_words(const YamlMember& member, std::string_view example, Report& report);

// A value without references; reports references in it (`what` cannot hold
// them).
std::optional<Json> read_literal(const YamlValue& value, std::string_view what, Report& report);

}  // namespace sluice::model
