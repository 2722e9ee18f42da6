// What is available to whom, who is ready, who is skipped, and the start of attempts.

#include <algorithm>

#include "core/scheduler_impl.h"

namespace sluice::core {

// `item`: the task whose peer is meant; 0 for what all tasks share.
SlotStatus Scheduler::Impl::status_of(const Run& run, const SlotInfo& slot,
                                      std::uint32_t item) const {
  const SlotStatus absent = slot.required ? SlotStatus::kAbsent : SlotStatus::kThere;
  const bool whole = slot.access == model::Access::kWhole;
  const StepTable& producer = run.steps[slot.step];
  const Port& port = run.ports[slot.port];
  if (slot.shape == Shape::kCell || slot.shape == Shape::kList) {
    const At at{slot.step, item};
    const TaskResult result = result_of(run, slot.port, at);
    if (result == TaskResult::kSkipped) return absent;
    if (result == TaskResult::kFailed && run.graph->step(slot.step).by_port)
      return SlotStatus::kBroken;
    if (slot.shape == Shape::kCell) {
      const Table<Cell>& cells = port.own.cells;
      if (item < cells.size()) {
        const Cell& cell = cells[item];
        if (cell.is_readable()) return SlotStatus::kThere;
        if (cell.exists && !cell.provisional && slot.access == model::Access::kPipe)
          return SlotStatus::kThere;
      }
      return result == TaskResult::kOutputs ? absent : SlotStatus::kMissing;
    }
    if (result == TaskResult::kOutputs) return SlotStatus::kThere;
    if (whole) return SlotStatus::kMissing;
    const CellList& list = list_of(run, slot.port, at);
    const bool begun = list.emitted != 0 && list.cells.size() != 0 && list.cells[0].is_readable();
    return begun ? SlotStatus::kThere : SlotStatus::kMissing;
  }
  if (producer.skipped) return absent;
  const std::uint32_t count = element_count(run, slot.step);
  if (!whole && is_settled(run, slot.port, {slot.step, 0})) return SlotStatus::kThere;
  if (!is_closed(run, slot.step) || port.settled < count) return SlotStatus::kMissing;
  // Tasks beyond the end have left or are leaving; only then do all have to be asked.
  if (producer.tasks.size() > count)
    for (std::uint32_t i = 0; i < count; ++i)
      if (!is_settled(run, slot.port, {slot.step, i})) return SlotStatus::kMissing;
  return SlotStatus::kThere;
}

bool Scheduler::Impl::driver_is_absent(const Run& run, std::uint32_t step) const {
  const StepTable& driver = run.steps[run.graph->step(step).driver_step];
  if (driver.foreach) return driver.skipped;
  return result_of(run, run.graph->step(step).driver_port,
                   {run.graph->step(step).driver_step, 0}) == TaskResult::kSkipped;
}

// What the tasks of the same element of other steps say of this one.
Scheduler::Impl::Element Scheduler::Impl::peers_status(const Run& run, At at) const {
  const StepInfo& info = run.graph->step(at.step);
  Element element = Element::kAvailable;
  bool broken = false;
  bool late = false;
  for (std::uint32_t s = 0; s < info.slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (!slot.is_peer || !slot.waited) continue;
    switch (status_of(run, slot, at.index)) {
      case SlotStatus::kAbsent:
        return Element::kHole;
      case SlotStatus::kMissing:
        late = late || slot.late;
        if (!slot.late) element = Element::kUnavailable;
        break;
      case SlotStatus::kBroken:
        broken = true;
        break;
      case SlotStatus::kThere:
        break;
    }
  }
  if (element != Element::kAvailable || !broken) return element;
  return late ? Element::kUnavailable : Element::kBroken;  // It may still turn out to be a hole.
}

Scheduler::Impl::Element Scheduler::Impl::element_status(const Run& run, At at) const {
  const StepInfo& info = run.graph->step(at.step);
  const Port& port = run.ports[info.driver_port];
  const StepTable& driver = run.steps[info.driver_step];
  if (!driver.foreach) {
    if (at.index >= port.own.emitted || at.index >= port.own.cells.size()) return Element::kUnknown;
    const Cell& cell = port.own.cells[at.index];
    if (!cell.exists || cell.provisional) return Element::kUnknown;
    if (cell.is_hole) return Element::kHole;
    return cell.sealed || info.item_may_be_open ? Element::kAvailable : Element::kUnavailable;
  }
  if (driver.skipped || at.index >= driver.tasks.size()) return Element::kUnknown;
  const TaskResult result = result_of(run, info.driver_port, {info.driver_step, at.index});
  if (result == TaskResult::kSkipped) return Element::kHole;
  if (run.graph->port(info.driver_port).is_list) {
    if (result == TaskResult::kOutputs) return Element::kAvailable;
    if (at.index >= port.lists.size()) return Element::kUnknown;
    const CellList& list = port.lists[at.index];
    if (list.emitted == 0 || list.cells.size() == 0) return Element::kUnknown;
    return info.item_may_be_open && list.cells[0].is_readable() ? Element::kAvailable
                                                                : Element::kUnavailable;
  }
  if (at.index < port.own.cells.size()) {
    const Cell& cell = port.own.cells[at.index];
    if (cell.exists && !cell.provisional)
      return cell.sealed || info.item_may_be_open ? Element::kAvailable : Element::kUnavailable;
  }
  return result == TaskResult::kOutputs ? Element::kHole : Element::kUnknown;
}

void Scheduler::Impl::update_slot(Run& run, std::uint32_t step, std::uint32_t slot) {
  if (!run.graph->slot(step, slot).waited) return;
  StepTable& table = run.steps[step];
  SlotStatus& status = run.slots[run.graph->step(step).slots.first + slot];
  const SlotStatus now = status_of(run, run.graph->slot(step, slot), 0);
  if (now == status) return;
  const std::uint32_t late = run.graph->slot(step, slot).late ? 1 : 0;
  switch (status) {
    case SlotStatus::kMissing:
      --table.missing;
      table.late_missing -= late;
      break;
    case SlotStatus::kAbsent:
      --table.absent;
      break;
    case SlotStatus::kBroken:
      --table.broken;
      break;
    case SlotStatus::kThere:
      break;
  }
  switch (now) {
    case SlotStatus::kMissing:
      ++table.missing;
      table.late_missing += late;
      break;
    case SlotStatus::kAbsent:
      ++table.absent;
      break;
    case SlotStatus::kBroken:
      ++table.broken;
      break;
    case SlotStatus::kThere:
      break;
  }
  status = now;
  evaluate_step(run, step);
  if (table.foreach && table.missing == 0) {
    try_commit_step(run, step);
    check_complete(run, step);
  }
}

// What all tasks of the step wait for has changed.
void Scheduler::Impl::evaluate_step(Run& run, std::uint32_t step) {
  StepTable& table = run.steps[step];
  if (!table.local || run.ended) return;
  if (!table.foreach) {
    evaluate_later(run, {step, 0});
    return;
  }
  const bool skip = table.after_missing == 0 && (table.absent != 0 || driver_is_absent(run, step));
  if (skip && !table.skipped) {
    const std::uint64_t first = table.tasks.size() != 0 ? table.tasks[0].epoch : 0;
    skip_step(run, step, std::max(table.single.epoch, first) + 1);
  } else if (!skip && table.skipped) {
    unskip_step(run, step);
  }
  // All of them: those that were ready may not be any more, those that wait for a retry start over.
  evaluate_later(run, {step, kAll});
}

// All outputs of the step are absent, whatever its tasks have done.
void Scheduler::Impl::skip_step(Run& run, std::uint32_t step, std::uint64_t epoch) {
  StepTable& table = run.steps[step];
  for (std::uint32_t i = 0; i < table.tasks.size(); ++i) purge(run, {step, i});
  roll_back_step(run, step);
  table.skipped = true;
  Task& gate = table.single;
  gate.epoch = epoch;
  gate.result = TaskResult::kSkipped;
  gate.commit_sent = false;
  set_state(run, step, gate, TaskState::kFinished);
  forward(run, {step, 0}, Fact::Kind::kSkipped, Fact::kWholeStep);
  const Range ports = run.graph->step(step).ports;
  for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p)
    roll_back_views(run, p, kAll);
  gate_changed(run, step);
  try_commit_gate(run, step);
}

