#pragma once

// The data-flow scheduler: a pure, deterministic state machine (specification to be completed here).

#include <array>
#include <functional>
#include <memory>

#include "base/limits.h"
#include "core/types.h"

namespace sluice::core {

class Scheduler {
 public:
  // `self`: the node this scheduler runs on. The seed is for jitter of retries.
  Scheduler(const Limits& limits, NodeId self, Random random);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Applies one event and appends what the world must now do. Never blocks, never fails: an event
  // that makes no sense any more is answered with no action, and counted.
  void apply(const Event& event, TimePoint now, Actions& out);

  // When apply(DeadlineReached{}) is wanted next; nothing if never.
  std::optional<TimePoint> next_deadline() const;

  // Walks all tables; aborts when a rule is broken. Tests call it after every event.
  void check_invariants() const;

  // ---- views, for the API; cheap, no actions ----
  struct StepCounts {
    std::uint32_t total = 0;      // Tasks that exist so far.
    bool total_is_final = false;  // The driving list is closed.
    std::array<std::uint32_t, 10> by_state{};  // Indexed by TaskState.
    friend bool operator==(const StepCounts&, const StepCounts&) = default;
  };
  StepCounts step_counts(RunKey run, std::uint32_t step) const;
  TaskState task_state(const TaskKey& task) const;
  struct Counters {
    std::uint64_t stale_events = 0;
    std::uint64_t rolled_back = 0;
    std::uint32_t ready = 0;     // Tasks that wait for a CPU slot.
    std::uint32_t running = 0;   // Tasks that hold one.
    std::uint32_t runs = 0;
  };
  Counters counters() const;
  // Bytes held by the tables, for the bench.
  std::size_t memory_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::core
