#pragma once

// The rules of `.sluiceignore`: the syntax of .gitignore. Pure text; who walks the directories asks
// for each entry, and does not enter those that are ignored (so that, as with git, nothing below an
// ignored directory can be taken back by `!`).

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::bundle {

enum class EntryKind : bool { kFile, kDirectory };

class IgnoreRules {
 public:
  // More rules than this make a walk over 20,000 files slow, and nobody writes them.
  static constexpr std::size_t kRulesMax = 1000;

  // The built-in rules, then those of `text`; the last one that matches decides.
  static Result<IgnoreRules> parse(std::string_view text);

  // `path` is relative, with `/`.
  bool ignores(std::string_view path, EntryKind kind) const;

 private:
  struct Rule {
    std::vector<std::string> parts;  // Between the slashes; `**` is any number of directories.
    bool is_negated = false;
    bool is_directory_only = false;
  };
  void add(std::string_view line);

  std::vector<Rule> rules_;
};

}  // namespace sluice::bundle
