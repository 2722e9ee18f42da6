#pragma once

// Functions of Sluice workflows in C++:
//
//   std::string shout(std::string_view text) { … }
//   int main(int argc, char** argv) { return sluice::serve(argc, argv, {{"shout", shout}}); }
//
// docs/runtimes/cpp.md has the types of parameters and results.

#include <initializer_list>
#include <string>
#include <utility>

#include "sluice/function.h"

namespace sluice {

// The worker: serves one of the functions to the node that started this program, until it is told
// to stop. Returns the exit status for main(). Started by hand, it lists the functions.
int serve(int argc, char** argv, std::initializer_list<std::pair<std::string, Function>> functions);

}  // namespace sluice
