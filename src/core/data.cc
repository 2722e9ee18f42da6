// Data as it comes and goes: emission, delivery to readers of lists, release.

#include <algorithm>

#include "core/scheduler_impl.h"

namespace sluice::core {

// Whether it is known what the task's part of this port is: its value, its list as a whole, or that
// it is absent.
bool Scheduler::Impl::is_settled(const Run& run, std::uint32_t port, At producer) const {
  const StepTable& step = run.steps[producer.step];
  if (producer.index >= step.tasks.size()) return false;
  const TaskResult result = result_of(run, port, producer);
  if (result == TaskResult::kOutputs || result == TaskResult::kSkipped) return true;
  if (result == TaskResult::kFailed && run.graph->step(producer.step).by_port) return true;
  if (run.graph->port(port).is_list) return false;
  const Table<Cell>& cells = run.ports[port].own.cells;
  return producer.index < cells.size() && cells[producer.index].is_readable();
}

void Scheduler::Impl::emit(Run& run, At at, std::uint32_t number, const Object& object,
                           bool is_hole, std::uint32_t place) {
  const std::uint32_t port = run.graph->step(at.step).ports.first + number;
  const PortInfo& info = run.graph->port(port);
  const bool is_foreach = run.graph->step(at.step).is_foreach;
  Task& task = task_of(run, at);
  std::uint32_t element = at.index;
  Table<Cell>* cells = &run.ports[port].own.cells;
  if (info.is_list) {
    CellList& list = list_of(run, port, at);
    element = place != kNone ? place : list.emitted;
    if (element >= limits_.elements_per_list ||
        (!is_foreach && element >= list.counted &&
         run.root->task_count + info.weight > limits_.tasks_per_run)) {
      release(object.id);
      if (run.graph->step(at.step).is_input) {
        const Failure failure{.name = "TooLarge", .message = "an input has too many elements"};
        if (run.is_owner && run.parent == nullptr)
          end_run(run, RunEnded::State::kFailed, &failure, std::nullopt);
      } else if (task.is_running() && is_local(run, at.step)) {
        end_attempt(run, at, EndAttempt::Reason::kCancelled, EndCause::kTooLarge);
      } else if (run.graph->step(at.step).is_scope) {
        // Not at once: this may be in the middle of an emission of one of its tasks.
        if (const Run* scope = newest_scope(run, at))
          too_large_.emplace_back(run.key, scope->scope);
      } else if (task.computing) {
        actives_[task.active].computation->is_too_large = true;
      }
      return;
    }
    if (!is_foreach && element >= list.counted) {
      run.root->task_count += info.weight * (element + 1 - list.counted);
      list.counted = element + 1;
    }
    list.emitted = std::max(list.emitted, element + 1);
    cells = &list.cells;
  }
  cells->grow_to(element + 1);
  Cell& cell = (*cells)[element];
  if (cell.exists && !cell.provisional) {
    // A second value on a port that has one. Workers are held to one; what comes is not lost track
    // of.
    ++counters_.stale_events;
    release(object.id);
    return;
  }
  if (object.id) ++run.objects;
  const std::uint32_t index = info.is_list ? element : 0;
  const bool is_error =
      !run.graph->step(at.step).is_input && number >= run.graph->step(at.step).first_error;
  bool kept = false;
  if (cell.exists) {
    // What an error says is not compared.
    kept = !is_error && object.sealed && object.size == cell.size &&
           object.checksum == cell.checksum &&
           static_cast<bool>(object.id) == static_cast<bool>(cell.id) && is_hole == cell.is_hole;
    if (!kept) {
      roll_back_readers(run, port, at, index);
      drop_cell(run, cell);
    }
  } else if (task.was_void) {
    roll_back_readers(run, port, at, index);  // They saw that it was absent.
  }
  if (kept) {
    // The same bytes: readers of the void attempt go on, and the copy they have stays.
    cell.provisional = false;
    give_back(run, object.id);
  } else {
    cell.id = object.id;
    cell.size = object.size;
    cell.checksum = object.checksum;
    cell.sealed = object.sealed;
    cell.is_hole = is_hole;
    cell.exists = true;
    cell.links = run.ports[port].links;
  }
  if (!info.is_list && cell.sealed) ++run.ports[port].settled;
  const bool is_unread_input = cell.links == 0 && cell.sealed && run.graph->step(at.step).is_input;
  if (!run.nodes.empty()) {
    const Object held = cell.object();  // Not the duplicate, which is given back.
    forward(run, at, Fact::Kind::kEmitted, number, element, &held,
            is_error ? &run.failure_of(at) : nullptr, is_hole);
  }
  cell_changed(run, port, at, index);
  if (is_unread_input) give_back(run, (*cells)[element]);
}

void Scheduler::Impl::seal(Run& run, At at, std::uint32_t number, const Object& object) {
  const std::uint32_t port = run.graph->step(at.step).ports.first + number;
  const bool is_list = run.graph->port(port).is_list;
  Cell* cell = nullptr;
  std::uint32_t element = 0;
  if (is_list) {
    CellList& list = list_of(run, port, at);
    if (list.emitted != 0 && list.emitted <= list.cells.size())
      cell = &list.cells[element = list.emitted - 1];
  } else {
    cell = find_cell(run, port, at);
  }
  if (cell == nullptr || !cell->exists || cell->sealed || cell->provisional) {
    ++counters_.stale_events;
    return;
  }
  cell->size = object.size;
  cell->checksum = object.checksum;
  cell->sealed = true;
  if (!is_list) ++run.ports[port].settled;
  if (!run.nodes.empty()) {
    const Object sealed = cell->object();
    forward(run, at, Fact::Kind::kSealed, number, is_list ? element : at.index, &sealed);
  }
  if (cell->links == 0 && run.graph->step(at.step).is_input) give_back(run, *cell);
  cell_changed(run, port, at, element);
}

// Something about an element of this port, or about the whole of it, is not as it was.
void Scheduler::Impl::cell_changed(Run& run, std::uint32_t port, At at, std::uint32_t element) {
  const bool by_task = run.graph->step(at.step).is_foreach;
  for (const std::uint32_t step : run.graph->drivers(port)) {
    if (!run.steps[step].local) continue;
    const std::uint32_t index = by_task ? at.index : element;
    evaluate_later(run, {step, index});
    if (!by_task || !run.graph->port(port).is_list) continue;
    // The element is a list that grows: its one reader may be running.
    pump_task(run, {step, index}, [&](const SlotInfo& slot) { return slot.is_item; });
  }
  for (const Link& link : run.graph->peers(port)) {
    if (!run.steps[link.step].local) continue;
    evaluate_later(run, {link.step, at.index});
    pump_task(run, {link.step, at.index},
              [&](const SlotInfo& slot) { return slot.is_peer && slot.port == port; });
  }
  for (const Link& link : run.graph->commons(port)) {
    if (!run.steps[link.step].local) continue;
    update_slot(run, link.step, link.slot);
    pump_slot(run, link.step, link.slot);
    wake_put_back(run, link);
  }
  datum_changed(run, port,
                {port, by_task ? at.index : 0, run.graph->port(port).is_list ? element : kAll});
  if (run.graph->step(at.step).is_input)
    for (const std::uint32_t output : run.graph->outputs_of(port)) pump_output(run, output);
}

// The only task of a step has ended, and so has the list that it emits: all steps that share its
// elements know their number now.
void Scheduler::Impl::list_closed(Run& run, std::uint32_t port, At at) {
  const std::uint32_t count = run.ports[port].own.emitted;
  const bool check = at.index < run.steps[at.step].tasks.size() && task_of(run, at).was_void;
  for (const std::uint32_t step : run.graph->rooted(port)) {
    StepTable& table = run.steps[step];
    for (std::uint32_t i = count; i < table.tasks.size(); ++i) purge(run, {step, i});
    const Range ports = run.graph->step(step).ports;
    for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p) {
      for (const Link& link : run.graph->commons(p)) {
        if (!run.steps[link.step].local) continue;
        if (check) roll_back_misled(run, link.step, link.slot, kAll, count);
        update_slot(run, link.step, link.slot);
        pump_slot(run, link.step, link.slot);
        wake_put_back(run, link);
      }
      datum_changed(run, p, {p, kAll, kAll});
      for (const std::uint32_t output : run.graph->outputs_of(p)) pump_output(run, output);
    }
    check_complete(run, step);
  }
}

