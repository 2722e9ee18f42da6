// Expressions: tasks that the world evaluates with what is known, and asks again when that changes.
// Which data an expression has used is not in the plan, so it is written down when it is used: what
// is void then rolls the task back, what commits lets it commit.

#include <algorithm>
#include <bit>
#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {
namespace {

std::uint64_t bit_of(std::uint32_t slot) { return std::uint64_t{1} << std::min(slot, 63U); }

}  // namespace

void Scheduler::Impl::begin_compute(Run& run, At at) {
  Task& task = task_of(run, at);
  raise_epoch(run, at);
  task.computing = true;
  set_state(run, at.step, task, TaskState::kRunning);
  task.active = take_active(run);
  actives_[task.active].computation = std::make_unique<Computation>();
  if (!run.watched) {
    run.watched = std::make_unique<Run::Watched>();
    run.watched->changed.resize(run.ports.size());
  }
  compute(run, at);
}

// Something that the expression looks at has changed, or it has just begun.
void Scheduler::Impl::compute(Run& run, At at) {
  Task& task = task_of(run, at);
  if (task.asked) {
    actives_[task.active].computation->changed_at = ++run.watched->clock;
    return;
  }
  advance(run, at);
  if (!task.computing) return;
  const Computation& computation = *actives_[task.active].computation;
  const std::uint32_t ports = run.graph->step(at.step).first_error;
  if (ports != 0 && static_cast<std::uint32_t>(std::popcount(computation.given)) == ports) return;
  task.asked = true;
  actives_[task.active].computation->asked_at = run.watched->clock;
  emit_action(Compute{attempt_of(run, at, task), computation.given});
}

// The world has looked at data that is not as it was. Of data that belong to its element alone the
// task hears; of those that all tasks of a step may look into only the time is known, so that a
// change costs the same however many are asked.
bool Scheduler::Impl::is_overtaken(const Run& run, At at) const {
  const Computation& computation = *actives_[run.steps[at.step].tasks[at.index].active].computation;
  if (computation.changed_at > computation.asked_at) return true;
  const Range slots = run.graph->step(at.step).slots;
  for (std::uint32_t s = 0; s < slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (slot.shape == Shape::kNothing || slot.by_element()) continue;
    if (run.watched->changed[slot.port] > computation.asked_at) return true;
  }
  return false;
}

void Scheduler::Impl::release_pieces(const std::vector<ComputedOutput>& outputs) {
  for (const ComputedOutput& output : outputs)
    for (const Piece& piece : output.pieces)
      if (piece.kind == Piece::Kind::kObject) release(piece.object.id);
}

void Scheduler::Impl::on(const Computed& event) {
  const At at{event.attempt.task.step, event.attempt.task.index};
  Run* found = find_tables(event.attempt.task.run, event.attempt.task.scope);
  Task* task = nullptr;
  if (found != nullptr && !found->ended && at.step < found->graph->step_count() &&
      at.index < found->steps[at.step].tasks.size())
    task = &task_of(*found, at);
  if (task == nullptr || task->epoch != event.attempt.epoch || !task->computing || !task->asked) {
    ++counters_.stale_events;
    release_pieces(event.outputs);
    return;
  }
  Run& run = *found;
  const bool overtaken = is_overtaken(run, at);
  task->asked = false;
  if (overtaken) {
    release_pieces(event.outputs);
    evaluate_later(run, at);
    return;
  }
  Computation& computation = *actives_[task->active].computation;
  drop_needs(run, at, computation);
  for (const Datum& datum : event.used) add_use(run, at, computation, datum);
  const Failure* failure = event.failure ? &*event.failure : nullptr;
  for (const ComputedOutput& output : event.outputs)
    if (output.kind == ComputedOutput::Kind::kBroken && is_driver(run, at, output.port))
      failure = &output.failure;
  if (failure != nullptr || event.skipped) {
    release_pieces(event.outputs);
    end_computed(run, at, failure);
    return;
  }
  for (const ComputedOutput& output : event.outputs) {
    const std::uint32_t ports = run.graph->step(at.step).first_error;
    if (output.port >= ports || (computation.given >> output.port & 1) != 0) {
      ++counters_.stale_events;
      release_pieces({output});
      continue;
    }
    computation.given |= std::uint64_t{1} << output.port;
    if (output.kind == ComputedOutput::Kind::kView) {
      Active& active = actives_[task->active];
      if (active.readers.empty() && run.steps[at.step].foreach) {
        std::vector<std::uint32_t>& readers = run.steps[at.step].foreach->readers;
        active.position = static_cast<std::uint32_t>(readers.size());
        readers.push_back(at.index);
      }
      active.readers.push_back({.slot = output.view.slot, .credit = kAll, .port = output.port});
    }
    computation.pending.push_back({output, 0});
  }
  add_needs(run, at, computation, event.needs);
  advance(run, at);
}

