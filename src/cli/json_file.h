#pragma once

// What `--json FILE` gives.

#include <string>

#include "base/json.h"

namespace sluice::cli {

// The document in the file, of standard input for `-`; null for no path.
Result<Json> read_json_file(const std::string& path);

}  // namespace sluice::cli
