#pragma once

// What inputs become and what outputs are made of.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/error.h"

namespace sluice {

using Bytes = std::span<const std::byte>;

inline Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
inline std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// JSON as text: what a function returns for a port that may be several things, and a parameter that
// wants it so. For a `json` port std::string and std::string_view are the same.
struct Json {
  std::string text;
};

// A numeric array (.npy), in place: the last index runs fastest, or the first where is_fortran.
struct Array {
  std::string dtype;  // "<f8", "<i8", …
  std::vector<std::size_t> shape;
  bool is_fortran = false;
  Bytes data;

  // The numbers; InvalidInput where the array has others.
  template <class T>
  std::span<const T> as() const;
};

// "<f8" for double. Little-endian, as all machines are that this library builds on.
template <class T>
constexpr std::string_view dtype_of();

// An array to be given away; the data is copied when it is emitted.
template <class T>
Array array_of(std::span<const T> data, std::vector<std::size_t> shape) {
  return {.dtype = std::string(dtype_of<T>()),
          .shape = std::move(shape),
          .is_fortran = false,
          .data = std::as_bytes(data)};
}

namespace detail {

// One value as the node sent it. Its bytes live as long as `hold`.
struct Item {
  std::uint8_t kind = 0;
  bool is_hole = false;  // Or absent.
  bool is_list = false;
  std::uint16_t mode = 0;
  std::string name;  // Of a file.
  Bytes bytes;
  std::shared_ptr<const void> hold;
  std::vector<Item> elements;  // is_list
};

// How a parameter reads its input: must agree with the port.
enum class Shape : std::uint8_t { kValue, kList, kStream, kPipe };

// One declared port, as the checks of a value need it.
struct Port {
  std::string name;
  std::string type;  // As spelled: `list<optional<json>>`.
  bool optional = false;
  Shape shape = Shape::kValue;
  std::string
      element;  // What values or elements are: `bytes`, `int`, …; `list<…>` in lists of lists.
  bool elements_optional = false;
};

Bytes as_bytes(const Port& port, Item& item);  // Decodes JSON where bytes are wanted.
std::string_view as_text(const Port& port, Item& item);
std::string_view as_json(const Port& port, Item& item);  // JSON text; a text is a string of it.
std::int64_t as_int(const Port& port, const Item& item);
double as_float(const Port& port, const Item& item);
bool as_bool(const Port& port, const Item& item);
Array as_array(const Port& port, const Item& item);

// What a function gives, before the port says what it has to be.
struct Given {
  enum class What : std::uint8_t {
    kNothing,
    kChars,
    kBytes,
    kInt,
    kFloat,
    kBool,
    kJson,
    kArray,
    kFile
  };
  What what = What::kNothing;
  Bytes bytes = {};  // kChars, kBytes, kJson
  std::int64_t integer = 0;
  double number = 0;
  const Array* array = nullptr;
  std::filesystem::path path = {};
};

}  // namespace detail

template <>
constexpr std::string_view dtype_of<double>() {
  return "<f8";
}
template <>
constexpr std::string_view dtype_of<float>() {
  return "<f4";
}
template <>
constexpr std::string_view dtype_of<std::int64_t>() {
  return "<i8";
}
template <>
constexpr std::string_view dtype_of<std::uint64_t>() {
  return "<u8";
}
template <>
constexpr std::string_view dtype_of<std::int32_t>() {
  return "<i4";
}
template <>
constexpr std::string_view dtype_of<std::uint32_t>() {
  return "<u4";
}
template <>
constexpr std::string_view dtype_of<std::int16_t>() {
  return "<i2";
}
template <>
constexpr std::string_view dtype_of<std::uint16_t>() {
  return "<u2";
}
template <>
constexpr std::string_view dtype_of<std::int8_t>() {
  return "|i1";
}
template <>
constexpr std::string_view dtype_of<std::uint8_t>() {
  return "|u1";
}

template <class T>
std::span<const T> Array::as() const {
  if (dtype != dtype_of<T>()) {
    throw InvalidInput("the array is of dtype " + dtype + ", not " + std::string(dtype_of<T>()));
  }
  // Proof: the reader has checked size and alignment against dtype and shape.
  return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
}

}  // namespace sluice
