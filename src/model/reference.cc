#include "model/reference.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/names.h"

namespace sluice::model {
namespace {

constexpr std::string_view kNotYet = "is part of the language but not there yet";

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// The first `${` at or after `from` that is not written `$${`.
std::size_t find_expression(std::string_view text, std::size_t from) {
  while (true) {
    const std::size_t at = text.find("${", from);
    if (at == std::string_view::npos || at == 0 || text[at - 1] != '$') return at;
    from = at + 2;
  }
}

// The place of the `}` that ends an expression whose inside begins at `from`: braces nest, and in
// quotes they do not count.
std::size_t find_end(std::string_view text, std::size_t from) {
  std::size_t depth = 0;
  char quote = 0;
  for (std::size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != 0) {
      if (c == '\\')
        ++i;
      else if (c == quote)
        quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '{') {
      ++depth;
    } else if (c == '}') {
      if (depth == 0) return i;
      --depth;
    }
  }
  return std::string_view::npos;
}

std::string unescape(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("$${")) ++i;
    result.push_back(text[i]);
  }
  return result;
}

void collect_from_expression(std::string_view inside, std::vector<Mention>& mentions) {
  char quote = 0;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    const char c = inside[i];
    if (quote != 0) {
      if (c == '\\')
        ++i;
      else if (c == quote)
        quote = 0;
      continue;
    }
    if (c == '"' || c == '\'') {
      quote = c;
      continue;
    }
    if (!is_word_char(c)) continue;
    std::size_t end = i;
    while (end < inside.size() && is_word_char(inside[end])) ++end;
    const std::string_view owner = inside.substr(i, end - i);
    const bool is_field = i > 0 && inside[i - 1] == '.';
    i = end - 1;
    if (is_field || end >= inside.size() || inside[end] != '.') continue;
    std::size_t last = end + 1;
    while (last < inside.size() && is_word_char(inside[last])) ++last;
    if (last > end + 1) {
      mentions.push_back({std::string(owner), std::string(inside.substr(end + 1, last - end - 1))});
    }
  }
}

Reference refused(std::string message, std::string hint) {
  Reference reference;
  reference.kind = Reference::Kind::kRefused;
  reference.message = std::move(message);
  reference.hint = std::move(hint);
  return reference;
}

// A name alone, like `${split}` or the shell's `${HOME}`.
Reference read_single_word(std::string_view word) {
  Reference reference;
  if (word == "item") {
    reference.kind = Reference::Kind::kItem;
    return reference;
  }
  if (word == "index") {
    reference.kind = Reference::Kind::kIndex;
    return reference;
  }
  if (word == "inputs") {
    return refused("'${inputs}' names no input", "write ${inputs.NAME}");
  }
  if (word == "previous" || word == "round" || word == "error" || word == "run") {
    return refused(fmt::format("'${{{}}}' {}", word, kNotYet), "");
  }
  const bool is_shouted = std::ranges::all_of(word, [](char c) { return c < 'a' || c > 'z'; });
  const bool is_number = word[0] >= '0' && word[0] <= '9';
  if (is_number)
    return refused(fmt::format("'${{{}}}' is a plain value", word), fmt::format("write {}", word));
  return refused(
      fmt::format("'${{{}}}' names neither an input nor an output", shown(word)),
      is_shouted
          ? fmt::format("for a variable of the shell write $${{{0}}}; for an input ${{inputs.{0}}}",
                        word)
          : fmt::format(
                "write ${{inputs.{0}}} for an input of the workflow, ${{{0}.OUTPUT}} for an "
                "output of a step",
                word));
}

