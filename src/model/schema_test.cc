// The schema and the reader are made from one table; here both are asked about every key.

#include "model/schema.h"

#include <array>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "model/draft.h"
#include "model/keys.h"
#include "model/parse.h"

namespace sluice::model {
namespace {

const Json& at(const Json& json, std::string_view key) {
  const Json* found = json.find(key);
  EXPECT_NE(found, nullptr) << key;
  static const Json kNothing;
  return found == nullptr ? kNothing : *found;
}

std::string said_of(const std::string& yaml) {
  Mistakes mistakes;
  const Limits limits;
  const auto draft = parse_app(yaml, limits, mistakes);
  std::string text;
  for (const Mistake& mistake : mistakes) text += to_text(mistake) + "\n";
  return text;
}

// A file in which the key stands in its section with a value that no key takes.
std::string with_key(Section section, std::string_view key, std::string_view value) {
  const std::string entry = fmt::format("{}: {}", key, value);
  const auto step = [](std::string_view keys) {
    return fmt::format("app: a\nworkflows: {{ w: {{ steps: {{ s: {{ {} }} }} }} }}\n", keys);
  };
  const auto function = [](std::string_view keys) {
    return fmt::format("app: a\nfunctions: {{ f: {{ {} }} }}\nworkflows: {{ w: {{}} }}\n", keys);
  };
  switch (section) {
    case Section::kApp:
      return entry + "\n";
    case Section::kFunction:
      return function(entry);
    case Section::kPort:
      return function(fmt::format("inputs: {{ x: {{ {} }} }}", entry));
    case Section::kResources:
      return function(fmt::format("resources: {{ {} }}", entry));
    case Section::kRetry:
      return function(fmt::format("retry: {{ {} }}", entry));
    case Section::kWorkers:
      return function(fmt::format("workers: {{ {} }}", entry));
    case Section::kWorkflow:
      return fmt::format("app: a\nworkflows: {{ w: {{ {} }} }}\n", entry);
    case Section::kStep:
      return step(entry);
    case Section::kFailure:
      return step(fmt::format("fail: {{ {} }}", entry));
    case Section::kBranch:
      return step(fmt::format("switch: [ {{ {} }} ]", entry));
    case Section::kClause:
      return step(fmt::format("catch: {{ {} }}", entry));
    case Section::kProduct:
      return step(fmt::format("run: [x], out: {{ x: {{ {} }} }}", entry));
  }
  return {};
}

constexpr std::array<std::pair<Section, std::string_view>, kSectionCount> kDefinitions{
    {{Section::kApp, ""},
     {Section::kFunction, "function"},
     {Section::kPort, "port"},
     {Section::kResources, "resources"},
     {Section::kRetry, "retry"},
     {Section::kWorkers, "workers"},
     {Section::kWorkflow, "workflow"},
     {Section::kStep, "step"},
     {Section::kFailure, "failure"},
     {Section::kBranch, "branch"},
     {Section::kClause, "clause"},
     {Section::kProduct, "product"}}};

TEST(Schema, HasExactlyTheKeysThatTheReaderKnows) {
  const Json whole = schema();
  for (const auto& [section, name] : kDefinitions) {
    const Json& definition = name.empty() ? whole : at(at(whole, "$defs"), name);
    const Json& properties = at(definition, "properties");
    EXPECT_EQ(at(definition, "additionalProperties"), Json(false));
    std::size_t known = 0;
    for (const Key& key : keys_of(section)) {
      const std::string said = said_of(with_key(section, key.name, "x"));
      EXPECT_EQ(said.find(fmt::format("unknown key '{}'", key.name)), std::string::npos) << said;
      const bool is_refused =
          said.find(fmt::format("'{}' is part of the language but not there", key.name)) !=
              std::string::npos ||
          said.find(fmt::format("'{}' is reserved", key.name)) != std::string::npos;
      EXPECT_EQ(is_refused, key.state != KeyState::kKnown) << key.name << said;
      EXPECT_EQ(properties.find(key.name) != nullptr, key.state == KeyState::kKnown) << key.name;
      if (key.state != KeyState::kKnown) continue;
      ++known;
      EXPECT_NE(at(at(properties, key.name), "description").as_string(), nullptr) << key.name;
    }
    EXPECT_EQ(properties.as_map()->size(), known) << name;
    EXPECT_NE(said_of(with_key(section, "nonsense", "1")).find("unknown key 'nonsense'"),
              std::string::npos);
  }
}

TEST(Schema, AndTheReaderRefuseTheSameShapes) {
  for (const auto& [section, name] : kDefinitions) {
    for (const Key& key : keys_of(section)) {
      if (key.state != KeyState::kKnown) continue;
      const bool takes_anything = key.shape == KeyShape::kLiteral || key.shape == KeyShape::kValue;
      // A list in a list fits no other shape; a list of conditions, words or branches neither.
      if (takes_anything || key.shape == KeyShape::kList) continue;
      if (key.shape == KeyShape::kText && section == Section::kFailure) continue;
      const std::string said = said_of(with_key(section, key.name, "[[1]]"));
      EXPECT_NE(said, "") << name << "." << key.name;
    }
  }
}

}  // namespace
}  // namespace sluice::model
