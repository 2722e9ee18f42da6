#pragma once

// The time of a `wait`, as it is written or computed: how long from now, or a moment.

#include <string_view>

#include "base/json.h"
#include "base/units.h"

namespace sluice::node {

// `2026-11-21T22:10:54Z`, with a fraction, `+01:00` for Z, or a space for T (RFC 3339).
Result<WallTime> parse_rfc3339(std::string_view text);

// How long a wait that begins at `now` takes: a duration (`30s`), or until a time of RFC 3339;
// one that is past takes no time. kInvalidArgument says what is wrong.
Result<Duration> wait_for(const Json& time, WallTime now);

}  // namespace sluice::node
