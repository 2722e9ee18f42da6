#pragma once

// What a configuration file says: `key = value` lines of TOML, with comments, strings, numbers,
// truth values and lists of them. Settings are flat, so sections, tables and dates have nothing to
// say here and are refused by name. An own reader, because mistakes have to name their line.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::settings {

struct TomlEntry {
  std::string key;
  std::vector<std::string> values;  // One, or those of a list; numbers as they are written.
  bool is_list = false;
  std::size_t line = 0;
};

// `file` names the text in messages: `sluice.toml:3: …`. kInvalidArgument for the first mistake.
Result<std::vector<TomlEntry>> read_toml(std::string_view text, std::string_view file);

}  // namespace sluice::settings