// Steps iterate over this output. If it is broken there is no task that could fail with it, so the
// expression itself fails.
bool Scheduler::Impl::is_driver(const Run& run, At at, std::uint32_t number) const {
  const Range ports = run.graph->step(at.step).ports;
  return number < ports.count && !run.graph->drivers(ports.first + number).empty();
}

// The whole task fails, or (without a failure) is skipped.
void Scheduler::Impl::end_computed(Run& run, At at, const Failure* failure) {
  Active& active = actives_[task_of(run, at).active];
  for (Computation::Pending& pending : active.computation->pending)
    release_pieces({pending.output});
  active.computation->pending.clear();
  leave_readers(run, at, active);
  if (failure != nullptr)
    fail_for_good(run, at, *failure, false);
  else
    finish(run, at, TaskResult::kSkipped);
}

// Hands on what there is of the outputs.
void Scheduler::Impl::advance(Run& run, At at) {
  Task& task = task_of(run, at);
  const std::uint64_t epoch = task.epoch;
  Computation& computation = *actives_[task.active].computation;
  for (std::size_t i = 0; i < computation.pending.size();) {
    const bool done = advance(run, at, computation.pending[i]);
    if (task.epoch != epoch || !task.computing) return;
    if (done)
      computation.pending.erase(computation.pending.begin() + static_cast<std::ptrdiff_t>(i));
    else
      ++i;
  }
  finish_computed(run, at);
}

// False: the output waits for data.
bool Scheduler::Impl::advance(Run& run, At at, Computation::Pending& pending) {
  const std::uint32_t number = pending.output.port;
  const std::uint32_t port = run.graph->step(at.step).ports.first + number;
  Computation& computation = *actives_[task_of(run, at).active].computation;
  switch (pending.output.kind) {
    case ComputedOutput::Kind::kAbsent:
      end_port(run, port, at, TaskResult::kSkipped);
      return true;
    case ComputedOutput::Kind::kBroken:
      run.set_failure(at, number, pending.output.failure);
      end_port(run, port, at, TaskResult::kFailed);
      return true;
    case ComputedOutput::Kind::kFlag:
      emit(run, at, number, Object{});
      end_port(run, port, at, TaskResult::kOutputs);
      return true;
    case ComputedOutput::Kind::kView: {
      Active& active = actives_[task_of(run, at).active];
      for (std::size_t i = 0; i < active.readers.size(); ++i)
        if (active.readers[i].port == number) {
          pump(run, at, active.readers[i]);
          return active.readers[i].closed;
        }
      return true;
    }
    case ComputedOutput::Kind::kValue:
    case ComputedOutput::Kind::kList:
      break;
  }
  const bool is_list = pending.output.kind == ComputedOutput::Kind::kList;
  for (; pending.next < pending.output.pieces.size(); ++pending.next) {
    Piece& piece = pending.output.pieces[pending.next];
    if (piece.kind == Piece::Kind::kDatum) {
      const Known now = known(run, at, piece.datum);
      if (now.state == Known::State::kBroken) {
        add_use(run, at, computation, piece.datum);
        const Failure failure = *now.failure;
        if (is_driver(run, at, number)) {
          end_computed(run, at, &failure);
          return false;
        }
        run.set_failure(at, number, failure);
        end_port(run, port, at, TaskResult::kFailed);
        return true;
      }
    }
    switch (piece.kind) {
      case Piece::Kind::kObject:
        emit(run, at, number, std::exchange(piece.object, Object{}));
        break;
      case Piece::Kind::kHole:
        emit(run, at, number, Object{}, true);
        break;
      case Piece::Kind::kDatum:
        if (!hand_on(run, at, computation, piece.datum, number, is_list)) return false;
        break;
      case Piece::Kind::kListBegin:
      case Piece::Kind::kListEnd:
        break;  // A list of lists is one value of JSON: the plan has no such port.
    }
    if (computation.is_too_large) {
      ++pending.next;
      return false;
    }
  }
  const bool is_absent =
      !is_list && find_cell(run, port, at) != nullptr && !find_cell(run, port, at)->is_readable();
  end_port(run, port, at, is_absent ? TaskResult::kSkipped : TaskResult::kOutputs);
  return true;
}

