#pragma once

// A lowered plan as text: one line per step, slot and output, in a form that stays, so that tests
// compare it and people read it when they ask why a run did what it did. Steps are `#3`.

#include <string>

#include "model/plan.h"

namespace sluice::model {

// `#3.chunks`, `inputs.text`, `peer #4.flag`, `error #2.0`.
std::string describe(const Source& source, const App& app, const Workflow& workflow);
std::string describe(const App& app, const Workflow& workflow);
// All workflows, internal ones included.
std::string describe(const App& app);

}  // namespace sluice::model
