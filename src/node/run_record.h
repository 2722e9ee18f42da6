#pragma once

// What a node knows of a run beside core's tables: who asked, when, what came out, what each
// attempt did. Loop thread. Lives until retention.

#include <cstdint>
#include <deque>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "aio/loop.h"
#include "api/control.h"
#include "core/scheduler.h"
#include "evaluate/sight.h"
#include "node/app_registry.h"
#include "node/nested_list.h"
#include "node/run_log.h"
#include "node/run_scopes.h"
#include "node/task_outputs.h"
#include "store/store.h"

namespace sluice::node {

enum class RunState : std::uint8_t {
  kQueued,
  kRunning,
  kSucceeded,
  kFailed,
  kCancelled,
  kTimedOut
};
std::string_view to_string(RunState state);
std::string_view to_string(core::TaskState state);
inline bool is_ended(RunState state) { return state >= RunState::kSucceeded; }

// One attempt, in µs from the run's acceptance (contracts: states and times); 0 is "not yet".
struct AttemptRecord {
  std::uint32_t step = 0;
  std::uint32_t index = 0;
  std::uint32_t scope = 0;
  std::uint32_t number = 1;
  core::TaskState state = core::TaskState::kPreparing;
  bool cold = false;
  bool is_cached = false;  // Its outputs came from the cache: no code ran.
  std::uint64_t epoch = 0;
  std::uint64_t worker = 0;
  std::int64_t ready = 0, assigned = 0, started = 0, first_input = 0, first_output = 0, ended = 0,
               committed = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  std::string path;  // Of a task in a scope, which may be gone; else it follows from the step.
  std::uint32_t workflow = 0;                    // Of the step.
  std::shared_ptr<const core::Failure> failure;  // How it failed, if it did.
  bool is_caught = false;  // A clause of the step's `catch` took over: the step goes on.
};

struct TaskHash {
  std::size_t operator()(const core::TaskKey& key) const {
    const std::uint64_t where = (std::uint64_t{key.scope} << 40) ^ (std::uint64_t{key.step} << 32);
    return std::hash<std::uint64_t>{}(key.run.value * 0x9e3779b97f4a7c15ULL ^ where ^ key.index);
  }
};

// Where a kept value's bytes are: in memory, in the run's pack file (small ones beyond the first
// 256 KiB), or in a file of its own.
struct Packed {
  std::uint64_t offset = 0;
};
// One kept value of a run's output; `saved` is false while a bulk thread still writes it.
struct KeptValue {
  bool hole = false;
  bool saved = true;
  std::uint64_t size = 0;
  Checksum checksum;
  store::Meta meta;
  std::variant<std::string, Packed, std::filesystem::path> content;
};
struct KeptOutput {
  bool is_list = false;
  bool complete = false;  // The value is there, or the list has all its elements, or it is absent.
  bool absent = false;
  std::vector<KeptValue> values;  // In order; of a list of lists all leaves.
  NestedList nested;              // Of a list of lists; of another list empty.
};

// Somebody who waits for the end of a run, or for news in its log. Answered once.
struct RunWaiter {
  aio::Timer timer;
  std::move_only_function<void()> answer;
};

struct FailedLog {
  std::string path;  // Of the task.
  std::string lines;
};

struct RunRecord {
  RunId id;
  RunKey key;
  AppVersionPtr version;
  std::uint32_t workflow = 0;
  RunState state = RunState::kQueued;
  WallTime accepted;
  TimePoint accepted_at;  // The same moment on the monotonic clock: µs of attempts count from it.
  std::optional<WallTime> started;
  std::optional<WallTime> ended;
  TimePoint ended_at;  // The same moment on the monotonic clock, for retention.
  std::optional<core::Failure> failure;
  std::string failed_task;  // Path.
  std::string failed_log;   // The last log lines of its attempt.
  // Of attempts that failed, until it is known which of them the run failed with.
  std::vector<FailedLog> failed_logs;
  void keep_failed_log(std::string path, std::string lines);
  void set_failed_task(const std::optional<core::TaskKey>& task);

  bool upload_open = false;  // Inputs may still come.
  bool drained = false;      // Core has no attempt of it any more.
  bool discard = false;      // A broken upload, or deleted: nothing of the run is to stay.
  bool forgotten = false;    // Core knows it no more; final_counts and final_states are set.
  std::uint32_t saves_pending = 0;
  std::optional<core::RunEnded> end_pending;  // The end waits for outputs to be saved.

  std::vector<KeptOutput> outputs;   // Per workflow output.
  std::uint64_t kept_in_memory = 0;  // Bytes of outputs held in `content` strings.
  std::uint64_t kept_on_disk = 0;
  std::uint64_t disk_counted = 0;  // What RunTable's sum has of this run: outputs and log.
  std::filesystem::path folder;    // Made when first needed.
  bool folder_made = false;        // There may be files that are not counted.
  bool settled = false;            // Over, and kept until retention takes it.

  std::vector<AttemptRecord>
      attempts;  // In order of start; bounded (attempts_dropped counts the rest).
  std::uint64_t attempts_dropped = 0;
  std::unordered_map<core::TaskKey, std::uint32_t, TaskHash>
      last_attempt;  // Its newest attempt in `attempts`.
  // Attempts of one task that were lost one after the other by a kill from outside.
  std::unordered_map<core::TaskKey, std::uint32_t, TaskHash> lost_in_a_row;
  RunScopes scopes;
  std::map<std::string, Checksum>
      answers;  // By path: what a `wait` was answered, to know it again.
  // Taken from core before it forgets the run: counts per step, and a TaskState per task.
  std::vector<core::Scheduler::StepCounts> final_counts;
  std::vector<std::string> final_states;

  std::unique_ptr<TaskOutputs> task_outputs;  // Of a run that keeps all.

  Fd pack;  // The pack file, once there is one.
  std::uint64_t pack_size = 0;

  RunLog log;
  std::list<RunWaiter> end_waiters;
  std::list<RunWaiter> log_waiters;

  const model::App& app() const { return *version->app; }
  const model::Workflow& plan() const { return version->app->workflows[workflow]; }
  std::string workflow_name() const { return version->name + "." + plan().name; }
  bool is_foreach(std::uint32_t step) const { return plan().steps[step].foreach.has_value(); }
  // `step` or `step.7`.
  std::string path_of(std::uint32_t step, std::uint32_t index) const;
  // Also of a task in a scope: `outer.3~inner.0`; of what a loop repeats: `step.7.2`, its round.
  std::string path_of(const core::TaskKey& task) const;
  const model::Step& step_of(const AttemptRecord& attempt) const {
    return app().workflows[attempt.workflow].steps[attempt.step];
  }
  std::string path_of(const AttemptRecord& attempt) const {
    return attempt.path.empty() ? path_of(attempt.step, attempt.index) : attempt.path;
  }
  // The workflow of a scope; its step that the task belongs to.
  const model::Workflow& plan_of(std::uint32_t scope) const;
  const model::Step& step_of(const core::TaskKey& task) const {
    return plan_of(task.scope).steps[task.step];
  }
  // `${round}` for tasks of the scope: that of the loop around it.
  std::uint32_t round_of(std::uint32_t scope) const;
  evaluate::Task expressions_of(const core::TaskKey& task) const;
  std::int64_t micros(TimePoint now) const {
    return std::chrono::duration_cast<std::chrono::microseconds>(now - accepted_at).count();
  }
  AttemptRecord* newest_attempt(const core::TaskKey& task);
};

}  // namespace sluice::node