void Scheduler::Impl::pump_slot(Run& run, std::uint32_t step, std::uint32_t slot) {
  if (run.graph->slot(step, slot).shape < Shape::kList) return;
  StepTable& table = run.steps[step];
  const SlotInfo* wanted = &run.graph->slot(step, slot);
  const auto is_it = [&](const SlotInfo& other) { return &other == wanted; };
  if (!table.foreach) {
    pump_task(run, {step, 0}, is_it);
    return;
  }
  // Expressions leave the list when they are done.
  for (std::size_t i = 0; i < table.foreach->readers.size(); ++i)
    pump_task(run, {step, table.foreach->readers[i]}, is_it);
}

// What the readers of a task with these slots can have now.
template <class Wanted>
void Scheduler::Impl::pump_task(Run& run, At at, const Wanted& wanted) {
  StepTable& table = run.steps[at.step];
  if (at.index >= table.tasks.size()) return;
  Task& task = table.tasks[at.index];
  if (task.active == kNone || task.ending || !(task.is_running() || task.computing)) return;
  // An expression that has handed on all its data is done, and its readers are gone.
  for (std::size_t i = 0; task.active != kNone && i < actives_[task.active].readers.size(); ++i)
    if (wanted(run.graph->slot(at.step, actives_[task.active].readers[i].slot)))
      pump(run, at, actives_[task.active].readers[i]);
}

