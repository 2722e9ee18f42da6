#pragma once

// The answer to core's question (core::Compute): the program of the step evaluated with what is
// known, and its outcomes as outputs of the task. Pure: what has to be read is named, what was made
// is handed over as bytes; both are the caller's to do. The node uses it on its loop and on bulk
// threads, the simulator as it is.

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"
#include "evaluate/new_value.h"
#include "evaluate/sight.h"
#include "model/expr/evaluate.h"

namespace sluice::evaluate {

// A value that has to become an object: `computed.outputs[output].pieces[piece].object`.
struct Wanted {
  std::uint32_t output = 0;
  std::uint32_t piece = 0;
  Made value;
};

struct Answer {
  // If there is something here, nothing else counts: load these objects, then ask again.
  std::vector<core::Object> reads;
  core::Computed computed;
  std::vector<Wanted> values;
  // The budget was too small, or `steps_max`. With the largest budget there is, `computed` says so
  // as an error.
  bool is_exhausted = false;
  std::uint64_t steps = 0;
};

Answer answer(const core::Compute& question, const Task& task, const Sight& sight,
              expr::Evaluation& evaluation, std::uint64_t steps_max = UINT64_MAX);

// Something went wrong with the answer itself (a value that cannot be stored): the task fails.
core::Computed broken_answer(const core::Compute& question, core::Failure failure);

}  // namespace sluice::evaluate
