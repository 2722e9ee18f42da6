#pragma once

// Names of files that a server (so: somebody's function) chose. They are shown to nobody's shell
// and joined to a directory only after safe_file_name: one path component, never outside.

#include <string>
#include <string_view>

namespace sluice::cli {

// The file name of a Content-Disposition field (`attachment; filename="a.txt";
// filename*=UTF-8''…`), the extended form first. Empty when there is none. Not yet safe.
std::string disposition_file_name(std::string_view field);

// The last component of `name` without what a directory or a terminal could take for something
// else: no separators, control characters, broken UTF-8, leading dots or dashes, at most 200 bytes.
// What nothing is left of becomes `fallback`, which the caller vouches for.
std::string safe_file_name(std::string_view name, std::string_view fallback);

}  // namespace sluice::cli
