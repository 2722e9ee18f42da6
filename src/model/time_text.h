#pragma once

// A moment as people and JSON write it.

#include <string_view>

namespace sluice::model {

// `2026-01-31T12:00:00Z`, `2026-01-31T12:00:00.5+01:00`: RFC 3339. Days are checked by month, leap
// seconds are refused.
bool is_rfc3339(std::string_view text);

// Names of failures: a word with dots, as classes of languages have.
bool is_error_name(std::string_view text);

}  // namespace sluice::model