bool Scheduler::Impl::deliver(Run& run, At at, Reader& reader, Deliver::Kind kind,
                              const Cell* cell) {
  if (run.graph->step(at.step).action == model::Action::kCompute)
    return hand_on(run, at, reader, kind, cell);
  const bool counts = kind == Deliver::Kind::kElement || kind == Deliver::Kind::kHole;
  if (counts && reader.credit == 0) return false;
  if (counts) --reader.credit;
  emit_action(Deliver{.attempt = attempt_of(run, at, task_of(run, at)),
                      .slot = reader.slot,
                      .kind = kind,
                      .object = cell != nullptr ? cell->object() : Object{}});
  return true;
}

void Scheduler::Impl::pump(Run& run, At at, Reader& reader) {
  if (reader.closed) return;
  const SlotInfo& slot = run.graph->slot(at.step, reader.slot);
  if (slot.shape == Shape::kList) {
    const At producer{slot.step, slot.by_element() ? at.index : 0};
    CellList& list = list_of(run, slot.port, producer);
    while (reader.next < list.emitted) {
      const Cell& cell = list.cells[reader.next];
      if (!cell.is_readable()) return;
      if (!deliver(run, at, reader, cell.is_hole ? Deliver::Kind::kHole : Deliver::Kind::kElement,
                   cell.is_hole ? nullptr : &cell))
        return;
      ++reader.next;
    }
    if (reader.next != list.emitted) return;
    if (result_of(run, slot.port, producer) != TaskResult::kOutputs) return;
    reader.closed = deliver(run, at, reader, Deliver::Kind::kClosed, nullptr);
    return;
  }
  if (run.steps[slot.step].skipped) return;
  // Elements of the list behind may be void for the moment, and what the tasks made of them still
  // stand: it is read on, and undone should they not come again.
  while (is_settled(run, slot.port, {slot.step, reader.next})) {
    const At producer{slot.step, reader.next};
    const bool skipped = result_of(run, slot.port, producer) == TaskResult::kSkipped;
    if (slot.shape == Shape::kTaskCells) {
      const Cell* cell = find_cell(run, slot.port, producer);
      const bool hole = skipped || cell == nullptr || !cell->is_readable();
      if (!deliver(run, at, reader, hole ? Deliver::Kind::kHole : Deliver::Kind::kElement,
                   hole ? nullptr : cell))
        return;
    } else if (skipped) {
      if (!deliver(run, at, reader, Deliver::Kind::kHole, nullptr)) return;
    } else {
      CellList& list = list_of(run, slot.port, producer);
      if (!reader.begun)
        reader.begun = deliver(run, at, reader, Deliver::Kind::kListBegin, nullptr);
      while (reader.inner < list.emitted) {
        const Cell& cell = list.cells[reader.inner];
        if (!deliver(run, at, reader, cell.is_hole ? Deliver::Kind::kHole : Deliver::Kind::kElement,
                     cell.is_hole ? nullptr : &cell))
          return;
        ++reader.inner;
      }
      deliver(run, at, reader, Deliver::Kind::kListEnd, nullptr);
      reader.inner = 0;
      reader.begun = false;
    }
    ++reader.next;
  }
  if (reader.next == element_count(run, slot.step) && is_closed(run, slot.step))
    reader.closed = deliver(run, at, reader, Deliver::Kind::kClosed, nullptr);
}

// ---- release
// -------------------------------------------------------------------------------------

void Scheduler::Impl::give_back(Run& run, Cell& cell) {
  if (!cell.id) return;
  give_back(run, cell.id);
  cell.id = ObjectId{};
}

void Scheduler::Impl::give_back(Run& run, ObjectId object) {
  if (!object) return;
  if (!run.endings.empty()) {
    run.graves.push({object, run.first_ending + run.endings.size() - 1});
    return;
  }
  --run.objects;
  emit_action(Release{object});
}

void Scheduler::Impl::drop_link(Run& run, Cell& cell, bool producer_committed) {
  if (!cell.exists) return;
  SLUICE_ASSERT(cell.links > 0);
  --cell.links;
  if (cell.links == 0 && cell.sealed && producer_committed) give_back(run, cell);
}

// One reader of this data has committed. `item`: the element that it read; kAll: all of it, also
// what is still to come.
void Scheduler::Impl::drop_links(Run& run, const SlotInfo& source, std::uint32_t item) {
  Port& port = run.ports[source.port];
  const bool by_task = run.graph->step(source.step).is_foreach;
  const auto drop_list = [&](CellList& list, bool committed) {
    for (Cell& cell : list.cells) drop_link(run, cell, committed);
  };
  if (item != kAll) {
    const At producer{source.step, by_task ? item : 0};
    const bool committed = is_committed(run, producer);
    if (by_task && run.graph->port(source.port).is_list) {
      drop_list(list_of(run, source.port, producer), committed);
    } else if (item < port.own.cells.size()) {
      drop_link(run, port.own.cells[item], committed);
    }
    return;
  }
  SLUICE_ASSERT(port.links > 0);
  --port.links;
  for (std::uint32_t i = 0; i < port.own.cells.size(); ++i)
    drop_link(run, port.own.cells[i], is_committed(run, {source.step, by_task ? i : 0}));
  for (std::uint32_t i = 0; i < port.lists.size(); ++i)
    drop_list(port.lists[i], is_committed(run, {source.step, i}));
}

}  // namespace sluice::core
