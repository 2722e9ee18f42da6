#pragma once

// A compiled expression, or several that are evaluated over the same variables (the outputs of one
// kCompute step). Immutable, shared by all runs and threads. Names are gone: what an expression
// names in the world is a variable with a number, and the number is chosen by whoever compiles (the
// port of the operand slot in the plan).
//
// Compiling is also checking: what must fail whatever the data is a mistake now, not at 3 a.m.

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/expr/syntax.h"
#include "model/type.h"

namespace sluice::expr {

// What a dotted name means: `split.chunks` is given as {"split", "chunks"}, `item.a.b` as {"item",
// "a", "b"}; the first `names` of them name the variable, the others are fields of its value. The
// same name must give the same number each time. Names bound by macros are not asked for.
struct Resolution {
  std::uint32_t variable = 0;
  std::uint32_t names = 1;
  model::Type type;  // `optional` where it may be absent.
};
struct Unresolved {
  std::string message;     // "unknown step 'splt'"
  std::string hint;        // "did you mean 'split'?"
  std::uint32_t name = 0;  // Which of the names it is about.
};
using Resolve =
    std::function<std::expected<Resolution, Unresolved>(std::span<const std::string_view> names)>;

// What is known of a root without any data.
struct Root {
  model::Type type;  // `optional`: may be absent; `holes`: its elements may be. Kind kAny or kJson
                     // where it depends on the data.
  std::optional<std::uint32_t> plain;    // Nothing but the name of this variable: a link.
  bool is_constant = false;              // Names nothing.
  bool is_timed = false;                 // Has an `any`: the value depends on what comes first.
  std::vector<std::uint32_t> variables;  // All it names, ascending.
  Spot spot;
};

enum class Checking : std::uint8_t {
  kStrict,  // An app: what is wrong whatever the data is a mistake.
  kLate,    // `sluice eval`, CEL's own tests: unknown names and wrong types fail when (and only if)
            // they are evaluated.
};

class Program {
 public:
  // The roots in this order; nothing and at least one mistake otherwise.
  static std::shared_ptr<const Program> compile(const Syntax& syntax,
                                                std::span<const Syntax::Node> roots,
                                                const Resolve& resolve, Mistakes& mistakes,
                                                Checking checking = Checking::kStrict);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  std::span<const Root> roots() const { return roots_; }
  // Type of a variable as the resolver gave it; kAny where the number was never given.
  const model::Type& variable_type(std::uint32_t variable) const;
  // One more than the highest number of a variable.
  std::uint32_t variables() const;

  struct Code;  // Only for the evaluator (code.h).

 private:
  friend class Compiler;
  friend class Evaluation;
  Program();

  std::vector<Root> roots_;
  std::unique_ptr<Code> code_;
};

// All functions and macros of the language with a line each, for the reference and for
// did-you-mean: {"size", "size(x), x.size()", "…"}.
struct FunctionHelp {
  std::string_view name;
  std::string_view form;
  std::string_view help;
};
std::span<const FunctionHelp> function_help();

}  // namespace sluice::expr