void Scheduler::Impl::unskip_step(Run& run, std::uint32_t step) {
  StepTable& table = run.steps[step];
  Task& gate = table.single;
  SLUICE_ASSERT(!gate.is_committed() && !gate.commit_sent);
  roll_back_step(run, step);
  forward(run, {step, 0}, Fact::Kind::kVoided, Fact::kWholeStep);
  table.skipped = false;
  gate.result = TaskResult::kNone;
  set_state(run, step, gate, TaskState::kWaiting);
  gate_changed(run, step);
}

void Scheduler::Impl::gate_changed(Run& run, std::uint32_t step) {
  const Range ports = run.graph->step(step).ports;
  for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p) {
    for (const Link& link : run.graph->commons(p)) {
      if (!run.steps[link.step].local) continue;
      update_slot(run, link.step, link.slot);
      wake_put_back(run, link.step);
    }
    for (const std::uint32_t driven : run.graph->drivers(p)) evaluate_step(run, driven);
    for (const Link& link : run.graph->peers(p)) evaluate_later(run, {link.step, kAll});
    datum_changed(run, p, {p, kAll, kAll});
  }
}

bool Scheduler::Impl::is_startable(const Run& run, At at, Element element) const {
  const StepTable& table = run.steps[at.step];
  const StepInfo& info = run.graph->step(at.step);
  if (!may_stay(run, at, element)) return false;
  if (table.missing != 0 && !(info.early && table.missing == table.late_missing)) return false;
  if (info.on_committed && !is_fed_by_commits(run, at)) return false;
  if (at.index < table.tasks.size() && table.tasks[at.index].put_back)
    return table.missing == 0 && is_whole(run, at);
  return !info.early || producer_has_begun(run, at.step);
}

