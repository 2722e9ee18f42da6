// The life of an attempt: from its start to the moment the world says that it is over, and time.

#include <algorithm>
#include <string_view>
#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {
namespace {

// Trying again cannot help (contracts: failures).
bool may_be_retried(std::string_view name) {
  constexpr std::string_view kNever[] = {"LoadError", "InvalidInput",  "InvalidOutput",
                                         "TooLarge",  "BadExpression", "LoopLimit",
                                         "Cancelled"};
  return std::find(std::begin(kNever), std::end(kNever), name) == std::end(kNever);
}

bool names(const std::vector<std::string>& errors, const Failure& failure) {
  if (errors.empty()) return true;
  for (const std::string& error : errors) {
    if (error == failure.name) return true;
    if (std::find(failure.bases.begin(), failure.bases.end(), error) != failure.bases.end())
      return true;
  }
  return false;
}

}  // namespace

std::uint32_t Scheduler::Impl::take_active(Run& run) {
  ++run.actives;
  std::uint32_t index;
  if (free_actives_.empty()) {
    index = static_cast<std::uint32_t>(actives_.size());
    if (index == actives_.capacity()) actives_.reserve(index + index / 4 + 16);
    actives_.emplace_back();
  } else {
    index = free_actives_.back();
    free_actives_.pop_back();
  }
  return index;
}

void Scheduler::Impl::drop_active(Run& run, At at, Task& task) {
  Active& active = actives_[task.active];
  timers_.cancel(active.timer);
  leave_readers(run, at, active);
  const bool is_scope = run.graph->step(at.step).is_scope && !active.scopes.empty();
  const bool has_left = active.has_left;
  if (is_scope) close_scopes(run, at, active);
  if (active.computation) {
    drop_computation(run, at, *active.computation);
    active.computation.reset();
  }
  free_actives_.push_back(std::exchange(task.active, kNone));
  --run.actives;
  if (is_scope && !has_left) admit_next(run, at.step);
}

void Scheduler::Impl::leave_readers(Run& run, At at, Active& active) {
  if (active.position != kNone) {
    StepTable& table = run.steps[at.step];
    std::vector<std::uint32_t>& readers = table.foreach->readers;
    const std::uint32_t last = readers.back();
    readers[active.position] = last;
    actives_[table.tasks[last].active].position = active.position;
    readers.pop_back();
    active.position = kNone;
  }
  active.readers.clear();
  active.late.clear();
}

void Scheduler::Impl::on(const TaskStarted& event) {
  const Live live = find_live(event.attempt);
  if (!live || live.task->state != TaskState::kPreparing) {
    ++counters_.stale_events;
    return;
  }
  set_state(*live.run, live.at.step, *live.task, TaskState::kRunning);
  if (live.run->graph->step(live.at.step).has_timeout)
    actives_[live.task->active].timer =
        timers_.set(now_ + live.run->graph->step(live.at.step).timeout, Timers::Kind::kAttempt,
                    live.run->key, live.at.step, live.at.index, live.run->scope);
}

void Scheduler::Impl::on(const TaskBlocked& event) {
  const Live live = find_live(event.attempt);
  const bool may_block = live && (live.task->state == TaskState::kRunning ||
                                  live.task->state == TaskState::kPreparing);
  if (!may_block || !live.task->holds_slot) {
    ++counters_.stale_events;
    return;
  }
  Active& active = actives_[live.task->active];
  active.left.reset();  // Of one whose code is not called yet: it waits for its parameters.
  if (live.task->state == TaskState::kRunning) active.left = timers_[active.timer].at - now_;
  set_state(*live.run, live.at.step, *live.task, TaskState::kBlocked);
  timers_.cancel(active.timer);
  blocked_.push_back(event.attempt);
  live.task->holds_slot = false;
  ++slots_free_;
  --counters_.running;
}

