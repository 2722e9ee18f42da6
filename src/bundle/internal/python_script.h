#pragma once

#include <string_view>

namespace sluice::bundle {

// The program that reads Python source and prints what it says (python_source.cc has the format):
// sdk/python/sluice/source_ports.py. Only `ast` looks at the source; it runs with -I -S, so nothing
// of the app or the user is imported.
std::string_view python_script();

}  // namespace sluice::bundle
