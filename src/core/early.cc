// Tasks that start before their inputs are there, and those that give their worker up while they
// wait for data.

#include <algorithm>

#include "core/scheduler_impl.h"

namespace sluice::core {

// ---- early starts

// Of one of the inputs that an early task of the step starts without.
bool Scheduler::Impl::producer_has_begun(const Run& run, std::uint32_t step) const {
  const Range slots = run.graph->step(step).slots;
  for (std::uint32_t s = 0; s < slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(step, s);
    if (!slot.late) continue;
    if (run.graph->step(slot.step).is_input || run.steps[slot.step].begun) return true;
    if (!slot.is_peer && run.slots[slots.first + s] != SlotStatus::kMissing) return true;
  }
  return false;
}

void Scheduler::Impl::wake_early_readers(Run& run, std::uint32_t step) {
  const Range ports = run.graph->step(step).ports;
  const auto wake = [&](const Link& link) {
    if (run.graph->slot(link.step, link.slot).late && run.steps[link.step].local)
      evaluate_later(run, {link.step, kAll});
  };
  for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p) {
    for (const Link& link : run.graph->commons(p)) wake(link);
    for (const Link& link : run.graph->peers(p)) wake(link);
  }
}

bool Scheduler::Impl::peers_are_there(const Run& run, At at) const {
  const StepInfo& info = run.graph->step(at.step);
  for (std::uint32_t s = 0; info.has_peers && s < info.slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (slot.is_peer && slot.waited && status_of(run, slot, at.index) != SlotStatus::kThere)
      return false;
  }
  return true;
}

bool Scheduler::Impl::all_is_there(const Run& run, At at) const {
  return run.steps[at.step].missing == 0 && may_stay(run, at, task_status(run, at)) &&
         peers_are_there(run, at);
}

// Whether the task has what is at the slot: of one that is finished, what it has used.
bool Scheduler::Impl::holds(const Task& task, std::uint32_t slot) const {
  if (task.active == kNone) return true;
  const std::vector<std::uint32_t>& late = actives_[task.active].late;
  return std::find(late.begin(), late.end(), slot) == late.end();
}

// What its failed attempt had been given is not there any more.
bool Scheduler::Impl::has_lost_input(const Run& run, At at) const {
  const Task& task = run.steps[at.step].tasks[at.index];
  const StepInfo& info = run.graph->step(at.step);
  for (std::uint32_t s = 0; s < info.slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (slot.late && holds(task, s) &&
        status_of(run, slot, slot.is_peer ? at.index : 0) == SlotStatus::kMissing)
      return true;
  }
  return false;
}

// The task began before all its inputs were there, and something about them has changed. Also one
// that is finished stays only if none of them turns out absent: when the code may start changes no
// result.
void Scheduler::Impl::check_early(Run& run, At at, Element element) {
  const Task& task = task_of(run, at);
  if (task.commit_sent) return;
  if (!may_stay(run, at, element))
    roll_back(run, at);
  else if (task.is_running() && !task.ending)
    bind_late(run, at);
  else if (task.state == TaskState::kFinished)
    try_commit(run, at);
}

void Scheduler::Impl::bind_late(Run& run, At at) {
  const std::uint32_t active = task_of(run, at).active;
  const Attempt attempt = attempt_of(run, at, task_of(run, at));
  for (std::size_t i = 0; i < actives_[active].late.size();) {
    const std::uint32_t number = actives_[active].late[i];
    const SlotInfo& slot = run.graph->slot(at.step, number);
    if (status_of(run, slot, slot.is_peer ? at.index : 0) != SlotStatus::kThere) {
      ++i;
      continue;
    }
    actives_[active].late.erase(actives_[active].late.begin() + static_cast<std::ptrdiff_t>(i));
    const std::optional<Binding> binding = binding_of(run, at, number);
    emit_action(
        Bind{attempt, binding.value_or(Binding{.slot = number, .kind = Binding::Kind::kAbsent})});
    if (!binding || binding->kind != Binding::Kind::kList) continue;
    add_reader(run, at, number);
    pump(run, at, actives_[active].readers.back());
  }
}

// ---- put-back

// Nothing that the task reads will grow: with it, it never waits for a producer.
bool Scheduler::Impl::is_whole(const Run& run, At at) const {
  const StepInfo& info = run.graph->step(at.step);
  for (std::uint32_t s = 0; s < info.slots.count; ++s) {
    SlotInfo slot = run.graph->slot(at.step, s);
    if (slot.use != model::Use::kPort || slot.shape == Shape::kNothing) continue;
    slot.access = model::Access::kWhole;
    if (status_of(run, slot, slot.by_element() ? at.index : 0) == SlotStatus::kMissing)
      return false;
  }
  return true;
}