void Scheduler::Impl::on(const TaskUnblocked& event) {
  const Live live = find_live(event.attempt);
  if (!live || live.task->state != TaskState::kBlocked) {
    ++counters_.stale_events;
    return;
  }
  const Active& unblocked = actives_[live.task->active];
  set_state(*live.run, live.at.step, *live.task,
            unblocked.left ? TaskState::kRunning : TaskState::kPreparing);
  std::erase(blocked_, event.attempt);
  Active& active = actives_[live.task->active];
  if (active.left)
    active.timer = timers_.set(now_ + *active.left, Timers::Kind::kAttempt, live.run->key,
                               live.at.step, live.at.index, live.run->scope);
  live.task->holds_slot = true;
  --slots_free_;
  ++counters_.running;
}

void Scheduler::Impl::on(const Emitted& event) {
  const Live live = find_live(event.attempt);
  // Ports of errors are core's own, and only lists have holes.
  if (!live || event.port >= live.run->graph->step(live.at.step).first_error ||
      (event.is_hole &&
       !live.run->graph->port(live.run->graph->step(live.at.step).ports.first + event.port)
            .is_list)) {
    // Core takes over every object that it is told of; nobody else would free this one.
    ++counters_.stale_events;
    release(event.object.id);
    return;
  }
  emit(*live.run, live.at, event.port, event.object, event.is_hole);
}

void Scheduler::Impl::on(const Sealed& event) {
  const Live live = find_live(event.attempt);
  if (!live || event.port >= live.run->graph->step(live.at.step).first_error) {
    ++counters_.stale_events;
    return;
  }
  seal(*live.run, live.at, event.port, event.object);
}

void Scheduler::Impl::on(const Consumed& event) {
  const Live live = find_live(event.attempt);
  if (!live) {
    ++counters_.stale_events;
    return;
  }
  for (Reader& reader : actives_[live.task->active].readers) {
    if (reader.slot != event.slot) continue;
    reader.credit += event.elements;
    pump(*live.run, live.at, reader);
    return;
  }
  ++counters_.stale_events;
}

void Scheduler::Impl::on(const TaskDone& event) {
  const Live live = find_live(event.attempt);
  if (!live) {
    ++counters_.stale_events;
    return;
  }
  attempt_over(*live.run, live.at, *live.task);
  finish(*live.run, live.at, TaskResult::kOutputs);
}

void Scheduler::Impl::on(const TaskFailed& event) {
  const Live live = find_live(event.attempt);
  if (!live) {
    ++counters_.stale_events;
    return;
  }
  attempt_over(*live.run, live.at, *live.task);
  fail_attempt(*live.run, live.at, event.failure);
}

void Scheduler::Impl::on(const SlotsChanged& event) {
  slots_free_ = static_cast<std::int64_t>(event.slots) - counters_.running;
}

void Scheduler::Impl::end_attempt(Run& run, At at, EndAttempt::Reason reason, EndCause cause) {
  Task& task = task_of(run, at);
  Active& active = actives_[task.active];
  timers_.cancel(active.timer);
  task.ending = true;
  active.cause = cause;
  run.endings.push({});
  active.ending = run.first_ending + run.endings.size() - 1;
  emit_action(EndAttempt{attempt_of(run, at, task), reason});
}

// The attempt holds nothing of the node any more.
void Scheduler::Impl::attempt_over(Run& run, At at, Task& task) {
  if (task.holds_slot) {
    task.holds_slot = false;
    ++slots_free_;
    --counters_.running;
  } else if (!blocked_.empty()) {
    std::erase(blocked_, attempt_of(run, at, task));
  }
  --run.attempts;
  task.recalling = false;
  timers_.cancel(actives_[task.active].timer);
  if (run.graph->step(at.step).action == model::Action::kCall) admit_next(run, at.step);
}

