#pragma once

// From a value that an expression made to the bytes of an object, by the type of the port.

#include <string>

#include "base/result.h"
#include "model/expr/evaluate.h"
#include "model/type.h"

namespace sluice::evaluate {

struct Made {
  model::Kind kind = model::Kind::kJson;  // kText and kBytes: the bytes as they are; others: JSON.
  std::string bytes;
};

// `value` is certain and read; `type` is no list. kInvalidArgument where it does not fit,
// kResourceExhausted beyond 1 MiB.
Result<Made> make_value(const expr::Value& value, const model::Type& type);

// The first bytes of an expression's result are as large as this at most.
inline constexpr std::size_t kValueBytesMax = 1 << 20;

}  // namespace sluice::evaluate
