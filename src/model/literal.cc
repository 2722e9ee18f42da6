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

}  // namespace

std::optional<std::string> literal_problem(const Json& value, const Type& type) {
  if (value.is_null() && (type.optional || (!type.is_list() && kind_holds(value, type.kind) &&
                                            type.kind != Kind::kBytes))) {
    return std::nullopt;
  }
  if (type.is_list()) {
    const Json::List* list = value.as_list();
    if (list == nullptr) return fmt::format("takes {}, not {}", to_text(type), described(value));
    const Type element = type.element();
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (const auto problem = literal_problem((*list)[i], element)) {
        return fmt::format("element {} {}", i, *problem);
      }
    }
    return std::nullopt;
  }
  if (kind_holds(value, type.kind)) return std::nullopt;
  if (type.kind == Kind::kArray || type.kind == Kind::kFile) {
    return fmt::format("takes {}, which cannot be written as a literal", to_text(type));
  }
  return fmt::format("takes {}, not {}", to_text(type), described(value));
}

}  // namespace sluice::model