void Scheduler::Impl::on(const AttemptEnded& event) {
  const At at{event.attempt.task.step, event.attempt.task.index};
  Run* run = find_tables(event.attempt.task.run, event.attempt.task.scope);
  if (run == nullptr || at.step >= run->graph->step_count() ||
      at.index >= run->steps[at.step].tasks.size() ||
      task_of(*run, at).epoch != event.attempt.epoch || !task_of(*run, at).ending) {
    ++counters_.stale_events;
    return;
  }
  Task& task = task_of(*run, at);
  const EndCause cause = actives_[task.active].cause;
  const std::uint64_t number = actives_[task.active].ending;
  attempt_over(*run, at, task);
  task.ending = false;
  // Graves that waited for this ending.
  run->endings.at(number - run->first_ending).over = true;
  while (!run->endings.empty() && run->endings.front().over) {
    run->endings.pop();
    ++run->first_ending;
  }
  while (!run->graves.empty() && run->graves.front().after < run->first_ending) {
    emit_action(Release{run->graves.pop().object});
    --run->objects;
  }
  if (run->ended) {
    free_active(*run, at, task);
    set_state(*run, at.step, task, TaskState::kCancelled);
    drain(*run);
    return;
  }
  switch (cause) {
    case EndCause::kTimeout:
      fail_attempt(*run, at, {.name = "Timeout", .message = "the attempt took longer than it may"});
      return;
    case EndCause::kTooLarge:
      fail_attempt(
          *run, at,
          {.name = "TooLarge", .message = "a list has too many elements, or a run too many tasks"});
      return;
    case EndCause::kRollBack:
    case EndCause::kRunEnded:
      free_active(*run, at, task);
      evaluate_later(*run, at);
      return;
  }
}

// The task has a result. It may still be undone, until what it was made from is committed.
void Scheduler::Impl::finish(Run& run, At at, TaskResult result) {
  const StepInfo& info = run.graph->step(at.step);
  Task& task = task_of(run, at);
  const bool skipped = result == TaskResult::kSkipped;
  task.commit_sent = false;
  task.result = result;
  task.computing = false;
  set_state(run, at.step, task, TaskState::kFinished);
  if (task.active != kNone && actives_[task.active].readers.empty() &&
      actives_[task.active].late.empty() && actives_[task.active].computation == nullptr &&
      !info.is_scope)
    free_active(run, at, task);
  if (!run.nodes.empty() && !info.is_input) {
    if (!skipped) forward_counts(run, at);
    forward(run, at, skipped ? Fact::Kind::kSkipped : Fact::Kind::kDone, 0, task.caught ? 1 : 0);
  }
  for (std::uint32_t p = info.ports.first; p < info.ports.first + info.ports.count; ++p) {
    if (!info.by_port)
      finish_port(run, p, at);
    else if (result_of(run, p, at) == TaskResult::kNone)
      end_port(
          run, p, at,
          task.caught && p < info.ports.first + info.first_error ? TaskResult::kSkipped : result);
  }
  if (!info.is_input) try_commit(run, at);
}

// One port has ended, whatever becomes of the others.
void Scheduler::Impl::end_port(Run& run, std::uint32_t port, At at, TaskResult result) {
  const StepInfo& info = run.graph->step(at.step);
  if (info.by_port) {
    std::vector<TaskResult>& results = run.ports[port].results;
    if (at.index >= results.size())
      results.resize(std::max<std::size_t>(at.index + 1, results.size() + results.size() / 2));
    results[at.index] = result;
    if (!run.nodes.empty() && !run.steps[at.step].tasks[at.index].is_committed() &&
        run.steps[at.step].tasks[at.index].state != TaskState::kFinished) {
      const bool is_broken = result == TaskResult::kFailed;
      forward(run, at, Fact::Kind::kPortEnded, port - info.ports.first,
              static_cast<std::uint32_t>(result), nullptr,
              is_broken ? &run.failure_of(at, port - info.ports.first) : nullptr);
    }
  }
  finish_port(run, port, at);
}

