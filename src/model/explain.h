#pragma once

// What starts when, and why: each step of a workflow as its author wrote it, in sentences
// (`sluice explain`). Pure.

#include <string>

#include "model/plan.h"

namespace sluice::model {

std::string explain(const App& app, const Workflow& workflow);

}  // namespace sluice::model