// An expression that it needs has failed, and nothing that it needs is absent.
bool Scheduler::Impl::is_broken(const Run& run, At at, Element element) const {
  const StepTable& table = run.steps[at.step];
  if (table.skipped || table.missing != 0 || table.absent != 0 || table.after_missing != 0)
    return false;
  return element == Element::kBroken ||
         (element == Element::kAvailable && table.broken != 0 && peers_are_there(run, at));
}

void Scheduler::Impl::evaluate(Run& run, At at) {
  StepTable& table = run.steps[at.step];
  if (run.ended || !table.local || run.graph->step(at.step).is_input) return;
  if (at.index == kAll) {
    std::uint32_t count = 1;
    if (table.foreach) count = std::max(element_count(run, at.step), table.tasks.size());
    for (std::uint32_t i = 0; i < count; ++i) evaluate(run, {at.step, i});
    return;
  }
  const Element element = task_status(run, at);
  if (at.index >= table.tasks.size()) {
    if (element == Element::kUnknown) return;
    table.tasks.grow_to(at.index + 1);
  }
  Task& task = table.tasks[at.index];
  if (task.computing) {
    if (run.graph->step(at.step).is_scope)
      check_scope(run, at, element);
    else
      compute(run, at);
    return;
  }
  if (task.early && task.is_bound()) {
    check_early(run, at, element);
    return;
  }
  if (task.state != TaskState::kWaiting && task.state != TaskState::kReady) return;
  if (task.ending) return;  // Looked at again when it is over.
  const bool is_forgotten = task.backing_off && task.early && has_lost_input(run, at);
  if (is_forgotten) forget_failures(run, at, task);
  if (is_startable(run, at, element)) {
    if (task.state == TaskState::kReady || task.backing_off) return;
    task.ready_at = now_;
    if (run.graph->step(at.step).action == model::Action::kCompute) {
      begin_compute(run, at);
      return;
    }
    if (run.graph->step(at.step).action == model::Action::kWait) {
      begin_wait(run, at);
      return;
    }
    set_state(run, at.step, task, TaskState::kReady);
    if (!task.queued) admit(run, at, task);
    return;
  }
  if (task.state == TaskState::kReady) set_state(run, at.step, task, TaskState::kWaiting);
  if (task.backing_off) forget_failures(run, at, task);
  const bool skip = table.foreach ? element == Element::kHole : table.absent != 0;
  if (skip && !table.skipped && table.after_missing == 0) {
    ++task.epoch;
    task.early = false;
    finish(run, at, TaskResult::kSkipped);
  } else if (is_broken(run, at, element)) {
    fail_unstarted(run, at);
  }
}