// False: it is not there yet.
bool Scheduler::Impl::hand_on(Run& run, At at, Computation& computation, const Datum& datum,
                              std::uint32_t number, bool is_list) {
  const Known now = known(run, at, datum);
  switch (now.state) {
    case Known::State::kUnknown:
    case Known::State::kList:
      add_needs(run, at, computation, {&datum, 1});
      return false;
    case Known::State::kObject:
      if (!now.object.sealed) {
        add_needs(run, at, computation, {&datum, 1});
        return false;
      }
      add_use(run, at, computation, datum);
      emit_action(Retain{now.object.id});
      emit(run, at, number, now.object);
      return true;
    case Known::State::kAbsent:
      add_use(run, at, computation, datum);
      if (is_list) emit(run, at, number, Object{}, true);
      return true;
    case Known::State::kFlag:
    case Known::State::kNumber:
    case Known::State::kFailure:
    case Known::State::kBroken:
      return true;  // No data: the world makes objects of these.
  }
  return true;
}

// The next element of a list that is handed on while it grows.
bool Scheduler::Impl::hand_on(Run& run, At at, const Reader& reader, Deliver::Kind kind,
                              const Cell* cell) {
  Computation& computation = *actives_[task_of(run, at).active].computation;
  const auto pending =
      std::find_if(computation.pending.begin(), computation.pending.end(),
                   [&](const auto& candidate) { return candidate.output.port == reader.port; });
  if (pending == computation.pending.end() || computation.is_too_large) return false;
  const std::uint32_t number = pending->output.port;
  switch (kind) {
    case Deliver::Kind::kElement:
      emit_action(Retain{cell->id});
      emit(run, at, number, cell->object());
      return true;
    case Deliver::Kind::kHole:
      if (!pending->output.drop_holes) emit(run, at, number, Object{}, true);
      return true;
    case Deliver::Kind::kClosed:
      end_port(run, run.graph->step(at.step).ports.first + number, at, TaskResult::kOutputs);
      evaluate_later(run, at);  // Perhaps it is done.
      return true;
    case Deliver::Kind::kListBegin:
    case Deliver::Kind::kListEnd:
      return true;
  }
  return true;
}

void Scheduler::Impl::finish_computed(Run& run, At at) {
  Task& task = task_of(run, at);
  const StepInfo& info = run.graph->step(at.step);
  if (actives_[task.active].computation->is_too_large) {
    fail_for_good(
        run, at,
        {.name = "TooLarge", .message = "a list has too many elements, or a run too many tasks"},
        false);
    return;
  }
  if (info.first_error == 0) return;  // It ends by failing.
  for (std::uint32_t n = 0; n < info.first_error; ++n)
    if (result_of(run, info.ports.first + n, at) == TaskResult::kNone) return;
  drop_needs(run, at, *actives_[task.active].computation);
  finish(run, at, TaskResult::kOutputs);
}

void Scheduler::Impl::drop_computation(Run& run, At at, Computation& computation) {
  for (Computation::Pending& pending : computation.pending) release_pieces({pending.output});
  drop_needs(run, at, computation);
  for (const WatchKey& key : computation.uses) run.watched->uses.remove(key, {at.step, at.index});
  if (computation.uncommitted != 0)
    for (const WatchKey& key : computation.sources)
      run.watched->sources.remove(key, {at.step, at.index});
}

void Scheduler::Impl::drop_needs(Run& run, At at, Computation& computation) {
  for (const WatchKey& key : computation.needs) run.watched->needs.remove(key, {at.step, at.index});
  computation.needs.clear();
}

// ---- what is looked at
// ---------------------------------------------------------------------------

