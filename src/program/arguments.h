#pragma once

// From the values of the inputs to what a program is started with. Pure: files for what goes by
// path have been made before.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "program/description.h"

namespace sluice::program {

// Of all arguments and variables that are inputs, in bytes; beyond it is TooLarge. The kernel takes
// two, and less where the stack is small.
inline constexpr std::size_t kArgumentsMax = 1 << 20;
// Of one argument or variable: what the kernel takes (MAX_ARG_STRLEN), with its final zero.
inline constexpr std::size_t kArgumentMax = 128 << 10;

// The texts of an input: one, or of a list one per element.
using Texts = std::vector<std::string>;

struct CommandLine {
  std::vector<std::string> arguments;  // With the program itself.
  std::vector<std::string> variables;  // NAME=VALUE, of the inputs alone.
};

// What a value is as an argument: JSON that is a string is that string, other JSON as it is
// written. kInvalidArgument: it holds a NUL, which nobody can give to a program.
Result<std::string> as_argument(std::string_view value, bool is_json, std::string_view port);

// `inputs` has the texts of each port (nothing for standard input). kResourceExhausted: too large.
// The shell's script becomes `sh -c SCRIPT sh VALUE…`.
Result<CommandLine> build_command_line(const Description& description,
                                       const std::vector<Texts>& inputs);

// Where a program is: a name without `/` is looked up along `path` by `is_program`; a relative one
// with `/` is of the app's folder, since its own is empty. Empty: not found.
template <class IsProgram>
std::string find_program(std::string_view name, std::string_view path, std::string_view code,
                         IsProgram&& is_program) {
  if (name.starts_with('/')) return std::string(name);
  if (name.find('/') != std::string_view::npos) {
    return std::string(code).append("/").append(name);
  }
  while (!path.empty()) {
    const std::size_t end = std::min(path.find(':'), path.size());
    std::string candidate = std::string(path.substr(0, end)).append("/").append(name);
    if (!name.empty() && is_program(candidate)) return candidate;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return {};
}

}  // namespace sluice::program
