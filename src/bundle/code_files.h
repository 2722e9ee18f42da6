#pragma once

// The code of functions that are not Python: whether it is there. Nothing of it is run.

#include <vector>

#include "bundle/bundle.h"
#include "model/parse.h"

namespace sluice::bundle {

// A file for each handler in JavaScript, a program for each native function; what is missing is
// added to `mistakes`.
void check_code_files(const std::vector<File>& files, const std::vector<model::CodeWanted>& wanted,
                      model::Mistakes& mistakes);

}  // namespace sluice::bundle
