#pragma once

// What came of a run against what the case expects: one sentence for the first difference.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "case_file.h"

namespace sluice::language {

// A run that has ended, as its client sees it, and what its tasks did.
struct Ended {
  std::string state;
  Json outputs = Json::map();
  std::string error_name;
  std::string error_message;
  std::string error_task;                         // Its path, `outer.3~inner.0`.
  std::map<std::string, std::int64_t> succeeded;  // Tasks by step, `outer~inner`.
  // Those of them that came from the cache; nothing: it may lack what earlier runs have made.
  std::optional<std::map<std::string, std::int64_t>> reused;
  std::vector<std::string> effects;  // In the order in which they happened.
};

// Nothing where it is as it must be.
std::optional<std::string> complaint(const CaseRun& expected, const Ended& seen);

// The step of a task: `outer.3~inner.0` is of `outer~inner`.
std::string step_of(std::string_view path);

}  // namespace sluice::language
