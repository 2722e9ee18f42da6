#pragma once

// The state of the scheduler and its rules, one file per concern:
//   scheduler.cc   dispatch of events, views          run_life.cc   submission, inputs, end, drain
//   data.cc        emission, delivery, release        readiness.cc  what is available, who is ready
//   attempts.cc    start to end of attempts, time     commit.cc     commits, outputs, completion
//   undo.cc        what a void attempt leaves          remote.cc     facts from and to other nodes
//   scopes.cc      flows and loops                     boundary.cc   data into and out of scopes
//   flow_time.cc   time limits of flows                reuse.cc      `cache` and `keep: all`
//   compute.cc     expressions                          early.cc      early starts, put-back
//   invariants.cc  check_invariants

#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/random.h"
#include "core/graph_cache.h"
#include "core/run.h"
#include "core/scheduler.h"

namespace sluice::core {

inline constexpr std::uint32_t kCredit = 16;       // Elements in flight to a reader at first.
inline constexpr std::uint32_t kAll = 0xffffffff;  // All tasks or all elements.

class Scheduler::Impl {
 public:
  Impl(const Limits& limits, NodeId self, Random random)
      : limits_(limits), self_(self), random_(random) {}

  // ---- scheduler.cc
  void apply(const Event& event, TimePoint now, Actions& out);
  std::optional<TimePoint> next_deadline() const { return timers_.next(); }
  void check_invariants() const;
  StepCounts step_counts(RunKey run, std::uint32_t step, std::uint32_t scope) const;
  TaskState task_state(const TaskKey& task) const;
  Known look(const TaskKey& task, const Datum& datum) const;
  Counters counters() const;
  std::size_t memory_bytes() const;
  static std::size_t memory_bytes(const Run& run);
  static std::size_t memory_bytes(const Computation& computation);

 private:
  // ---- invariants.cc
  struct Totals {
    std::size_t runs = 0, ready = 0, holding = 0, timers = 0, actives = 0;
  };
  void check_run(const Run& run, Totals& totals) const;
  void check_busy(const Run& run) const;
  void check_step(const Run& run, std::uint32_t step) const;
  void check_task(const Run& run, At at) const;
  std::uint64_t check_port(const Run& run, std::uint32_t port) const;  // Returns its objects.

  struct Live {  // An attempt that an event names and that is the current one.
    Run* run = nullptr;
    Task* task = nullptr;
    At at;
    explicit operator bool() const { return task != nullptr; }
  };

  Run* find_run(RunKey key) const {
    if (key.index() >= runs_.size()) return nullptr;
    Run* run = runs_[key.index()].get();
    return run != nullptr && run->key == key ? run : nullptr;
  }
  // The tables that a task is in: of the run, or of one of its scopes.
  Run* find_tables(RunKey key, std::uint32_t scope) const {
    Run* run = find_run(key);
    if (run == nullptr || scope == 0) return run;
    return find_scope(*run, scope);
  }
  static Run* find_scope(const Run& root, std::uint32_t scope);
  // For views: also those of a scope that the last event has closed.
  const Run* find_shown(RunKey key, std::uint32_t scope) const;
  Live find_live(const Attempt& attempt) const;
  TaskKey key_of(const Run& run, At at) const { return {run.key, at.step, at.index, run.scope}; }
  Attempt attempt_of(const Run& run, At at, const Task& task) const {
    return {key_of(run, at), task.epoch};
  }
  Task& task_of(Run& run, At at) const { return run.step(at.step).tasks[at.index]; }
  bool is_local(const Run& run, std::uint32_t step) const { return run.steps[step].local; }
  // Built in place: an Action is large, and moving one costs as much as deciding on it.
  template <class T>
  void emit_action(T&& action) {
    out_->list.emplace_back(std::forward<T>(action));
  }

