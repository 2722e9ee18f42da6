#include "model/internal/small_programs.h"

#include <charconv>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/check.h"

namespace sluice::model {
namespace {

using Node = expr::Syntax::Node;

// Compiles with variables named `v0`, `v1`, ….
ProgramPtr compile(const expr::Syntax& syntax, Node root, std::span<const Type> types) {
  const expr::Resolve resolve = [&](std::span<const std::string_view> names)
      -> std::expected<expr::Resolution, expr::Unresolved> {
    std::uint32_t number = 0;
    const std::string_view digits = names[0].substr(1);
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    SLUICE_ASSERT(number < types.size());
    return expr::Resolution{number, 1, types[number]};
  };
  expr::Mistakes mistakes;
  ProgramPtr program = expr::Program::compile(syntax, {&root, 1}, resolve, mistakes);
  SLUICE_ASSERT(program != nullptr, "{}", mistakes.empty() ? "" : mistakes[0].message);
  return program;
}

ProgramPtr compile_text(std::string_view text, std::span<const Type> types) {
  expr::Syntax syntax;
  expr::Mistakes mistakes;
  const auto root = syntax.add_expression(text, mistakes);
  SLUICE_ASSERT(root.has_value(), "{}", text);
  return compile(syntax, *root, types);
}

}  // namespace

ProgramPtr constant_program(const Json& value) {
  expr::Syntax syntax;
  const Node root = syntax.add_constant(value);
  return compile(syntax, root, {});
}

ProgramPtr first_program(std::span<const Type> types) {
  if (types.size() == 1) return compile_text("v0", types);
  std::string text = "first(";
  std::vector<Type> optional(types.begin(), types.end());
  for (std::size_t i = 0; i < types.size(); ++i) {
    text += fmt::format("{}v{}", i == 0 ? "" : ", ", i);
    optional[i].optional = true;
  }
  return compile_text(text + ")", optional);
}

}  // namespace sluice::model