namespace {

// What an expression names, in terms of tables.
struct Place {
  const SlotInfo* slot = nullptr;
  At producer;                   // Its task; index kAll: the foreach as a whole.
  std::uint32_t element = kAll;  // Of the list that the task emits; kAll: its value, or the list.
};

Place place_of(const SlotInfo& slot, At at, const Datum& datum) {
  Place place{.slot = &slot, .producer = {}};
  place.producer = {slot.step, slot.by_element() ? at.index : 0};
  switch (slot.shape) {
    case Shape::kNothing:
    case Shape::kCell:
      break;
    case Shape::kList:
      if (datum.depth > 0) place.element = datum.index[0];
      break;
    case Shape::kTaskCells:
    case Shape::kTaskLists:
      place.producer.index = datum.depth > 0 ? datum.index[0] : kAll;
      if (datum.depth > 1) place.element = datum.index[1];
      break;
  }
  return place;
}

}  // namespace

Known Scheduler::Impl::look(const TaskKey& task, const Datum& datum) const {
  const Run* run = find_tables(task.run, task.scope);
  if (run == nullptr || task.step >= run->graph->step_count() ||
      datum.slot >= run->graph->step(task.step).slots.count)
    return {};
  return known(*run, {task.step, task.index}, datum);
}

Known Scheduler::Impl::known(const Run& run, At at, const Datum& datum) const {
  return known(run, run.graph->slot(at.step, datum.slot), at, datum);
}

Known Scheduler::Impl::known(const Run& run, const SlotInfo& slot, At at,
                             const Datum& datum) const {
  const Place place = place_of(slot, at, datum);
  Known known;
  if (slot.shape == Shape::kNothing) {
    if (slot.literal == Binding::Kind::kIndex) {
      known.state = Known::State::kNumber;
      known.number = at.index;
    } else if (slot.literal == Binding::Kind::kRound) {
      known.state = Known::State::kNumber;
      known.number = run.round;
    }
    return known;
  }
  const auto is = [&](Known::State state) {
    known.state = state;
    return known;
  };
  const StepTable& table = run.steps[slot.step];
  if (table.foreach && table.skipped) return is(Known::State::kAbsent);
  if (place.producer.index == kAll) {
    known.count = element_count(run, slot.step);
    known.closed = is_closed(run, slot.step);
    return is(Known::State::kList);
  }
  // `${item}` of a list that one task emits: the producer's only task, the element of this one.
  const bool is_element = slot.is_item && !table.foreach;
  const At producer{slot.step, is_element ? 0 : place.producer.index};
  const TaskResult result = result_of(run, slot.port, producer);
  if (result == TaskResult::kSkipped) return is(Known::State::kAbsent);
  if (result == TaskResult::kFailed && run.graph->step(slot.step).by_port) {
    known.failure = &run.failure_of(producer, run.graph->port(slot.port).number);
    return is(Known::State::kBroken);
  }
  const Cell* cell = nullptr;
  const Port& port = run.ports[slot.port];
  if (run.graph->port(slot.port).is_list && !is_element) {
    static const CellList kEmpty;
    const bool is_made = !table.foreach || producer.index < port.lists.size();
    const CellList& list = !table.foreach ? port.own
                           : is_made      ? port.lists[producer.index]
                                          : kEmpty;
    if (place.element == kAll) {
      known.count = list.emitted;
      known.closed = result == TaskResult::kOutputs;
      return is(Known::State::kList);
    }
    if (place.element >= list.emitted || place.element >= list.cells.size()) return known;
    cell = &list.cells[place.element];
  } else {
    const std::uint32_t index = is_element ? at.index : producer.index;
    if (index < port.own.cells.size()) cell = &port.own.cells[index];
  }
  if (cell == nullptr || !cell->exists || cell->provisional) {
    const bool is_over = result == TaskResult::kOutputs && !run.graph->port(slot.port).is_list;
    return is(is_over ? Known::State::kAbsent : Known::State::kUnknown);
  }
  if (cell->is_hole) return is(Known::State::kAbsent);
  if (run.graph->port(slot.port).number >= run.graph->step(slot.step).first_error &&
      !run.graph->step(slot.step).is_input) {
    known.failure = &run.failure_of(producer);
    return is(Known::State::kFailure);
  }
  known.object = cell->object();
  return is(cell->id || !cell->sealed ? Known::State::kObject : Known::State::kFlag);
}

