#pragma once

// One step: what its names lead to, whether its values fit, and of which types its outputs are.

#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/internal/check_value.h"
#include "model/internal/checked.h"
#include "model/internal/name_scope.h"
#include "model/internal/resolve_function.h"
#include "model/report.h"

namespace sluice::model {

// What is known of a workflow before its steps are looked at by others.
struct WorkflowSignature {
  std::string name;
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  bool inputs_known = true;
  bool outputs_known = true;
};

// What a step may call.
struct Callables {
  std::span<const ResolvedFunction> functions;
  bool has_functions = true;  // False: they could not be read, so that no name is unknown.
  std::vector<WorkflowSignature> workflows;  // As in the file; empty until checked.
  std::unordered_map<std::string_view, std::uint32_t> function_index;
  std::unordered_map<std::string_view, std::uint32_t> workflow_index;
};

// Also tells the scope what the outputs of the step are.
CheckedStep check_step(const DraftStep& draft, std::uint32_t number, const Callables& callables,
                       NameScope& scope, Report& report);

}  // namespace sluice::model
