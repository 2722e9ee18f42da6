#pragma once

// Whether a value written in the file (or given as JSON) may be bound to a port.

#include <optional>
#include <string>

#include "base/json.h"
#include "model/type.h"

namespace sluice::model {

// What is wrong with `value` for a port of this type, as in "takes int, but 'x' is a text"; nothing
// when it fits. `null` fits json, any, and whatever is optional.
std::optional<std::string> literal_problem(const Json& value, const Type& type);

// The type of a literal that is bound to no port: `[1, null]` is
// list<optional<int>>. Lists of lists and maps are JSON.
Type type_of(const Json& value);

}  // namespace sluice::model
