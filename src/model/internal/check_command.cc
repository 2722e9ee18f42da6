// `run:`: the values in its arguments, its standard input and its environment become the inputs of
// a function that only this step calls.

#include <algorithm>

#include <fmt/format.h>

#include "model/internal/check_action.h"
#include "model/literal.h"
#include "model/names.h"

namespace sluice::model {
namespace {

constexpr std::string_view kStandardInput = "stdin";
// What the server says to what it starts.
constexpr std::string_view kOwnPrefix = "SLUICE_";

Command::As as_of(const Type& type) {
  switch (type.kind) {
    case Kind::kBytes:
    case Kind::kArray:
    case Kind::kFile:
      return Command::As::kPath;
    case Kind::kText:
    case Kind::kJson:
    case Kind::kInt:
    case Kind::kFloat:
    case Kind::kBool:
      return Command::As::kText;
    case Kind::kAny:
      return Command::As::kByKind;
  }
  return Command::As::kByKind;
}

// As the value goes into the task: nothing is absent there.
Type port_type_of(const CheckedValue& value) {
  Type type = value.literal ? type_of(*value.literal) : value.type;
  type.optional = false;
  type.access = Access::kWhole;
  return type;
}

class CommandChecker {
 public:
  CommandChecker(const ActionPlace& place, const NameScope& scope, Report& report)
      : place_(place), scope_(scope), report_(report) {}

  // False: a mistake was reported.
  bool check_argument(const CheckedValue& value, const DraftCommand::Piece& piece) const;
  // The port for what is given as `name`; nothing after a mistake.
  std::optional<Port> port_of_binding(const DraftBinding& binding, const CheckedValue& value) const;

 private:
  bool refuse(Place place, std::string message, std::string hint) const {
    report_.add(place, std::move(message), std::move(hint));
    return false;
  }

