// Recomputes from the cells and tasks everything that is kept as a counter, a flag or a status, and
// checks that nothing that could go on has been left lying.

#include <algorithm>

#include "core/scheduler_impl.h"

namespace sluice::core {

void Scheduler::Impl::check_invariants() const {
  timers_.check_invariants();
  SLUICE_ASSERT(work_.empty());
  Totals totals;
  for (const auto& run : runs_)
    if (run != nullptr) {
      check_run(*run, totals);
      --totals.runs;
      for (const auto& [number, scope] : run->scopes) check_run(*scope, totals);
      totals.runs += 1 - run->scopes.size();
    }
  SLUICE_ASSERT(totals.runs == counters_.runs);
  SLUICE_ASSERT(totals.ready == counters_.ready);
  SLUICE_ASSERT(totals.holding == counters_.running);
  SLUICE_ASSERT(totals.timers == timers_.size());
  SLUICE_ASSERT(totals.actives + free_actives_.size() == actives_.size());
  check_shortage();
  SLUICE_ASSERT(slots_free_ <= 0 || ready_.empty(),
                "a CPU slot is free while a task waits for one");
}

void Scheduler::Impl::check_run(const Run& run, Totals& totals) const {
  ++totals.runs;
  totals.timers += run.timer != Timers::kNoTimer ? 1 : 0;
  std::size_t attempts = 0;
  std::size_t actives = 0;
  const std::size_t ready_elsewhere = totals.ready;
  std::uint32_t complete = 0;
  for (std::uint32_t s = 0; s < run.steps.size(); ++s) {
    const StepTable& table = run.steps[s];
    if (s < run.graph->step_count()) complete += table.complete ? 1 : 0;
    for (const Task& task : table.tasks) {
      attempts += table.local && (task.ending || task.is_running()) ? 1 : 0;
      totals.holding += task.holds_slot ? 1 : 0;
      totals.ready += task.state == TaskState::kReady ? 1 : 0;
      SLUICE_ASSERT(!task.holds_slot || task.active != kNone);
      if (task.active == kNone) continue;
      ++actives;
      totals.timers += actives_[task.active].timer != Timers::kNoTimer ? 1 : 0;
    }
    check_step(run, s);
  }
  SLUICE_ASSERT(attempts == run.attempts);
  SLUICE_ASSERT(totals.ready - ready_elsewhere == run.ready);
  SLUICE_ASSERT(actives == run.actives);
  SLUICE_ASSERT(complete == run.steps_complete);
  totals.actives += actives;
  SLUICE_ASSERT(run.drained == (run.ended && run.attempts == 0 && run.scopes.empty()));

  check_busy(run);

  std::uint64_t objects = run.graves.size();
  for (std::uint32_t p = 0; p < run.ports.size(); ++p) objects += check_port(run, p);
  SLUICE_ASSERT(objects == run.objects, "{} objects, {} counted", objects, run.objects);
  for (std::size_t i = 1; i < run.graves.size(); ++i)
    SLUICE_ASSERT(run.graves.at(i - 1).after <= run.graves.at(i).after);
  SLUICE_ASSERT(run.graves.empty() || !run.endings.empty());
}

void Scheduler::Impl::check_busy(const Run& run) const {
  if (!run.is_timed) {
    SLUICE_ASSERT(run.busy == 0);
    return;
  }
  std::uint32_t busy = 0;
  for (std::uint32_t s = 0; s < run.graph->step_count(); ++s)
    for (const Task& task : run.steps[s].tasks)
      busy += (is_busy(run, s, task.state) ? 1U : 0U) + (task.backing_off ? 1U : 0U);
  for (const auto& [number, scope] : run.root->scopes)
    busy += scope->is_open && scope->parent == &run && scope->busy != 0 ? 1 : 0;
  SLUICE_ASSERT(busy == run.busy, "{} busy, {} counted", busy, run.busy);
  const Active& active = actives_[task_of(*run.parent, run.task).active];
  SLUICE_ASSERT((active.timer != Timers::kNoTimer) == (busy != 0 && active.left.has_value()));
}

void Scheduler::Impl::check_step(const Run& run, std::uint32_t step) const {
  const StepTable& table = run.steps[step];
  const StepInfo& info = run.graph->step(step);
  std::array<std::uint32_t, 10> by_state{};
  std::uint32_t committed = 0;
  for (std::uint32_t i = 0; i < table.tasks.size(); ++i) {
    const Task& task = table.tasks[i];
    ++by_state[static_cast<std::size_t>(task.state)];
    committed += (!info.is_input || run.parent != nullptr) && is_committed(run, {step, i}) ? 1 : 0;
    SLUICE_ASSERT(!task.is_committed() || task.active == kNone);
    SLUICE_ASSERT((task.result != TaskResult::kNone) ==
                  (task.is_committed() || task.state == TaskState::kFinished));
  }
  if (table.skipped) ++by_state[static_cast<std::size_t>(table.single.state)];
  by_state[static_cast<std::size_t>(TaskState::kWaiting)] = 0;
  if (table.foreach) {
    SLUICE_ASSERT(by_state == table.foreach->by_state);
    SLUICE_ASSERT(committed == table.foreach->committed);
  } else {
    SLUICE_ASSERT(&table.tasks[0] == &table.single && table.tasks.size() == 1);
  }
  if (info.is_input) return;

  std::uint32_t queued = table.foreach ? static_cast<std::uint32_t>(table.foreach->held.size()) : 0;
  std::uint32_t admitted = 0;
  for (std::size_t i = 0; i < ready_.size(); ++i) {
    const Ready& ready = ready_.at(i);
    if (ready.run == run.key && ready.scope == run.scope && ready.at.step == step)
      ++queued, ++admitted;
  }
  for (const Task& task : table.tasks) {
    queued -= task.queued ? 1 : 0;
    const bool is_call = info.action == model::Action::kCall;
    admitted += is_call && table.local && (task.ending || task.is_running()) ? 1 : 0;
    admitted += info.is_scope && task.active != kNone && !task.backing_off &&
                        !actives_[task.active].has_left
                    ? 1
                    : 0;
    SLUICE_ASSERT(run.ended || task.state != TaskState::kReady || task.queued);
  }
  SLUICE_ASSERT(queued == 0);
  if (table.foreach) {
    SLUICE_ASSERT(admitted == table.foreach->admitted,
                  "step {}: {} admitted, {} counted; ended {}, local {}, concurrency {}", step,
                  admitted, table.foreach->admitted, run.ended, table.local, info.concurrency);
    SLUICE_ASSERT(info.concurrency == 0 || admitted <= info.concurrency);
  } else {
    SLUICE_ASSERT(admitted <= 1);
  }
  if (run.ended) return;

  std::uint32_t missing = 0, late = 0, absent = 0, broken = 0, uncommitted = 0, after = 0;
  for (std::uint32_t s = 0; s < info.slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(step, s);
    if (slot.shape == Shape::kNothing || slot.by_element() || !slot.waited) continue;
    if (!producer_is_complete(run, slot.step)) ++uncommitted;
    if (!table.local) continue;
    const SlotStatus status = status_of(run, slot, 0);
    SLUICE_ASSERT(status == run.slots[info.slots.first + s], "slot {} of step {}", s, step);
    missing += status == SlotStatus::kMissing ? 1 : 0;
    late += status == SlotStatus::kMissing && slot.late ? 1 : 0;
    absent += status == SlotStatus::kAbsent ? 1 : 0;
    broken += status == SlotStatus::kBroken ? 1 : 0;
  }
  for (const std::uint32_t before : run.graph->workflow().steps[step].after)
    after += run.steps[before].complete ? 0 : 1;
  SLUICE_ASSERT(uncommitted == table.uncommitted);
  SLUICE_ASSERT(after == table.after_missing);
  if (!table.local) return;
  SLUICE_ASSERT(missing == table.missing && absent == table.absent && broken == table.broken);
  SLUICE_ASSERT(late == table.late_missing);
  if (table.foreach)
    SLUICE_ASSERT(table.skipped == (after == 0 && (absent != 0 || driver_is_absent(run, step))));
  for (std::uint32_t i = 0; i < table.tasks.size(); ++i) check_task(run, {step, i});
}

void Scheduler::Impl::check_task(const Run& run, At at) const {
  const StepTable& table = run.steps[at.step];
  const Task& task = table.tasks[at.index];
  const Element element = task_status(run, at);
  const bool idle = task.state == TaskState::kWaiting && !task.ending;
  if (idle && !task.backing_off) {
    SLUICE_ASSERT(!is_startable(run, at, element) && !is_broken(run, at, element),
                  "task {}.{} is forgotten", at.step, at.index);
    if (!table.skipped && table.after_missing == 0)
      SLUICE_ASSERT(table.foreach ? element != Element::kHole : table.absent == 0,
                    "task {}.{} is not skipped: queued {}, epoch {}, was_void {}", at.step,
                    at.index, bool(task.queued), task.epoch, bool(task.was_void));
  }
  if (task.state == TaskState::kReady || task.backing_off)
    SLUICE_ASSERT(
        is_startable(run, at, element),
        "task {}.{} of {}: element {}, missing {}, absent {}, after {}, skipped {}, state {}",
        at.step, at.index, table.tasks.size(), int(element), table.missing, table.absent,
        table.after_missing, table.skipped, int(task.state));
  if (task.backing_off) SLUICE_ASSERT(task.active != kNone);
  check_early(run, at);
  if (may_commit(run, at))
    SLUICE_ASSERT(task.commit_sent, "the commit of {}.{} is forgotten", at.step, at.index);
  if (task.is_committed())
    SLUICE_ASSERT(run.is_fed && table.uncommitted == 0 && element_is_committed(run, at));
  if (run.graph->step(at.step).is_scope) {
    SLUICE_ASSERT(!task.computing ||
                  (task.active != kNone && !actives_[task.active].scopes.empty()));
    return;
  }
  const bool needs_slot = run.graph->step(at.step).action == model::Action::kCall;
  if (task.state == TaskState::kPreparing || task.state == TaskState::kRunning)
    SLUICE_ASSERT(task.holds_slot == needs_slot);
  SLUICE_ASSERT(!task.computing ||
                (task.active != kNone && actives_[task.active].computation != nullptr));
  if (!task.computing || task.asked) return;
  // It waits for something, so something must be there to wake it.
  const Computation& computation = *actives_[task.active].computation;
  bool by_element = false;
  for (std::uint32_t s = 0; s < run.graph->step(at.step).slots.count; ++s)
    by_element = by_element || run.graph->slot(at.step, s).by_element();
  SLUICE_ASSERT(!computation.needs.empty() || by_element || !actives_[task.active].readers.empty(),
                "expression {}.{} waits for nothing", at.step, at.index);
}

std::uint64_t Scheduler::Impl::check_port(const Run& run, std::uint32_t port) const {
  const PortInfo& info = run.graph->port(port);
  const Port& table = run.ports[port];
  const StepTable& step = run.steps[info.step];
  std::uint64_t objects = 0;
  std::uint32_t settled = 0;
  std::uint32_t links = 0;
  const auto read_by_step = [&](std::uint32_t reader) {
    return run.steps[reader].local && !run.steps[reader].complete;
  };
  for (const std::uint32_t reader : run.graph->drivers(port))
    links += run.steps[reader].local && !(run.steps[reader].complete && run.steps[reader].skipped);
  for (const Link& link : run.graph->commons(port)) links += read_by_step(link.step) ? 1 : 0;
  for (const Link& link : run.graph->peers(port))
    links += run.steps[link.step].local &&
             !(run.steps[link.step].complete && run.steps[link.step].skipped);
  for (const std::uint32_t output : run.graph->outputs_of(port))
    links += run.is_owner && !run.outputs[output].done ? 1 : 0;
  if (!run.ended)
    SLUICE_ASSERT(links == table.links,
                  "port {} of step {} of {}: {} links, {} counted; {} drivers, {} commons, {} "
                  "outputs, owner {}",
                  info.number, info.step, run.graph->step_count(), links, table.links,
                  info.drivers.count, info.commons.count, info.outputs.count, run.is_owner);

  const auto check_cell = [&](const Cell& cell, std::uint32_t task, std::uint32_t element,
                              bool emitted) {
    if (!cell.exists) {
      SLUICE_ASSERT(!cell.id && !cell.provisional);
      return;
    }
    objects += cell.id ? 1 : 0;
    if (run.ended) return;
    SLUICE_ASSERT(emitted != cell.provisional || run.graph->step(info.step).is_scope);
    const bool committed = is_committed(run, {info.step, task});
    if (cell.provisional) SLUICE_ASSERT(!committed && cell.sealed);
    std::uint32_t left = 0;
    const bool by_element = step.foreach == nullptr && info.is_list;
    const std::uint32_t item = by_element ? element : task;
    const auto count_reader = [&](std::uint32_t reader) {
      const StepTable& reading = run.steps[reader];
      const bool over = (reading.skipped && reading.complete) || is_committed(run, {reader, item});
      left += reading.local && !over ? 1 : 0;
    };
    for (const std::uint32_t reader : run.graph->drivers(port)) count_reader(reader);
    for (const Link& link : run.graph->peers(port)) count_reader(link.step);
    for (const Link& link : run.graph->commons(port)) left += read_by_step(link.step) ? 1 : 0;
    for (const std::uint32_t output : run.graph->outputs_of(port)) {
      const Run::Output& state = run.outputs[output];
      const bool taken =
          state.done || (run.graph->output(output).shape != Shape::kCell && state.next > item);
      left += run.is_owner && !taken ? 1 : 0;
    }
    SLUICE_ASSERT(
        left == cell.links,
        "port {} of step {}, task {}, element {}: {} readers left, {} counted; {} drivers, {} "
        "commons, {} outputs, exists {} sealed {} prov {} list {} foreach {} owner {}",
        info.number, info.step, task, element, left, cell.links, info.drivers.count,
        info.commons.count, info.outputs.count, cell.exists, cell.sealed, cell.provisional,
        info.is_list, step.foreach != nullptr, run.is_owner);
    const bool is_held = left != 0 || !committed || !cell.sealed;
    const StepInfo& producer = run.graph->step(info.step);
    const bool is_data = producer.is_input || (producer.action == model::Action::kCall &&
                                               info.number < producer.first_error);
    SLUICE_ASSERT(!cell.id || is_held);
    SLUICE_ASSERT(!is_data || cell.is_hole || static_cast<bool>(cell.id) == is_held);
  };
  for (std::uint32_t i = 0; i < step.tasks.size(); ++i)
    settled += is_settled(run, port, {info.step, i});
  if (!run.ended) SLUICE_ASSERT(settled == table.settled);
  for (std::uint32_t i = 0; i < table.own.cells.size(); ++i) {
    if (info.is_list)
      check_cell(table.own.cells[i], 0, i, i < table.own.emitted);
    else
      check_cell(table.own.cells[i], i, 0, !table.own.cells[i].provisional);
  }
  for (std::uint32_t t = 0; t < table.lists.size(); ++t)
    for (std::uint32_t e = 0; e < table.lists[t].cells.size(); ++e)
      check_cell(table.lists[t].cells[e], t, e, e < table.lists[t].emitted);
  return objects;
}

}  // namespace sluice::core
