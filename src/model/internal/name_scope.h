#pragma once

// What the names in the expressions of one workflow mean: inputs, outputs of steps, and the few
// words that stand for something only in some places.

#include <deque>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/draft.h"
#include "model/expr/program.h"
#include "model/internal/checked.h"

namespace sluice::model {

// Which words mean something where an expression stands.
struct Visible {
  bool in_step = false;
  bool foreach = false;
  Type item;
  const std::vector<Port>* previous = nullptr;  // Outputs of the body of a `while`.
  bool previous_known = false;
  bool error = false;
  bool is_broken = false;  // The step could not be read whole: say nothing of `item`.
};

class NameScope {
 public:
  explicit NameScope(const DraftWorkflow& draft);

  std::optional<std::uint32_t> step(std::string_view name) const;
  std::optional<std::uint32_t> input(std::string_view name) const;
  const DraftWorkflow& draft() const { return draft_; }
  std::vector<std::string> step_names() const;

  // As the check of inputs and steps finds them out.
  struct Input {
    Type type;
    bool is_used = false;
  };
  struct Outputs {
    std::vector<Port> ports;  // As seen from outside of the step.
    bool known = false;
  };
  std::vector<Input> inputs;
  std::vector<Outputs> steps;

  struct Meaning {
    Name name;
    Type type;
    std::uint32_t names = 1;
  };
  std::expected<Meaning, expr::Unresolved> resolve(std::span<const std::string_view> names,
                                                   const Visible& visible);
  // What was refused and mentions an input all the same.
  void use(std::span<const Mention> mentions);
  // What is written where `a-b` stands for a name, if `a_b` is one: as a hint.
  std::string dashed_hint(std::string_view text, std::size_t offset) const;

 private:
  using Found = std::expected<Meaning, expr::Unresolved>;
  Found resolve_input(std::span<const std::string_view> names);
  Found resolve_output(std::span<const std::string_view> names, std::uint32_t step);
  Found resolve_word(std::span<const std::string_view> names, const Visible& visible);
  expr::Unresolved unknown(std::span<const std::string_view> names) const;

  const DraftWorkflow& draft_;
  std::deque<std::string> corrected_;  // Names as they should have been; the indexes point here.
  std::unordered_map<std::string_view, std::uint32_t> input_index_;
  std::unordered_map<std::string_view, std::uint32_t> step_index_;
};

}  // namespace sluice::model
