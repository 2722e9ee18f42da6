#pragma once

// One workflow: names to indexes, types, order. Reports all mistakes; the result is of use only
// when there were none.

#include "model/draft.h"
#include "model/internal/check_step.h"
#include "model/report.h"

namespace sluice::model {

CheckedWorkflow check_workflow(const DraftWorkflow& draft, const Callables& callables,
                               Report& report, WorkflowSignature& signature);
// What is known before the workflow is checked: its inputs.
WorkflowSignature signature_of(const DraftWorkflow& draft);
// The workflows that its steps run, as they are named.
std::vector<const Word*> flows_of(const DraftWorkflow& draft);

}  // namespace sluice::model
