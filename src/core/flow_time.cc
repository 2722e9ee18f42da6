// The time limit of a flow. It is the time that its tasks take, not that in which all of them wait
// for other steps (language: `timeout`): the clock runs while one of them runs, is queued, or waits
// for its next attempt. Tasks that are blocked wait for data; expressions and the flows inside take
// no time themselves. Only scopes with a limit on them or around them count.

#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {

bool Scheduler::Impl::is_busy(const Run& run, std::uint32_t step, TaskState state) {
  if (state != TaskState::kReady && state != TaskState::kPreparing && state != TaskState::kRunning)
    return false;
  const model::Action action = run.graph->step(step).action;
  return action == model::Action::kCall || action == model::Action::kWait;
}

void Scheduler::Impl::state_changes(Run& run, std::uint32_t step, TaskState from, TaskState to) {
  const bool was = is_busy(run, step, from);
  const bool is = is_busy(run, step, to);
  if (is && !was) becomes_busy(run);
  if (was && !is) becomes_idle(run);
}

// One thing more in this scope takes time.
void Scheduler::Impl::becomes_busy(Run& run) {
  for (Run* scope = &run; scope->is_timed; scope = scope->parent) {
    if (scope->busy++ != 0) return;
    run_clock(*scope->parent, scope->task);
  }
}

void Scheduler::Impl::becomes_idle(Run& run) {
  for (Run* scope = &run; scope->is_timed; scope = scope->parent) {
    SLUICE_ASSERT(scope->busy != 0);
    if (--scope->busy != 0) return;
    hold_clock(*scope->parent, scope->task);
  }
}

void Scheduler::Impl::run_clock(Run& run, At at) {
  Active& active = actives_[task_of(run, at).active];
  if (!active.left) return;
  active.timer = timers_.set(now_ + *active.left, Timers::Kind::kAttempt, run.key, at.step,
                             at.index, run.scope);
}

void Scheduler::Impl::hold_clock(Run& run, At at) {
  Active& active = actives_[task_of(run, at).active];
  if (active.timer == Timers::kNoTimer) return;
  active.left = timers_[active.timer].at - now_;
  timers_.cancel(active.timer);
}

// The scope has come to its end, or is given up: what is still being ended in it does not count.
void Scheduler::Impl::stop_clock(Run& scope) {
  if (!scope.is_timed) return;
  if (std::exchange(scope.busy, 0) != 0) {
    hold_clock(*scope.parent, scope.task);
    becomes_idle(*scope.parent);
  }
  scope.is_timed = false;
}

void Scheduler::Impl::set_backing_off(Run& run, Task& task, bool backing_off) {
  if (task.backing_off == backing_off) return;
  task.backing_off = backing_off;
  if (!run.is_timed) return;
  if (backing_off)
    becomes_busy(run);
  else
    becomes_idle(run);
}

}  // namespace sluice::core
