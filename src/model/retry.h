#pragma once

// How often and when a failed attempt is made again.

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/units.h"

namespace sluice::model {

struct Retry {
  std::uint32_t attempts = 1;  // In all, the first included.
  Duration backoff = std::chrono::seconds(1);
  double factor = 2;
  Duration backoff_max = std::chrono::minutes(1);
  bool full_jitter = true;
  std::vector<std::string> errors;  // Empty: every error that may be retried.
};

}  // namespace sluice::model
