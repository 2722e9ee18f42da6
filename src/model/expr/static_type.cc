#include "model/expr/static_type.h"

#include <cstdlib>

namespace sluice::expr {
namespace {

using model::Kind;
using model::Type;

constexpr int kListsMax = 7;

Kind kind_of(Shape shape) {
  switch (shape) {
    case Shape::kBool:
      return Kind::kBool;
    case Shape::kInt:
      return Kind::kInt;
    case Shape::kDouble:
      return Kind::kFloat;
    case Shape::kText:
      return Kind::kText;
    case Shape::kNull:
    case Shape::kMap:
    case Shape::kTypeName:
      return Kind::kJson;
    case Shape::kUnknown:
    case Shape::kList:
    case Shape::kOpaque:
      return Kind::kAny;
  }
  std::abort();  // Every shape is named above.
}

Shape shape_of(const Type& type) {
  if (type.is_list()) return Shape::kList;
  switch (type.kind) {
    case Kind::kAny:
    case Kind::kJson:
      return Shape::kUnknown;
    case Kind::kBytes:
    case Kind::kArray:
    case Kind::kFile:
      return Shape::kOpaque;
    case Kind::kText:
      return Shape::kText;
    case Kind::kInt:
      return Shape::kInt;
    case Kind::kFloat:
      return Shape::kDouble;
    case Kind::kBool:
      return Shape::kBool;
  }
  std::abort();  // Every kind is named above.
}

Type plain(Kind kind, bool optional) {
  Type type;
  type.kind = kind;
  type.optional = optional;
  return type;
}

}  // namespace

Static static_of(const Type& type) { return {shape_of(type), type, nullptr}; }

Static static_of(Shape shape, bool optional) {
  return {shape, plain(kind_of(shape), optional), nullptr};
}

Static static_of_constant(const Json& value) {
  Static result;
  if (value.is_null()) result = static_of(Shape::kNull);
  if (value.as_bool()) result = static_of(Shape::kBool);
  if (value.as_int()) result = static_of(Shape::kInt);
  if (value.as_double()) result = static_of(Shape::kDouble);
  if (value.as_string()) result = static_of(Shape::kText);
  if (value.as_map()) result = static_of(Shape::kMap);
  if (const auto* list = value.as_list()) {
    Static element;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Static other = static_of_constant((*list)[i]);
      element = i == 0 ? other : unite(element, other);
    }
    result = list_of(element);
  }
  result.constant = &value;
  return result;
}

bool is_json(const Type& type) {
  return type.kind != Kind::kBytes && type.kind != Kind::kArray && type.kind != Kind::kFile;
}

Static unite(const Static& a, const Static& b) {
  const bool optional = a.type.optional || b.type.optional;
  if (a.type.kind == b.type.kind && a.type.lists == b.type.lists) {
    Static result = a;
    if (a.shape != b.shape) result.shape = Shape::kUnknown;
    result.type.optional = optional;
    result.type.holes |= b.type.holes;
    result.constant = nullptr;
    return result;
  }
  if (a.is_number() && b.is_number()) return static_of(Shape::kDouble, optional);
  if (a.type.is_list() && b.type.is_list()) {
    Static result = list_of(unite(element_of(a), element_of(b)));
    result.type.optional = optional;
    return result;
  }
  const bool is_sure = a.type.kind != Kind::kAny && b.type.kind != Kind::kAny;
  const bool both = is_sure && is_json(a.type) && is_json(b.type);
  return {Shape::kUnknown, plain(both ? Kind::kJson : Kind::kAny, optional), nullptr};
}

Static element_of(const Static& list) {
  if (list.type.is_list()) return static_of(list.type.element());
  return {Shape::kUnknown, plain(list.type.kind == Kind::kJson ? Kind::kJson : Kind::kAny, false),
          nullptr};
}

Static list_of(const Static& element) {
  if (element.type.lists >= kListsMax) {
    Type type = plain(Kind::kAny, element.type.optional);
    return static_of(type.list_of());
  }
  return static_of(element.type.list_of());
}

std::string_view shown(const Static& value) {
  switch (value.shape) {
    case Shape::kUnknown:
      return "a value";
    case Shape::kNull:
      return "null";
    case Shape::kBool:
      return "a bool";
    case Shape::kInt:
      return "an int";
    case Shape::kDouble:
      return "a double";
    case Shape::kText:
      return "a text";
    case Shape::kList:
      return "a list";
    case Shape::kMap:
      return "a map";
    case Shape::kTypeName:
      return "a type";
    case Shape::kOpaque:
      if (value.type.kind == Kind::kArray) return "an array";
      return value.type.kind == Kind::kFile ? "a file" : "bytes";
  }
  std::abort();  // Every shape is named above.
}

}  // namespace sluice::expr