  const ActionPlace& place_;
  const NameScope& scope_;
  Report& report_;
};

bool CommandChecker::check_argument(const CheckedValue& value,
                                    const DraftCommand::Piece& piece) const {
  const Type& type = value.type;
  if (!type.is_list()) return true;
  const std::string what = what_of(value, scope_);
  if (type.lists > 1) {
    return refuse(value.place, fmt::format("{} is {}: arguments are one list", what, to_text(type)),
                  value.link ? fmt::format("write ${{{}.flatten()}}", what) : "flatten it");
  }
  if (type.holes != 0) {
    return refuse(value.place,
                  fmt::format("{} is {}: an argument cannot be absent", what, to_text(type)),
                  value.link ? fmt::format("${{present({})}} drops those that are", what)
                             : "present(...) drops those that are");
  }
  if (piece.in_quotes) {
    return refuse(value.place,
                  fmt::format("{} is {}, which is several arguments, and stands in double quotes",
                              what, to_text(type)),
                  "take the quotes away");
  }
  if (!piece.is_alone) {
    return refuse(value.place,
                  fmt::format("{} is {}, which is several arguments, and stands in the middle of "
                              "one",
                              what, to_text(type)),
                  "let it stand alone");
  }
  return true;
}

std::optional<Port> CommandChecker::port_of_binding(const DraftBinding& binding,
                                                    const CheckedValue& value) const {
  const std::string& name = binding.port.text;
  Port port{name, port_type_of(value), std::nullopt};
  const bool is_json = port.type.kind == Kind::kJson || port.type.kind == Kind::kInt ||
                       port.type.kind == Kind::kFloat || port.type.kind == Kind::kBool;
  const bool is_input = name == kStandardInput;
  if (!is_input) {
    if (const auto problem = field_problem(name)) {
      refuse(binding.port.place,
             fmt::format("variable '{}' of {}: {}", shown(name), place_.who, problem->message),
             problem->hint);
      return std::nullopt;
    }
    if (name.starts_with(kOwnPrefix)) {
      refuse(binding.port.place,
             fmt::format("variable '{}' of {}: names with SLUICE_ are the server's own",
                         shown(name), place_.who),
             "choose another name");
      return std::nullopt;
    }
  }
  if (port.type.is_list()) {
    const bool fits_json = fits(port.type, Type{.kind = Kind::kJson}) != Fit::kNo;
    if (!fits_json) {
      refuse(value.place,
             is_input
                 ? fmt::format("'stdin' of {} takes the bytes of one value, but {} is {}",
                               place_.who, what_of(value, scope_), to_text(port.type))
                 : fmt::format("variable '{}' of {} takes one value, but {} is {}", shown(name),
                               place_.who, what_of(value, scope_), to_text(port.type)),
             "give a list as arguments: each element is one");
      return std::nullopt;
    }
    port.type = Type{.kind = Kind::kJson};
  } else if (is_input && !is_json && !value.literal) {
    // `any`, too: whatever it is, its bytes are read as they come.
    port.type.access = Access::kPipe;
    port.type.kind = Kind::kBytes;
  }
  return port;
}

}  // namespace

void ActionChecker::check_run(const DraftAction& draft, const ActionPlace& place,
                              const Visible& visible, CheckedAction& action, MaySkip& may_skip) {
  Function function;
  function.runtime = Runtime::kProgram;
  Command command;
  const CommandChecker checker(place, scope_, report_);
  bool is_whole = true;
  const auto add = [&](CheckedValue value, Port port) {
    const auto number = static_cast<std::uint32_t>(function.inputs.size());
    if (value.type.optional) {
      (place.in_foreach && is_per_element(value) ? may_skip.element : may_skip.whole) = true;
    }
    command.inputs.push_back(as_of(port.type));
    function.inputs.push_back(std::move(port));
    action.in.push_back({number, std::move(value)});
    return number;
  };
  if (draft.command) {
    command.is_shell = draft.command->is_shell;
    for (const std::vector<DraftCommand::Piece>& word : draft.command->words) {
      Command::Word& checked = command.words.emplace_back();
      for (const DraftCommand::Piece& piece : word) {
        if (!piece.value) {
          checked.push_back({.text = piece.text, .input = {}});
          continue;
        }
        CheckedValue value = values_.check(*piece.value, visible);
        if (value.is_broken() || !checker.check_argument(value, piece)) {
          is_whole = false;
          continue;
        }
        const std::string& text = piece.value->text;
        Port port{text.size() > 3 ? text.substr(2, text.size() - 3) : text, port_type_of(value),
                  std::nullopt};
        const std::uint32_t input = add(std::move(value), std::move(port));
        checked.push_back({.text = {}, .input = input, .in_quotes = piece.in_quotes});
      }
    }
    for (const DraftCommand::Product& product : draft.command->products) {
      command.products.push_back(product.file);
    }
  }
  for (const DraftBinding& binding : draft.in) {
    CheckedValue value = values_.check(binding.value, visible);
    if (value.is_broken()) {
      is_whole = false;
      continue;
    }
    if (value.literal && value.literal->is_null()) continue;  // As if it were not there.
    std::optional<Port> port = checker.port_of_binding(binding, value);
    if (!port) {
      is_whole = false;
      continue;
    }
    const std::uint32_t input = add(std::move(value), std::move(*port));
    if (binding.port.text == kStandardInput) {
      command.standard_input = input;
    } else {
      command.variables.emplace_back(binding.port.text, input);
    }
  }
  if (!is_whole || !draft.command) return;
  if (to_text(to_json(command)).size() > kCommandMax) {
    report_.add(draft.place,
                fmt::format("'run' of {} is longer than {} KiB", place.who, kCommandMax >> 10),
                "put a long script into a file of the app, and large values into 'stdin'");
    return;
  }
  function.outputs = action.outputs;
  function.command = std::make_shared<const Command>(std::move(command));
  action.command = std::make_shared<const Function>(std::move(function));
}

}  // namespace sluice::model
