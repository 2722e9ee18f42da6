#pragma once

// Completion scripts for shells, made from the commands as they are.

#include <string>
#include <vector>

namespace sluice::cli {

struct CommandWords {
  std::string name;
  std::vector<std::string> options;  // `--detach`, …
};

// `shell` is bash, zsh or fish. Words after a command complete to its options and to files.
std::string completion_script(const std::string& shell, const std::vector<CommandWords>& commands);

}  // namespace sluice::cli
