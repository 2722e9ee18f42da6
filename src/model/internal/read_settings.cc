#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/names.h"

namespace sluice::model {
namespace {

// Trying again cannot change these (contracts: failures).
constexpr std::array<std::string_view, 7> kNeverRetried{
    "LoadError", "InvalidInput", "InvalidOutput", "BadExpression",
    "TooLarge",  "LoopLimit",    "Cancelled"};

}  // namespace

std::optional<Retry> read_retry(const YamlMember& member, Report& report) {
  const YamlValue& map = member.value;
  const std::string example = map.kind == YamlValue::Kind::kScalar && !map.is_null()
                                  ? fmt::format("write retry: {{ attempts: {} }}", shown(map.text))
                                  : "write retry: { attempts: 3 }";
  if (!expect_map(map, "'retry'", report, example)) return std::nullopt;
  check_keys(map, Section::kRetry, report);
  Retry retry;
  if (const YamlMember* attempts = map.find("attempts")) {
    retry.attempts = read_count(*attempts, Section::kRetry, report).value_or(1);
  } else {
    report.add(member.place, "'retry' does not say how many attempts", example);
  }
  if (const YamlMember* backoff = map.find("backoff")) {
    retry.backoff = read_duration(*backoff, report).value_or(retry.backoff);
  }
  if (const YamlMember* factor = map.find("factor")) {
    retry.factor = read_number(*factor, Section::kRetry, report).value_or(retry.factor);
  }
  if (const YamlMember* most = map.find("max_backoff")) {
    retry.backoff_max = read_duration(*most, report).value_or(retry.backoff_max);
  }
  if (const YamlMember* jitter = map.find("jitter")) {
    retry.full_jitter = read_choice(*jitter, Section::kRetry, report) != "none";
  }
  if (const YamlMember* errors = map.find("errors")) {
    for (const Word& word : read_words(*errors, "NAME, NAME", report)) {
      if (std::ranges::find(kNeverRetried, word.text) != kNeverRetried.end()) {
        report.add(word.place, fmt::format("'{}' is never retried", word.text),
                   "it would end the same way: remove it");
      }
      retry.errors.push_back(word.text);
    }
  }
  return retry;
}

Resources read_resources(const YamlMember& member, Report& report) {
  Resources resources;
  if (!expect_map(member.value, "'resources'", report, "write { cpu: 1, memory: 256Mi }")) {
    return resources;
  }
  check_keys(member.value, Section::kResources, report);
  if (const YamlMember* cpu = member.value.find("cpu")) {
    resources.cpu = read_number(*cpu, Section::kResources, report);
  }
  if (const YamlMember* memory = member.value.find("memory")) {
    resources.memory = read_size(*memory, report);
  }
  return resources;
}

std::optional<bool> read_replay(const YamlMember& member, Section section, Report& report) {
  const std::optional<std::string> replay = read_choice(member, section, report);
  return replay ? std::optional(*replay == "never") : std::nullopt;
}

}  // namespace sluice::model
