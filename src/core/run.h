#pragma once

// The tables of one run. Dense and index-addressed: a waiting task costs its Task, and a Cell once
// it has an output. All rules are in scheduler_impl.h's files; here is only the data.

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/graph.h"
#include "core/table.h"
#include "core/timers.h"
#include "core/types.h"
#include "core/watches.h"

namespace sluice::core {

// One value on a port: of a task, or one element of its list.
struct Cell {
  ObjectId id;  // None once released, while exists stays.
  std::uint64_t size = 0;
  Checksum checksum;
  std::uint32_t links = 0;  // Readers (steps, slots, outputs) that have not committed.
  bool exists = false;
  bool sealed = false;
  // The attempt that wrote it is void, but somebody has read it: kept until the next attempt has
  // written the same, or something else, or nothing.
  bool provisional = false;
  bool is_hole = false;  // An element of a list that is absent: nothing else of it counts.

  bool is_readable() const { return exists && sealed && !provisional; }
  Object object() const { return {id, size, checksum, sealed}; }
};
static_assert(sizeof(Cell) == 40);

struct CellList {
  Table<Cell> cells;          // May be longer than `emitted`: provisional cells, or gone.
  std::uint32_t emitted = 0;  // By the current attempt.
  std::uint32_t counted = 0;  // Elements that ever took part in the limit of tasks.
};

// A task inside a scope.
struct At {
  std::uint32_t step = 0;
  std::uint32_t index = 0;
  friend auto operator<=>(const At&, const At&) = default;
};

enum class TaskResult : std::uint8_t { kNone, kOutputs, kSkipped, kFailed };

struct Port {
  Cell single;  // The only value of a step without foreach.
  // Cells of the tasks (a value per task; without foreach it borrows `single`), or the elements
  // that the only task emits.
  CellList own;
  Table<CellList> lists;      // By task: a foreach whose tasks emit lists.
  std::uint32_t settled = 0;  // Tasks of which this port is known for good, as long as they are
                              // not undone.
  std::uint32_t links = 0;    // What a new cell starts with.
  // Of steps that end their ports one by one, by task: how this one has ended. kFailed: with an
  // error (ComputedOutput::kBroken); what it says is in Run::failures.
  std::vector<TaskResult> results;
};
static_assert(sizeof(Port) == 112);

struct Task {
  std::uint64_t epoch = 0;
  TimePoint ready_at{};
  std::uint32_t active = kNone;  // Index into Impl::actives_: an attempt, a wait, or kept cursors.
  std::uint16_t failures = 0;    // That count.
  TaskState state = TaskState::kWaiting;
  TaskResult result = TaskResult::kNone;
  bool queued : 1 = false;  // In the ready queue or in its step's hold.
  bool holds_slot : 1 = false;
  bool ending : 1 = false;       // EndAttempt was emitted, AttemptEnded has not come.
  bool backing_off : 1 = false;  // Waits for its retry.
  bool commit_sent : 1 = false;
  bool was_void : 1 = false;   // Results of it were undone: what comes now is compared.
  bool computing : 1 = false;  // An expression that is not certain yet; kRunning, but no attempt.
  bool asked : 1 = false;      // Compute was emitted, Computed has not come.
  bool caught : 1 = false;     // A clause of its `catch` names its failure: no output but that.
  bool on_input : 1 = false;   // A flow that has failed because an input is broken.
  bool early : 1 = false;      // Its attempt, or result, began before all its inputs were there.
  bool recalling : 1 = false;  // Recall was emitted, no answer has come: its code does not run yet.
  bool put_back : 1 = false;   // It gave its worker up once: it starts when all its data is whole.