void Scheduler::Impl::on(const WorkerShort& event) {
  const Live live = find_live(event.attempt);
  if (!live || live.task->state != TaskState::kPreparing ||
      live.run->graph->step(live.at.step).action != model::Action::kCall) {
    ++counters_.stale_events;
    return;
  }
  if (!actives_[live.task->active].late.empty()) {
    // It would only wait; and while it waits for a worker it holds a CPU slot.
    put_back(*live.run, live.at);
    return;
  }
  const auto known = std::find_if(short_.begin(), short_.end(), [&](const Want& want) {
    return want.what.attempt == event.attempt;
  });
  if (known == short_.end())
    short_.push_back({.what = event});
  else
    known->is_met = false;  // Somebody else got that worker.
}

bool Scheduler::Impl::can_be_put_back(const Attempt& attempt, const WorkerShort& wanted) const {
  const Live live = find_live(attempt);
  if (!live || live.task->state != TaskState::kBlocked || live.task->put_back) return false;
  if (wanted.only_function) {
    const Live other = find_live(wanted.attempt);
    if (other.run->app != live.run->app ||
        other.run->graph->workflow().steps[other.at.step].function !=
            live.run->graph->workflow().steps[live.at.step].function)
      return false;
  }
  return !is_whole(*live.run, live.at);
}

void Scheduler::Impl::put_back(Run& run, At at) {
  task_of(run, at).put_back = true;
  run.put_back.insert(at);
  roll_back(run, at, EndAttempt::Reason::kPutBack);
}

// One attempt makes room for each that has no worker; the newest, which has least to lose.
void Scheduler::Impl::relieve() {
  std::erase_if(short_, [&](const Want& want) {
    const Live live = find_live(want.what.attempt);
    return !live || live.task->state != TaskState::kPreparing;
  });
  for (Want& want : short_) {
    if (want.is_met) continue;
    const auto found =
        std::find_if(blocked_.rbegin(), blocked_.rend(),
                     [&](const Attempt& attempt) { return can_be_put_back(attempt, want.what); });
    if (found == blocked_.rend()) continue;
    want.is_met = true;
    const Live live = find_live(*found);
    put_back(*live.run, live.at);
  }
}

void Scheduler::Impl::wake_put_back(Run& run, std::uint32_t step) {
  for (auto at = run.put_back.lower_bound({step, 0}); at != run.put_back.end() && at->step == step;
       ++at)
    evaluate_later(run, *at);
}

// Something has come at this slot.
void Scheduler::Impl::wake_put_back(Run& run, const Link& link) {
  if (run.put_back.empty()) return;
  SlotInfo slot = run.graph->slot(link.step, link.slot);
  slot.access = model::Access::kWhole;
  if (status_of(run, slot, 0) != SlotStatus::kMissing) wake_put_back(run, link.step);
}

// ---- invariants

void Scheduler::Impl::check_early(const Run& run, At at) const {
  const Task& task = run.steps[at.step].tasks[at.index];
  if (!task.early || !task.is_bound() || task.commit_sent) return;
  SLUICE_ASSERT(may_stay(run, at, task_status(run, at)), "early task {}.{} is not ended", at.step,
                at.index);
  if (!task.is_running() || task.ending) return;
  for (const std::uint32_t s : actives_[task.active].late) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    SLUICE_ASSERT(status_of(run, slot, slot.is_peer ? at.index : 0) != SlotStatus::kThere,
                  "slot {} of early task {}.{} is forgotten", s, at.step, at.index);
  }
}

void Scheduler::Impl::check_shortage() const {
  for (const Attempt& attempt : blocked_) {
    const Run* run = find_tables(attempt.task.run, attempt.task.scope);
    SLUICE_ASSERT(run != nullptr);
    const Task& task = run->steps[attempt.task.step].tasks[attempt.task.index];
    SLUICE_ASSERT(task.epoch == attempt.epoch &&
                  (task.ending || task.state == TaskState::kBlocked));
  }
  for (const Want& want : short_)
    for (const Attempt& attempt : blocked_)
      SLUICE_ASSERT(want.is_met || !can_be_put_back(attempt, want.what),
                    "task {}.{} could be put back", attempt.task.step, attempt.task.index);
}

}  // namespace sluice::core
