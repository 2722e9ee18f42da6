#pragma once

// The inputs of a run as one JSON document, bound to the inputs of its workflow. Pure; any thread,
// since a large document takes its time.

#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "base/result.h"
#include "model/plan.h"
#include "node/values.h"

namespace sluice::node {

struct BoundInput {
  bool is_given = false;  // Otherwise its default is meant, or it is absent.
  bool is_list = false;
  std::vector<Value> values;  // The elements, or the only one.
};

// One per input of the workflow, in its order. The error names the input that does not fit.
Result<std::vector<BoundInput>> bind_inputs(const model::Workflow& workflow, const Json& inputs,
                                            const Limits& limits);

// A default that the author wrote; the type is that of the input.
Result<BoundInput> bind_input(const std::string& name, const model::Type& type, const Json& value,
                              const Limits& limits);

// "it has: a, b", for messages about a name that is none.
std::string input_names(const model::Workflow& workflow);
bool is_required(const model::WorkflowInput& input);

}  // namespace sluice::node
