#pragma once

// The JSON Schema (draft 2020-12) of `sluice.yaml`, for editors: made from the table of keys that
// the reader uses (model/keys.h). It knows shapes, not meanings: names, types of links and
// expressions are what `sluice validate` is for.

#include "base/json.h"

namespace sluice::model {

Json schema();

}  // namespace sluice::model
