#include "port.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "json.h"
#include "wire/abi.h"

namespace sluice::detail {
namespace {

// `bytes` of `list<bytes>`; empty where `type` is no such thing.
std::string_view inner_of(std::string_view type, std::string_view head) {
  if (!type.starts_with(head) || !type.ends_with('>') || type.size() <= head.size() ||
      type[head.size()] != '<') {
    return {};
  }
  return type.substr(head.size() + 1, type.size() - head.size() - 2);
}

bool strip_optional(std::string_view& type) {
  const std::string_view inner = inner_of(type, "optional");
  if (inner.empty()) return false;
  type = inner;
  return true;
}

template <class Failure = InvalidInput>
[[noreturn]] void refuse(std::string_view direction, const Port& port, const std::string& what) {
  throw Failure(std::string(direction) + " `" + port.name + "`: " + what);
}
[[noreturn]] void refuse_input(const Port& port, const std::string& what) {
  refuse<InvalidInput>("input", port, what);
}
[[noreturn]] void refuse_output(const Port& port, const std::string& what) {
  refuse<InvalidOutput>("output", port, what);
}

JsonValue json_of(const Port& port, const Item& item) {
  try {
    return parse_json(text_of(item.bytes));
  } catch (const std::invalid_argument& error) {
    refuse_input(port, error.what());
  }
}

std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return std::nullopt;
  std::string found;
  for (std::size_t at = 0; at < text.size(); at += 4) {
    const bool is_last = at + 4 == text.size();
    const std::size_t padding = is_last ? (text.substr(at, 4).ends_with("==") ? 2
                                           : text[at + 3] == '='              ? 1
                                                                              : 0)
                                        : 0;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::size_t digit = i >= 4 - padding ? 0 : kAlphabet.find(text[at + i]);
      if (digit == kAlphabet.npos) return std::nullopt;
      bits = bits << 6 | static_cast<std::uint32_t>(digit);
    }
    const std::uint32_t dropped = padding == 2 ? 0xffff : padding == 1 ? 0xff : 0;
    if ((bits & dropped) != 0) return std::nullopt;
    for (std::size_t i = 0; i < 3 - padding; ++i) found += static_cast<char>(bits >> (16 - 8 * i));
  }
  return found;
}

void hold(Item& item, std::string text) {
  auto kept = std::make_shared<const std::string>(std::move(text));
  item.bytes = bytes_of(*kept);
  item.hold = std::move(kept);
}

// A JSON value where bytes are wanted: a text is UTF-8, {"$base64": …} is decoded.
std::string bytes_from_json(const Port& port, const JsonValue& value) {
  if (const std::string* text = value.as_text()) return *text;
  const auto* map = std::get_if<JsonValue::Map>(&value.value);
  if (map != nullptr && map->size() == 1 && map->front().first == "$base64") {
    const std::string* encoded = map->front().second.as_text();
    if (auto found = from_base64(encoded == nullptr ? "?" : *encoded)) return *found;
    refuse_input(port, "its $base64 cannot be decoded");
  }
  refuse_input(port, "is JSON (" + std::string(value.kind()) + "), not bytes");
}

void must_be_json(const Port& port, const Item& item) {
  if (item.kind == SLUICE_KIND_JSON) return;
  constexpr std::array<std::string_view, 7> kNames{"?",     "bytes", "text", "json",
                                                   "array", "file",  "list"};
  refuse_input(
      port, "is " + std::string(kNames[item.kind < 7 ? item.kind : 0]) + ", not " + port.element);
}

std::string shown(std::string_view text) { return std::string(text.substr(0, 80)); }

std::size_t width_of(std::string_view dtype) {
  constexpr std::string_view kKinds = "biuf";
  if (dtype.size() != 3 || (dtype[0] != '<' && dtype[0] != '|') ||
      kKinds.find(dtype[1]) == kKinds.npos || dtype[2] < '1' || dtype[2] > '8') {
    return 0;
  }
  return static_cast<std::size_t>(dtype[2] - '0');
}

std::string_view between(std::string_view text, std::string_view before, char after) {
  const std::size_t at = text.find(before);
  if (at == text.npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find(after));
}

}  // namespace