// It failed on data that never existed.
void Scheduler::Impl::forget_failures(Run& run, At at, Task& task) {
  set_backing_off(run, task, false);
  task.early = false;
  task.failures = 0;
  free_active(run, at, task);
}

// The task cannot run for want of an input whose expression has failed.
void Scheduler::Impl::fail_unstarted(Run& run, At at) {
  const StepInfo& info = run.graph->step(at.step);
  Failure failure;
  bool past_catch = false;
  for (std::uint32_t s = 0; s < info.slots.count && !past_catch; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (slot.shape == Shape::kNothing || slot.is_item || !slot.waited) continue;
    const std::uint32_t item = slot.is_peer ? at.index : 0;
    if (status_of(run, slot, item) != SlotStatus::kBroken) continue;
    past_catch = slot.use == model::Use::kGate;
    if (failure.name.empty() || past_catch) {
      failure = run.failure_of({slot.step, item}, run.graph->port(slot.port).number);
    }
  }
  raise_epoch(run, at);
  fail_for_good(run, at, std::move(failure), past_catch);
}

void Scheduler::Impl::work() {
  while (!work_.empty()) {
    const Work item = work_.pop();
    evaluate(*item.run, item.at);
  }
}

void Scheduler::Impl::admit(Run& run, At at, Task& task) {
  StepTable& table = run.steps[at.step];
  const std::uint32_t most = run.graph->step(at.step).concurrency;
  task.queued = true;
  if (table.foreach) {
    if (most != 0 && table.foreach->admitted >= most) {
      table.foreach->held.push(at.index);
      return;
    }
    ++table.foreach->admitted;
  }
  push_ready(run, at);
}

// A task of a flow needs no worker: it begins at once.
void Scheduler::Impl::push_ready(Run& run, At at) {
  if (run.graph->step(at.step).is_scope) {
    task_of(run, at).queued = false;
    enter(run, at);
    return;
  }
  ready_.push({run.key, run.scope, at});
}

// One task of the step has left its place.
void Scheduler::Impl::admit_next(Run& run, std::uint32_t step) {
  StepTable& table = run.steps[step];
  if (!table.foreach) return;
  StepTable::Foreach& foreach = *table.foreach;
  SLUICE_ASSERT(foreach.admitted > 0);
  --foreach.admitted;
  if (run.ended) return;
  const std::uint32_t most = run.graph->step(step).concurrency;
  while (!foreach.held.empty() && foreach.admitted < most) {
    const std::uint32_t index = foreach.held.pop();
    Task& task = table.tasks[index];
    if (task.state != TaskState::kReady) {
      task.queued = false;
      continue;
    }
    ++foreach.admitted;
    push_ready(run, {step, index});
  }
}

void Scheduler::Impl::dispatch() {
  while (slots_free_ > 0 && !ready_.empty()) {
    const Ready next = ready_.pop();
    Run* run = find_tables(next.run, next.scope);
    if (run == nullptr) continue;
    Task& task = task_of(*run, next.at);
    task.queued = false;
    if (run->ended || task.state != TaskState::kReady) {
      admit_next(*run, next.at.step);
      continue;
    }
    start(*run, next.at);
  }
}

