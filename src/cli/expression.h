#pragma once

// What `sluice eval` does, without files and terminal: an expression of the language over values
// that are all known.

#include <string>
#include <string_view>

#include "base/json.h"

namespace sluice::cli {

struct Evaluated {
  bool is_good = false;
  bool is_absent = false;
  std::string json;     // Of a value: compact.
  std::string mistake;  // Else: where and what, with the line and a caret below it.
};

// `variables` is a map: each member is a name. What deploy would refuse for its type fails here
// only if it is evaluated.
Evaluated evaluate_expression(std::string_view expression, const Json& variables);

}  // namespace sluice::cli
