#pragma once

// The deciding half of the worker pools, without I/O: who gets which worker, when one is started,
// when one has to go. runtime.cc tells it what happened and does what next() says; the simulator
// uses it as it is.
//
// Rules:
// - A pool's tickets are answered in the order they came. An idle worker is given at once, the one
//   that was used last first: its caches are warm, and those it leaves idle can grow old and go.
// - For each ticket that has neither an idle worker nor one that is starting, a worker is started
//   while the pool and the whole have room. Room goes to the pool whose ticket is the oldest.
// - Where the whole has no room, the worker that has been idle longest ends, whatever its pool; not
//   more of them than there are tickets in need, counting those that are ending already.
// - A ticket that even so waits until a task ends is said to be short: once, and again whenever
//   another ticket was answered.
// - A worker that was idle for `keep_alive` ends.
// - A start that failed because the code cannot be loaded fails for every ticket that waits there:
//   it would fail for each. One that failed otherwise (crash, time-out, no process) fails the
//   oldest ticket, and all of them from the third in a row on. After a failure the pool's next
//   start waits, twice as long each time, so that a pool that cannot start does not spin.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/units.h"

namespace sluice::runtime {

using PoolId = Id<struct PoolTag>;  // The workers of one function version: a sandbox.

class PoolPolicy {
 public:
  struct Options {
    std::uint32_t workers_max = 0;  // In all pools together; 0: no limit.
    Duration keep_alive = std::chrono::minutes(10);
  };
  enum class StartFailure : std::uint8_t { kLoad, kOther };

  struct Start {
    PoolId pool;
    WorkerId worker;  // Named here, known from now on: ready(), ending() and gone() say it.
    friend bool operator==(const Start&, const Start&) = default;
  };
  struct Assign {
    std::uint64_t ticket = 0;
    WorkerId worker;
    friend bool operator==(const Assign&, const Assign&) = default;
  };
  struct EndWorker {  // An idle one, or a starting one of a dropped pool. Counts as ending already.
    WorkerId worker;
    friend bool operator==(const EndWorker&, const EndWorker&) = default;
  };
  struct Short {  // Nobody is idle or starting for the ticket, and there is no room for one.
    std::uint64_t ticket = 0;
    bool only_pool = false;  // In its own pool, while others may still grow.
    friend bool operator==(const Short&, const Short&) = default;
  };
  using Action = std::variant<Start, Assign, EndWorker, Short>;
  using Tickets = std::vector<std::uint64_t>;

  explicit PoolPolicy(Options options) : options_(options) {}

  PoolId add_pool(std::uint32_t workers_max);
  // Returns the tickets that nobody will answer now. Its workers end as they become idle.
  Tickets drop_pool(PoolId pool);
  bool has_pool(PoolId pool) const { return find(pool) != nullptr; }

  void request(PoolId pool, std::uint64_t ticket);  // has_pool() is true; the ticket is new.
  void withdraw(std::uint64_t ticket);              // Unknown tickets are fine.

  void ready(WorkerId worker, TimePoint now);      // It was starting.
  void give_back(WorkerId worker, TimePoint now);  // It was assigned.
  void ending(WorkerId worker);                    // It will not be given to anybody any more.
  void gone(WorkerId worker);
  // Its start failed; gone() follows. Returns the tickets that fail with it.
  Tickets start_failed(WorkerId worker, StartFailure failure, TimePoint now);

  // What is to be done now, one thing at a time: between two calls the world may change it.
  std::optional<Action> next(TimePoint now);
  // When next() may say something without any event.
  std::optional<TimePoint> next_deadline() const;

  std::size_t worker_count() const { return workers_.size(); }
  void check_invariants() const;

 private:
  enum class State : std::uint8_t { kStarting, kIdle, kAssigned, kEnding };
  struct Worker {
    PoolId pool;
    State state = State::kStarting;
    // A start that is ending stands for a ticket until it is known how it failed: another start in
    // its place would go around the back-off.
    bool is_start = true;
    TimePoint idle_since;
  };
  struct Pool {
    PoolId id;
    std::uint32_t workers_max = 0;
    std::map<std::uint64_t, std::uint64_t> waiting;  // Number of the request -> ticket.
    std::vector<WorkerId> idle;                      // Idle longest first.
    std::uint32_t workers = 0;                       // All of them, ending ones too.
    std::uint32_t starts = 0;                        // Those that are not or never were ready.
    std::uint32_t failures = 0;                      // Starts that failed in a row.
    TimePoint start_not_before;
    bool is_dropped = false;
  };
  struct Ticket {
    PoolId pool;
    std::uint64_t number = 0;
    std::uint64_t told_at = 0;  // Value of `answers_` when it was said to be short; 0: never.
  };

  const Pool* find(PoolId id) const;
  Pool* find(PoolId id);
  Pool& pool_of(const Worker& worker);
  void end_start(Worker& worker);
  void make_idle(WorkerId id, Worker& worker, TimePoint now);
  void leave_state(WorkerId id, Worker& worker);
  void forget_if_empty(Pool& pool);
  Tickets take_all(Pool& pool);
  EndWorker end(WorkerId worker);
  std::optional<Action> next_assignment();
  std::optional<Action> next_expiry(TimePoint now);
  std::optional<Action> next_start(TimePoint now);
  std::optional<Action> next_shortage(TimePoint now);
  std::optional<WorkerId> longest_idle() const;
  static bool wants_start(const Pool& pool);

  const Options options_;
  // By index of the id; a slot is used again with another generation.
  std::vector<std::unique_ptr<Pool>> pools_;
  std::vector<std::uint32_t> pool_generations_;
  std::unordered_map<std::uint64_t, Ticket> tickets_;
  std::map<WorkerId, Worker> workers_;
  std::uint32_t ending_ = 0;
  std::uint64_t next_number_ = 1;
  std::uint64_t answers_ = 1;  // Assignments, and 1.
  std::uint32_t next_worker_ = 1;
  std::vector<PoolId> assignable_;       // May have a ticket and an idle worker.
  std::vector<PoolId> to_end_;           // Dropped: their idle and starting workers go.
  TimePoint expiry_ = TimePoint::max();  // No idle worker is too old before this.
  TimePoint retry_ = TimePoint::max();   // When a start that had to wait may be tried.
};

}  // namespace sluice::runtime
