#pragma once

// The cases of tests/language/cases, as corpus.py reads them; tests/language/README.md says what
// they hold.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "library.h"

namespace sluice::language {

// One run of a case: what goes in, and how it must end.
struct CaseRun {
  std::string name;
  Json inputs = Json::map();
  Json answers = Json::list();  // {"step": path, "index"?, "values"}, in this order.
  std::string state;
  std::vector<Json> outputs;  // One of these; empty unless it succeeds.
  std::vector<Json> errors;   // {"name", "message"?, "task"?}, one of these; empty unless it fails.
  Json tasks = Json::map();   // How many tasks of `step`, `outer~inner` succeed.
  Json reused = Json::map();  // How many of these came from the cache.
  // The sequences of effects one of which must be seen, or the same in any order; nothing: any.
  std::optional<std::vector<Json>> effects;
  std::optional<Json> effects_set;
};

struct Case {
  std::string name;  // FILE/CASE
  std::string rule;
  std::string app;  // sluice.yaml
  std::vector<CaseRun> runs;
  bool faults = true;  // `sim: { faults: false }`: the result depends on how many attempts fail.
  std::string skip;    // `sim: { skip: REASON }`
};

// All cases below `folder`, in the order of files and of what stands in them.
Result<std::vector<Case>> load_cases(const std::string& folder, const Library& library);
// For the test that compares this reader with the other.
Json to_json(const Case& each);

}  // namespace sluice::language