Reference read_expression(std::string_view inside) {
  const std::string_view text = trim(inside);
  if (text.empty()) return refused("'${}' is empty", "write ${inputs.NAME} or ${STEP.OUTPUT}");
  if (text.front() == '{' && text.back() == '}') {
    const std::string_view inner = trim(text.substr(1, text.size() - 2));
    return refused("'${{ }}' has one brace too many", fmt::format("write ${{{}}}", shown(inner)));
  }
  if (std::ranges::all_of(text, is_word_char)) return read_single_word(text);

  const std::size_t dot = text.find('.');
  if (dot != std::string_view::npos) {
    const std::string_view owner = text.substr(0, dot);
    const std::string_view name = text.substr(dot + 1);
    if (is_identifier(owner) && is_identifier(name)) {
      Reference reference;
      if (owner == "item" || owner == "index" || owner == "previous" || owner == "error" ||
          owner == "run") {
        return refused(fmt::format("looking into a value ('${{{}}}') {}", text, kNotYet),
                       owner == "item" ? "pass ${item} on and look into it in the function" : "");
      }
      reference.kind = owner == "inputs" ? Reference::Kind::kInput : Reference::Kind::kOutput;
      reference.owner = owner;
      reference.name = name;
      return reference;
    }
    if (owner == "steps" || owner == "workflow" || owner == "outputs") {
      return refused(fmt::format("'${{{}}}' is not a reference", shown(text)),
                     owner == "steps"
                         ? fmt::format("write ${{{}}}: steps are named directly", shown(name))
                         : "write ${inputs.NAME} or ${STEP.OUTPUT}");
    }
  }
  const bool is_dashed =
      std::ranges::all_of(text, [](char c) { return is_word_char(c) || c == '-' || c == '.'; });
  if (is_dashed && text.find('-') != std::string_view::npos) {
    std::string fixed(text);
    std::ranges::replace(fixed, '-', '_');
    return refused(
        fmt::format("'-' is a minus in '${{{}}}', and computed expressions are not there yet",
                    shown(text)),
        fmt::format("names are written with '_': ${{{}}}", shown(fixed)));
  }
  if (text.front() == '.' || text.back() == '.') {
    return refused(fmt::format("'${{{}}}' is not a reference", shown(text)),
                   "write ${inputs.NAME} or ${STEP.OUTPUT}");
  }
  return refused(
      fmt::format("the computed expression '${{{}}}' {}", shown(text), kNotYet),
      "this version knows ${inputs.NAME}, ${STEP.OUTPUT}, ${item} and ${index}; compute in a "
      "function");
}

}  // namespace

bool has_expression(std::string_view text) {
  return find_expression(text, 0) != std::string_view::npos;
}

void collect_mentions(std::string_view text, std::vector<Mention>& mentions) {
  std::size_t at = find_expression(text, 0);
  while (at != std::string_view::npos) {
    const std::size_t end = find_end(text, at + 2);
    if (end == std::string_view::npos) return;
    collect_from_expression(text.substr(at + 2, end - at - 2), mentions);
    at = find_expression(text, end + 1);
  }
}

Reference read_reference(std::string_view text, const Limits& limits) {
  const std::size_t begin = find_expression(text, 0);
  Reference reference;
  if (begin == std::string_view::npos) {
    reference.text = unescape(text);
    return reference;
  }
  const std::size_t end = find_end(text, begin + 2);
  if (end == std::string_view::npos) {
    return refused("'${' has no '}' to end it", "for a plain '${' write '$${'");
  }
  if (end - begin > limits.expression_bytes) {
    return refused(fmt::format("the expression is longer than {} bytes", limits.expression_bytes),
                   "");
  }
  if (begin != 0 || end + 1 != text.size()) {
    const bool is_spaced = trim(text).size() == end + 1 - begin;
    reference = refused(fmt::format("text around ${{...}} {}", kNotYet),
                        is_spaced ? "remove the spaces around it"
                                  : "pass the reference alone; for a plain '${' write '$${'");
  } else {
    reference = read_expression(text.substr(begin + 2, end - begin - 2));
  }
  if (reference.kind == Reference::Kind::kRefused) collect_mentions(text, reference.mentions);
  return reference;
}

}  // namespace sluice::model