  // The world has an attempt of it.
  bool is_running() const {
    return !computing && (state == TaskState::kPreparing || state == TaskState::kRunning ||
                          state == TaskState::kBlocked);
  }
  // Holds data, or a result made from it.
  bool is_bound() const { return computing || is_running() || state == TaskState::kFinished; }
  bool is_committed() const {
    return state == TaskState::kSucceeded || state == TaskState::kSkipped ||
           state == TaskState::kFailed;
  }
};
static_assert(sizeof(Task) == 32);

// The place of a reader in a list.
struct Reader {
  std::uint32_t slot = 0;
  std::uint32_t next = 0;   // Element.
  std::uint32_t inner = 0;  // Element of that element, where it is a list.
  std::uint32_t credit = 0;
  std::uint32_t port = kNone;  // Of an expression: the output that it is handed on as.
  bool begun = false;          // kListBegin of `next` was delivered.
  bool closed = false;         // kClosed was delivered.
};

// Why an attempt was told to end: what follows once it is over.
enum class EndCause : std::uint8_t { kRollBack, kTimeout, kTooLarge, kRunEnded };

// What an expression has come to so far.
struct Computation {
  struct Pending {  // An output whose pieces are handed on in order, as they come.
    ComputedOutput output;
    std::uint32_t next = 0;
  };
  std::vector<Pending> pending;
  std::vector<WatchKey> uses;     // In Run::uses, once each.
  std::vector<WatchKey> sources;  // In Run::sources: not committed when they were used.
  std::vector<WatchKey> needs;    // In Run::needs.
  std::uint64_t peers_used = 0;   // Slots that are read by element, by bit.
  std::uint32_t uncommitted = 0;  // Of `sources`.
  bool is_too_large = false;      // An output has more elements than it may.
  std::uint64_t given = 0;        // Outputs that it has an answer for, by bit.
  std::uint64_t asked_at = 0;     // Run::Watched::clock at the last question,
  std::uint64_t changed_at = 0;   // and when data of its element changed.
};

struct Active {
  std::uint32_t timer = Timers::kNoTimer;
  std::optional<Duration> left;    // Of the attempt's time, while it is blocked; once it runs. Of a
                                   // flow: while nothing in it is busy.
  std::uint64_t ending = 0;        // Number in Run::endings.
  std::uint32_t position = kNone;  // In StepTable::readers.
  EndCause cause = EndCause::kRollBack;
  std::vector<Reader> readers;      // Keeps its memory over uses.
  std::vector<std::uint32_t> late;  // Slots that it has not got yet.
  // Of a kFlow or kLoop: its scopes; of a loop the round that runs, and those before it that are
  // not committed.
  std::vector<std::uint32_t> scopes;
  bool is_last_round = false;  // Of a loop: its outputs are those of this round.
  bool has_left = false;       // It does not count in the concurrency of its foreach any more.
  std::unique_ptr<Computation> computation;
};

enum class SlotStatus : std::uint8_t {
  kMissing,
  kThere,   // Available, or absent where it may be.
  kAbsent,  // Certain never to come, and required.
  kBroken,  // An expression has failed: so does the task, unless it is skipped.
};

// One of these per step of a run, in one array that is walked by every event of a long chain: what
// only a foreach needs is elsewhere.
struct StepTable {
  Task single;        // The only task of a step without foreach. Of a foreach that is skipped as a
                      // whole: its only result, its gate.
  Table<Task> tasks;  // Without foreach: borrows `single`.

  struct Foreach {
    std::array<std::uint32_t, 10>
        by_state{};                      // kWaiting is not counted: such tasks may not exist yet.
    std::uint32_t committed = 0;         // Tasks.
    std::uint32_t admitted = 0;          // Tasks in the ready queue or started and not ended.
    Fifo<std::uint32_t> held;            // Ready, but `concurrency` others run.
    std::vector<std::uint32_t> readers;  // Tasks with cursors in lists.
  };
  std::unique_ptr<Foreach> foreach;

  std::uint32_t missing = 0;  // Common slots by status.
  std::uint32_t absent = 0;
  std::uint32_t broken = 0;
  std::uint32_t late_missing = 0;  // Of `missing`: those that an early task does without.
  std::uint32_t after_missing = 0;
  std::uint32_t uncommitted = 0;  // Common slots whose producer has not committed as a whole.
  bool local = true;              // Its tasks run on this node.
  bool complete = false;          // All that will ever be of it is committed.
  bool ended_empty = false;       // Elsewhere: a foreach that has no tasks and is not skipped.
  bool list_closed = false;       // A list input of a scope: it has no more elements,
  bool source_complete = false;   // and all that it comes from is committed.
  bool skipped = false;           // A foreach that is skipped as a whole.
  bool begun = false;             // A task of it has begun, whatever became of it.

  bool any_finished() const {
    return foreach ? foreach->by_state[static_cast<std::size_t>(TaskState::kFinished)] != 0
                   : single.state == TaskState::kFinished;
  }
};
static_assert(sizeof(StepTable) == 88);

// The tables of a run's workflow, or of one scope: a task of a flow, a round of a loop.
struct Run {
  RunKey key;
  std::uint32_t scope = 0;
  std::uint32_t round = 0;  // Of a loop.
  Run* root = nullptr;      // Of scope 0.
  Run* parent = nullptr;    // None: scope 0. Valid while this scope is open.
  At task;                  // In the parent.
  bool is_open = true;      // False: its attempts are being ended, nobody hears of it any more.
  bool is_void = false;     // A scope that never existed.
  bool is_fed = true;       // What its task waits for is committed: so may its own tasks.
  bool keeps_all = false;   // Of all its scopes, too.
  bool is_timed = false;    // A time limit of its task, or of one around it, runs while it is busy.
  std::uint32_t busy = 0;   // If timed: tasks that run, are queued or back off, and busy scopes.
  std::optional<Failure> failure;  // A scope that has failed, once it is drained.
  std::optional<TaskKey> failure_task;
  bool failed_on_input = false;
  // Only of scope 0.
  std::unordered_map<std::uint32_t, std::unique_ptr<Run>> scopes;
  std::uint32_t next_scope = 1;
  std::shared_ptr<const model::App> app;  // The graph looks into it.
  std::shared_ptr<const Graph> held_graph;
  const Graph* graph = nullptr;
  NodeId owner;
  std::optional<TimePoint> deadline;
  bool is_owner = true;
  bool ended = false;
  bool drained = false;
  bool forget = false;
  // Of fixed size: they borrow from themselves.
  Array<StepTable> steps;  // The inputs behind the steps.
  Array<Port> ports;
  Array<SlotStatus> slots;

