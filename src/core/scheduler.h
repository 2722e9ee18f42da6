#pragma once

// The data-flow scheduler: a pure, deterministic state machine. All rules of data-flow live
// behind apply(): which task starts when which datum arrives, what is dropped when, who is
// skipped, retried, undone, timed out, cancelled. It knows no bytes, clocks, threads or files.
// This comment is its specification; the node (or a test) is "the world".
//
// DATA. A port of a task holds one value or a list of values; the output of a foreach is the list
// of its tasks' outputs, in element order. A value is there once it is sealed (to a `pipe`: once
// it is open); it is absent once its task has ended without it or was skipped. An absent element
// of a list is a hole. An input of the run is like the output of a task that is committed from
// the start.
//
// READY. A task starts when every slot is available: a value when it is there; a whole list when
// it is closed and all of it is there; a `stream` with its first element or the end. `${item}` is
// like any value, so tasks of a foreach start one by one while the list grows, and a chain of
// foreach has no barrier. `after` adds: those steps are committed with all their tasks. A
// required slot that is absent skips the task; one that is the same for all tasks of a foreach,
// or an absent driving list, skips the step as a whole (its outputs are absent, not empty; its
// one result has index 0); a hole skips the task of that element. StartTask is emitted when also
// a CPU slot is free and `concurrency` allows it, first come first served. A blocked task holds
// no CPU slot.
//
// EARLY. A step with `start: early` starts once its gates and its element are there and one of its
// producers has begun (inputs of the run and of a scope have). Slots that are not there yet are
// kLate in StartTask and follow as Bind; a task that has one at its end still waits for it with
// its commit. When one turns out absent where it may not be, or broken, the task is ended (or what
// it has written is void), and is skipped or fails like one that never began.
//
// PUT-BACK. While an attempt has no worker and can get none (WorkerShort), the attempt that blocked
// last and still waits for a producer is ended with kPutBack, which counts for nothing; an early
// one that has no worker itself is put back in favour of others. What was put back starts again
// when all its data is whole, so that it never waits for a producer again: bounded workers cannot
// deadlock, and nothing is put back twice.
//
// CACHE. A step with `cache` starts when all its inputs are whole, also those that it reads as a
// stream or pipe. With its CPU slot it asks first what the same inputs came to before (Recall). The
// answer is its outputs (Emitted) and TaskDone, as if its code had run, or NotCached: then
// StartTask follows, of the same attempt. What it comes to is told before its Commit (KeepOutput),
// as is that of every task in a run with `keep: all`.
//
// EXPRESSIONS. A kCompute step has operands, which are not waited for. Once its gates are there
// (and its element), the world is asked to evaluate it (Compute) and answers with what is certain
// (Computed). Outputs that are references are handed on by core, a list while it grows (kView).
// Each of its ports ends by itself; one that is broken fails the tasks that need it, unless
// something that they require is absent: then they are skipped.
//
// SCOPES. A task of a kFlow or kLoop needs no worker either: it opens a scope, tables of the inner
// workflow's steps, whose inputs are what its slots see, void and committed as they are there, and
// whose outputs are its own. Tasks inside commit once the task's gates have, and the task with the
// last of them. A failure that is committed inside fails the attempt; a new attempt is a new scope.
// A loop opens one per round while the output `again` of the newest is there, and only the last
// round's outputs are its own.
//
// LISTS reach their reader as Deliver, at most 16 elements (holes count) ahead of Consumed. A
// list of lists comes as kListBegin … kListEnd per element. Each reader has a place of its own.
//
// ATTEMPTS. Each start has a new epoch; an event with another epoch is stale. An attempt ends by
// TaskDone or TaskFailed, or by EndAttempt, which the world answers with exactly one
// AttemptEnded, also when the attempt had ended by itself meanwhile; what else it says after
// EndAttempt is stale. The time limit runs from TaskStarted and stands still while the task is
// blocked; that of a flow runs while one of its tasks runs, is queued or backs off.
//
// EARLY DATA. Readers do not wait for commits. A task that is finished (ended, skipped or out of
// attempts) gets its Commit once all that it was made from is committed: outputs, skips and
// failures alike. What an attempt that fails or is rolled back wrote is void: dropped if nobody
// has read it, else kept until the next attempt has written the same size and checksum (readers
// go on), something else, or nothing (they are rolled back, and so on transitively). A roll-back
// counts for nothing and forgets the failures of the reader. An open value that was followed is
// always rolled back.
//
// COMMIT. The world orders the record and says Committed to every scheduler of the run. Nothing
// that is committed is ever undone. A committed failure ends the run; with `on_failure: continue`
// what the task would have written is absent from then on, and the run ends when nothing is left to
// do. A task whose failure a clause of its `catch` names ends well instead, without outputs but for
// that clause's own. Steps with effects and waits start when all they are made from is committed.
// When all steps are committed and all outputs given, the run has succeeded. Outputs are given in
// index order as their tasks commit.
//
// OBJECTS. Core takes over every object that an event names, also of a stale Emitted or a late
// input, and gives each back by Release exactly once: when its last reader has committed and, if
// it fed an output, after that was given; when it is void; or when the run is drained. Never
// while an attempt that may use it is running: what is dropped waits for all attempts that are
// being ended.
//
// NODES. Every scheduler of a run holds the tables of all steps; `placement` says whose tasks run
// here. Decisions about a task are made where it runs and told to the others as Forward{Fact}:
// data to the nodes that read it (with objects of their own store), ends to all. The world keeps
// the order of facts between two nodes, and the order of Committed after what the owner was told.
// Events of inputs go to every node of the run. Only the owner gives outputs, hears CancelRun and
// FailRun, has the deadline, and ends the run. The world takes a reference of its own when it
// handles a Forward.
//
// COST. One event costs O(readers of the port it touches), amortised over elements and commits;
// roll-backs and the end of a run walk the tables concerned. A waiting task takes 32 bytes, its
// output 40 more. Nothing is allocated in steady state. Beyond `elements_per_list` or
// `tasks_per_run` the task that emits fails with TooLarge.

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
    std::uint32_t total = 0;                   // Tasks that exist so far.
    bool total_is_final = false;               // The driving list is closed.
    std::array<std::uint32_t, 10> by_state{};  // Indexed by TaskState.
    friend bool operator==(const StepCounts&, const StepCounts&) = default;
  };
  StepCounts step_counts(RunKey run, std::uint32_t step, std::uint32_t scope = 0) const;
  TaskState task_state(const TaskKey& task) const;
  // What a kCompute task sees of a datum now. A slot without data (a literal): kUnknown.
  Known look(const TaskKey& task, const Datum& datum) const;
  struct Counters {
    std::uint64_t stale_events = 0;
    std::uint64_t rolled_back = 0;
    std::uint64_t put_back = 0;
    std::uint32_t ready = 0;    // Tasks that wait for a CPU slot.
    std::uint32_t running = 0;  // Tasks that hold one.
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
