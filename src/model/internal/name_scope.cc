#include "model/internal/name_scope.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/names.h"

namespace sluice::model {
namespace {

template <class Named>
std::vector<std::string> names_of(const std::vector<Named>& all) {
  std::vector<std::string> names;
  for (const auto& one : all) {
    if constexpr (requires { one.name.text; }) {
      names.push_back(one.name.text);
    } else {
      names.push_back(one.name);
    }
  }
  return names;
}

std::unexpected<expr::Unresolved> wrong(std::string message, std::string hint,
                                        std::uint32_t name = 0) {
  return std::unexpected(expr::Unresolved{std::move(message), std::move(hint), name});
}

bool is_word_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

const Type kJsonType{.kind = Kind::kJson};
const Type kIntType{.kind = Kind::kInt};

}  // namespace

NameScope::NameScope(const DraftWorkflow& draft)
    : inputs(draft.inputs.size()), steps(draft.steps.size()), draft_(draft) {
  for (std::uint32_t i = 0; i < draft.inputs.size(); ++i)
    input_index_.emplace(draft.inputs[i].name.text, i);
  for (std::uint32_t i = 0; i < draft.steps.size(); ++i)
    step_index_.emplace(draft.steps[i].name.text, i);
  // Who wrote `my-step` and refers to `my_step` has made one mistake, not two.
  const auto correct = [&](auto& index, const Word& name, std::uint32_t number) {
    if (is_identifier(name.text)) return;
    index.emplace(corrected_.emplace_back(as_identifier(name.text)), number);
  };
  for (std::uint32_t i = 0; i < draft.inputs.size(); ++i)
    correct(input_index_, draft.inputs[i].name, i);
  for (std::uint32_t i = 0; i < draft.steps.size(); ++i)
    correct(step_index_, draft.steps[i].name, i);
}

std::optional<std::uint32_t> NameScope::step(std::string_view name) const {
  const auto found = step_index_.find(name);
  return found == step_index_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint32_t> NameScope::input(std::string_view name) const {
  const auto found = input_index_.find(name);
  return found == input_index_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> NameScope::step_names() const { return names_of(draft_.steps); }

void NameScope::use(std::span<const Mention> mentions) {
  for (const Mention& mention : mentions) {
    if (mention.owner != "inputs") continue;
    if (const auto index = input(mention.name)) inputs[*index].is_used = true;
  }
}

NameScope::Found NameScope::resolve_input(std::span<const std::string_view> names) {
  if (names.size() < 2) return wrong("'inputs' names no input", "write ${inputs.NAME}");
  const auto index = input(names[1]);
  if (index) {
    inputs[*index].is_used = true;
    return Meaning{{Name::Kind::kInput, *index, 0}, inputs[*index].type, 2};
  }
  if (!draft_.has_inputs) return Meaning{{Name::Kind::kInput, 0, 0}, Type{}, 2};
  return wrong(fmt::format("unknown input '{}'", shown(names[1])),
               draft_.inputs.empty()
                   ? "the workflow declares no inputs"
                   : did_you_mean_or_list(std::string(names[1]), names_of(draft_.inputs)),
               1);
}

NameScope::Found NameScope::resolve_output(std::span<const std::string_view> names,
                                           std::uint32_t step) {
  const Outputs& outputs = steps[step];
  if (names.size() < 2) {
    const bool is_only = outputs.ports.size() == 1;
    return wrong(fmt::format("'{}' is a step, not a value", shown(names[0])),
                 is_only ? fmt::format("write ${{{}.{}}}", shown(names[0]),
                                       shown(outputs.ports.front().name))
                         : fmt::format("write ${{{}.OUTPUT}}", shown(names[0])));
  }
  const auto found = std::ranges::find(outputs.ports, names[1], &Port::name);
  if (found != outputs.ports.end()) {
    const auto output = static_cast<std::uint32_t>(found - outputs.ports.begin());
    return Meaning{{Name::Kind::kOutput, step, output}, found->type, 2};
  }
  if (!outputs.known) return Meaning{{Name::Kind::kOutput, step, 0}, Type{}, 2};
  return wrong(fmt::format("step '{}' has no output '{}'", shown(names[0]), shown(names[1])),
               outputs.ports.empty()
                   ? "it has no outputs"
                   : did_you_mean_or_list(std::string(names[1]), names_of(outputs.ports)),
               1);
}

NameScope::Found NameScope::resolve_word(std::span<const std::string_view> names,
                                         const Visible& visible) {
  const std::string_view word = names[0];
  if (word == "item" || word == "index") {
    if (visible.foreach || visible.is_broken) {
      return word == "item" ? Meaning{{Name::Kind::kItem}, visible.item, 1}
                            : Meaning{{Name::Kind::kIndex}, kIntType, 1};
    }
    return wrong(fmt::format("'{}' without a 'foreach'", word),
                 visible.in_step ? "add 'foreach: ${STEP.OUTPUT}' to the step"
                                 : "an output of the workflow is an output of "
                                   "a step: ${STEP.OUTPUT}");
  }
  if (word == "round") {
    if (visible.previous != nullptr) return Meaning{{Name::Kind::kRound}, kIntType, 1};
    return wrong("'round' without a 'while'", "it counts the rounds of a step with 'while'");
  }
  if (word == "previous") {
    if (visible.previous == nullptr) {
      return wrong("'previous' without a 'while'",
                   "it is the round before, in the action and the condition of "
                   "a 'while'");
    }
    if (names.size() < 2) return wrong("'previous' names no output", "write ${previous.OUTPUT}");
    const auto found = std::ranges::find(*visible.previous, names[1], &Port::name);
    if (found != visible.previous->end()) {
      Type type = found->type;
      type.optional = true;
      return Meaning{
          {Name::Kind::kPrevious, 0, static_cast<std::uint32_t>(found - visible.previous->begin())},
          type,
          2};
    }
    if (!visible.previous_known) return Meaning{{Name::Kind::kPrevious, 0, 0}, Type{}, 2};
    return wrong(fmt::format("the step has no output '{}'", shown(names[1])),
                 visible.previous->empty()
                     ? "it has no outputs"
                     : did_you_mean_or_list(std::string(names[1]), names_of(*visible.previous)),
                 1);
  }
  if (word == "error") {
    if (!visible.error) return wrong("'error' without a 'catch'", "it exists inside of a 'catch'");
    if (names.size() > 1 && names[1] != "name" && names[1] != "message") {
      return wrong(fmt::format("'error' has no field '{}'", shown(names[1])),
                   "it has 'name' and 'message'", 1);
    }
    return Meaning{{Name::Kind::kError}, kJsonType, 1};
  }
  // run.id
  if (names.size() > 1 && names[1] == "id") {
    return Meaning{{Name::Kind::kRunId}, Type{.kind = Kind::kText}, 2};
  }
  return wrong("'run' names nothing", "write ${run.id} for the id of this run");
}

expr::Unresolved NameScope::unknown(std::span<const std::string_view> names) const {
  const std::string_view word = names[0];
  if (names.size() == 1) {
    const bool is_shouted = std::ranges::all_of(word, [](char c) { return c < 'a' || c > 'z'; });
    std::string hint = fmt::format(
        "write ${{inputs.{0}}} for an input of the workflow, "
        "${{{0}.OUTPUT}} for an output of a step",
        shown(word));
    if (is_shouted) {
      hint = fmt::format(
          "for a variable of the shell write $${{{0}}}; for an "
          "input ${{inputs.{0}}}",
          shown(word));
    } else if (input(word)) {
      hint = fmt::format("write ${{inputs.{}}}", shown(word));
    } else if (const std::string guess =
                   did_you_mean(word, std::span<const std::string>(names_of(draft_.inputs)));
               !guess.empty() && draft_.has_inputs) {
      hint = fmt::format("write ${{inputs.NAME}}; {}", guess);
    }
    return {fmt::format("'{}' names neither an input nor an output", shown(word)), hint, 0};
  }
  std::string hint = did_you_mean_or_list(std::string(word), step_names());
  if (word == "steps") {
    hint = fmt::format("write ${{{}{}}}: steps are named directly", shown(names[1]),
                       names.size() > 2 ? fmt::format(".{}", shown(names[2])) : "");
  } else if (word == "input") {
    hint = fmt::format("write ${{inputs.{}}}", shown(names[1]));
  } else if (input(word) && !hint.starts_with("did")) {
    hint = fmt::format("write ${{inputs.{}}}", shown(word));
  }
  return {fmt::format("unknown step '{}'", shown(word)), hint, 0};
}

NameScope::Found NameScope::resolve(std::span<const std::string_view> names,
                                    const Visible& visible) {
  const std::string_view word = names[0];
  if (word == "inputs") return resolve_input(names);
  for (const std::string_view taken : {"item", "index", "previous", "round", "error", "run"}) {
    if (word == taken) return resolve_word(names, visible);
  }
  if (const auto number = step(word)) return resolve_output(names, *number);
  return std::unexpected(unknown(names));
}

std::string NameScope::dashed_hint(std::string_view text, std::size_t offset) const {
  if (offset >= text.size()) return {};
  // The whole of `inputs.my-text`, whatever part of it the mistake points at.
  const auto belongs = [](char c) { return is_word_char(c) || c == '-' || c == '.'; };
  while (offset > 0 && belongs(text[offset - 1])) --offset;
  const std::size_t begin = offset;
  std::size_t end = begin;
  while (end < text.size() && belongs(text[end])) ++end;
  std::string fixed(text.substr(begin, end - begin));
  if (fixed.find('-') == std::string::npos) return {};
  std::ranges::replace(fixed, '-', '_');
  const std::size_t dot = fixed.find('.');
  if (dot == std::string::npos) return {};
  // `a.x-1` may well be meant so; a name that would be there, or half a name alone, is not.
  const std::string owner = fixed.substr(0, dot);
  const std::string name = fixed.substr(dot + 1, fixed.find('.', dot + 1) - dot - 1);
  const bool is_known = owner == "inputs" ? input(name).has_value() : step(owner).has_value();
  const bool is_half = text.substr(begin, end - begin).find('-') < dot;
  if (!is_known && !is_half) return {};
  return fmt::format("'-' is a minus; names are written with '_': ${{{}}}", shown(fixed));
}

}  // namespace sluice::model
