#pragma once

// The words with which the reader of `sluice.yaml` goes through maps: which keys there are, which
// are of the language but not there yet, and plain values with a clear mistake for each other
// shape.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/units.h"
#include "model/draft.h"
#include "model/report.h"
#include "model/yaml.h"

namespace sluice::model {

enum class KeyState : std::uint8_t { kKnown, kNotYet, kReserved };

struct KeyRule {
  std::string_view name;
  KeyState state = KeyState::kKnown;
};

// What somebody who comes from elsewhere writes, and what to tell them.
struct KeyHint {
  std::string_view written;
  std::string_view hint;
};

// Reports every key of `map` that is unknown or not there yet; `where` as in "a step".
void check_keys(const YamlValue& map, std::span<const KeyRule> rules,
                std::span<const KeyHint> hints, std::string_view where, Report& report);

// Whether it is a map (or list); otherwise says that `what` must be one. Silent on broken values.
bool expect_map(const YamlValue& value, std::string_view what, Report& report,
                std::string_view hint = {});
bool expect_list(const YamlValue& value, std::string_view what, Report& report,
                 std::string_view hint = {});

// The values of keys; each reports what is wrong, naming the key.
std::optional<Word> read_word(const YamlMember& member, Report& report);
std::optional<Duration> read_duration(const YamlMember& member, Report& report);
std::optional<ByteCount> read_size(const YamlMember& member, Report& report);
struct NumberRange {
  double least;
  double most;
};
std::optional<double> read_number(const YamlMember& member, NumberRange range, Report& report);
std::optional<std::uint32_t> read_count(const YamlMember& member, NumberRange range,
                                        Report& report);

// A value without references; reports references in it (`what` cannot hold them).
std::optional<Json> read_literal(const YamlValue& value, std::string_view what, Report& report);
// What `in`, `foreach` and `outputs` hold. Mistakes are reported; the source is then kRefused.
DraftSource read_source(const YamlValue& value, const Limits& limits, Report& report);
// All `a.b` that are mentioned anywhere below, so that what was refused does not also look unused.
void collect_mentions(const YamlValue& value, std::vector<Mention>& mentions);

// The parts of the file.
enum class PortsOf : std::uint8_t { kFunctionInputs, kFunctionOutputs, kWorkflowInputs };
// Nothing when it is no map of ports at all, which is reported.
std::optional<std::vector<DraftPort>> read_ports(const YamlValue& map, PortsOf of, Report& report);
std::optional<Retry> read_retry(const YamlMember& member, const Limits& limits, Report& report);
DraftFunction read_function(const YamlMember& member, const Limits& limits, Report& report);
DraftWorkflow read_workflow(const YamlMember& member, const Limits& limits, Report& report);

}  // namespace sluice::model
