#pragma once

// Rows in aligned columns, and a value as YAML: the formats of `get`.

#include <string>
#include <vector>

#include "base/json.h"

namespace sluice::cli {

// Headers, then rows; two spaces between columns, nothing after the last. Cells are made printable.
// A row shorter than the headers ends in empty cells.
std::string to_table(const std::vector<std::string>& headers,
                     const std::vector<std::vector<std::string>>& rows);

// Block style, ends with a line's end; strings are quoted where YAML could read them as anything
// else.
std::string to_yaml(const Json& value);

}  // namespace sluice::cli