  // ---- run_life.cc
  void on(const RunSubmitted& event);
  void on(const InputReady& event);
  void on(const InputElement& event);
  void on(const InputClosed& event);
  void on(const InputAbsent& event);
  void on(const CancelRun& event);
  void on(const FailRun& event);
  void on(const ForgetRun& event);
  void end_input(RunKey key, std::uint32_t input, TaskResult result);
  void input_object(RunKey key, std::uint32_t input, const Object& object);
  void add_tables(Run& run, const std::vector<NodeId>& placement);
  void add_nodes(Run& run, const std::vector<NodeId>& placement);
  void end_run(Run& run, RunEnded::State state, const Failure* failure,
               std::optional<TaskKey> failed_task);
  void stop_run(Run& run, EndAttempt::Reason reason);
  void drain(Run& run);
  void forget(Run& run);
  void check_success(Run& run);

  // ---- data.cc
  TaskResult result_of(const Run& run, std::uint32_t port, At producer) const;
  CellList& list_of(Run& run, std::uint32_t port, At producer) const;
  const CellList& list_of(const Run& run, std::uint32_t port, At producer) const {
    return list_of(const_cast<Run&>(run), port, producer);
  }
  Cell* find_cell(Run& run, std::uint32_t port, At producer) const;  // Of a port with one value.
  bool is_settled(const Run& run, std::uint32_t port, At producer) const;
  std::uint32_t element_count(const Run& run, std::uint32_t foreach_step) const;
  bool is_closed(const Run& run, std::uint32_t foreach_step) const;
  // `index`: which element it claims to be (kNone: the next one).
  // `element`: of a list that is not written in order (kNone: it is).
  void emit(Run& run, At at, std::uint32_t number, const Object& object, bool is_hole = false,
            std::uint32_t element = kNone);
  void seal(Run& run, At at, std::uint32_t number, const Object& object);
  void cell_changed(Run& run, std::uint32_t port, At at, std::uint32_t element);
  void list_closed(Run& run, std::uint32_t port, At at);
  void pump_slot(Run& run, std::uint32_t step, std::uint32_t slot);
  template <class Wanted>
  void pump_task(Run& run, At at, const Wanted& wanted);
  void pump(Run& run, At at, Reader& reader);
  bool deliver(Run& run, At at, Reader& reader, Deliver::Kind kind, const Cell* cell);
  void release(ObjectId object) {
    if (object) emit_action(Release{object});
  }
  void give_back(Run& run, Cell& cell);
  void give_back(Run& run, ObjectId object);
  void drop_link(Run& run, Cell& cell, bool producer_committed);
  void drop_links(Run& run, const SlotInfo& source, std::uint32_t item);

  // ---- readiness.cc
  enum class Element : std::uint8_t { kUnknown, kHole, kUnavailable, kBroken, kAvailable };
  SlotStatus status_of(const Run& run, const SlotInfo& slot, std::uint32_t item) const;
  Element element_status(const Run& run, At at) const;
  Element peers_status(const Run& run, At at) const;
  Element task_status(const Run& run, At at) const;
  bool is_broken(const Run& run, At at, Element element) const;
  void fail_unstarted(Run& run, At at);
  void forget_failures(Run& run, At at, Task& task);
  void raise_epoch(Run& run, At at);
  bool is_startable(const Run& run, At at, Element element) const;
  bool driver_is_absent(const Run& run, std::uint32_t step) const;
  void update_slot(Run& run, std::uint32_t step, std::uint32_t slot);
  void evaluate_later(Run& run, At at) { work_.push({&run, at}); }
  void evaluate_step(Run& run, std::uint32_t step);
  void evaluate(Run& run, At at);
  void skip_step(Run& run, std::uint32_t step, std::uint64_t epoch);
  void unskip_step(Run& run, std::uint32_t step);
  void gate_changed(Run& run, std::uint32_t step);
  void work();
  void admit(Run& run, At at, Task& task);
  void push_ready(Run& run, At at);
  void admit_next(Run& run, std::uint32_t step);
  void dispatch();
  void start(Run& run, At at);
  void start_code(Run& run, At at);
  void bind(Run& run, At at, Task& task, std::uint32_t slot);
  std::optional<Binding> binding_of(const Run& run, At at, std::uint32_t slot) const;
  void add_reader(Run& run, At at, std::uint32_t slot);

