#pragma once

// Ports as `setup` declares them, and how a value is checked against one.

#include <optional>
#include <string>
#include <string_view>

#include "sluice/value.h"

namespace sluice::detail {

struct JsonValue;

// From an entry of `inputs` or `outputs`. Throws std::invalid_argument.
Port port_of(const JsonValue& declared);

// The item that a declared default stands for. Throws std::invalid_argument.
Item default_item(const Port& port, const JsonValue& value);

// What is given, as the output wants it: kind, name and bytes on the wire.
struct Encoded {
  std::uint8_t kind = 0;
  std::uint16_t mode = 0;
  std::string name;
  std::string head;  // In front of `bytes`: of an array.
  std::string own;   // What `bytes` points to, where nobody else holds it.
  Bytes bytes;
  int file = -1;  // A file instead of bytes, to be closed; `size` is its size.
  std::uint64_t size = 0;
};
Encoded encode(const Port& port, const Given& given);

}  // namespace sluice::detail
