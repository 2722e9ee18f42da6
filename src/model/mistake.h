#pragma once

// What validation says: one mistake in an app, at a place in a file. All mistakes of an app are
// reported together (only a YAML syntax error stands alone: the rest cannot be trusted).

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::model {

struct Mistake {
  std::string file;          // Relative to the app's directory: `sluice.yaml`, `words.py`.
  std::uint32_t line = 1;    // From 1.
  std::uint32_t column = 1;  // From 1, in characters.
  std::string message;       // What is wrong, with the name it concerns.
  std::string hint;          // What to do; may be empty.

  friend bool operator==(const Mistake&, const Mistake&) = default;
};

using Mistakes = std::vector<Mistake>;

// `sluice.yaml:12:7: unknown step 'splt'\n    hint: did you mean 'split'?`
std::string to_text(const Mistake& mistake);

}  // namespace sluice::model
