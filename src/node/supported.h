#pragma once

// What the language has and this node does not run yet: the one place that refuses it when an app
// is deployed. Nothing that a plan says may be ignored in silence, so what is not honoured is here;
// what is learnt is deleted here.

#include "model/mistake.h"
#include "model/plan.h"

namespace sluice::node {

// A mistake for each thing that is "not there yet", at the line of its step; none: the node runs
// the app.
model::Mistakes not_there_yet(const model::App& app);

}  // namespace sluice::node
