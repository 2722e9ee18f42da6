#pragma once

// What core hears and what it answers: plain data, printable and comparable. The meaning of each is
// in scheduler.h.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/ids.h"
#include "base/units.h"
#include "model/plan.h"

namespace sluice::core {

// One execution of one step in a run; per element in a foreach (else index 0). Its path in the
// world is `step` or `step.7`. A task of a flow or a round of a loop has a scope of its own for the
// steps of the inner workflow; scope 0 is the run's workflow. Numbers of scopes are never used
// again in a run.
struct TaskKey {
  RunKey run;
  std::uint32_t step = 0;
  std::uint32_t index = 0;
  std::uint32_t scope = 0;
  friend auto operator<=>(const TaskKey&, const TaskKey&) = default;
};

// An attempt is named by its epoch: a number that grows with every start of the task, whatever the
// reason. `number` is what users see (1, 2, …; a roll-back or a lost worker does not count it up).
struct Attempt {
  TaskKey task;
  std::uint64_t epoch = 0;
  friend auto operator<=>(const Attempt&, const Attempt&) = default;
};

// A value in a store. Open while it grows (then size and checksum are those so far).
struct Object {
  ObjectId id;
  std::uint64_t size = 0;
  Checksum checksum;
  bool sealed = true;
  friend auto operator<=>(const Object&, const Object&) = default;
};

struct Failure {
  std::string name;  // `Timeout`, `Crash`, `ValueError`, …
  std::string message;
  std::vector<std::string> bases;  // Names of base classes: `retry` and `catch` match them too.
  bool counts = true;  // false: worker or node lost, put back. Not an attempt of the user's.
  friend bool operator==(const Failure&, const Failure&) = default;
};

// ---- events ------------------------------------------------------------------------------------

// `placement[step]` is the node a step runs on; empty: all on this node. `owner` orders commits and
// ends the run. Every node that runs tasks of the run, and the owner, gets this event.
struct RunSubmitted {
  RunKey run;
  std::shared_ptr<const model::App> app;
  std::uint32_t workflow = 0;
  std::optional<TimePoint> deadline;  // Of the run: then TIMED_OUT.
  NodeId owner{1};
  std::vector<NodeId> placement;
};
// Data of the run's inputs. A plain input gets one Object (open while it is uploaded, then again
// sealed); a list input gets its elements in order and is then closed. Inputs are committed data.
struct InputReady {
  RunKey run;
  std::uint32_t input = 0;
  Object object;
};
struct InputElement {
  RunKey run;
  std::uint32_t input = 0;
  Object object;
};
struct InputClosed {
  RunKey run;
  std::uint32_t input = 0;
};
struct InputAbsent {
  RunKey run;
  std::uint32_t input = 0;
};

// What became of an attempt that core started. An epoch that is not the current one is stale:
// ignored and counted.
struct TaskStarted {
  Attempt attempt;
};  // Its code runs: the timeout counts from here.
struct TaskBlocked {
  Attempt attempt;
};  // Waits for data in a read: holds no CPU slot, time stands still.
struct TaskUnblocked {
  Attempt attempt;
};
// There is no worker for the attempt, and none can be had while all the others keep theirs: one
// that waits for data is put back. `only_function`: only one of the same function would help.
struct WorkerShort {
  Attempt attempt;
  bool only_function = false;
};
struct Emitted {
  Attempt attempt;
  std::uint32_t port = 0;
  Object object;
  bool is_hole = false;  // The next element is absent, and there is no object.
};  // The value, or the next element. Open: readers may follow it.
struct Sealed {
  Attempt attempt;
  std::uint32_t port = 0;
  Object object;
};  // The open object emitted last on this port is whole.
struct Consumed {
  Attempt attempt;
  std::uint32_t slot = 0;
  std::uint32_t elements = 0;
};  // The reader has room for so many more.
struct TaskDone {
  Attempt attempt;
};  // Code ended well. Lists close; outputs not emitted are absent.
struct TaskFailed {
  Attempt attempt;
  Failure failure;
};
struct AttemptEnded {
  Attempt attempt;
};  // The kernel says so, after an EndAttempt.

// What an expression names: the operand (a slot of the kCompute step), or an element of it, or an
// element of that element.
struct Datum {
  std::uint32_t slot = 0;
  std::uint32_t depth = 0;
  std::array<std::uint32_t, 2> index{};
  friend auto operator<=>(const Datum&, const Datum&) = default;
};

// What is known of a datum now (Scheduler::look).
struct Known {
  // kFailure: what `${error}` shows; kBroken: the expression that should have given it has failed.
  enum class State : std::uint8_t {
    kUnknown,
    kAbsent,
    kObject,
    kList,
    kNumber,
    kFailure,
    kFlag,
    kBroken
  };
  State state = State::kUnknown;
  bool closed = false;      // kList: has no more than `count` elements.
  std::uint32_t count = 0;  // kList: elements known so far. An element may itself be unknown.
  std::int64_t number = 0;  // kNumber: `${index}`, `${round}`.
  Object object;            // kObject; open while it grows.
  const Failure* failure = nullptr;  // kFailure, kBroken: until the next event.
};

// One piece of an output of a kCompute task. A datum is handed on by reference, now or as soon as
// it is there; absent it is a hole.
struct Piece {
  enum class Kind : std::uint8_t { kObject, kDatum, kHole, kListBegin, kListEnd };
  Kind kind = Kind::kObject;
  Object object;
  Datum datum;
};
struct ComputedOutput {
  enum class Kind : std::uint8_t {
    kAbsent,
    kFlag,    // There, without a value: the gate is open.
    kValue,   // One piece, kObject or kDatum.
    kList,    // A closed list of the pieces, in order.
    kView,    // The list `view`, handed on while it grows.
    kBroken,  // An error: whoever needs it fails with `failure`, or is skipped if it is.
  };
  std::uint32_t port = 0;
  Kind kind = Kind::kAbsent;
  std::vector<Piece> pieces;
  Datum view;
  bool drop_holes = false;  // kView: `present(list)`.
  Failure failure;
};
// The answer to Compute. Ports that are certain are given, each once per attempt; the task is asked
// again when one of `needs` (what it waits for, and what it saw on the way there) has changed, and
// is done when it has given every port. `used`: the data without which these outputs might be
// others: the task commits after them, and is rolled back when one is void. An answer that was
// overtaken by a change of what it was made from is ignored and asked for again.
struct Computed {
  Attempt attempt;
  std::vector<ComputedOutput> outputs;
  std::vector<Datum> used;
  std::vector<Datum> needs;
  std::optional<Failure> failure;  // Of the whole task: `fail`, or an error in a `set`.
  bool skipped = false;            // The whole task: a `fail` that is made from something absent.
};
// The time of a kWait is known.
struct WaitUntil {
  Attempt attempt;
  TimePoint due;
};

// The answer to Recall, where there is nothing: the attempt goes on with its code. Where there is,
// the world says Emitted for each output, and TaskDone.
struct NotCached {
  Attempt attempt;
};

struct Committed {
  Attempt attempt;
};  // The record of a Commit is ordered.
struct CancelRun {
  RunKey run;
};
struct FailRun {
  RunKey run;
  Failure failure;
};  // From outside: a broken upload.
struct ForgetRun {
  RunKey run;
};  // The ended run leaves the tables.
struct SlotsChanged {
  std::uint32_t slots = 0;
};  // CPU slots of this node.
struct DeadlineReached {};

// What another node's scheduler says about a task that runs there (Forward, delivered).
struct Fact {
  static constexpr std::uint32_t kWholeStep = 0xffffffff;
  enum class Kind : std::uint8_t {
    kEmitted,
    kSealed,
    kDone,
    kSkipped,
    kFailed,
    kVoided,
    kRunEnded,
    kCounted,
    kPortEnded,  // Of a step that ends its ports one by one; `index`: how.
    kBegan       // The step, of which a task that starts early reads.
  };
  Kind kind = Kind::kEmitted;
  Attempt attempt;
  std::uint32_t port = 0;   // kWholeStep: of a foreach that is skipped as a whole.
  std::uint32_t index = 0;  // Of the element, where the port is a list; kCounted: how many there
                            // are; kDone: 1 if a `catch` names its failure.
  bool is_hole = false;     // Of a list: the element is absent.
  Object object;
  Failure failure;
  friend bool operator==(const Fact&, const Fact&) = default;
};

using Event =
    std::variant<RunSubmitted, InputReady, InputElement, InputClosed, InputAbsent, TaskStarted,
                 TaskBlocked, TaskUnblocked, WorkerShort, Emitted, Sealed, Consumed, TaskDone,
                 TaskFailed, AttemptEnded, Computed, WaitUntil, NotCached, Committed, CancelRun,
                 FailRun, ForgetRun, SlotsChanged, DeadlineReached, Fact>;

// ---- actions -----------------------------------------------------------------------------------

// What a slot of a starting task is bound to. Literals, `${index}`, defaults and absent ports need
// no data: node reads the first three from the plan.
struct Binding {
  enum class Kind : std::uint8_t {
    kLiteral,  // The literal in the plan.
    kIndex,    // `${index}`.
    kRound,    // `${round}`: of the scope.
    kRunId,    // `${run.id}`.
    kObject,   // One value; open only for a pipe.
    kList,     // Follows as Deliver actions under the reader's credit (Consumed).
    kLate,     // Not there yet: a Bind follows, or the attempt is ended.
    kAbsent,   // Of a Bind: it will not come, and need not.
  };
  std::uint32_t slot = 0;  // Index into Step::slots. Slots that are absent are left out.
  Kind kind = Kind::kObject;
  Object object;
  friend bool operator==(const Binding&, const Binding&) = default;
};

struct StartTask {
  Attempt attempt;
  std::uint32_t number = 1;           // What the user sees.
  std::optional<TimePoint> deadline;  // Of the run, for the task's context.
  TimePoint ready;                    // When its last input was there.
  std::uint32_t bindings_first = 0;   // Range in Actions::bindings.
  std::uint32_t bindings_count = 0;
  friend bool operator==(const StartTask&, const StartTask&) = default;
};
// An attempt of a step with `cache` has begun: what came of the same function and inputs before?
// All its inputs are whole, and look() sees them until the answer.
struct Recall {
  Attempt attempt;
  std::uint32_t number = 1;
  TimePoint ready;
  friend bool operator==(const Recall&, const Recall&) = default;
};
// What a slot that was kLate when its attempt started is bound to.
struct Bind {
  Attempt attempt;
  Binding binding;
  friend bool operator==(const Bind&, const Bind&) = default;
};
// The next piece of a list input of a running task.
struct Deliver {
  enum class Kind : std::uint8_t { kElement, kHole, kListBegin, kListEnd, kClosed };
  Attempt attempt;
  std::uint32_t slot = 0;
  Kind kind = Kind::kElement;
  Object object;
  friend bool operator==(const Deliver&, const Deliver&) = default;
};
// The node evaluates the program of a kCompute step with what is known (Scheduler::look) and
// answers with Computed. The task needs no CPU slot and cannot fail by itself.
struct Compute {
  Attempt attempt;
  std::uint64_t given = 0;  // Bit n: output n was given already. A step has at most 64.
  friend bool operator==(const Compute&, const Compute&) = default;
};
// A kWait has begun. On a time: the node answers with WaitUntil. On an answer: with Emitted for
// each output and TaskDone, once it came.
struct BeginWait {
  Attempt attempt;
  std::uint32_t bindings_first = 0;  // Range in Actions::bindings: at most slot 0, the time.
  std::uint32_t bindings_count = 0;
  friend bool operator==(const BeginWait&, const BeginWait&) = default;
};
// Core holds the object once more: one more Release of it will come.
struct Retain {
  ObjectId object;
  friend bool operator==(const Retain&, const Retain&) = default;
};
// The task of a kFlow or kLoop step has a scope for the steps of `workflow`; until ScopeClosed,
// tasks may be named in it. What they came to may still be asked for until the next event.
struct ScopeOpened {
  TaskKey task;
  std::uint32_t scope = 0;
  std::uint32_t workflow = 0;
  std::uint32_t round = 0;  // Of a loop: 1, 2, …
  friend bool operator==(const ScopeOpened&, const ScopeOpened&) = default;
};
struct ScopeClosed {
  RunKey run;
  std::uint32_t scope = 0;
  bool is_void = false;  // Its task begins anew, or it was a round too many: it never existed.
  friend bool operator==(const ScopeClosed&, const ScopeClosed&) = default;
};
struct EndAttempt {
  enum class Reason : std::uint8_t { kCancelled, kTimeout, kRolledBack, kRunEnded, kPutBack };
  Attempt attempt;
  Reason reason = Reason::kCancelled;
  friend bool operator==(const EndAttempt&, const EndAttempt&) = default;
};
struct Commit {
  // kCaught: it failed, and a clause of its `catch` takes over.
  enum class Result : std::uint8_t { kOutputs, kSkipped, kFailed, kCaught };
  Attempt attempt;
  std::uint32_t number = 1;
  Result result = Result::kOutputs;
  friend bool operator==(const Commit&, const Commit&) = default;
};
// Before its Commit: what the task has written on a port, where the run keeps all, or the step has
// `cache`. Of a list one per element, and at last one that is kClosed, at its end.
struct KeepOutput {
  Attempt attempt;
  std::uint32_t port = 0;
  bool is_list = false;
  Deliver::Kind kind = Deliver::Kind::kElement;  // Or kHole, or kClosed.
  std::uint32_t index = 0;
  Object object;
  friend bool operator==(const KeepOutput&, const KeepOutput&) = default;
};
// Core needs the object no more. Node frees it unless it holds it for another reason.
struct Release {
  ObjectId object;
  friend bool operator==(const Release&, const Release&) = default;
};
// Committed data of an output of the run; for a list element by element. Node keeps it before it
// handles the next action (a Release may follow).
struct OutputElement {
  RunKey run;
  std::uint32_t output = 0;
  std::uint32_t index = 0;
  std::optional<Object> object;  // Nothing: a hole.
  // A list of lists: kListBegin, elements with their index in the inner list, kListEnd.
  Deliver::Kind kind = Deliver::Kind::kElement;
  friend bool operator==(const OutputElement&, const OutputElement&) = default;
};
struct OutputReady {
  RunKey run;
  std::uint32_t output = 0;
  std::optional<Object> object;  // Plain outputs; nothing: absent.
  bool is_list = false;          // The list is complete, with `count` elements.
  std::uint32_t count = 0;
  friend bool operator==(const OutputReady&, const OutputReady&) = default;
};
struct TaskRetries {  // For the journal and the log: an attempt failed, the next one starts at
                      // `at`.
  Attempt attempt;
  std::uint32_t number = 1;
  Failure failure;
  TimePoint at;
  friend bool operator==(const TaskRetries&, const TaskRetries&) = default;
};
struct RunEnded {
  enum class State : std::uint8_t { kSucceeded, kFailed, kCancelled, kTimedOut };
  RunKey run;
  State state = State::kSucceeded;
  std::optional<Failure> failure;
  std::optional<TaskKey> failed_task;
  friend bool operator==(const RunEnded&, const RunEnded&) = default;
};
// Every attempt of an ended run is over: node may remove what it holds of it.
struct RunDrained {
  RunKey run;
  friend bool operator==(const RunDrained&, const RunDrained&) = default;
};
struct Forward {
  NodeId node;
  Fact fact;
  friend bool operator==(const Forward&, const Forward&) = default;
};

using Action = std::variant<StartTask, Recall, Bind, Compute, BeginWait, Retain, ScopeOpened,
                            ScopeClosed, Deliver, EndAttempt, KeepOutput, Commit, Release,
                            OutputElement, OutputReady, TaskRetries, RunEnded, RunDrained, Forward>;

// The reused output buffer of apply(): nothing is allocated in steady state.
struct Actions {
  std::vector<Action> list;
  std::vector<Binding> bindings;
  void clear() {
    list.clear();
    bindings.clear();
  }
};

enum class TaskState : std::uint8_t {
  kWaiting,
  kReady,
  kPreparing,
  kRunning,
  kBlocked,
  kFinished,
  kSucceeded,
  kFailed,
  kSkipped,
  kCancelled,
};

}  // namespace sluice::core