// The part that a port has in the end of its task: its list is closed, or its value absent.
void Scheduler::Impl::finish_port(Run& run, std::uint32_t port, At at) {
  const Task& task = task_of(run, at);
  const TaskResult result = result_of(run, port, at);
  const bool skipped = result == TaskResult::kSkipped;
  if (task.was_void) drop_unwritten(run, port, at, skipped);
  const bool is_single = !run.graph->step(at.step).is_foreach;
  if (!run.graph->port(port).is_list) {
    Cell* cell = find_cell(run, port, at);
    if (cell != nullptr && cell->is_readable()) return;  // Everybody knows already.
    ++run.ports[port].settled;
    // An object that its worker left open is as long as it is.
    if (cell != nullptr && cell->exists) cell->sealed = true;
    cell_changed(run, port, at, at.index);
    return;
  }
  ++run.ports[port].settled;
  CellList& list = list_of(run, port, at);
  const std::uint32_t last = list.emitted - 1;
  if (list.emitted != 0 && last < list.cells.size()) list.cells[last].sealed = true;
  if (task.was_void && !skipped) {
    for (const Link& link : run.graph->commons(port))
      if (is_single) roll_back_misled(run, link.step, link.slot, kAll, list.emitted);
    for (const std::uint32_t step : run.graph->drivers(port))
      for (std::uint32_t s = 0; !is_single && s < run.graph->step(step).slots.count; ++s)
        if (run.graph->slot(step, s).is_item)
          roll_back_misled(run, step, s, at.index, list_of(run, port, at).emitted);
    for (const Link& link : run.graph->peers(port))
      roll_back_misled(run, link.step, link.slot, at.index, list_of(run, port, at).emitted);
  }
  if (skipped) roll_back_views(run, port, at.index);
  cell_changed(run, port, at, list.emitted != 0 ? last : 0);
  datum_changed(run, port, {port, is_single ? 0 : at.index, kAll});
  if (!is_single || result == TaskResult::kFailed) return;
  if (skipped)
    for (const std::uint32_t step : run.graph->drivers(port)) evaluate_step(run, step);
  else
    list_closed(run, port, at);
}

void Scheduler::Impl::fail_attempt(Run& run, At at, Failure failure) {
  Task& task = task_of(run, at);
  const model::Step& step = run.graph->workflow().steps[at.step];
  const model::Retry retry = model::effective_retry(run.graph->app(), step);
  const std::uint32_t number = task.failures + 1U;
  const bool again =
      !failure.counts || (number < std::min(retry.attempts, limits_.attempts_max) &&
                          may_be_retried(failure.name) && names(retry.errors, failure));
  if (again) void_scopes(run, at);
  std::vector<std::uint32_t> late;
  if (task.early) late = actives_[task.active].late;
  free_active(run, at, task);
  task.computing = false;
  set_state(run, at.step, task, TaskState::kWaiting);
  if (!again) {
    ++task.failures;
    fail_for_good(run, at, std::move(failure), false);
    return;
  }
  const Attempt attempt = attempt_of(run, at, task);
  forward(run, at, Fact::Kind::kVoided);
  // If it failed on data that is void by now, it is not even a failure: evaluate finds out.
  evaluate_later(run, at);
  if (!failure.counts) {
    void_results(run, at, true);
    return;
  }
  ++task.failures;
  const TimePoint next = now_ + backoff_of(retry, task.failures);
  task.active = take_active(run);
  actives_[task.active].late = std::move(late);
  set_backing_off(run, task, true);
  actives_[task.active].timer =
      timers_.set(next, Timers::Kind::kRetry, run.key, at.step, at.index, run.scope);
  emit_action(TaskRetries{attempt, number, std::move(failure), next});
  void_results(run, at, true);
}