void Scheduler::Impl::add_use(Run& run, At at, Computation& computation, const Datum& datum) {
  const SlotInfo& slot = run.graph->slot(at.step, datum.slot);
  const Place place = place_of(slot, at, datum);
  if (slot.shape == Shape::kNothing) return;
  if (slot.by_element()) {
    computation.peers_used |= bit_of(datum.slot);
    return;
  }
  const Watcher watcher{at.step, at.index};
  const StepTable& table = run.steps[slot.step];
  const bool whole = table.foreach && (table.skipped || place.producer.index == kAll);
  const std::uint32_t index = whole ? kAll : place.producer.index;
  const WatchKey key{slot.port, index, whole ? kAll : place.element};
  run.watched->uses.add(key, watcher);
  computation.uses.push_back(key);
  if (run.graph->step(slot.step).is_input && run.parent == nullptr) return;
  const bool committed =
      whole ? producer_is_complete(run, slot.step) : is_committed(run, {slot.step, index});
  if (committed) return;
  const WatchKey source{slot.step, index, 0};
  run.watched->sources.add(source, watcher);
  computation.sources.push_back(source);
  ++computation.uncommitted;
}

void Scheduler::Impl::add_needs(Run& run, At at, Computation& computation,
                                std::span<const Datum> needs) {
  std::vector<WatchKey> keys;
  for (const Datum& datum : needs) {
    const SlotInfo& slot = run.graph->slot(at.step, datum.slot);
    const Place place = place_of(slot, at, datum);
    // Of its element it hears anyway.
    if (slot.shape == Shape::kNothing || slot.by_element()) continue;
    const std::uint32_t index = place.producer.index;
    keys.push_back({slot.port, index, place.element});
    // An element may also turn out never to come.
    if (place.element != kAll) keys.push_back({slot.port, index, kAll});
    if (run.steps[slot.step].foreach && index != kAll) keys.push_back({slot.port, kAll, kAll});
  }
  // A thousand elements have one list.
  std::ranges::sort(keys);
  const auto rest = std::ranges::unique(keys);
  keys.erase(rest.begin(), rest.end());
  for (const WatchKey& key : keys) run.watched->needs.add(key, {at.step, at.index});
  computation.needs.insert(computation.needs.end(), keys.begin(), keys.end());
}

// All that the expression has used is committed.
bool Scheduler::Impl::is_fed_by_commits(const Run& run, At at,
                                        const Computation& computation) const {
  if (computation.uncommitted != 0) return false;
  const StepInfo& info = run.graph->step(at.step);
  if (computation.peers_used != 0)
    for (std::uint32_t s = 0; s < info.slots.count; ++s) {
      const SlotInfo& slot = run.graph->slot(at.step, s);
      if (slot.is_peer && (computation.peers_used & bit_of(s)) != 0 &&
          !is_committed(run, {slot.step, at.index}))
        return false;
    }
  for (const Reader& reader : actives_[run.steps[at.step].tasks[at.index].active].readers) {
    const SlotInfo& slot = run.graph->slot(at.step, reader.slot);
    if (slot.is_item) continue;
    if (slot.is_peer ? !is_committed(run, {slot.step, at.index})
                     : !producer_is_complete(run, slot.step))
      return false;
  }
  return true;
}

void Scheduler::Impl::source_committed(Run& run, std::uint32_t step, std::uint32_t index) {
  for (const Watcher& watcher : run.watched->sources.take({step, index, 0})) {
    Task& task = task_of(run, {watcher.step, watcher.index});
    Computation& computation = *actives_[task.active].computation;
    if (--computation.uncommitted == 0) try_commit(run, {watcher.step, watcher.index});
  }
}

void Scheduler::Impl::wake_watchers(Run& run, std::uint32_t port, const WatchKey& key) {
  run.watched->changed[port] = ++run.watched->clock;
  if (const std::vector<Watcher>* watchers = run.watched->needs.find(key))
    for (const Watcher& watcher : *watchers) evaluate_later(run, {watcher.step, watcher.index});
}

void Scheduler::Impl::find_users(const Run& run, const WatchKey& key,
                                 std::vector<At>& found) const {
  if (!run.watched) return;
  if (const std::vector<Watcher>* watchers = run.watched->uses.find(key))
    for (const Watcher& watcher : *watchers) {
      const Task& task = run.steps[watcher.step].tasks[watcher.index];
      if (task.is_bound()) found.push_back({watcher.step, watcher.index});
    }
}

}  // namespace sluice::core