Port port_of(const JsonValue& declared) {
  const JsonValue* name = declared.find("name");
  const JsonValue* type = declared.find("type");
  if (name == nullptr || type == nullptr || name->as_text() == nullptr ||
      type->as_text() == nullptr) {
    throw std::invalid_argument("a port without a name or a type");
  }
  Port port{.name = *name->as_text(), .type = *type->as_text(), .element = {}};
  if (const JsonValue* optional = declared.find("optional"); optional != nullptr) {
    port.optional = optional->as_bool() != nullptr && *optional->as_bool();
  }
  std::string_view rest = port.type;
  port.optional = strip_optional(rest) || port.optional;
  for (const auto& [head, shape] :
       {std::pair<std::string_view, Shape>{"list", Shape::kList}, {"stream", Shape::kStream}}) {
    const std::string_view inner = inner_of(rest, head);
    if (inner.empty()) continue;
    rest = inner;
    port.shape = shape;
    port.elements_optional = strip_optional(rest);
    break;
  }
  if (rest == "pipe") {
    port.shape = Shape::kPipe;
    rest = "bytes";
  }
  port.element = rest;
  return port;
}

Item default_item(const Port& port, const JsonValue& value) {
  Item item;
  const bool is_list = port.shape == Shape::kList || port.shape == Shape::kStream;
  if (is_list) {
    if (value.as_list() == nullptr) throw std::invalid_argument("its default is no list");
    Port element = port;
    element.shape = Shape::kValue;
    item.is_list = true;
    for (const JsonValue& each : *value.as_list()) {
      item.elements.push_back(default_item(element, each));
    }
    return item;
  }
  if (value.is_null() && port.element != "json" && port.element != "any") {
    item.is_hole = true;
    return item;
  }
  if (port.element == "array") throw std::invalid_argument("an array has no default");
  if (port.element == "bytes" || port.element == "file") {
    item.kind = port.element == "file" ? SLUICE_KIND_FILE : SLUICE_KIND_BYTES;
    if (port.element == "file") item.name = port.name;
    hold(item, bytes_from_json(port, value));
  } else if (port.element == "text") {
    if (value.as_text() == nullptr) throw std::invalid_argument("its default is no text");
    item.kind = SLUICE_KIND_TEXT;
    hold(item, *value.as_text());
  } else {
    item.kind = SLUICE_KIND_JSON;
    hold(item, std::string(value.text));
  }
  return item;
}

// ---- inputs ----

Bytes as_bytes(const Port& port, Item& item) {
  const bool is_raw = port.element == "bytes" || port.element == "file" || port.element == "text";
  if (item.kind == SLUICE_KIND_JSON && is_raw) {
    hold(item, bytes_from_json(port, json_of(port, item)));
    item.kind = SLUICE_KIND_BYTES;
  }
  return item.bytes;
}

std::string_view as_text(const Port& port, Item& item) {
  if (port.element == "text" && item.kind == SLUICE_KIND_JSON) {
    const JsonValue value = json_of(port, item);
    if (value.as_text() == nullptr) {
      refuse_input(port, "is JSON (" + std::string(value.kind()) + "), not text");
    }
    hold(item, *value.as_text());
    item.kind = SLUICE_KIND_TEXT;
  } else if (port.element == "json") {
    return as_json(port, item);
  }
  const std::string_view text = text_of(as_bytes(port, item));
  if (const std::size_t fault = utf8_fault(text);
      fault != text.npos && port.element != "bytes" && port.element != "file") {
    refuse_input(port, "is not UTF-8 text (byte " + std::to_string(fault) + "); take it as Bytes");
  }
  return text;
}

std::string_view as_json(const Port& port, Item& item) {
  if (item.kind == SLUICE_KIND_TEXT) {
    if (utf8_fault(text_of(item.bytes)) != std::string_view::npos) {
      refuse_input(port, "is not UTF-8 text; take it as Bytes");
    }
    hold(item, quoted(text_of(item.bytes)));
    item.kind = SLUICE_KIND_JSON;
  }
  must_be_json(port, item);
  return text_of(item.bytes);
}

std::int64_t as_int(const Port& port, const Item& item) {
  must_be_json(port, item);
  const JsonValue value = json_of(port, item);
  if (const auto* number = value.as_number()) {
    if (number->integer) return *number->integer;
    constexpr double kEdge = 9223372036854775808.0;  // 2^63
    if (std::trunc(number->value) == number->value && number->value >= -kEdge &&
        number->value < kEdge) {
      return static_cast<std::int64_t>(number->value);
    }
    if (std::trunc(number->value) == number->value) {
      refuse_input(port, shown(value.text) + " does not fit 64 bits");
    }
  }
  refuse_input(port, shown(value.text) + " is no int");
}

double as_float(const Port& port, const Item& item) {
  must_be_json(port, item);
  const JsonValue value = json_of(port, item);
  if (const auto* number = value.as_number()) return number->value;
  refuse_input(port, shown(value.text) + " is no float");
}

bool as_bool(const Port& port, const Item& item) {
  must_be_json(port, item);
  const JsonValue value = json_of(port, item);
  if (const bool* found = value.as_bool()) return *found;
  refuse_input(port, shown(value.text) + " is no bool");
}

