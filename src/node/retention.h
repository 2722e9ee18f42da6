#pragma once

// Which ended runs go, and when: the oldest first, as soon as it has been kept for its time, more
// than so many are kept, or the files of all runs take more than their share of the disk. Decides
// only: RunTable asks at the end of a run and at next_due(), and erases. No I/O, no clock.

#include <deque>
#include <optional>
#include <set>
#include <unordered_set>
#include <utility>

#include "base/ids.h"
#include "base/limits.h"

namespace sluice::node {

class Retention {
 public:
  // Ages are of the monotonic clock: a wall clock that is set right at boot must take no run.
  using Order = std::set<std::pair<TimePoint, RunId>>;

  // `disk_max`: bytes that the files of all runs may take; 0: not known, so no bound.
  Retention(const Limits& limits, std::uint64_t disk_max) : limits_(limits), disk_max_(disk_max) {}

  // The run has ended and nothing of it changes any more: it may be taken from now on.
  void add(const RunId& run, TimePoint ended) { kept_.emplace(ended, run); }
  // Somebody deleted it.
  void remove(const RunId& run, TimePoint ended) { kept_.erase({ended, run}); }
  // The oldest run, if it has to go. It counts as gone from then on: the caller erases it.
  std::optional<RunId> take(TimePoint now, std::uint64_t disk_used);
  // Whether take() would take one.
  bool is_due(TimePoint now, std::uint64_t disk_used) const;
  // When the oldest will have been kept for its time; nothing if no run is kept.
  std::optional<TimePoint> next_due() const;

  // Taken before; the newest 100,000 of them are remembered, and answered 410 instead of 404.
  bool is_gone(const RunId& run) const { return gone_.contains(run); }
  const Order& kept() const { return kept_; }  // Oldest first.

 private:
  const Limits& limits_;
  std::uint64_t disk_max_;
  Order kept_;  // Bounded by retention_runs.
  std::unordered_set<RunId> gone_;
  std::deque<RunId> gone_order_;
};

}  // namespace sluice::node
