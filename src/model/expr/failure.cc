#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/expr/code.h"
#include "model/expr/evaluator.h"
#include "model/expr/functions.h"
#include "model/names.h"

// The words for what went wrong. They are put together only for the error that is the outcome: most
// never are.

namespace sluice::expr {
namespace {

using V = ValueAccess;

std::string_view shown(Tag tag) {
  const std::string_view name = type_name(tag);
  if (name == "null_type") return "null";
  if (name == "int") return "an int";
  if (name == "string") return "a text";
  if (name == "list") return "a list";
  if (name == "map") return "a map";
  if (name == "bool") return "a bool";
  if (name == "double") return "a double";
  return name == "type" ? "a type" : "a value";
}

struct Sign {
  Op op;
  std::string_view name;
};
constexpr std::array kSigns = std::to_array<Sign>({{Op::kAdd, "+"},
                                                   {Op::kSubtract, "-"},
                                                   {Op::kNegate, "-"},
                                                   {Op::kMultiply, "*"},
                                                   {Op::kDivide, "/"},
                                                   {Op::kModulo, "%"},
                                                   {Op::kLess, "<"},
                                                   {Op::kLessEqual, "<="},
                                                   {Op::kGreater, ">"},
                                                   {Op::kGreaterEqual, ">="},
                                                   {Op::kEqual, "=="},
                                                   {Op::kNotEqual, "!="},
                                                   {Op::kIn, "in"},
                                                   {Op::kIndex, "[]"},
                                                   {Op::kMapWhere, "map"},
                                                   {Op::kFirstOf, "first"},
                                                   {Op::kPresentOf, "present"},
                                                   {Op::kAnyOf, "any"}});

std::string_view symbol(Op op) {
  const auto* sign = std::ranges::find(kSigns, op, &Sign::op);
  if (sign != kSigns.end()) return sign->name;
  for (const FunctionRow& row : function_rows()) {
    if (row.op == op) return row.name;
  }
  return "this";
}

std::string field_of(const CodeNode& node, const Program::Code& code) {
  return node.op == Op::kField ? model::shown(code.strings[node.b]) : std::string();
}

std::string message(const Value& error, const CodeNode& node, const Program::Code& code) {
  const std::int64_t detail = V::detail(error);
  const Tag tag = static_cast<Tag>(detail & 0xFF);
  switch (V::mishap(error)) {
    case Mishap::kNoField:
      if (node.op == Op::kField)
        return fmt::format("{} has no field '{}'", shown(tag), field_of(node, code));
      return fmt::format("{} has no fields", shown(tag));
    case Mishap::kNoElement:
      return fmt::format("the list has no element {}", detail);
    case Mishap::kNegativeIndex:
      return fmt::format("'{}' with the negative number {}", symbol(node.op), detail);
    case Mishap::kBadIndex:
      return fmt::format("the index of a list is an int, not {}", shown(tag));
    case Mishap::kNoKey:
      if (node.op == Op::kField) return fmt::format("no field '{}'", field_of(node, code));
      return "the map has no such key";
    case Mishap::kNotBool:
      return fmt::format("a condition is a bool, not {}", shown(tag));
    case Mishap::kBadOperand:
      return fmt::format("'{}' has no meaning for {}", symbol(node.op), shown(tag));
    case Mishap::kBadOperands:
      return fmt::format("'{}' has no meaning between {} and {}", symbol(node.op),
                         shown(static_cast<Tag>(detail / 256)), shown(tag));
    case Mishap::kOverflow:
      return "the result does not fit 64 bits";
    case Mishap::kDivisionByZero:
      return "division by zero";
    case Mishap::kBadConversion:
      return fmt::format("'{}' cannot convert this text", symbol(node.op));
    case Mishap::kNotFinite:
      return "the result is NaN or infinite";
    case Mishap::kBadKey:
      return fmt::format("the key of a map is a text, an int or a bool, not {}", shown(tag));
    case Mishap::kRepeatedKey:
      return "a key of the map appears twice";
    case Mishap::kOpaque:
      return "bytes, arrays and files cannot be looked into";
    case Mishap::kTooLarge:
      return "the expression looks into a value of more than 1 MiB";
    case Mishap::kTooManyElements:
      return "a list of more than 1,000,000 elements";
    case Mishap::kNestedLists:
      return "lists nested deeper than two levels are not looked into";
    case Mishap::kSaid:
      return V::said(error);
  }
  return "the expression failed";
}

}  // namespace

Failure describe(const Value& error, const Program::Code& code) {
  const CodeNode& node = code.nodes[V::node(error)];
  const bool is_large = V::mishap(error) == Mishap::kTooLarge;
  return {is_large ? "TooLarge" : "BadExpression", message(error, node, code), node.spot};
}

}  // namespace sluice::expr