  // ---- early.cc
  void on(const WorkerShort& event);
  bool producer_has_begun(const Run& run, std::uint32_t step) const;
  bool peers_are_there(const Run& run, At at) const;
  bool is_whole(const Run& run, At at) const;
  bool all_is_there(const Run& run, At at) const;
  bool may_stay(const Run& run, At at, Element element) const;
  void step_begins(Run& run, std::uint32_t step);
  void wake_early_readers(Run& run, std::uint32_t step);
  void check_early(Run& run, At at, Element element);
  void bind_late(Run& run, At at);
  bool holds(const Task& task, std::uint32_t slot) const;
  bool has_lost_input(const Run& run, At at) const;
  bool can_be_put_back(const Attempt& attempt, const WorkerShort& wanted) const;
  void put_back(Run& run, At at);
  void relieve();
  void wake_put_back(Run& run, std::uint32_t step);
  void wake_put_back(Run& run, const Link& link);
  void check_early(const Run& run, At at) const;
  void check_shortage() const;

  // ---- attempts.cc
  void on(const TaskStarted& event);
  void on(const TaskBlocked& event);
  void on(const TaskUnblocked& event);
  void on(const Emitted& event);
  void on(const Sealed& event);
  void on(const Consumed& event);
  void on(const TaskDone& event);
  void on(const TaskFailed& event);
  void on(const AttemptEnded& event);
  void on(const SlotsChanged& event);
  void on(const DeadlineReached& event);
  void set_state(Run& run, std::uint32_t step, Task& task, TaskState state);
  std::uint32_t take_active(Run& run);
  void free_active(Run& run, At at, Task& task) {
    if (task.active != kNone) drop_active(run, at, task);
  }
  void drop_active(Run& run, At at, Task& task);
  void leave_readers(Run& run, At at, Active& active);
  void end_attempt(Run& run, At at, EndAttempt::Reason reason, EndCause cause);
  void attempt_over(Run& run, At at, Task& task);
  void finish(Run& run, At at, TaskResult result);
  void finish_port(Run& run, std::uint32_t port, At at);
  void end_port(Run& run, std::uint32_t port, At at, TaskResult result);
  void fail_attempt(Run& run, At at, Failure failure);
  void fail_for_good(Run& run, At at, Failure failure, bool past_catch);
  void begin_wait(Run& run, At at);
  void on(const WaitUntil& event);
  Duration backoff_of(const model::Retry& retry, std::uint32_t failures);

  // ---- commit.cc
  void on(const Committed& event);
  bool goes_on(const Run& run) const;
  // Data of it goes into or out of scopes.
  static bool has_edges(const Run& run) { return run.parent != nullptr || run.graph->has_scopes(); }
  bool broken_inputs_are_committed(const Run& run, At at) const;
  bool is_committed(const Run& run, At at) const;
  bool is_fed_by_commits(const Run& run, At at) const;
  bool element_is_committed(const Run& run, At at) const;
  bool producer_is_complete(const Run& run, std::uint32_t step) const;
  bool may_commit(const Run& run, At at) const;
  const Failure* broken_output(const Run& run, At at) const {
    return run.failures.empty() ? nullptr : find_broken_output(run, at);
  }
  const Failure* find_broken_output(const Run& run, At at) const;
  void try_commit(Run& run, At at);
  void try_commit_step(Run& run, std::uint32_t step);
  void try_commit_gate(Run& run, std::uint32_t step);
  void commit_task(Run& run, At at);
  void commit_gate(Run& run, std::uint32_t step);
  void check_complete(Run& run, std::uint32_t step);
  void step_complete(Run& run, std::uint32_t step);
  void pump_outputs(Run& run, std::uint32_t step);
  void pump_output(Run& run, std::uint32_t output);
  void output_element(Run& run, std::uint32_t output, std::uint32_t index, Cell* cell,
                      Deliver::Kind kind);
  void output_done(Run& run, std::uint32_t output, OutputReady ready);

