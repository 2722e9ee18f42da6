// CEL's own conformance cases, as far as they are about JSON. They are not part of the project: the
// test skips where their folder is not. Each row either passes or is left out for a reason that
// docs/reference/expressions.md gives.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "base/json.h"
#include "model/expr/fake_knowledge.h"

namespace sluice::expr {
namespace {

// Named by the environment, or beside the root of the repository.
std::string data_folder() {
  if (const char* folder = std::getenv("SLUICE_SHARED_DATA")) return folder;
  const std::string root = SLUICE_SOURCE_DIR;
  return root.substr(0, root.rfind('/')) + "/shared/data";
}

// A value of a row as Json; nothing where it has a type that is not JSON's.
std::optional<Json> json_of(const Json& typed) {
  const std::string& type = *typed.find("type")->as_string();
  const Json& value = *typed.find("value");
  if (type == "null") return Json();
  if (type == "bool" || type == "string") return value;
  if (type == "type") return value;
  if (type == "int") return Json(std::int64_t{std::stoll(*value.as_string())});
  if (type == "double") {
    const double number = std::strtod(value.as_string()->c_str(), nullptr);
    return std::isfinite(number) ? std::optional(Json(number)) : std::nullopt;
  }
  if (type == "list") {
    Json list = Json::list();
    for (const Json& element : *value.as_list()) {
      auto json = json_of(element);
      if (!json) return std::nullopt;
      list.push(std::move(*json));
    }
    return list;
  }
  if (type == "map") {
    Json map = Json::map();
    for (const Json& entry : *value.as_list()) {
      const auto key = json_of((*entry.as_list())[0]);
      auto member = json_of((*entry.as_list())[1]);
      if (!key || !member || !key->as_string()) return std::nullopt;
      map.set(*key->as_string(), std::move(*member));
    }
    return map;
  }
  return std::nullopt;
}

// Members in the order of their names: that of a map says nothing.
Json sorted(Json value) {
  if (auto* list = value.as_list()) {
    for (Json& element : *list) element = sorted(std::move(element));
  }
  if (auto* map = value.as_map()) {
    for (auto& [key, member] : *map) member = sorted(std::move(member));
    std::ranges::sort(*map, {}, &Json::Member::first);
  }
  return value;
}

// Why a row is not about this language; empty if it is.
std::string reason_to_leave_out(const Json& row) {
  const std::string& text = *row.find("expr")->as_string();
  static const std::regex kUnsigned(R"(\b(0x[0-9a-fA-F]+|\d+)[uU]\b|\buint\b)");
  static const std::regex kBytes(R"((^|[^A-Za-z0-9_'"\\])([bB][rR]?|[rR][bB])['"]|\bbytes\b)");
  static const std::regex kTimes(R"(\b(timestamp|duration)\b)");
  static const std::regex kMessages(R"(google\.protobuf|[A-Za-z]\{)");
  const std::string whole = to_text(row);
  if (std::regex_search(text, kTimes)) return "times";
  if (std::regex_search(text, kUnsigned) || whole.find(R"("type":"uint")") != std::string::npos)
    return "unsigned numbers";
  if (std::regex_search(text, kBytes) || whole.find(R"("type":"bytes")") != std::string::npos)
    return "bytes";
  if (std::regex_search(text, kMessages)) return "messages";
  const Json* value = row.find("value");
  if (value && !json_of(*value)) return "no value of JSON: NaN, infinity";
  return {};
}

struct Answer {
  std::optional<Json> value;
  std::string error;
};

Answer answer_of(const Json& row) {
  FakeKnowledge knowledge;
  FakeNames names;
  if (const Json* bindings = row.find("bindings")) {
    for (const auto& [name, typed] : *bindings->as_map()) {
      names.names.emplace_back(name, model::Type());
      knowledge.variables.push_back(FakeDatum::value(json_of(typed).value_or(Json())));
    }
  }
  Syntax syntax;
  Mistakes mistakes;
  const auto root = syntax.add_expression(*row.find("expr")->as_string(), mistakes);
  if (!root) return {std::nullopt, mistakes[0].message};
  const std::array roots{*root};
  const auto program = Program::compile(syntax, roots, names, mistakes, Checking::kLate);
  if (!program) return {std::nullopt, mistakes[0].message};
  Evaluation evaluation;
  const Outcome& outcome = evaluation.evaluate(*program, 0, knowledge, Want::kJson);
  if (outcome.kind == Outcome::Kind::kError) return {std::nullopt, outcome.failure.message};
  if (outcome.kind != Outcome::Kind::kValue) return {std::nullopt, "no value"};
  auto json = to_json(outcome.value);
  if (!json) return {std::nullopt, json.error().message()};
  return {std::move(*json), ""};
}

TEST(Conformance, EveryApplicableRowOfCelPasses) {
  std::ifstream file(data_folder() + "/cel/cel-core-dev.jsonl");
  if (!file) GTEST_SKIP() << "CEL's conformance cases are not on this machine";
  std::map<std::string, int> left_out;
  int passed = 0;
  for (std::string line; std::getline(file, line);) {
    const Json row = parse_json(line).value();
    const std::string reason = reason_to_leave_out(row);
    if (!reason.empty()) {
      ++left_out[reason];
      continue;
    }
    SCOPED_TRACE(line);
    const Answer answer = answer_of(row);
    if (const Json* value = row.find("value")) {
      ASSERT_EQ(answer.error, "");
      EXPECT_EQ(to_text(sorted(*answer.value)), to_text(sorted(*json_of(*value))));
    } else {
      EXPECT_NE(answer.error, "");
    }
    if (!HasFailure()) ++passed;
  }
  RecordProperty("passed", passed);
  std::string out;
  for (const auto& [reason, count] : left_out) out += fmt::format(" {}: {}.", reason, count);
  std::printf("%d rows pass; left out:%s\n", passed, out.c_str());
  EXPECT_GE(passed, 400);
}

}  // namespace
}  // namespace sluice::expr