  std::vector<NodeId> nodes;                    // Others with a part in the run.
  std::vector<std::vector<NodeId>> port_nodes;  // Others that read a port. Both empty: only this.

  struct Output {
    std::uint32_t next = 0;
    bool done = false;
  };
  Array<Output> outputs;
  std::uint32_t outputs_done = 0;
  std::uint32_t steps_complete = 0;
  std::uint32_t task_count = 0;  // Of scope 0: of all scopes that there have been.
  std::uint32_t ready = 0;       // Tasks in that state.
  std::uint32_t attempts = 0;    // Not over.
  std::uint32_t actives = 0;     // Entries of Impl::actives_ that belong to this run.
  std::uint64_t objects = 0;     // In cells or graves.
  std::uint32_t timer = Timers::kNoTimer;

  // Created when the first expression looks at data.
  struct Watched {
    Watches needs;    // Expressions to be evaluated again when the datum changes,
    Watches uses;     // to be rolled back when it is void,
    Watches sources;  // to be committed after the task {step, index} (all ones: the whole step).
    std::uint64_t clock = 0;             // Counts changes of data;
    std::vector<std::uint64_t> changed;  // by port, when the last one was.
  };
  std::unique_ptr<Watched> watched;
  std::set<At> put_back;  // Tasks that wait until all their data is whole; by step, to be found.

  // Of failures of flows: the task inside that has failed.
  std::map<std::pair<std::uint32_t, std::uint32_t>, TaskKey> origins;

  // With `on_failure: continue`: the first that failed.
  std::optional<TaskKey> failed_task;

  // Failures that are results, until the run ends: of a task as a whole, before those of outputs
  // that have failed by themselves (steps that end their ports one by one).
  struct FailureKey {
    At at;
    std::uint32_t output = 0;  // Number of the port + 1; 0: the task.
    friend auto operator<=>(const FailureKey&, const FailureKey&) = default;
  };
  std::map<FailureKey, Failure> failures;

  void set_failure(At at, Failure why) {
    failures.insert_or_assign(FailureKey{at}, std::move(why));
  }
  void set_failure(At at, std::uint32_t port_number, Failure why) {
    failures.insert_or_assign(FailureKey{at, port_number + 1}, std::move(why));
  }
  const Failure& failure_of(At at) const { return failures.at(FailureKey{at}); }
  const Failure& failure_of(At at, std::uint32_t port_number) const {
    return failures.at(FailureKey{at, port_number + 1});
  }
  void drop_failures(At at) {
    failures.erase(failures.lower_bound(FailureKey{at}),
                   failures.upper_bound(FailureKey{at, kNone}));
  }

  // Of tasks elsewhere: epochs that were committed before the end of the task was heard of.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> early_commits;

  // An object that is dropped may still be mapped by an attempt that is being ended. Endings are
  // numbered; a grave is opened when all endings that were under way at its burial are over.
  struct Ending {
    bool over = false;
  };
  struct Grave {
    ObjectId object;
    std::uint64_t after = 0;  // Number of the newest ending then.
  };
  Fifo<Ending> endings;
  std::uint64_t first_ending = 1;  // Number of the first in `endings`.
  Fifo<Grave> graves;

  StepTable& step(std::uint32_t i) { return steps[i]; }
  Port& port_of(std::uint32_t step, std::uint32_t number) {
    return ports[graph->step(step).ports.first + number];
  }
};

// The memory of a scope that is gone, for the next one: scopes come and go by the thousand, and
// allocating their tables was a third of what that took.
struct SpareTables {
  static constexpr std::size_t kMostBytes = 4 << 20;  // Of all of them.
  Array<StepTable> steps;
  Array<Port> ports;
  Array<SlotStatus> slots;
  Array<Run::Output> outputs;

  std::size_t bytes() const {
    return sizeof(*this) + steps.capacity() * sizeof(StepTable) + ports.capacity() * sizeof(Port) +
           slots.capacity() + outputs.capacity() * sizeof(Run::Output);
  }
};
// Tables of a scope that is closed, until the next event: views may still look.
struct SweptTables {
  RunKey run;
  std::uint32_t scope = 0;
  std::unique_ptr<Run> tables;
};

}  // namespace sluice::core
