#pragma once

// A regular expression of `matches`: RE2's syntax, so that matching takes time linear in the text.
// The only place that knows the library.

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace re2 {
class RE2;
}

namespace sluice::expr {

class Pattern {
 public:
  // Longest pattern, and memory of its automaton: what is larger is refused, not slow.
  static constexpr std::size_t kLengthMax = 4 << 10;
  static constexpr std::int64_t kMemoryMax = 1 << 20;

  static Result<Pattern> compile(std::string_view text);
  Pattern(Pattern&& other) noexcept;
  Pattern& operator=(Pattern&& other) noexcept;
  ~Pattern();

  // Whether it matches anywhere in the text.
  bool is_found_in(std::string_view text) const;
  const std::string& text() const;
  // What matching one byte may cost, in steps of an automaton.
  std::uint32_t size() const;

 private:
  explicit Pattern(std::unique_ptr<re2::RE2> compiled);
  std::unique_ptr<re2::RE2> compiled_;
};

}  // namespace sluice::expr