  // ---- compute.cc
  void on(const Computed& event);
  void begin_compute(Run& run, At at);
  void compute(Run& run, At at);
  void advance(Run& run, At at);
  bool advance(Run& run, At at, Computation::Pending& pending);
  bool hand_on(Run& run, At at, const Reader& reader, Deliver::Kind kind, const Cell* cell);
  bool hand_on(Run& run, At at, Computation& computation, const Datum& datum, std::uint32_t port,
               bool is_list);
  void finish_computed(Run& run, At at);
  bool is_driver(const Run& run, At at, std::uint32_t number) const;
  void end_computed(Run& run, At at, const Failure* failure);
  void drop_computation(Run& run, At at, Computation& computation);
  bool is_overtaken(const Run& run, At at) const;
  void add_use(Run& run, At at, Computation& computation, const Datum& datum);
  void add_needs(Run& run, At at, Computation& computation, std::span<const Datum> needs);
  void drop_needs(Run& run, At at, Computation& computation);
  bool is_fed_by_commits(const Run& run, At at, const Computation& computation) const;
  void source_committed(Run& run, std::uint32_t step, std::uint32_t index);
  // `key`: what exactly has changed of the port.
  void datum_changed(Run& run, std::uint32_t port, const WatchKey& key) {
    if (has_edges(run)) data_changed_inside(run, port, key);
    if (run.watched) wake_watchers(run, port, key);
  }
  void wake_watchers(Run& run, std::uint32_t port, const WatchKey& key);
  void find_users(const Run& run, const WatchKey& key, std::vector<At>& found) const;
  void release_pieces(const std::vector<ComputedOutput>& outputs);
  Known known(const Run& run, At at, const Datum& datum) const;
  Known known(const Run& run, const SlotInfo& slot, At at, const Datum& datum) const;

  // ---- scopes.cc
  void enter(Run& run, At at);
  void check_scope(Run& run, At at, Element element);
  void open_scope(Run& run, At at, std::uint32_t round);
  void close_scopes(Run& run, At at, Active& active);
  void close_scope(Run& scope);
  void void_scopes(Run& run, At at);
  void leave_scope(Run& run, At at);
  void fail_scope(Run& scope, const Failure& failure, const TaskKey& task);
  void check_scope_done(Run& scope);
  void check_fed(Run& run, At at);
  void scope_is_fed(Run* scope);
  void check_round(Run& scope);
  void void_outputs(Run& run, At at);
  void close_rounds(Run& run, At at, std::uint32_t after);
  void sweep();
  void drop_swept();
  Run* newest_scope(Run& run, At at) const;

  // ---- reuse.cc
  void recall(Run& run, At at);
  void on(const NotCached& event);
  bool is_kept(const Run& run, std::uint32_t step) const;
  void keep_outputs(Run& run, At at);

  // ---- flow_time.cc
  static bool is_busy(const Run& run, std::uint32_t step, TaskState state);
  void state_changes(Run& run, std::uint32_t step, TaskState from, TaskState to);
  void becomes_busy(Run& run);
  void becomes_idle(Run& run);
  void run_clock(Run& run, At at);
  void hold_clock(Run& run, At at);
  void stop_clock(Run& scope);
  void set_backing_off(Run& run, Task& task, bool backing_off);

  // ---- boundary.cc
  struct Feed {  // Where an input of a scope comes from.
    Run* run = nullptr;
    const SlotInfo* slot = nullptr;
    At at;
  };
  template <class Visit>
  void for_each_inside(Run& run, std::uint32_t port, const WatchKey& key, const Visit& visit);
  Feed feed_of(Run& scope, std::uint32_t input) const;
  bool is_committed(const Feed& feed, std::uint32_t element) const;
  bool is_complete(const Feed& feed) const;
  void feed_all(Run& scope);
  void feed(Run& scope, std::uint32_t input, std::uint32_t element);
  void feed_cell(Run& scope, At at, const Known& now);
  void feed_inner_list(Run& scope, At at, const Feed& feed);
  void feed_list(Run& scope, std::uint32_t input, const Feed& from, std::uint32_t first);
  void feed_commit(Run& scope, std::uint32_t input, std::uint32_t element);
  void data_changed_inside(Run& run, std::uint32_t port, const WatchKey& key);
  void committed_inside(Run& run, std::uint32_t port, std::uint32_t index);
  void hand_out(Run& scope, std::uint32_t output, std::uint32_t element);
  void hand_out_element(Run& scope, std::uint32_t output, std::uint32_t element);
  void hand_out_all(Run& scope);
  void void_port(Run& run, std::uint32_t port, At at);
  void void_element(Run& run, std::uint32_t port, At at, std::uint32_t element);

