#pragma once

// What a run must come to, computed from nothing but the workflow, the functions and the inputs: no
// time, no attempts, no scheduler. Naive on purpose.

#include <optional>
#include <string>
#include <vector>

#include "scenario.h"
#include "value.h"

namespace sluice::sim {

// One call of a function with the values of its slots (absent ones included).
struct CallResult {
  bool fails = false;
  std::vector<Value> outputs;  // By port: absent, one, or a list of ones.
};
CallResult call(const Scenario& scenario, std::uint32_t step, const std::vector<Value>& slots);
// The element of output 0 that a mapping function makes of one element of its stream.
Digest map_element(std::uint32_t function, const Value& element);
Value literal_value(const model::Literal& literal);

struct TaskOutcome {
  enum class Kind : std::uint8_t { kHole, kOutputs, kSkipped, kFailed, kUnknown };
  Kind kind = Kind::kUnknown;
  std::vector<Value> outputs;
};

struct StepOutcome {
  bool is_foreach = false;
  bool skipped = false;  // As a whole: nothing of it runs.
  bool unknown = false;  // How many tasks it has depends on a task that fails.
  std::vector<TaskOutcome> tasks;
};

struct RunOutcome {
  std::vector<StepOutcome> steps;
  std::vector<Value> outputs;
  bool fails = false;  // Some task does.
};
RunOutcome evaluate(const Scenario& scenario);

}  // namespace sluice::sim
