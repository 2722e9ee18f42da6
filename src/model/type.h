#pragma once

// Port types of the workflow language: `bytes`, `list<optional<json>>`, `stream<file>`, `pipe`, ….
// Which type fits which is decided here and nowhere else.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice::model {

enum class Kind : std::uint8_t { kAny, kBytes, kText, kJson, kInt, kFloat, kBool, kArray, kFile };

// How a function reads an input. Only inputs of functions are anything but kWhole.
enum class Access : std::uint8_t {
  kWhole,   // The value is complete when the task starts.
  kStream,  // A list, element by element while it grows (`stream<T>`).
  kPipe,    // One value's bytes while they are written (`pipe`).
};

struct Type {
  Kind kind = Kind::kAny;
  std::uint8_t lists = 0;  // Levels of list<…> around the kind.
  std::uint8_t holes = 0;  // Bit n: elements of the list at level n (0 the outermost) may be holes.
  bool optional = false;   // The value itself may be absent.
  Access access = Access::kWhole;

  friend bool operator==(const Type&, const Type&) = default;

  bool is_list() const { return lists > 0; }
  // The type of an element; must be a list.
  Type element() const;
  // list<this>.
  Type list_of() const;
};

// Parses the spelling of a port type. The message says what is wrong and what was perhaps meant.
Result<Type> parse_type(std::string_view text);
std::string to_text(const Type& type);

// The type of what is sometimes the one and sometimes the other (branches of a `switch`): the
// narrowest that both fit, `optional` if one is. Nothing if one is a list and the other is not and
// they do not meet in JSON.
std::optional<Type> union_of(const Type& a, const Type& b);

// Whether a value of type `from` may be bound to a port of type `to` without a check at run time
// (kYes), only with one because a side is `any` or `json` (kChecked), or never (kNo).
enum class Fit : std::uint8_t { kYes, kChecked, kNo };
Fit fits(const Type& from, const Type& to);

}  // namespace sluice::model