void Scheduler::Impl::start(Run& run, At at) {
  StepTable& table = run.steps[at.step];
  const StepInfo& info = run.graph->step(at.step);
  Task& task = table.tasks[at.index];
  raise_epoch(run, at);
  set_state(run, at.step, task, TaskState::kPreparing);
  task.holds_slot = true;
  --slots_free_;
  ++counters_.running;
  ++run.attempts;
  task.active = take_active(run);
  if (info.cached)
    recall(run, at);
  else
    start_code(run, at);
}

void Scheduler::Impl::start_code(Run& run, At at) {
  const StepInfo& info = run.graph->step(at.step);
  Task& task = task_of(run, at);
  const std::uint32_t index = task.active;
  StartTask action{.attempt = attempt_of(run, at, task),
                   .number = task.failures + 1U,
                   .deadline = run.deadline,
                   .ready = task.ready_at,
                   .bindings_first = static_cast<std::uint32_t>(out_->bindings.size())};
  for (std::uint32_t s = 0; s < info.slots.count; ++s) bind(run, at, task, s);
  Active& active = actives_[index];
  task.early = !active.late.empty();
  action.bindings_count = static_cast<std::uint32_t>(out_->bindings.size()) - action.bindings_first;
  emit_action(action);
  for (Reader& reader : active.readers) pump(run, at, reader);
}

void Scheduler::Impl::bind(Run& run, At at, Task& task, std::uint32_t slot) {
  const SlotInfo& info = run.graph->slot(at.step, slot);
  if (info.use != model::Use::kPort) return;
  if (info.late && status_of(run, info, info.is_peer ? at.index : 0) != SlotStatus::kThere) {
    actives_[task.active].late.push_back(slot);
    out_->bindings.push_back({.slot = slot, .kind = Binding::Kind::kLate});
    return;
  }
  const std::optional<Binding> binding = binding_of(run, at, slot);
  if (!binding) return;
  if (binding->kind == Binding::Kind::kList) add_reader(run, at, slot);
  out_->bindings.push_back(*binding);
}

// Nothing: it is absent.
std::optional<Binding> Scheduler::Impl::binding_of(const Run& run, At at,
                                                   std::uint32_t slot) const {
  const SlotInfo& info = run.graph->slot(at.step, slot);
  Binding binding{.slot = slot};
  const At producer{info.step, info.by_element() ? at.index : 0};
  switch (info.shape) {
    case Shape::kNothing:
      binding.kind = info.literal;
      break;
    case Shape::kCell: {
      const Table<Cell>& cells = run.ports[info.port].own.cells;
      const Cell* cell = producer.index < cells.size() ? &cells[producer.index] : nullptr;
      if (cell == nullptr || !cell->exists || cell->provisional) return std::nullopt;
      binding.kind = Binding::Kind::kObject;
      binding.object = cell->object();
      break;
    }
    case Shape::kList:
    case Shape::kTaskCells:
    case Shape::kTaskLists: {
      const StepTable& from = run.steps[info.step];
      if (from.skipped) return std::nullopt;
      const std::uint32_t index = from.foreach ? producer.index : 0;
      if (info.shape == Shape::kList &&
          result_of(run, info.port, {info.step, index}) == TaskResult::kSkipped)
        return std::nullopt;
      binding.kind = Binding::Kind::kList;
      break;
    }
  }
  return binding;
}

// The attempt reads a list at this slot.
void Scheduler::Impl::add_reader(Run& run, At at, std::uint32_t slot) {
  StepTable& table = run.steps[at.step];
  Active& active = actives_[task_of(run, at).active];
  active.readers.push_back({.slot = slot, .credit = kCredit});
  if (!table.foreach || active.position != kNone) return;
  active.position = static_cast<std::uint32_t>(table.foreach->readers.size());
  table.foreach->readers.push_back(at.index);
}

}  // namespace sluice::core
