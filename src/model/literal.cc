#include "model/literal.h"

#include <cmath>
#include <cstdlib>

#include <fmt/format.h>

#include "model/names.h"

namespace sluice::model {
namespace {

bool is_base64_map(const Json& value) {
  const Json::Map* map = value.as_map();
  if (map == nullptr || map->size() != 1) return false;
  const Json* text = value.find("$base64");
  return text != nullptr && text->as_string() != nullptr;
}

bool kind_holds(const Json& value, Kind kind) {
  switch (kind) {
    case Kind::kAny:
    case Kind::kJson:
      return true;
    case Kind::kBytes:
      return value.as_string() != nullptr || is_base64_map(value);
    case Kind::kText:
      return value.as_string() != nullptr;
    case Kind::kInt:
      // JSON knows one kind of number: 3.0 is the int 3.
      return value.as_int() != nullptr || (value.as_double() != nullptr &&
                                           std::trunc(*value.as_double()) == *value.as_double() &&
                                           std::fabs(*value.as_double()) < 9.2e18);
    case Kind::kFloat:
      return value.as_int() != nullptr || value.as_double() != nullptr;
    case Kind::kBool:
      return value.as_bool() != nullptr;
    case Kind::kArray:
    case Kind::kFile:
      return false;
  }
  std::abort();  // Every kind is named above.
}

// `a text` for "8": what is written, in the words of the language.
std::string described(const Json& value) {
  if (value.is_null()) return "null";
  if (const bool* flag = value.as_bool()) return *flag ? "true (a bool)" : "false (a bool)";
  if (value.as_list() != nullptr) return "a list";
  if (value.as_map() != nullptr) return "a map";
  const std::string text = shown(to_text(value));
  if (value.as_int() != nullptr) return text + " (an int)";
  if (value.as_double() != nullptr) return text + " (a float)";
  return text + " (a text)";
}

// Where in `value` something does not fit, as `[3][0]`, and what stands there.
struct Misfit {
  std::string path;
  std::string what;
};

std::optional<Misfit> find_misfit(const Json& value, const Type& type) {
  if (value.is_null() && type.optional) return std::nullopt;
  if (!type.is_list()) {
    if (kind_holds(value, type.kind)) return std::nullopt;
    return Misfit{"", described(value)};
  }
  const Json::List* list = value.as_list();
  if (list == nullptr) return Misfit{"", described(value)};
  const Type element = type.element();
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (auto misfit = find_misfit((*list)[i], element)) {
      return Misfit{fmt::format("[{}]{}", i, misfit->path), misfit->what};
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> literal_problem(const Json& value, const Type& type) {
  const std::optional<Misfit> misfit = find_misfit(value, type);
  if (!misfit) return std::nullopt;
  if (type.kind == Kind::kArray || type.kind == Kind::kFile) {
    return fmt::format("takes {}, which cannot be written as a literal", to_text(type));
  }
  if (misfit->path.empty()) return fmt::format("takes {}, not {}", to_text(type), misfit->what);
  return fmt::format("takes {}, but element {} is {}", to_text(type), misfit->path, misfit->what);
}

Type type_of(const Json& value) {
  if (value.as_bool() != nullptr) return Type{.kind = Kind::kBool};
  if (value.as_int() != nullptr) return Type{.kind = Kind::kInt};
  if (value.as_double() != nullptr) return Type{.kind = Kind::kFloat};
  if (value.as_string() != nullptr) return Type{.kind = Kind::kText};
  const Type json{.kind = Kind::kJson};
  const Json::List* list = value.as_list();
  if (list == nullptr) return json;
  std::optional<Type> element;
  bool has_hole = false;
  for (const Json& item : *list) {
    has_hole = has_hole || item.is_null();
    if (item.is_null()) continue;
    const Type type = item.as_list() != nullptr ? json : type_of(item);
    element = element ? union_of(*element, type).value_or(json) : type;
  }
  Type result = element.value_or(json);
  result.optional = has_hole;
  return result.list_of();
}

}  // namespace sluice::model
