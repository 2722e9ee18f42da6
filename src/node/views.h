#pragma once

// The JSON documents of the HTTP interface (docs/http.md), made from the node's tables. Loop
// thread; pure but for the outputs inside them (output_views.h).

#include <string>

#include "api/control.h"
#include "node/app_registry.h"
#include "node/cache.h"
#include "node/run_table.h"

namespace sluice::node {

Json run_document(const RunTable& runs, const RunRecord& run);
Json run_summary(const RunRecord& run);  // Of a list: no outputs, no steps.
Result<Json> runs_document(const RunTable& runs, const api::RunFilter& filter);
// Member `steps` of a run's document.
void set_steps(Json& document, const RunTable& runs, const RunRecord& run);
Result<Json> tasks_document(const RunTable& runs, const RunRecord& run,
                            const api::TaskFilter& filter);
Json trace_document(const RunRecord& run);
Json workflow_document(const AppVersion& version, const model::Workflow& workflow);
Json function_document(const AppVersion& version, const model::Function& function);
Json app_document(const AppVersion& version);
Json deploy_document(const AppVersion& version);
std::string metrics_text(const RunTable& runs, const core::Scheduler::Counters& core,
                         const store::Usage& store, std::size_t workers, const Cache::Stats& cache);

}  // namespace sluice::node
