#pragma once

// The programs of this machine that run functions: where they are, and which version.

#include <optional>
#include <string>
#include <string_view>

namespace sluice::bundle {

// Where programs are on every system, for a PATH that lacks them.
inline constexpr std::string_view kSystemPath = "/usr/local/bin:/usr/bin:/bin";

// A file that may be executed.
bool is_program(const std::string& path);
// The absolute path of a program in folders with `:` between them; empty where there is none.
std::string find_program(std::string_view name, std::string_view folders);
// What `PATH --version` names: `3.11.2`, `18.19.0`. Nothing where the program is missing, does not
// start, or names none within ten seconds.
std::optional<std::string> program_version(const std::string& path);

}  // namespace sluice::bundle
