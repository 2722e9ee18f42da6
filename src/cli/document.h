#pragma once

// Reading the server's documents without trusting their shape: a member that is missing or of
// another type reads as empty, so that an older or newer server shows less instead of crashing the
// client.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"

namespace sluice::cli {

std::string_view text_member(const Json& map, std::string_view key);
std::int64_t int_member(const Json& map, std::string_view key);
bool bool_member(const Json& map, std::string_view key);
// Never null: an empty list, an empty map.
const Json::List& list_member(const Json& map, std::string_view key);
const Json::Map& map_member(const Json& map, std::string_view key);
// A name that stands alone or as `{"name": …}`.
std::string_view name_of(const Json& item);

// A cell of a table: strings as they are, other values as JSON.
std::string cell_text(const Json& value);

// From two RFC 3339 times with `Z`, as people say it; empty when one is missing.
std::string duration_text(std::string_view from, std::string_view to);

}  // namespace sluice::cli
