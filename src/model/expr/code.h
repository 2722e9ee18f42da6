#pragma once

// What a Program is made of: a flat array of nodes, children before parents. No pointers between
// nodes, nothing virtual; evaluation is a switch over `op`.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "model/expr/pattern.h"
#include "model/expr/program.h"
#include "model/type.h"

namespace sluice::expr {

enum class Op : std::uint8_t {
  kConstant,  // a: constant.
  kTypeName,  // a: string, the name of a type.
  kVariable,  // a: number.
  kLocal,     // a: place of a name bound by a macro.
  kBroken,    // a: string, what is wrong (Checking::kLate).
  kField,     // a: operand, b: string.
  kIndex,     // a, b.
  kAnd,
  kOr,
  kNot,
  kNegate,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kModulo,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kChoice,  // a ? b : c.
  kList,    // Children a … a+count.
  kMap,     // Children: key, value, ….
  kText,    // Children.
  // Macros. a: list, b: body, c: local; kMap3 and kMapWhere: children list, condition, body.
  kAll,
  kExists,
  kExistsOne,
  kMapEach,
  kMapWhere,
  kFilter,
  // Functions with one operand, a.
  kHas,
  kSize,
  kInt,
  kDouble,
  kString,
  kBool,
  kType,
  kDyn,
  kRange,
  kFlatten,
  // With two, a and b.
  kContains,
  kStartsWith,
  kEndsWith,
  kMatches,  // c: pattern + 1 where it is constant.
  // With a list, a, or several children.
  kFirstOf,
  kFirst,
  kPresentOf,
  kPresent,
  kAnyOf,  // a: count, b: list.
  kAny,    // Children: count, references.
};

struct CodeNode {
  Op op = Op::kConstant;
  std::uint32_t count = 0;  // Children: a, a + 1, … of Code::children.
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  std::uint32_t c = 0;
  Spot spot;
};

struct Program::Code {
  std::vector<CodeNode> nodes;
  std::vector<std::uint32_t> children;
  std::deque<Json> constants;  // Values point into them: addresses stay.
  std::deque<std::string> strings;
  std::deque<Pattern> patterns;
  std::vector<std::uint32_t> roots;
  std::vector<model::Type> variables;
  std::uint32_t locals = 0;  // As many are bound at once at most.
};

}  // namespace sluice::expr
