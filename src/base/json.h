#pragma once

// JSON as a value: int and double kept apart (the expression language needs that), maps in the
// order they were written. Read with bounds (depth, size; duplicate keys and NaN are errors) and
// written in one .cc.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace sluice {

class Json {
 public:
  using List = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Map = std::vector<Member>;

  Json() = default;
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint32_t value) : value_(std::int64_t{value}) {}
  Json(std::uint64_t value);  // Above 2^63-1: a double, as JSON numbers of that size are.
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(List value) : value_(std::move(value)) {}
  Json(Map value) : value_(std::move(value)) {}

  static Json list() { return Json(List{}); }
  static Json map() { return Json(Map{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  const bool* as_bool() const { return std::get_if<bool>(&value_); }
  const std::int64_t* as_int() const { return std::get_if<std::int64_t>(&value_); }
  const double* as_double() const { return std::get_if<double>(&value_); }
  const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  const List* as_list() const { return std::get_if<List>(&value_); }
  const Map* as_map() const { return std::get_if<Map>(&value_); }
  List* as_list() { return std::get_if<List>(&value_); }
  Map* as_map() { return std::get_if<Map>(&value_); }

  // The member of a map, or null where there is none or this is no map.
  const Json* find(std::string_view key) const;
  // Adds or replaces a member; this becomes a map if it is null.
  Json& set(std::string_view key, Json value);
  // Appends; this becomes a list if it is null.
  Json& push(Json value);

  // "null", "bool", "int", "double", "string", "list", "map".
  std::string_view type_name() const;

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Map> value_;
};

struct JsonLimits {
  std::size_t bytes = 16 << 20;
  std::size_t depth = 64;
};

// The message names line and column of the mistake.
Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});
// Compact, members in their order, UTF-8 as it is; invalid UTF-8 becomes U+FFFD.
std::string to_text(const Json& value);
// Two spaces of indentation, for people.
std::string to_pretty_text(const Json& value);

// Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms).
bool is_utf8(std::string_view bytes);

}  // namespace sluice
