#pragma once

#include <string_view>

namespace sluice::bundle {

// The program that reads Python source and prints what it says (python_source.cc has the format).
// Only `ast` looks at the source; it runs with -I -S, so nothing of the app or the user is
// imported.
extern const std::string_view kPythonScript;

}  // namespace sluice::bundle
