#pragma once

// Functions for workflows that are lowered, and the plan as text.

#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "model/describe.h"
#include "model/draft.h"
#include "model/parse.h"
#include "model/plan_promises.h"

namespace sluice::model {

inline constexpr std::string_view kFunctions = R"(app: a
functions:
  one: { runtime: python3, handler: f.one, inputs: { x: int, y: { type: int, default: 1 }, o: optional<json> }, outputs: { r: int, s: optional<int> } }
  many: { runtime: python3, handler: f.many, inputs: { n: json }, outputs: { xs: list<int> } }
  sum: { runtime: python3, handler: f.sum, inputs: { xs: stream<int> }, outputs: { r: int } }
  act: { runtime: python3, handler: f.act, inputs: { x: int }, outputs: { r: int }, replay: never, cache: false, retry: { attempts: 2 } }
workflows:
)";

inline App app_of(std::string_view workflows) {
  Mistakes mistakes;
  const Limits limits;
  const auto draft = parse_app(std::string(kFunctions) + std::string(workflows), limits, mistakes);
  std::optional<App> app;
  if (draft != nullptr) app = check_app(*draft, {}, limits, mistakes);
  for (const Mistake& mistake : mistakes) ADD_FAILURE() << to_text(mistake);
  if (!app) return {};
  check_promises(*app);
  return std::move(*app);
}

inline std::string lowered(std::string_view workflows) {
  return "\n" + describe(app_of(workflows));
}

}  // namespace sluice::model
