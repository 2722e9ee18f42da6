#pragma once

// Runs a short-lived program with bounded time and output. Not the way workers are started: these
// belong to the launcher. This one is a reader of text that the caller waits for.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace sluice::bundle {

struct ChildLimits {
  Duration time;
  ByteCount output;
};

// The standard output of `argv` (its first element is the path of the program), started in `/` with
// a clean environment and no descriptors but three. kNotFound: no such program; kDeadlineExceeded,
// kResourceExhausted: killed at a limit; kInternal: ended by a signal or with another status than
// 0.
Result<std::string> run_child(const std::vector<std::string>& argv, std::string_view input,
                              const ChildLimits& limits);

}  // namespace sluice::bundle
