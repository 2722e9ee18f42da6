#pragma once

// The ports of Python functions, read from the syntax tree by a Python of the system that is given
// the source text and nothing else: no code of the app is run or imported.

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "bundle/bundle.h"
#include "model/parse.h"

namespace sluice::bundle {

// What the code says of the functions that are wanted. What is wrong is added to `mistakes`, and
// the function is then not among the result. An Error: the interpreter cannot be started.
Result<std::vector<model::CodePorts>> read_python_ports(
    const std::filesystem::path& directory, const std::vector<File>& files,
    const std::vector<model::CodeWanted>& wanted, model::Mistakes& mistakes);

}  // namespace sluice::bundle
