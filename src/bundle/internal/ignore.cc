#include "bundle/internal/ignore.h"

#include <array>
#include <span>

#include <fmt/format.h>

namespace sluice::bundle {
namespace {

// The last three are what editors keep beside a file while it is open: under `sluice dev` each
// would make a version.
constexpr std::array<std::string_view, 7> kBuiltIn{
    ".git", "__pycache__/", "*.pyc", "node_modules/.cache/", ".*.sw?", "*~", ".#*"};

// The end of a `[…]` that begins at `begin`, or npos.
std::size_t bracket_end(std::string_view pattern, std::size_t begin) {
  std::size_t i = begin + 1;
  if (i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^')) ++i;
  if (i < pattern.size() && pattern[i] == ']') ++i;  // First in the set: itself.
  while (i < pattern.size() && pattern[i] != ']') i += pattern[i] == '\\' ? 2 : 1;
  return i < pattern.size() ? i : std::string_view::npos;
}

bool bracket_holds(std::string_view set, char c) {
  bool is_negated = false;
  if (!set.empty() && (set[0] == '!' || set[0] == '^')) {
    is_negated = true;
    set.remove_prefix(1);
  }
  bool is_in = false;
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (set[i] == '\\' && i + 1 < set.size()) ++i;
    const auto low = static_cast<unsigned char>(set[i]);
    auto high = low;
    if (i + 2 < set.size() && set[i + 1] == '-') {
      high = static_cast<unsigned char>(set[i + 2]);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    is_in = is_in || (low <= byte && byte <= high);
  }
  return is_in != is_negated;
}

// Whether one step of the pattern at `p` matches `c`; `width` is its length in the pattern.
bool matches_one(std::string_view pattern, std::size_t p, char c, std::size_t& width) {
  width = 1;
  switch (pattern[p]) {
    case '?':
      return true;
    case '\\':
      if (p + 1 < pattern.size()) {
        width = 2;
        return pattern[p + 1] == c;
      }
      return c == '\\';
    case '[': {
      const std::size_t end = bracket_end(pattern, p);
      if (end == std::string_view::npos) return false;  // As in git: a broken set matches nothing.
      width = end - p + 1;
      return bracket_holds(pattern.substr(p + 1, end - p - 1), c);
    }
    default:
      return pattern[p] == c;
  }
}

// `*` and `?` within one name. Only the last star is ever taken back, so this is at most quadratic.
bool matches_name(std::string_view pattern, std::string_view name) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_name = 0;
  while (n < name.size()) {
    std::size_t width = 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_name = n;
    } else if (p < pattern.size() && matches_one(pattern, p, name[n], width)) {
      p += width;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

// The same over the parts of a path, where `**` is the star.
bool matches_parts(std::span<const std::string> pattern, std::span<const std::string_view> path) {
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_part = 0;
  while (n < path.size()) {
    if (p < pattern.size() && pattern[p] == "**") {
      star = p++;
      star_part = n;
    } else if (p < pattern.size() && matches_name(pattern[p], path[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++star_part;
    } else {
      return false;
    }
  }
  // `a/**` is all that is in a, not a itself.
  return p == pattern.size();
}

}  // namespace

void IgnoreRules::add(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ') && !line.ends_with("\\ ")) line.remove_suffix(1);
  if (line.empty() || line.starts_with('#')) return;
  Rule rule;
  if (line.starts_with('!')) {
    rule.is_negated = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    rule.is_directory_only = true;
    line.remove_suffix(1);
  }
  // A slash at the beginning or in the middle ties the rule to the top; without one it holds for
  // the name at any depth.
  const bool is_tied = line.find('/') != std::string_view::npos;
  if (line.starts_with('/')) line.remove_prefix(1);
  if (line.empty()) return;
  if (!is_tied) rule.parts.emplace_back("**");
  while (true) {
    const std::size_t slash = line.find('/');
    const std::string_view part = line.substr(0, slash);
    const bool repeats = part == "**" && !rule.parts.empty() && rule.parts.back() == "**";
    if (!part.empty() && !repeats) rule.parts.emplace_back(part);
    if (slash == std::string_view::npos) break;
    line.remove_prefix(slash + 1);
  }
  rules_.push_back(std::move(rule));
}

Result<IgnoreRules> IgnoreRules::parse(std::string_view text) {
  IgnoreRules rules;
  for (const std::string_view line : kBuiltIn) rules.add(line);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    rules.add(text.substr(0, end));
    if (rules.rules_.size() > kRulesMax) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format(".sluiceignore has more than {} rules", kRulesMax));
    }
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return rules;
}

bool IgnoreRules::ignores(std::string_view path, EntryKind kind) const {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->is_directory_only && kind != EntryKind::kDirectory) continue;
    if (matches_parts(rule->parts, parts)) return !rule->is_negated;
  }
  return false;
}

}  // namespace sluice::bundle
