#pragma once

// Programs that lowering writes itself.

#include <cstdint>
#include <memory>
#include <span>

#include "base/json.h"
#include "model/expr/program.h"
#include "model/type.h"

namespace sluice::model {

using ProgramPtr = std::shared_ptr<const expr::Program>;

ProgramPtr constant_program(const Json& value);
// `first(0, 1, …)` of variables of these types; of one: the variable itself. At most a few hundred:
// the text of an expression is bounded.
ProgramPtr first_program(std::span<const Type> types);

}  // namespace sluice::model
