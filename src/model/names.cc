#include "model/names.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sluice::model {
namespace {

constexpr std::size_t kNameMax = 63;
// Beyond this a suggestion is noise, and comparing each with each becomes expensive.
constexpr std::size_t kCandidatesMax = 2000;

constexpr std::array<std::string_view, 7> kTaken{"inputs", "item",  "index", "previous",
                                                 "round",  "error", "run"};
constexpr std::array<std::string_view, 20> kCelReserved{
    "true",     "false",     "null",    "in",       "as",  "break",  "const",
    "continue", "else",      "for",     "function", "if",  "import", "let",
    "loop",     "namespace", "package", "return",   "var", "void"};
constexpr std::array<std::string_view, 35> kPythonKeywords{
    "False", "None",     "True",  "and",    "as",   "assert", "async",  "await",    "break",
    "class", "continue", "def",   "del",    "elif", "else",   "except", "finally",  "for",
    "from",  "global",   "if",    "import", "in",   "is",     "lambda", "nonlocal", "not",
    "or",    "pass",     "raise", "return", "try",  "while",  "with",   "yield"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

template <class Range>
bool contains(const Range& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

// Edits (insert, delete, replace, swap of neighbours) from a to b, case ignored; both are short.
std::size_t distance(std::string_view a, std::string_view b) {
  std::array<std::array<std::uint8_t, kNameMax + 1>, 3> rows{};
  auto* before = &rows[0];
  auto* previous = &rows[1];
  auto* current = &rows[2];
  for (std::size_t j = 0; j <= b.size(); ++j) (*previous)[j] = static_cast<std::uint8_t>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    (*current)[0] = static_cast<std::uint8_t>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      int best = std::min(
          {(*previous)[j] + 1, (*current)[j - 1] + 1, (*previous)[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        best = std::min(best, (*before)[j - 2] + 1);
      }
      (*current)[j] = static_cast<std::uint8_t>(best);
    }
    auto* oldest = before;
    before = previous;
    previous = current;
    current = oldest;
  }
  return (*previous)[b.size()];
}

template <class Range>
std::string_view closest(std::string_view name, const Range& candidates) {
  std::string_view best;
  if (name.empty() || name.size() > kNameMax) return best;
  std::size_t best_distance = std::max<std::size_t>(1, name.size() / 3) + 1;
  std::size_t left = kCandidatesMax;
  for (const auto& candidate : candidates) {
    if (left-- == 0) break;
    if (candidate.empty() || candidate.size() > kNameMax) continue;
    const std::size_t longer = std::max(candidate.size(), name.size());
    const std::size_t shorter = std::min(candidate.size(), name.size());
    if (longer - shorter >= best_distance) continue;
    const std::size_t edits = distance(name, candidate);
    if (edits < best_distance && edits < longer) {
      best_distance = edits;
      best = candidate;
    }
  }
  if (!best.empty()) return best;
  // `chunk` for `chunks_of_text`: one begins with the other.
  for (const auto& candidate : candidates) {
    const std::string_view other = candidate;
    if (name.size() >= 3 && other.size() >= 3 &&
        (other.starts_with(name) || name.starts_with(other))) {
      return other;
    }
  }
  return {};
}

}  // namespace

bool is_identifier(std::string_view text) {
  if (text.empty() || text.size() > kNameMax || !is_letter(text[0])) return false;
  return std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

std::string as_identifier(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    if (!is_letter(c) && !is_digit(c)) c = '_';
  }
  if (!result.empty() && is_digit(result[0])) result.insert(result.begin(), '_');
  return result;
}

bool is_python_keyword(std::string_view name) { return contains(kPythonKeywords, name); }

std::optional<NameProblem> identifier_problem(std::string_view name) {
  if (contains(kTaken, name)) {
    return NameProblem{"the name has a meaning of its own inside ${...}", "choose another name"};
  }
  return field_problem(name);
}

std::optional<NameProblem> field_problem(std::string_view name) {
  if (name.empty()) return NameProblem{"the name is empty", ""};
  if (name.size() > kNameMax) {
    return NameProblem{"the name is longer than 63 characters", ""};
  }
  if (!is_identifier(name)) {
    if (name.find('-') != std::string_view::npos) {
      return NameProblem{"'-' is a minus in an expression and cannot be part of this name",
                         "write '" + as_identifier(name) + "'"};
    }
    const bool is_ascii = std::ranges::all_of(name, [](char c) { return (c & 0x80) == 0; });
    return NameProblem{
        "a name here has the letters a to z, digits and '_', and starts with no digit",
        is_ascii && is_identifier(as_identifier(name)) ? "write '" + as_identifier(name) + "'"
                                                       : ""};
  }
  if (contains(kCelReserved, name) || name == "while") {
    return NameProblem{"the name is a reserved word of expressions", "choose another name"};
  }
  return std::nullopt;
}

std::optional<NameProblem> name_problem(std::string_view name) {
  if (name.empty()) return NameProblem{"the name is empty", ""};
  if (name.size() > kNameMax) return NameProblem{"the name is longer than 63 characters", ""};
  const bool valid = name[0] != '-' && std::ranges::all_of(name, [](char c) {
                       return is_letter(c) || is_digit(c) || c == '-';
                     });
  if (valid) return std::nullopt;
  return NameProblem{
      "a name here has the letters a to z, digits, '_' and '-', and does not start with '-'", ""};
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const std::string_view best = closest(name, candidates);
  return best.empty() ? std::string() : fmt::format("did you mean '{}'?", best);
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates) {
  const std::string_view best = closest(name, candidates);
  return best.empty() ? std::string() : fmt::format("did you mean '{}'?", best);
}

std::string did_you_mean_or_list(std::string_view name,
                                 const std::vector<std::string>& candidates) {
  std::string hint = did_you_mean(name, std::span<const std::string>(candidates));
  if (!hint.empty() || candidates.empty()) return hint;
  hint = "there is";
  if (candidates.size() > 1) hint = "there are";
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (i == 8) return hint + fmt::format(" and {} more", candidates.size() - i);
    hint += fmt::format("{} '{}'", i == 0 ? "" : ",", shown(candidates[i]));
  }
  return hint;
}

std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (result.size() >= 80) {
      // Never cut inside a character.
      while (!result.empty() && (static_cast<unsigned char>(result.back()) & 0xC0) == 0x80) {
        result.pop_back();
      }
      if (!result.empty() && static_cast<unsigned char>(result.back()) >= 0x80) result.pop_back();
      return result + "...";
    }
    const auto byte = static_cast<unsigned char>(c);
    result.push_back(byte < 0x20 || byte == 0x7F ? ' ' : c);
  }
  return result;
}

}  // namespace sluice::model
