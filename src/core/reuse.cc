// What outlives the readers of a task: its results in the cache, and those that a run keeps.
//
// A task with `cache` waits until its inputs are whole. Then the world is asked what it came to
// before (Recall), with its CPU slot taken: the question is a small part of an attempt, and so it
// is undone and ended like one. It has used all its inputs from then on: its cursors in lists stand
// at their ends, though nothing is delivered.

#include "core/scheduler_impl.h"

namespace sluice::core {

void Scheduler::Impl::recall(Run& run, At at) {
  Task& task = task_of(run, at);
  task.recalling = true;
  for (std::uint32_t s = 0; s < run.graph->step(at.step).slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (slot.use != model::Use::kPort) continue;
    const std::optional<Binding> binding = binding_of(run, at, s);
    if (!binding || binding->kind != Binding::Kind::kList) continue;
    add_reader(run, at, s);
    Reader& reader = actives_[task.active].readers.back();
    const At producer{slot.step, slot.by_element() ? at.index : 0};
    reader.next = slot.shape == Shape::kList ? list_of(run, slot.port, producer).emitted
                                             : element_count(run, slot.step);
    reader.closed = true;
  }
  emit_action(Recall{
      .attempt = attempt_of(run, at, task), .number = task.failures + 1U, .ready = task.ready_at});
}

void Scheduler::Impl::on(const NotCached& event) {
  const Live live = find_live(event.attempt);
  if (!live || !live.task->recalling) {
    ++counters_.stale_events;
    return;
  }
  Run& run = *live.run;
  live.task->recalling = false;
  if (run.steps[live.at.step].missing != 0 || task_status(run, live.at) != Element::kAvailable) {
    // Its inputs are void for the moment. It asks again for what comes.
    attempt_over(run, live.at, *live.task);
    free_active(run, live.at, *live.task);
    set_state(run, live.at.step, *live.task, TaskState::kWaiting);
    evaluate_later(run, live.at);
    return;
  }
  leave_readers(run, live.at, actives_[live.task->active]);
  start_code(run, live.at);
}

bool Scheduler::Impl::is_kept(const Run& run, std::uint32_t step) const {
  if (run.graph->step(step).cached) return true;
  return run.keeps_all && !run.graph->workflow().steps[step].helper;
}

void Scheduler::Impl::keep_outputs(Run& run, At at) {
  const StepInfo& info = run.graph->step(at.step);
  const Attempt attempt = attempt_of(run, at, task_of(run, at));
  for (std::uint32_t n = 0; n < info.first_error; ++n) {
    const std::uint32_t port = info.ports.first + n;
    if (result_of(run, port, at) != TaskResult::kOutputs) continue;
    if (!run.graph->port(port).is_list) {
      const Cell* cell = find_cell(run, port, at);
      if (cell != nullptr && cell->is_readable() && cell->id)
        emit_action(KeepOutput{.attempt = attempt, .port = n, .object = cell->object()});
      continue;
    }
    const CellList& list = list_of(run, port, at);
    KeepOutput kept{.attempt = attempt, .port = n, .is_list = true};
    for (; kept.index < list.emitted; ++kept.index) {
      const Cell& cell = list.cells[kept.index];
      kept.kind = cell.is_hole ? Deliver::Kind::kHole : Deliver::Kind::kElement;
      kept.object = cell.is_hole ? Object{} : cell.object();
      emit_action(kept);
    }
    kept.kind = Deliver::Kind::kClosed;
    kept.object = {};
    emit_action(kept);
  }
}

}  // namespace sluice::core
