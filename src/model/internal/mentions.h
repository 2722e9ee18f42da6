#pragma once

// The names in an expression that was refused, found without understanding it: what it uses is not
// unused.

#include <string_view>
#include <vector>

#include "model/draft.h"

namespace sluice::model {

// All `a.b` of all `${…}` in the text.
void collect_mentions(std::string_view text, std::vector<Mention>& mentions);

}  // namespace sluice::model
