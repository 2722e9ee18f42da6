#pragma once

// From trees to a Program: names are resolved, calls found in the table of functions, types
// followed from the leaves to the root. All mistakes of all roots are reported together; what is
// broken has the type `any`, so that nothing is said twice.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/expr/code.h"
#include "model/expr/functions.h"
#include "model/expr/program.h"
#include "model/expr/static_type.h"
#include "model/expr/syntax.h"

namespace sluice::expr {

class Compiler {
 public:
  Compiler(const Syntax& syntax, const Resolve& resolve, Mistakes& mistakes, Checking checking);
  std::shared_ptr<const Program> compile(std::span<const Syntax::Node> roots);

 private:
  // An emitted node and what is known of its value.
  struct Typed {
    std::uint32_t node = 0;
    Static known;
  };
  struct Local {
    std::string_view name;
    Static known;
  };
  using Node = Syntax::Node;

  Typed visit(Node index);
  Typed name_or_field(Node index);
  Typed resolved(const std::vector<Node>& path);
  Typed field(const Typed& operand, const SyntaxNode& node);
  Typed index_of(Node index);
  Typed unary(Node index);
  Typed binary(Node index);
  Typed arithmetic(Op op, const SyntaxNode& node, const Typed& left, const Typed& right);
  Typed choice(Node index);
  Typed list(Node index);
  Typed map(Node index);
  Typed text(Node index);
  Typed call(Node index);
  Typed macro(Node index, const FunctionRow& row);
  Typed selection(Op op, const SyntaxNode& node, const std::vector<Typed>& arguments);
  Typed simple(const FunctionRow& row, const SyntaxNode& node, const std::vector<Typed>& arguments);
  std::uint32_t pattern_of(const Typed& argument, Spot spot);
  void check_argument(Op op, const SyntaxNode& node, const std::vector<Typed>& arguments);
  void check_condition(const Typed& condition, Node index, std::string_view of);
  void check_constant_root(std::uint32_t root);

  Typed emit(CodeNode node, Static known);
  Typed emit_many(Op op, Spot spot, const std::vector<Typed>& children, Static known);
  // A mistake that no data can heal; with Checking::kLate it fails when it is evaluated.
  Typed broken(Spot spot, std::string message, std::string hint = {});
  // A wrong type: with Checking::kLate evaluation finds it by itself.
  void wrong_type(Spot spot, std::string message, std::string hint = {});
  std::uint32_t keep(std::string_view text);

  const Syntax& syntax_;
  const Resolve& resolve_;
  Mistakes& mistakes_;
  Checking checking_;
  std::shared_ptr<Program> program_;
  Program::Code& code_;
  std::vector<Local> locals_;
  std::vector<std::uint32_t> variables_;  // Of the current root.
  bool is_timed_ = false;
  bool failed_ = false;
};

}  // namespace sluice::expr
