#pragma once

// Settings from where they are: flags win over SLUICE_* variables, those over ./sluice.toml,
// $XDG_CONFIG_HOME/sluice/config.toml and /etc/sluice/config.toml, in this order. The files are
// read here; the environment is an argument.

#include <filesystem>
#include <utility>
#include <vector>

#include "settings/values.h"

namespace sluice::settings {

// What the command line said.
struct FlagWords {
  SettingId id;
  std::vector<std::string> words;
};

// The environment of this process.
std::string process_variable(const char* name);

// kInvalidArgument with the place of the mistake. A file that is named and not there is one, too.
Result<Values> read_settings(Side side, const std::vector<FlagWords>& flags,
                             const Environment& environment);

// Where a server keeps its data: the setting, or the default of this user.
Result<std::filesystem::path> data_directory(const Values& values, const Environment& environment);

}  // namespace sluice::settings
