#pragma once

// `-i NAME=@DIR` of a list: the files of the folder are its elements, in the order of their names.

#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "cli/inputs.h"

namespace sluice::cli {

// Puts the files in the place of each folder. One without files is an empty list in `document`
// (what --json gave), which stands for what was not given. Names that begin with a dot are left
// out; a folder in it is a mistake, and so is a folder for an input that is no list.
Status expand_folders(const std::vector<InputPort>& ports, std::vector<Given>& given,
                      Json& document);

}  // namespace sluice::cli
