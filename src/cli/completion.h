#pragma once

// Completion scripts for shells, made from the descriptions of the commands: their names, options,
// fixed words, and what a server knows (workflows, runs), which is asked for with a second's
// patience.

#include <string>
#include <vector>

#include "cli/commands.h"

namespace sluice::cli {

// `shell` is bash, zsh or fish.
std::string completion_script(const std::string& shell, const std::vector<CommandText>& commands);

}  // namespace sluice::cli
