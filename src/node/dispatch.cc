#include "node/dispatch.h"

#include <csignal>
#include <cstring>

#include "base/log.h"
#include "node/values.h"

namespace sluice::node {

Dispatcher::Dispatcher(Pump& pump, store::Store& store, RunLookup& runs, aio::Loop& loop,
                       aio::BulkPool& bulk, const Limits& limits, WorkerPrograms programs,
                       ByteCount folder_most)
    : pump_(pump),
      store_(store),
      runs_(runs),
      loop_(loop),
      limits_(limits),
      programs_(std::move(programs)),
      scratch_watch_(loop, bulk, folder_most, *this) {}

Dispatcher::~Dispatcher() = default;

const model::Step& Dispatcher::step_of(const LiveTask& task) const {
  return runs_.find(task.run)->step_of(task.attempt.task);
}

const model::Function& Dispatcher::function_of(const LiveTask& task) const {
  return runs_.find(task.run)->app().functions[step_of(task).function];
}

Dispatcher::LiveTask* Dispatcher::find_handle(std::uint64_t handle) {
  const auto found = live_.find(handle);
  return found == live_.end() ? nullptr : found->second.get();
}

Dispatcher::LiveTask* Dispatcher::find(const core::Attempt& attempt) {
  const auto found = by_task_.find(attempt.task);
  if (found == by_task_.end()) return nullptr;
  LiveTask* task = find_handle(found->second);
  return task != nullptr && task->attempt.epoch == attempt.epoch ? task : nullptr;
}

AttemptRecord* Dispatcher::record_of(const LiveTask& task) {
  RunRecord* run = runs_.find(task.run);
  if (run == nullptr) return nullptr;
  AttemptRecord* record = run->newest_attempt(task.attempt.task);
  return record != nullptr && record->epoch == task.attempt.epoch ? record : nullptr;
}

Result<runtime::PoolId> Dispatcher::pool_of(RunRecord& run, std::uint32_t function) {
  runtime::PoolId& pool = run.version->pools[function];
  if (pool) return pool;
  const model::Function& made_for = run.app().functions[function];
  SLUICE_TRY(runtime::PoolSpec spec,
             worker_spec(*run.version, made_for, programs_, store_.options().memory));
  pool = runtime_->add_pool(std::move(spec));
  pools_[pool.value] = Pool{.outbox = store_.make_outbox()};
  return pool;
}

void Dispatcher::drop_pool(runtime::PoolId pool) {
  const auto found = pools_.find(pool.value);
  if (found == pools_.end()) return;
  store_.drop_outbox(found->second.outbox);
  runtime_->drop_pool(pool);
  pools_.erase(found);
}

// ---- actions of core
// -----------------------------------------------------------------------------

void Dispatcher::on(const core::StartTask& start, const core::Actions& actions) {
  RunRecord* run = runs_.find(start.attempt.task.run);
  SLUICE_ASSERT(run != nullptr, "StartTask for a run that is not there");
  auto made = std::make_unique<LiveTask>();
  LiveTask& task = *made;
  task.attempt = start.attempt;
  task.run = start.attempt.task.run;
  task.number = start.number;
  task.deadline = start.deadline;
  task.handle = ++last_handle_;
  const model::Step& step = run->step_of(task.attempt.task);
  task.outputs.resize(run->app().functions[step.function].outputs.size());
  auto pool = pool_of(*run, step.function);
  if (pool) task.pool = *pool;
  by_task_[task.attempt.task] = task.handle;
  live_[task.handle] = std::move(made);

  runs_.record_attempt(*run, AttemptRecord{.step = task.attempt.task.step,
                                           .index = task.attempt.task.index,
                                           .scope = task.attempt.task.scope,
                                           .number = start.number,
                                           .epoch = task.attempt.epoch,
                                           .ready = run->micros(start.ready)});
  if (!pool) {
    finish(task, core::Failure{.name = "LoadError", .message = pool.error().message()}, true);
    return;
  }
  for (std::uint32_t i = 0; i < start.bindings_count; ++i) {
    const core::Binding& binding = actions.bindings[start.bindings_first + i];
    if (Status bound = bind(task, add_input(task, binding.slot), binding); !bound) {
      finish(task, unfit(bound.error()), true);
      return;
    }
  }
  runtime_->request(task.pool, task.handle);
}

void Dispatcher::on(const core::EndAttempt& end) {
  LiveTask* task = find(end.attempt);
  if (task == nullptr) {
    // It ended on its own at the same moment; core has the event or will ignore this one.
    pump_.push(core::AttemptEnded{end.attempt});
    return;
  }
  if (task->is_ending) return;
  task->is_ending = true;
  if (task->pending_failure) return;  // Its worker is being ended already.
  if (!task->worker) {
    runtime_->withdraw(task->handle);
    finish(*task, std::nullopt, true);
    return;
  }
  std::string_view reason;
  switch (end.reason) {
    case core::EndAttempt::Reason::kCancelled:
      reason = "the run was cancelled";
      break;
    case core::EndAttempt::Reason::kTimeout:
      reason = "the attempt's time is over";
      break;
    case core::EndAttempt::Reason::kRolledBack:
      reason = "an input was withdrawn";
      break;
    case core::EndAttempt::Reason::kRunEnded:
      reason = "the run has ended";
      break;
    case core::EndAttempt::Reason::kPutBack:
      reason = "its worker is needed while it waits for data";
      break;
  }
  runtime_->send(task->worker, SLUICE_FRAME_CANCEL, 0, 0, task->handle,
                 {std::as_bytes(std::span(reason))});
  runtime_->interrupt(task->worker);
  const WorkerId worker = task->worker;
  const std::uint64_t handle = task->handle;
  workers_.at(worker.value)->grace.at(loop_.now() + limits_.grace, [this, worker, handle] {
    const auto found = workers_.find(worker.value);
    if (found != workers_.end() && found->second->task == handle) runtime_->kill_worker(worker);
  });
}

// ---- the end of an attempt
// -----------------------------------------------------------------------

void Dispatcher::forget(LiveTask& task) {
  if (RunRecord* run = runs_.find(task.run)) {
    run->log.finish(run->path_of(task.attempt.task), task.log, runs_.folder_of(*run), limits_);
    if (task.log.bytes > 0) runs_.log_grew(*run);
  }
  for (Output& output : task.outputs) {
    // Core knows the open object (it was emitted) and releases it; sealing is no longer possible.
    output.open = {};
  }
  if (const auto pool = pools_.find(task.pool.value); pool != pools_.end()) {
    for (const Grant& grant : task.grants) store_.take_back(pool->second.outbox, grant.range);
  }
  for (const ObjectId object : task.temporaries) store_.release(object);
  by_task_.erase(task.attempt.task);
  live_.erase(task.handle);  // `task` is gone.
}

void Dispatcher::finish(LiveTask& task, std::optional<core::Failure> failure,
                        bool worker_is_clean) {
  const core::Attempt attempt = task.attempt;
  const bool is_ending = task.is_ending;
  if (AttemptRecord* record = record_of(task)) {
    RunRecord* run = runs_.find(task.run);
    record->ended = run->micros(loop_.now());
    record->state = failure ? core::TaskState::kFailed : core::TaskState::kFinished;
    if (is_ending) record->state = core::TaskState::kCancelled;
    if (failure) {
      run->keep_failed_log(run->path_of(*record), task.log.tail);
      record->failure = std::make_shared<const core::Failure>(*failure);
    }
  }
  if (task.worker) {
    const auto worker = workers_.find(task.worker.value);
    if (worker != workers_.end()) {
      worker->second->grace.cancel();
      worker->second->task = 0;
      ++worker->second->tasks_done;
      // Regions that are gone are unmapped, so that their memory is too.
      for (auto at = worker->second->mapped.begin(); at != worker->second->mapped.end();) {
        if (store_.region(store::RegionId{at->first})) {
          ++at;
          continue;
        }
        if (worker_is_clean && at->second.number != 0) {
          runtime_->send(task.worker, SLUICE_FRAME_UNMAP, 0, 0, at->second.number);
        }
        at = worker->second->mapped.erase(at);
      }
    }
    if (worker_is_clean) runtime_->give_back(task.worker);
  }
  if (is_ending || !failure || failure->counts)
    runs_.find(attempt.task.run)->lost_in_a_row.erase(attempt.task);
  forget(task);
  if (is_ending) {
    pump_.push(core::AttemptEnded{attempt});
  } else if (failure) {
    pump_.push(core::TaskFailed{.attempt = attempt, .failure = std::move(*failure)});
  } else {
    pump_.push(core::TaskDone{attempt});
  }
}

void Dispatcher::break_off(LiveTask& task, core::Failure failure) {
  if (task.pending_failure) return;
  if (!task.worker) {
    runtime_->withdraw(task.handle);
    finish(task, std::move(failure), true);
    return;
  }
  task.pending_failure = std::move(failure);
  runtime_->kill_worker(task.worker);
}

// ---- events of workers
// ---------------------------------------------------------------------------

void Dispatcher::on_assigned(std::uint64_t ticket, WorkerId worker) {
  auto& state = workers_[worker.value];
  if (state == nullptr) state = std::make_unique<Worker>(loop_);
  LiveTask* task = find_handle(ticket);
  SLUICE_ASSERT(task != nullptr, "ticket {} was withdrawn", ticket);
  state->task = ticket;
  task->worker = worker;
  scratch_watch_.task_started();
  if (AttemptRecord* record = record_of(*task)) {
    record->assigned = runs_.find(task->run)->micros(loop_.now());
    record->worker = worker.value;
    record->cold = state->tasks_done == 0;
  }
  send_start(*task);
}

void Dispatcher::on_short(std::uint64_t ticket, bool only_pool) {
  const LiveTask* task = find_handle(ticket);
  if (task == nullptr || task->is_ending) return;
  pump_.push(core::WorkerShort{.attempt = task->attempt, .only_function = only_pool});
}

void Dispatcher::on_unassignable(std::uint64_t ticket, const runtime::WorkerEnd& end) {
  LiveTask* task = find_handle(ticket);
  if (task == nullptr) return;
  core::Failure failure;
  switch (end.cause) {
    case runtime::WorkerEnd::Cause::kLoadFailed: {
      failure.name = "LoadError";
      failure.message = end.message;
      if (Result<Json> json = parse_json(end.message); json && json->find("message") != nullptr) {
        const std::string* message = json->find("message")->as_string();
        if (message != nullptr) failure.message = *message;
        if (RunRecord* run = runs_.find(task->run);
            run != nullptr && json->find("trace") != nullptr) {
          if (const std::string* trace = json->find("trace")->as_string();
              trace != nullptr && !trace->empty()) {
            run->log.append(run->path_of(task->attempt.task), task->log, *trace + "\n",
                            runs_.folder_of(*run), limits_);
          }
        }
      }
      break;
    }
    case runtime::WorkerEnd::Cause::kStartTimeout:
      failure.name = "LoadError";
      failure.message = fmt::format("the worker was not ready after {}: {}",
                                    to_text(limits_.worker_start_timeout), end.message);
      break;
    case runtime::WorkerEnd::Cause::kExited:
    case runtime::WorkerEnd::Cause::kSignalled:
    case runtime::WorkerEnd::Cause::kSpawnFailed:
    case runtime::WorkerEnd::Cause::kProtocol:
    case runtime::WorkerEnd::Cause::kStopped:
      failure.name = "Crash";
      failure.message = fmt::format("the worker died while it was starting ({}): {}",
                                    end.cause == runtime::WorkerEnd::Cause::kSignalled
                                        ? fmt::format("signal {}", end.code)
                                        : fmt::format("status {}", end.code),
                                    end.message);
      break;
  }
  // Killed from outside while it was starting: as good as lost (see on_worker_ended).
  if (end.cause == runtime::WorkerEnd::Cause::kSignalled && end.code == SIGKILL &&
      ++runs_.find(task->run)->lost_in_a_row[task->attempt.task] <= kLostInARowMax) {
    failure.counts = false;
  }
  finish(*task, std::move(failure), false);
}

void Dispatcher::on_output(WorkerId worker, std::span<const std::byte> text) {
  const auto found = workers_.find(worker.value);
  LiveTask* task = found == workers_.end() ? nullptr : find_handle(found->second->task);
  RunRecord* run = task == nullptr ? nullptr : runs_.find(task->run);
  if (run == nullptr) return;  // Printed between two tasks: nobody's log.
  run->log.append(run->path_of(task->attempt.task), task->log,
                  std::string_view(reinterpret_cast<const char*>(text.data()), text.size()),
                  runs_.folder_of(*run), limits_);
  runs_.log_grew(*run);
}

std::vector<TaskFolder> Dispatcher::task_folders() const {
  std::vector<TaskFolder> folders;
  for (const auto& [handle, task] : live_) {
    if (task->worker)
      folders.push_back({.task = handle, .path = runtime_->scratch_of(task->worker)});
  }
  return folders;
}

void Dispatcher::on_folder_full(std::uint64_t handle) {
  LiveTask* task = find_handle(handle);
  if (task == nullptr || !task->worker) return;
  break_off(*task, {.name = "TooLarge",
                    .message = fmt::format("the files in the folder of the task take more than {}, "
                                           "which is all that a task may write there "
                                           "(sluice serve --task-disk); remove what is done with, "
                                           "or make several tasks of it",
                                           to_text(scratch_watch_.most()))});
}

void Dispatcher::on_worker_ended(WorkerId worker, const runtime::WorkerEnd& end) {
  const auto found = workers_.find(worker.value);
  if (found == workers_.end()) return;
  LiveTask* task = find_handle(found->second->task);
  workers_.erase(found);
  if (task == nullptr) return;
  core::Failure failure;
  if (task->pending_failure) {
    failure = *task->pending_failure;
  } else {
    switch (end.cause) {
      case runtime::WorkerEnd::Cause::kExited:
        failure.name = "ExitStatus";
        failure.message =
            fmt::format("the process exited with status {} in the middle of the task", end.code);
        break;
      case runtime::WorkerEnd::Cause::kSignalled:
        failure.name = "Crash";
        failure.message = fmt::format("the process was killed by signal {} ({})", end.code,
                                      ::strsignal(end.code));
        break;
      case runtime::WorkerEnd::Cause::kProtocol:
        failure.name = "Crash";
        failure.message =
            fmt::format("the worker broke the protocol and was ended: {}", end.message);
        break;
      case runtime::WorkerEnd::Cause::kSpawnFailed:
      case runtime::WorkerEnd::Cause::kLoadFailed:
      case runtime::WorkerEnd::Cause::kStartTimeout:
      case runtime::WorkerEnd::Cause::kStopped:
        failure.name = "Crash";
        failure.message = fmt::format("the worker is gone: {}", end.message);
        failure.counts = false;
        break;
    }
  }
  // A SIGKILL that we did not send comes from outside, and a worker that ends before it has called
  // the function (it was leaving after the task before) says nothing about this one: the worker was
  // lost, which is no failure of the function. Bounded, for a function may kill itself.
  const bool is_lost = !task->pending_failure &&
                       (!task->is_called || (end.cause == runtime::WorkerEnd::Cause::kSignalled &&
                                             end.code == SIGKILL));
  if (is_lost && ++runs_.find(task->run)->lost_in_a_row[task->attempt.task] <= kLostInARowMax)
    failure.counts = false;
  finish(*task, std::move(failure), false);
}

}  // namespace sluice::node
