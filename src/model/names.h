#pragma once

// Which names the language allows, and which one was perhaps meant.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::model {

// Steps, ports and workflow inputs stand in expressions: `[A-Za-z_][A-Za-z0-9_]{0,62}`, and not one
// of the words that mean something there. The message says what is wrong, the hint what to write.
struct NameProblem {
  std::string message;
  std::string hint;
};
std::optional<NameProblem> identifier_problem(std::string_view name);
// Outputs that the file names itself (`set`, `wait`, those of workflows) stand
// only behind a dot, so that `error` may be one.
std::optional<NameProblem> field_problem(std::string_view name);
// Apps, workflows, functions: `[A-Za-z0-9_][A-Za-z0-9_-]{0,62}`.
std::optional<NameProblem> name_problem(std::string_view name);
bool is_identifier(std::string_view text);
// What `my-step` should have been: `my_step`.
std::string as_identifier(std::string_view name);
bool is_python_keyword(std::string_view name);

// "did you mean 'split'?" for the closest of `candidates`, or nothing when none is near.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);
std::string did_you_mean(std::string_view name, std::span<const std::string> candidates);
// The same, but when none is near the list of them: "there are: a, b, c".
std::string did_you_mean_or_list(std::string_view name, const std::vector<std::string>& candidates);

// Names as they appear in messages: valid UTF-8 without control characters, at most 80 bytes.
std::string shown(std::string_view text);

}  // namespace sluice::model
