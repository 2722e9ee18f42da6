#pragma once

// sluice(1), made from the descriptions of the commands and the table of settings: what `--help`
// says, in one page. `sluice man` prints it, packages install it.

#include <string>
#include <vector>

#include "cli/commands.h"

namespace sluice::cli {

std::string manual_page(const std::vector<CommandText>& commands);

}  // namespace sluice::cli
