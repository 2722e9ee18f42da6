#include "program/arguments.h"

#include "base/json.h"

namespace sluice::program {
namespace {

std::unexpected<Error> too_large(std::string message) {
  return fail(ErrorCode::kResourceExhausted,
              fmt::format("{}; give it as 'in: {{ stdin: ... }}'", message));
}

// Counts what is built against the limits.
class Budget {
 public:
  Status add(const std::string& text) {
    if (text.size() >= kArgumentMax) {
      return too_large(
          fmt::format("an argument or variable of {} bytes is more than the system "
                      "takes ({})",
                      text.size(), kArgumentMax - 1));
    }
    total_ += text.size() + 1;
    if (total_ <= kArgumentsMax) return {};
    return too_large(fmt::format("the arguments are larger than {} bytes", kArgumentsMax));
  }

 private:
  std::size_t total_ = 0;
};

Status add_script(const Description& description, const std::vector<Texts>& inputs, Budget& budget,
                  std::vector<std::string>& arguments) {
  std::string script;
  std::vector<std::string> values;
  for (const Piece& piece : description.words.front()) {
    if (!piece.input) {
      script += piece.text;
      continue;
    }
    const Texts& texts = inputs[*piece.input];
    bool is_first = true;
    for (const std::string& text : texts) {
      SLUICE_OK(budget.add(text));
      values.push_back(text);
      if (piece.in_quotes) {
        script += fmt::format("${{{}}}", values.size());
      } else {
        script += fmt::format("{}\"${{{}}}\"", is_first ? "" : " ", values.size());
      }
      is_first = false;
    }
  }
  if (script.size() >= kArgumentMax) {
    return too_large(fmt::format("a command with {} arguments is longer than the system takes ({})",
                                 values.size(), kArgumentMax - 1));
  }
  arguments = {"/bin/sh", "-c", std::move(script), "sh"};
  for (std::string& value : values) arguments.push_back(std::move(value));
  return {};
}

Status add_word(const Word& word, const std::vector<Texts>& inputs, Budget& budget,
                std::vector<std::string>& arguments) {
  const bool is_list = word.size() == 1 && word.front().input;
  if (is_list) {
    for (const std::string& text : inputs[*word.front().input]) {
      SLUICE_OK(budget.add(text));
      arguments.push_back(text);
    }
    return {};
  }
  std::string argument;
  for (const Piece& piece : word) {
    if (!piece.input) {
      argument += piece.text;
      continue;
    }
    for (const std::string& text : inputs[*piece.input]) argument += text;
  }
  SLUICE_OK(budget.add(argument));
  arguments.push_back(std::move(argument));
  return {};
}

}  // namespace

Result<std::string> as_argument(std::string_view value, bool is_json, std::string_view port) {
  std::string text(value);
  if (is_json && text.find('"') != std::string::npos) {
    Result<Json> json = parse_json(text);
    if (json && json->as_string() != nullptr) text = *json->as_string();
  }
  if (text.find('\0') == std::string::npos) return text;
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format("'{}' holds a NUL, which no argument of a program can; give it as 'in: {{ "
                  "stdin: ... }}'",
                  port));
}

Result<CommandLine> build_command_line(const Description& description,
                                       const std::vector<Texts>& inputs) {
  CommandLine line;
  Budget budget;
  if (description.is_shell) {
    SLUICE_OK(add_script(description, inputs, budget, line.arguments));
  } else {
    for (const Word& word : description.words) {
      SLUICE_OK(add_word(word, inputs, budget, line.arguments));
    }
  }
  for (const auto& [name, input] : description.variables) {
    for (const std::string& text : inputs[input]) {
      std::string variable = fmt::format("{}={}", name, text);
      SLUICE_OK(budget.add(variable));
      line.variables.push_back(std::move(variable));
    }
  }
  return line;
}

}  // namespace sluice::program