// No attempt is left. `past_catch`: what failed is not inside of the step's `catch`.
void Scheduler::Impl::fail_for_good(Run& run, At at, Failure failure, bool past_catch) {
  Task& task = task_of(run, at);
  const model::Step& step = run.graph->workflow().steps[at.step];
  const auto clause =
      past_catch ? step.catches.end()
                 : std::find_if(step.catches.begin(), step.catches.end(),
                                [&](const auto& errors) { return names(errors, failure); });
  if (clause != step.catches.end()) {
    const auto number = static_cast<std::uint32_t>(clause - step.catches.begin());
    forward(run, at, Fact::Kind::kVoided);
    void_results(run, at, true);
    run.set_failure(at, std::move(failure));
    task.caught = true;
    emit(run, at, run.graph->step(at.step).first_error + number, Object{});
    finish(run, at, TaskResult::kOutputs);
    return;
  }
  void_results(run, at, false);
  task.computing = false;
  task.result = TaskResult::kFailed;
  set_state(run, at.step, task, TaskState::kFinished);
  task.commit_sent = false;
  forward(run, at, Fact::Kind::kFailed, 0, 0, nullptr, &failure);
  run.set_failure(at, std::move(failure));
  try_commit(run, at);
}

// A wait needs no worker and no CPU slot.
void Scheduler::Impl::begin_wait(Run& run, At at) {
  Task& task = task_of(run, at);
  raise_epoch(run, at);
  set_state(run, at.step, task, TaskState::kPreparing);
  ++run.attempts;
  task.active = take_active(run);
  BeginWait action{.attempt = attempt_of(run, at, task),
                   .bindings_first = static_cast<std::uint32_t>(out_->bindings.size())};
  for (std::uint32_t s = 0; s < run.graph->step(at.step).slots.count; ++s) bind(run, at, task, s);
  action.bindings_count = static_cast<std::uint32_t>(out_->bindings.size()) - action.bindings_first;
  emit_action(action);
}

void Scheduler::Impl::on(const WaitUntil& event) {
  const Live live = find_live(event.attempt);
  if (!live || live.task->state != TaskState::kRunning ||
      live.run->graph->step(live.at.step).action != model::Action::kWait) {
    ++counters_.stale_events;
    return;
  }
  Active& active = actives_[live.task->active];
  if (active.timer != Timers::kNoTimer && timers_[active.timer].at < event.due)
    return;  // Its time limit comes first.
  timers_.cancel(active.timer);
  active.timer = timers_.set(event.due, Timers::Kind::kWait, live.run->key, live.at.step,
                             live.at.index, live.run->scope);
}

Duration Scheduler::Impl::backoff_of(const model::Retry& retry, std::uint32_t failures) {
  double wait = static_cast<double>(retry.backoff.count());
  const auto most = static_cast<double>(retry.backoff_max.count());
  for (std::uint32_t i = 1; i < failures && wait < most; ++i) wait *= retry.factor;
  wait = std::clamp(wait, 0.0, most);
  if (retry.full_jitter) wait *= random_.unit();
  return Duration(static_cast<Duration::rep>(wait));
}

void Scheduler::Impl::on(const DeadlineReached&) {
  while (const std::optional<Timers::Timer> timer = timers_.pop_due(now_)) {
    Run* run = find_tables(timer->run, timer->scope);
    SLUICE_ASSERT(run != nullptr);
    if (timer->kind == Timers::Kind::kRun) {
      run->timer = Timers::kNoTimer;
      end_run(*run, RunEnded::State::kTimedOut, nullptr, std::nullopt);
      continue;
    }
    const At at{timer->step, timer->index};
    Task& task = task_of(*run, at);
    actives_[task.active].timer = Timers::kNoTimer;
    if (timer->kind == Timers::Kind::kAttempt && task.computing) {
      fail_attempt(*run, at, {.name = "Timeout", .message = "the flow took longer than it may"});
    } else if (timer->kind == Timers::Kind::kAttempt) {
      end_attempt(*run, at, EndAttempt::Reason::kTimeout, EndCause::kTimeout);
    } else if (timer->kind == Timers::Kind::kWait) {
      attempt_over(*run, at, task);
      finish(*run, at, TaskResult::kOutputs);
    } else {
      set_backing_off(*run, task, false);
      free_active(*run, at, task);
      evaluate_later(*run, at);
    }
  }
}

}  // namespace sluice::core
