#include "model/expr/functions.h"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "model/names.h"

namespace sluice::expr {
namespace {

constexpr std::uint8_t kMany = 255;

struct Row {
  FunctionRow row;
  FunctionHelp help;
};

constexpr FunctionRow method(std::string_view name, Op op, std::uint8_t arguments) {
  return {name, op, true, false, false, arguments, arguments};
}
constexpr FunctionRow function(std::string_view name, Op op, std::uint8_t least,
                               std::uint8_t most) {
  return {name, op, false, true, false, least, most};
}
constexpr FunctionRow both(std::string_view name, Op op, std::uint8_t arguments) {
  return {name, op, true, true, false, arguments, arguments};
}
constexpr FunctionRow macro(std::string_view name, Op op, std::uint8_t most = 2) {
  return {name, op, true, false, true, 2, most};
}

constexpr std::array kFunctions = std::to_array<FunctionRow>({
    function("first", Op::kFirst, 1, kMany),
    function("present", Op::kPresent, 1, kMany),
    function("any", Op::kAny, 2, kMany),
    function("has", Op::kHas, 1, 1),
    both("size", Op::kSize, 0),
    function("range", Op::kRange, 1, 1),
    method("flatten", Op::kFlatten, 0),
    macro("map", Op::kMapEach, 3),
    macro("filter", Op::kFilter),
    macro("all", Op::kAll),
    macro("exists", Op::kExists),
    macro("exists_one", Op::kExistsOne),
    method("contains", Op::kContains, 1),
    method("startsWith", Op::kStartsWith, 1),
    method("endsWith", Op::kEndsWith, 1),
    both("matches", Op::kMatches, 1),
    function("int", Op::kInt, 1, 1),
    function("double", Op::kDouble, 1, 1),
    function("string", Op::kString, 1, 1),
    function("bool", Op::kBool, 1, 1),
    function("type", Op::kType, 1, 1),
    function("dyn", Op::kDyn, 1, 1),
});

constexpr std::array kHelp = std::to_array<FunctionHelp>({
    {"first", "first(a, b, …), first(list)",
     "The first in this order that is not absent; absent if there is none."},
    {"present", "present(a, b, …), present(list)",
     "The list of those that are not absent. Of one list: the list without its holes, handed on "
     "while it grows."},
    {"any", "any(k, a, b, …), any(k, list)",
     "The list of the k that come first; absent if fewer come. The only thing that depends on "
     "time; the choice is recorded."},
    {"has", "has(a.x)", "Whether it is not absent; of a JSON map: whether it has the field."},
    {"size", "size(x), x.size()",
     "Elements of a list (once it is closed), members of a map, characters of a text."},
    {"range", "range(n)", "The list 0, 1, … n-1."},
    {"flatten", "x.flatten()", "One level of lists less; elements that are no lists stay."},
    {"map", "x.map(e, value), x.map(e, condition, value)",
     "The list of the values, one for each element e of a list (or key of a map) for which the "
     "condition holds."},
    {"filter", "x.filter(e, condition)",
     "The elements for which the condition is true; where it is absent, it is not."},
    {"all", "x.all(e, condition)", "The conditions of all elements, joined by &&."},
    {"exists", "x.exists(e, condition)", "The conditions of all elements, joined by ||."},
    {"exists_one", "x.exists_one(e, condition)", "Whether exactly one condition is true."},
    {"contains", "x.contains(text)", "Whether the text is somewhere in the text x."},
    {"startsWith", "x.startsWith(text)", "Whether the text x begins with it."},
    {"endsWith", "x.endsWith(text)", "Whether the text x ends with it."},
    {"matches", "x.matches(pattern), matches(x, pattern)",
     "Whether the regular expression (RE2) is found in the text x; ^ and $ hold its ends."},
    {"int", "int(x)", "Of a double without its fraction, or of a decimal text."},
    {"double", "double(x)", "Of an int or a text."},
    {"string", "string(x)", "Of a number or bool; a list, a map and null as JSON."},
    {"bool", "bool(x)", "Of the texts true, True, TRUE, t, 1 and false, False, FALSE, f, 0."},
    {"type", "type(x)",
     "int, double, bool, string, list, map or null_type, to be compared with such a name."},
    {"dyn", "dyn(x)", "x itself; nothing is said of its type at deploy."},
});
static_assert(kHelp.size() == kFunctions.size());

// What other languages call it.
struct Foreign {
  std::string_view name;
  std::string_view hint;
};
constexpr std::array kForeign = std::to_array<Foreign>({
    {"len", "write size(x)"},
    {"length", "write size(x)"},
    {"count", "write size(x)"},
    {"str", "write string(x)"},
    {"float", "write double(x)"},
    {"number", "write int(x) or double(x)"},
    {"text", "write string(x)"},
    {"coalesce", "write first(a, b)"},
    {"default", "write first(a, b)"},
    {"pick", "write first(a, b), present(a, b) or any(k, a, b)"},
    {"optional", "write has(a.x), or first(a.x, b.x)"},
    {"includes", "write x.contains(text), or element in list"},
    {"some", "write x.exists(e, condition)"},
    {"every", "write x.all(e, condition)"},
    {"join", "texts are joined by +, or in a template: \"${a} and ${b}\""},
    {"concat", "lists and texts are joined by +"},
    {"format", "write a template: \"${a} and ${b}\""},
    {"timestamp", "there are no times here: a time is a text (RFC 3339)"},
    {"duration", "there are no durations here"},
    {"uint", "write int(x)"},
    {"bytes", "bytes are handed on, but not looked into"},
});

}  // namespace

std::span<const FunctionRow> function_rows() { return kFunctions; }
std::span<const FunctionHelp> function_help() { return kHelp; }

const FunctionRow* find_function(std::string_view name, bool is_method) {
  const auto* found = std::ranges::find_if(kFunctions, [&](const FunctionRow& row) {
    return row.name == name && (is_method ? row.is_method : row.is_function);
  });
  return found == kFunctions.end() ? nullptr : found;
}

std::string_view function_form(std::string_view name) {
  const auto* found = std::ranges::find(kHelp, name, &FunctionHelp::name);
  return found == kHelp.end() ? std::string_view() : found->form;
}

std::string function_hint(std::string_view name, bool is_method) {
  if (find_function(name, !is_method)) return fmt::format("write {}", function_form(name));
  const auto* foreign = std::ranges::find(kForeign, name, &Foreign::name);
  if (foreign != kForeign.end()) return std::string(foreign->hint);
  std::vector<std::string_view> names;
  for (const FunctionRow& row : kFunctions) names.push_back(row.name);
  std::string hint = model::did_you_mean(name, std::span<const std::string_view>(names));
  if (!hint.empty() || is_method) return hint;
  // Somebody looks for what other languages have: this is all there is.
  hint = "expressions have";
  std::string_view last;
  for (const FunctionRow& row : kFunctions) {
    if (row.name == last) continue;
    hint += fmt::format("{} {}", last.empty() ? "" : ",", row.name);
    last = row.name;
  }
  return hint + "; for anything else call a function of your own";
}

}  // namespace sluice::expr