  // ---- undo.cc
  void void_results(Run& run, At at, bool again);
  void void_part(Run& run, std::uint32_t port, At at, bool again, TaskResult old);
  void void_cell(Run& run, std::uint32_t port, At at, std::uint32_t element, Cell& cell,
                 bool again);
  void drop_cell(Run& run, Cell& cell);
  bool is_read(Run& run, std::uint32_t port, At at, std::uint32_t element);
  void roll_back_users(Run& run, const WatchKey& key);
  void roll_back(Run& run, At at, EndAttempt::Reason reason = EndAttempt::Reason::kRolledBack);
  void roll_back_readers(Run& run, std::uint32_t port, At at, std::uint32_t element);
  void roll_back_unfed(Run& run, std::uint32_t port, At at);
  void roll_back_views(Run& run, std::uint32_t port, std::uint32_t index);
  void roll_back_misled(Run& run, std::uint32_t step, std::uint32_t slot, std::uint32_t index,
                        std::uint32_t count);
  void drop_unwritten(Run& run, std::uint32_t port, At at, bool skipped);
  void purge(Run& run, At at);
  void reopen_list(Run& run, std::uint32_t port);
  // Appends the tasks of this node that hold what `element` (kAll: anything) of the port was.
  void find_readers(Run& run, std::uint32_t port, At at, std::uint32_t element,
                    std::vector<At>& found);
  void find_bound(Run& run, std::uint32_t step, std::vector<At>& found);
  // The one that has read furthest: an expression may hand the same list on more than once.
  const Reader* find_reader(const Task& task, std::uint32_t slot) const;
  void roll_back_step(Run& run, std::uint32_t step);

  void committed_elsewhere(Run& run, At at);

  // ---- remote.cc
  void on(const Fact& fact);
  void forward(Run& run, At at, Fact::Kind kind, std::uint32_t number = 0, std::uint32_t index = 0,
               const Object* object = nullptr, const Failure* failure = nullptr,
               bool is_hole = false) {
    if (!run.nodes.empty()) tell_nodes(run, at, kind, number, index, object, failure, is_hole);
  }
  void tell_nodes(Run& run, At at, Fact::Kind kind, std::uint32_t number, std::uint32_t index,
                  const Object* object, const Failure* failure, bool is_hole);
  void forward_counts(Run& run, At at);

  const Limits limits_;
  const NodeId self_;
  Random random_;
  TimePoint now_{};
  Actions* out_ = nullptr;

  Array<std::unique_ptr<Run>> runs_;  // By RunKey::index().
  GraphCache graphs_;
  Array<Active> actives_;
  std::vector<std::uint32_t> free_actives_;
  Timers timers_;

  struct Ready {
    RunKey run;
    std::uint32_t scope = 0;
    At at;
  };
  Fifo<Ready> ready_;
  std::vector<Attempt> blocked_;  // In order of blocking.
  struct Want {
    WorkerShort what;
    bool is_met = false;  // Another attempt gives its worker up.
  };
  std::vector<Want> short_;  // Some may be over.
  struct Work {
    Run* run;
    At at;
  };
  Fifo<Work> work_;  // Empty between events.

  // Scopes to be swept after this event: those that are closed, and those that gave out too much.
  std::vector<std::pair<RunKey, std::uint32_t>> closed_, too_large_;
  std::vector<std::pair<RunKey, std::uint32_t>> closing_;  // Those of closed_ that are swept now.
  std::vector<SweptTables> swept_;                         // By the last event; by run and scope.
  std::vector<SpareTables> spare_;
  std::size_t spare_bytes_ = 0;

  std::int64_t slots_free_ = 0;
  Counters counters_;
};

}  // namespace sluice::core

#include "core/scheduler_inline.h"  // IWYU pragma: export
