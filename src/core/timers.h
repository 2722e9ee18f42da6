#pragma once

// The deadlines of core: time limits of attempts, waits before a retry, deadlines of runs. A binary
// heap that knows where each timer stands, so that one that is not needed any more leaves at once:
// a million short tasks with a limit of ten minutes must not leave a million dead entries.

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "core/table.h"

namespace sluice::core {

class Timers {
 public:
  static constexpr std::uint32_t kNoTimer = 0xffffffff;
  enum class Kind : std::uint8_t { kAttempt, kRetry, kRun, kWait };
  struct Timer {
    TimePoint at;
    std::uint64_t order = 0;  // Equal times fire in the order they were set.
    RunKey run;
    std::uint32_t step = 0;
    std::uint32_t index = 0;
    std::uint32_t scope = 0;
    Kind kind = Kind::kAttempt;
    std::uint32_t position = 0;  // In the heap.
  };

  std::uint32_t set(TimePoint at, Kind kind, RunKey run, std::uint32_t step, std::uint32_t index,
                    std::uint32_t scope = 0);
  void cancel(std::uint32_t& timer) {  // Sets it to kNoTimer; nothing if it is.
    if (timer != kNoTimer) remove(std::exchange(timer, kNoTimer));
  }
  const Timer& operator[](std::uint32_t timer) const { return timers_[timer]; }

  std::optional<TimePoint> next() const;
  // Takes the first timer out if it is due.
  std::optional<Timer> pop_due(TimePoint now);

  std::size_t size() const { return heap_.size(); }
  std::size_t heap_bytes() const;
  void check_invariants() const;

 private:
  bool before(std::uint32_t a, std::uint32_t b) const {
    const Timer& x = timers_[a];
    const Timer& y = timers_[b];
    return x.at != y.at ? x.at < y.at : x.order < y.order;
  }
  void place(std::size_t position, std::uint32_t timer);
  void rise(std::size_t position);
  void sink(std::size_t position);
  void remove(std::uint32_t timer);

  Array<Timer> timers_;
  Array<std::uint32_t> heap_;  // Indexes into timers_.
  std::vector<std::uint32_t> free_;
  std::uint64_t next_order_ = 0;
};

}  // namespace sluice::core
