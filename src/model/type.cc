#include "model/type.h"

#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "base/check.h"
#include "model/names.h"

namespace sluice::model {
namespace {

// A `foreach` puts one level around the type of a port, so ports stay below the eight of `holes`.
constexpr int kListsMax = 7;

struct KindName {
  std::string_view name;
  Kind kind;
};
constexpr std::array<KindName, 9> kKinds{{{"any", Kind::kAny},
                                          {"bytes", Kind::kBytes},
                                          {"text", Kind::kText},
                                          {"json", Kind::kJson},
                                          {"int", Kind::kInt},
                                          {"float", Kind::kFloat},
                                          {"bool", Kind::kBool},
                                          {"array", Kind::kArray},
                                          {"file", Kind::kFile}}};

// What other languages call it.
struct Foreign {
  std::string_view name;
  std::string_view ours;
};
constexpr std::array<Foreign, 27> kForeign{
    {{"str", "text"},        {"string", "text"},   {"String", "text"},  {"integer", "int"},
     {"int64", "int"},       {"int32", "int"},     {"long", "int"},     {"number", "float"},
     {"double", "float"},    {"float64", "float"}, {"boolean", "bool"}, {"dict", "json"},
     {"object", "json"},     {"map", "json"},      {"struct", "json"},  {"ndarray", "array"},
     {"tensor", "array"},    {"numpy", "array"},   {"buffer", "bytes"}, {"blob", "bytes"},
     {"bytearray", "bytes"}, {"binary", "bytes"},  {"path", "file"},    {"Path", "file"},
     {"Any", "any"},         {"Pipe", "pipe"},     {"null", "any"}}};
constexpr std::array<std::string_view, 13> kWords{"any",   "bytes",  "text",    "json", "int",
                                                  "float", "bool",   "array",   "file", "pipe",
                                                  "list",  "stream", "optional"};

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::string foreign_list_hint(std::string_view text) {
  if (text.ends_with('?'))
    return fmt::format("; write optional<{}>", text.substr(0, text.size() - 1));
  if (text.ends_with("[]")) return fmt::format("; write list<{}>", text.substr(0, text.size() - 2));
  if (text.ends_with(']') && text.find('[') != std::string_view::npos) {
    return "; types are written with '<' and '>', like list<bytes>";
  }
  if (text.find('|') != std::string_view::npos)
    return "; for a value that may be absent write optional<T>";
  return {};
}

std::unexpected<Error> unknown(std::string_view text) {
  if (text.empty()) return wrong("the type is empty");
  for (const auto& [name, ours] : kForeign) {
    if (name == text)
      return wrong(fmt::format("unknown type '{}'; did you mean '{}'?", text, ours));
  }
  std::string hint = foreign_list_hint(text);
  if (hint.empty()) {
    const std::string guess = did_you_mean(text, std::span<const std::string_view>(kWords));
    hint = guess.empty()
               ? "; types are bytes, text, json, int, float, bool, array, file, any, list<T>, "
                 "optional<T>, and for inputs of functions stream<T> and pipe"
               : "; " + guess;
  }
  return wrong(fmt::format("unknown type '{}'{}", shown(text), hint));
}

bool is_unchecked(const Type& type) {
  return type.lists == 0 && (type.kind == Kind::kAny || type.kind == Kind::kJson);
}

// One value into one value; neither is a list.
Fit fits_kind(Kind from, Kind to) {
  if (from == to || to == Kind::kAny) return Fit::kYes;
  if (from == Kind::kAny || from == Kind::kJson) return Fit::kChecked;
  switch (to) {
    case Kind::kFloat:
      return from == Kind::kInt ? Fit::kYes : Fit::kNo;
    case Kind::kBytes:
      return from == Kind::kText || from == Kind::kFile ? Fit::kYes : Fit::kNo;
    case Kind::kFile:
      return from == Kind::kBytes ? Fit::kYes : Fit::kNo;
    case Kind::kJson:
      return from == Kind::kInt || from == Kind::kFloat || from == Kind::kBool ||
                     from == Kind::kText
                 ? Fit::kYes
                 : Fit::kNo;
    case Kind::kAny:
      return Fit::kYes;
    case Kind::kText:
    case Kind::kInt:
    case Kind::kBool:
    case Kind::kArray:
      return Fit::kNo;
  }
  std::abort();  // Every kind is named above.
}

}  // namespace

Type Type::element() const {
  SLUICE_ASSERT(lists > 0);
  Type result = *this;
  --result.lists;
  result.optional = (holes & 1U) != 0;
  result.holes = static_cast<std::uint8_t>(holes >> 1U);
  result.access = Access::kWhole;
  return result;
}

Type Type::list_of() const {
  Type result = *this;
  ++result.lists;
  result.holes = static_cast<std::uint8_t>((holes << 1U) | (optional ? 1U : 0U));
  result.optional = false;
  result.access = Access::kWhole;
  return result;
}

Result<Type> parse_type(std::string_view whole) {
  // From the outside in: the wrappers are collected, then put around the kind from the inside out.
  enum class Wrapper : std::uint8_t { kList, kOptional, kStream };
  std::string_view text = trim(whole);
  std::array<Wrapper, 2 * kListsMax + 2> wrappers{};
  std::size_t count = 0;
  int lists = 0;
  while (text.ends_with('>')) {
    const std::size_t bracket = text.find('<');
    if (bracket == std::string_view::npos) return unknown(text);
    const std::string_view name = trim(text.substr(0, bracket));
    Wrapper wrapper{};
    if (name == "list") {
      wrapper = Wrapper::kList;
    } else if (name == "optional") {
      wrapper = Wrapper::kOptional;
    } else if (name == "stream") {
      wrapper = Wrapper::kStream;
    } else {
      const std::array<std::string_view, 3> known{"list", "optional", "stream"};
      const std::string hint = did_you_mean(name, std::span<const std::string_view>(known));
      if (name == "pipe") return wrong("'pipe' stands alone: it reads the bytes of one value");
      if (is_identifier(name)) {
        return wrong(fmt::format("'{}<...>' is not a type{}{}", shown(name),
                                 hint.empty() ? "" : "; ", hint));
      }
      return unknown(text);
    }
    if (wrapper == Wrapper::kOptional && count > 0 && wrappers[count - 1] == Wrapper::kOptional) {
      return wrong("optional<optional<...>> says the same twice; write it once");
    }
    if (wrapper == Wrapper::kStream && count > 0 &&
        (count > 1 || wrappers[0] != Wrapper::kOptional)) {
      return wrong(
          "stream<T> is a way to read a list and cannot be inside another type; write list<T>");
    }
    if (wrapper != Wrapper::kOptional && ++lists > kListsMax) {
      return wrong(fmt::format("lists are nested deeper than {} levels", kListsMax));
    }
    wrappers[count++] = wrapper;
    text = trim(text.substr(bracket + 1, text.size() - bracket - 2));
  }
  Type type;
  if (text == "pipe") {
    if (count > 1 || (count == 1 && wrappers[0] != Wrapper::kOptional)) {
      return wrong(
          "'pipe' reads the bytes of one value and cannot be inside a list; write stream<bytes>");
    }
    type.kind = Kind::kBytes;
    type.access = Access::kPipe;
  } else {
    bool found = false;
    for (const auto& [name, kind] : kKinds) {
      if (name != text) continue;
      type.kind = kind;
      found = true;
    }
    if (!found && (text == "list" || text == "stream" || text == "optional")) {
      return wrong(fmt::format("'{}' of what? write for example {}<bytes>", text, text));
    }
    if (!found) return unknown(text);
  }
  while (count > 0) {
    switch (wrappers[--count]) {
      case Wrapper::kOptional:
        type.optional = true;
        break;
      case Wrapper::kList:
        type = type.list_of();
        break;
      case Wrapper::kStream:
        type = type.list_of();
        type.access = Access::kStream;
        break;
    }
  }
  return type;
}

std::string to_text(const Type& type) {
  if (type.optional) {
    Type inner = type;
    inner.optional = false;
    return fmt::format("optional<{}>", to_text(inner));
  }
  if (type.access == Access::kPipe) return "pipe";
  if (type.is_list()) {
    return fmt::format("{}<{}>", type.access == Access::kStream ? "stream" : "list",
                       to_text(type.element()));
  }
  for (const auto& [name, kind] : kKinds) {
    if (kind == type.kind) return std::string(name);
  }
  std::abort();  // Every kind is named above.
}

Fit fits(const Type& from, const Type& to) {
  // Whether the value itself may be absent is no matter here: a task without its input is skipped.
  if (to.lists == 0 && to.kind == Kind::kAny && to.access == Access::kWhole) return Fit::kYes;
  if (from.is_list() && to.is_list()) {
    const Type from_element = from.element();
    const Type to_element = to.element();
    if (from_element.optional && !to_element.optional) return Fit::kNo;
    return fits(from_element, to_element);
  }
  if (from.is_list()) {
    if (to.kind != Kind::kJson || to.access == Access::kPipe) return Fit::kNo;
    return fits(from.element(), to);  // A list of what fits json fits json; a hole is a null.
  }
  if (to.is_list()) return is_unchecked(from) ? Fit::kChecked : Fit::kNo;
  return fits_kind(from.kind, to.kind);
}

std::optional<Type> union_of(const Type& a, const Type& b) {
  const bool optional = a.optional || b.optional;
  const auto with_optional = [&](Type type) {
    type.optional = optional;
    type.access = Access::kWhole;
    return type;
  };
  if (a.is_list() && b.is_list()) {
    const auto element = union_of(a.element(), b.element());
    return element ? std::optional(with_optional(element->list_of())) : std::nullopt;
  }
  const Type json{.kind = Kind::kJson};
  if (a.is_list() || b.is_list()) {
    const bool meet = fits(a, json) == Fit::kYes && fits(b, json) == Fit::kYes;
    return meet ? std::optional(with_optional(json)) : std::nullopt;
  }
  const bool is_file = a.kind == Kind::kFile || b.kind == Kind::kFile;
  if (is_file && a.kind != b.kind && fits_kind(a.kind, Kind::kBytes) == Fit::kYes &&
      fits_kind(b.kind, Kind::kBytes) == Fit::kYes) {
    return with_optional(Type{.kind = Kind::kBytes});
  }
  if (fits_kind(a.kind, b.kind) == Fit::kYes) return with_optional(Type{.kind = b.kind});
  if (fits_kind(b.kind, a.kind) == Fit::kYes) return with_optional(Type{.kind = a.kind});
  if (fits_kind(a.kind, Kind::kJson) == Fit::kYes && fits_kind(b.kind, Kind::kJson) == Fit::kYes) {
    return with_optional(json);
  }
  return with_optional(Type{});
}

}  // namespace sluice::model
