#pragma once

// The table of functions and macros: what they are called, how they are written, how many arguments
// they take, and what the reference says of them.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "model/expr/code.h"

namespace sluice::expr {

struct FunctionRow {
  std::string_view name;
  Op op = Op::kSize;
  bool is_method = false;          // x.name(…)
  bool is_function = false;        // name(…)
  bool is_macro = false;           // The first argument is a name that it binds.
  std::uint8_t arguments_min = 0;  // Without what stands before the dot.
  std::uint8_t arguments_max = 0;
};

std::span<const FunctionRow> function_rows();
// The row for a call of this form, or null.
const FunctionRow* find_function(std::string_view name, bool is_method);
// What to write instead of an unknown function.
std::string function_hint(std::string_view name, bool is_method);
// "size(x), x.size()": of a function that exists.
std::string_view function_form(std::string_view name);

}  // namespace sluice::expr
