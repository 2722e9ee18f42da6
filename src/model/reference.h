#pragma once

// What a text in `in`, `foreach` or `outputs` means: a plain literal, one reference
// (`${split.chunks}`,
// `${inputs.text}`, `${item}`, `${index}`), or something of the language that is not there yet. The
// rest of an expression is looked at only as far as it takes to say clearly what it is.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace sluice::model {

// `a.b` as it stands in an expression: of step a, or of `inputs`.
struct Mention {
  std::string owner;
  std::string name;
};

struct Reference {
  enum class Kind : std::uint8_t { kText, kInput, kOutput, kItem, kIndex, kRefused };

  Kind kind = Kind::kText;
  std::string text;   // kText: with `$${` turned into `${`.
  std::string owner;  // kOutput: the step.
  std::string name;   // kOutput, kInput.
  // kRefused: why, and what was mentioned all the same: it is not unused.
  std::string message;
  std::string hint;
  std::vector<Mention> mentions;
};

Reference read_reference(std::string_view text, const Limits& limits);
// Whether a `${` that is not escaped stands in the text.
bool has_expression(std::string_view text);
// All `a.b` of all `${…}` in the text.
void collect_mentions(std::string_view text, std::vector<Mention>& mentions);

}  // namespace sluice::model
