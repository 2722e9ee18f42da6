#pragma once

// What is known of a value without data: a port type, and a little more that ports do not say (a
// map, null). Used to find at deploy what must fail, and to say what a root gives.

#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "model/type.h"

namespace sluice::expr {

enum class Shape : std::uint8_t {
  kUnknown,  // any, json: depends on the data.
  kNull,
  kBool,
  kInt,
  kDouble,
  kText,
  kList,
  kMap,
  kOpaque,  // bytes, array, file: handed on, but not looked into.
  kTypeName,
};

struct Static {
  Shape shape = Shape::kUnknown;
  model::Type type;
  const Json* constant = nullptr;  // A literal.

  bool is_number() const { return shape == Shape::kInt || shape == Shape::kDouble; }
  bool is_known() const { return shape != Shape::kUnknown; }
  bool may_be(Shape other) const { return shape == other || !is_known(); }
  bool may_be_number() const { return is_number() || !is_known(); }
};

Static static_of(const model::Type& type);
Static static_of(Shape shape, bool optional = false);
// Lists written as JSON are lists of what they hold.
Static static_of_constant(const Json& value);
// What is either of the two.
Static unite(const Static& a, const Static& b);
// An element of a list, a character of nothing: kUnknown where it is not known to be a list.
Static element_of(const Static& list);
Static list_of(const Static& element);
// Whether it can be part of a JSON value; what is not known can.
bool is_json(const model::Type& type);
// "an int", "a list", "bytes": for messages.
std::string_view shown(const Static& value);

}  // namespace sluice::expr
