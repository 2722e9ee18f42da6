#pragma once

// Just enough JSON for the frames of the protocol and for checking what functions give.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::detail {

struct JsonValue {
  struct Number {
    double value = 0;
    std::optional<std::int64_t> integer;  // Where it is one, and fits.
  };
  using List = std::vector<JsonValue>;
  using Map = std::vector<std::pair<std::string, JsonValue>>;
  std::variant<std::nullptr_t, bool, Number, std::string, List, Map> value = nullptr;
  std::string_view text;  // Where it stands in what was parsed.

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value); }
  const JsonValue* find(std::string_view key) const;
  const std::string* as_text() const { return std::get_if<std::string>(&value); }
  const List* as_list() const { return std::get_if<List>(&value); }
  const bool* as_bool() const { return std::get_if<bool>(&value); }
  const Number* as_number() const { return std::get_if<Number>(&value); }
  std::string_view kind() const;  // For messages: "an object".
};

// Throws std::invalid_argument that says what is wrong. The result points into `text`.
JsonValue parse_json(std::string_view text);
// The text in quotes; what is not UTF-8 is replaced.
std::string quoted(std::string_view text);
// Where the text stops being UTF-8; npos where it is all of that.
std::size_t utf8_fault(std::string_view text);

}  // namespace sluice::detail
