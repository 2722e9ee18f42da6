#pragma once

// What core, node and api rely on in a plan without looking. Asserted by tests and fuzzers over
// everything that the check lets through.

#include "model/plan.h"

namespace sluice::model {

// Aborts where a promise of plan.h is broken.
void check_promises(const App& app);

}  // namespace sluice::model
