#pragma once

// "did you mean": the candidate that a misspelt word most probably stands for. One place, so that
// validation and the command line suggest alike.

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

// The candidate with the fewest edits (insert, delete, replace, swap of neighbours; case is free),
// the earlier one of equals. Nothing when even that one is more than a third of the word away: a
// wild guess is worse than none. Words above 128 bytes are never compared (quadratic).
std::optional<std::string> closest(std::string_view word, std::span<const std::string> candidates);

}  // namespace sluice