Array as_array(const Port& port, const Item& item) {
  const std::string_view text = text_of(item.bytes);
  if (!text.starts_with("\x93NUMPY") || text.size() < 12) refuse_input(port, "is no .npy array");
  const int major = text[6];
  if (major < 1 || major > 3) refuse_input(port, "is .npy of an unknown version");
  const std::size_t begin = major == 1 ? 10 : 12;
  std::size_t length = 0;
  for (std::size_t i = begin; i-- > 8;) length = length << 8 | static_cast<unsigned char>(text[i]);
  if (begin + length > text.size()) refuse_input(port, "is a .npy array that ends in its header");
  const std::string_view header = text.substr(begin, length);

  Array array;
  array.dtype = between(header, "'descr': '", '\'');
  array.is_fortran = between(header, "'fortran_order': ", ',') == "True";
  std::string_view shape = between(header, "'shape': (", ')');
  std::size_t count = 1;
  while (!shape.empty()) {
    std::size_t extent = 0;
    const std::size_t first = shape.find_first_not_of(" ,");
    if (first == shape.npos) break;
    shape.remove_prefix(first);
    const auto [end, error] = std::from_chars(shape.data(), shape.data() + shape.size(), extent);
    if (error != std::errc()) refuse_input(port, "is a .npy array with a broken shape");
    shape.remove_prefix(static_cast<std::size_t>(end - shape.data()));
    if (__builtin_mul_overflow(count, extent, &count)) refuse_input(port, "is too large an array");
    array.shape.push_back(extent);
  }
  const std::size_t width = width_of(array.dtype);
  if (width == 0) refuse_input(port, "is an array of dtype " + array.dtype + ", which is not read");
  std::size_t size = 0;
  if (__builtin_mul_overflow(count, width, &size) || size > text.size() - begin - length) {
    refuse_input(port, "is a .npy array with less data than its shape says");
  }
  array.data = item.bytes.subspan(begin + length, size);
  if (reinterpret_cast<std::uintptr_t>(array.data.data()) % width != 0) {
    refuse_input(port, "is a .npy array whose data is not aligned");
  }
  return array;
}

// ---- outputs ----

namespace {

std::string_view name_of(Given::What what) {
  constexpr std::array<std::string_view, 9> kNames{"nothing",    "a string", "bytes",
                                                   "an integer", "a number", "a bool",
                                                   "JSON",       "an array", "a path"};
  return kNames[static_cast<std::size_t>(what)];
}

[[noreturn]] void no_such(const Port& port, const Given& given) {
  refuse_output(port, std::string(name_of(given.what)) + " is no " + port.element);
}

void own(Encoded& encoded, std::string text) {
  encoded.own = std::move(text);
  encoded.bytes = bytes_of(encoded.own);
}

std::string text_of_number(const Port& port, double number, bool is_float) {
  if (!std::isfinite(number)) refuse_output(port, "NaN and infinity are not JSON");
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number).ptr;
  std::string text(buffer.data(), end);
  // A float stays one: 3.0, not 3.
  if (is_float && text.find_first_of(".e") == text.npos) text += ".0";
  return text;
}

void encode_json(const Port& port, const Given& given, Encoded& encoded) {
  using What = Given::What;
  constexpr std::size_t kTextMax = 16 << 20;
  encoded.kind = SLUICE_KIND_JSON;
  const std::string& type = port.element;
  const bool is_open = type == "json" || type == "any";
  switch (given.what) {
    case What::kInt:
      if (type == "float") {
        own(encoded, text_of_number(port, static_cast<double>(given.integer), true));
      } else if (is_open || type == "int") {
        own(encoded, std::to_string(given.integer));
      } else {
        no_such(port, given);
      }
      return;
    case What::kFloat:
      if (type == "int") {
        constexpr double kEdge = 9223372036854775808.0;
        if (std::trunc(given.number) != given.number || given.number < -kEdge ||
            given.number >= kEdge) {
          no_such(port, given);
        }
        own(encoded, std::to_string(static_cast<std::int64_t>(given.number)));
      } else if (is_open || type == "float") {
        own(encoded, text_of_number(port, given.number, true));
      } else {
        no_such(port, given);
      }
      return;
    case What::kBool:
      if (!is_open && type != "bool") no_such(port, given);
      own(encoded, given.integer != 0 ? "true" : "false");
      return;
    case What::kChars:
    case What::kJson:
    case What::kBytes: {
      if (given.what == What::kBytes) no_such(port, given);
      const std::string_view text = text_of(given.bytes);
      if (text.size() > kTextMax) {
        throw TooLarge("output `" + port.name + "`: " + std::to_string(text.size()) +
                       " bytes of JSON are more than 16 MiB: give bytes, an array or a file");
      }
      try {
        const JsonValue value = parse_json(text);
        const auto* number = value.as_number();
        const bool fits = is_open || (type == "bool" && value.as_bool() != nullptr) ||
                          (type == "float" && number != nullptr) ||
                          (type == "int" && number != nullptr && number->integer) ||
                          (type.starts_with("list") && value.as_list() != nullptr);
        if (!fits) refuse_output(port, shown(text) + " is no " + type);
      } catch (const std::invalid_argument& error) {
        refuse_output(port, "it is not JSON: " + std::string(error.what()));
      }
      encoded.bytes = given.bytes;
      return;
    }
    case What::kNothing:
    case What::kArray:
    case What::kFile:
      no_such(port, given);
  }
}

