#pragma once

// One workflow: names to indexes, types, order. Reports all mistakes; the result is of use only
// when there were none.

#include <span>

#include "model/draft.h"
#include "model/internal/resolve_function.h"
#include "model/report.h"

namespace sluice::model {

// `has_functions`: false when the functions could not be read, so that no name is unknown.
Workflow check_workflow(const DraftWorkflow& draft, std::span<const ResolvedFunction> functions,
                        bool has_functions, Report& report);

}  // namespace sluice::model
