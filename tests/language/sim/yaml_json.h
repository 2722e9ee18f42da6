#pragma once

// YAML text as one JSON value, read as the engine reads an app: by the core schema of YAML 1.2.

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "base/units.h"

namespace sluice::language {

// Of the files of the corpus; a larger one is a mistake.
inline constexpr ByteCount kFileMax{1 << 20};

// `name` stands in the message of a mistake.
Result<Json> yaml_to_json(std::string_view text, const std::string& name);

// Equal as JSON: the order of members does not matter, 2 and 2.0 are one number, true and 1 are
// not.
bool same(const Json& a, const Json& b);

}  // namespace sluice::language