void encode_array(const Port& port, const Array& array, Encoded& encoded) {
  std::size_t count = 1;
  std::string shape;
  for (const std::size_t extent : array.shape) {
    count *= extent;
    shape += std::to_string(extent) + ", ";
  }
  const std::size_t width = width_of(array.dtype);
  if (width == 0 || count * width != array.data.size()) {
    refuse_output(port, "an array of dtype " + array.dtype + " and shape (" + shape + ") has " +
                            std::to_string(array.data.size()) + " bytes");
  }
  std::string text = "{'descr': '" + array.dtype +
                     "', 'fortran_order': " + (array.is_fortran ? "True" : "False") +
                     ", 'shape': (" + shape + "), }";
  text.append((64 - (text.size() + 11) % 64) % 64, ' ');
  text += '\n';
  encoded.kind = SLUICE_KIND_ARRAY;
  encoded.head = std::string("\x93NUMPY\x01\x00", 8);
  encoded.head += static_cast<char>(text.size() & 0xff);
  encoded.head += static_cast<char>(text.size() >> 8);
  encoded.head += text;
  encoded.bytes = array.data;
}

void encode_file(const Port& port, const std::filesystem::path& path, Encoded& encoded) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    refuse_output(port, "the file " + path.string() + " cannot be read: " + std::strerror(errno));
  }
  struct stat status{};
  encoded.name = path.filename().string();
  if (::fstat(file, &status) != 0 || !S_ISREG(status.st_mode) || encoded.name.size() > 255) {
    ::close(file);
    refuse_output(port, path.string() + " is no regular file, or its name is too long");
  }
  encoded.kind = SLUICE_KIND_FILE;
  encoded.mode = status.st_mode & 0777;
  encoded.file = file;
  encoded.size = static_cast<std::uint64_t>(status.st_size);
  if (port.element == "bytes") {
    encoded.kind = SLUICE_KIND_BYTES;
    encoded.mode = 0;
    encoded.name.clear();
  }
}

}  // namespace

Encoded encode(const Port& port, const Given& given) {
  using What = Given::What;
  const std::string& type = port.element;
  const bool is_any = type == "any";
  const bool is_raw = given.what == What::kBytes || given.what == What::kChars;
  Encoded encoded;
  if (given.what == What::kArray && (is_any || type == "array")) {
    encode_array(port, *given.array, encoded);
  } else if (given.what == What::kFile && (is_any || type == "file" || type == "bytes")) {
    encode_file(port, given.path, encoded);
    return encoded;
  } else if (is_raw && type == "bytes") {
    encoded.kind = SLUICE_KIND_BYTES;
    encoded.bytes = given.bytes;
  } else if (is_raw && type == "file") {
    encoded.kind = SLUICE_KIND_FILE;
    encoded.mode = 0644;
    encoded.name = port.name;
    encoded.bytes = given.bytes;
  } else if (is_any && given.what == What::kBytes) {
    encoded.kind = SLUICE_KIND_BYTES;
    encoded.bytes = given.bytes;
  } else if (given.what == What::kChars && (is_any || type == "text")) {
    if (const std::size_t fault = utf8_fault(text_of(given.bytes)); fault != std::string::npos) {
      refuse_output(port,
                    "it is not UTF-8 (byte " + std::to_string(fault) + "): declare it as `bytes`");
    }
    encoded.kind = SLUICE_KIND_TEXT;
    encoded.bytes = given.bytes;
  } else if (type == "bytes" || type == "text" || type == "array" || type == "file") {
    no_such(port, given);
  } else {
    encode_json(port, given, encoded);
  }
  encoded.size = encoded.head.size() + encoded.bytes.size();
  return encoded;
}

}  // namespace sluice::detail
