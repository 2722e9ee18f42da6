#pragma once

// How long a peer may take: at least `rate_min` bytes a second on average after a start of grace,
// and never longer than `idle` without a byte. A slow-loris client is one that keeps neither; a
// client that waits for us (back-pressure) loses nothing: the clock stands meanwhile. Pure.

#include <algorithm>
#include <cstdint>

#include "base/units.h"

namespace sluice::api {

class Pace {
 public:
  struct Rule {
    std::uint64_t rate_min = 1024;  // Bytes a second.
    Duration grace = std::chrono::seconds(10);
    Duration idle = std::chrono::seconds(60);
  };

  Pace(const Rule& rule, TimePoint now) : rule_(rule), since_(now), progress_(now) {}

  // By when the next byte must have moved.
  TimePoint deadline() const {
    const auto seconds = std::chrono::seconds(bytes_ / std::max<std::uint64_t>(rule_.rate_min, 1));
    return std::min(since_ + rule_.grace + seconds, progress_ + rule_.idle);
  }
  void moved(std::uint64_t bytes, TimePoint now) {
    bytes_ += bytes;
    progress_ = now;
    // A fast start is no licence to stall for hours: what was earned is capped by `idle`.
    const TimePoint latest = now + rule_.idle;
    const auto seconds = std::chrono::seconds(bytes_ / std::max<std::uint64_t>(rule_.rate_min, 1));
    if (since_ + rule_.grace + seconds > latest) {
      bytes_ = 0;
      since_ = latest - rule_.grace;
    }
  }
  // We made the peer wait from `from` to `to`.
  void excuse(TimePoint from, TimePoint to) {
    since_ += to - from;
    progress_ += to - from;
  }

 private:
  Rule rule_;
  TimePoint since_;
  TimePoint progress_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sluice::api
