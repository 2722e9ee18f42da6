// Data across the edge of a scope. Inputs of a scope are like steps that somebody else runs: their
// tables are filled from what the slots of its task see, element by element, with the same rules
// for what is void, compared and committed as everywhere. Outputs are handed out the same way, as
// what the task has written. Core holds an object once more for each table that it is in.

#include <algorithm>
#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {
namespace {

// Which element of the list that a slot reads a change is about.
std::uint32_t element_of(const SlotInfo& slot, const WatchKey& key) {
  switch (slot.shape) {
    case Shape::kList:
      return key.element;
    case Shape::kTaskCells:
    case Shape::kTaskLists:
      return key.index;
    case Shape::kNothing:
    case Shape::kCell:
      return kAll;
  }
  return kAll;
}

bool is_same(const Cell& cell, const Known& now) {
  if (cell.is_hole) return now.state == Known::State::kAbsent;
  if (now.state != Known::State::kObject && now.state != Known::State::kFlag) return false;
  return cell.sealed == now.object.sealed && cell.size == now.object.size &&
         cell.checksum == now.object.checksum;
}

Datum element(std::uint32_t index) { return {.depth = 1, .index = {index}}; }

}  // namespace

// ---- in
// ---------------------------------------------------------------------------------------------

Scheduler::Impl::Feed Scheduler::Impl::feed_of(Run& scope, std::uint32_t input) const {
  Run& run = *scope.parent;
  if (const auto& previous = scope.graph->workflow().inputs[input].previous) {
    for (const std::uint32_t number : actives_[task_of(run, scope.task).active].scopes) {
      Run* other = find_tables(scope.key, number);
      if (other->round + 1 == scope.round) return {other, &other->graph->output(*previous), {}};
    }
    return {};
  }
  const model::Step& step = run.graph->workflow().steps[scope.task.step];
  for (std::uint32_t s = 0; s < step.slots.size(); ++s)
    if (step.slots[s].use == model::Use::kPort && step.slots[s].port == input)
      return {&run, &run.graph->slot(scope.task.step, s), scope.task};
  return {};
}

bool Scheduler::Impl::is_committed(const Feed& feed, std::uint32_t element) const {
  const SlotInfo& slot = *feed.slot;
  if (slot.shape == Shape::kTaskCells || slot.shape == Shape::kTaskLists) {
    if (feed.run->steps[slot.step].skipped) return feed.run->steps[slot.step].complete;
    return element != kAll && is_committed(*feed.run, {slot.step, element});
  }
  const bool by_task = feed.run->steps[slot.step].foreach != nullptr;
  return is_committed(*feed.run, {slot.step, by_task ? feed.at.index : 0});
}

bool Scheduler::Impl::is_complete(const Feed& feed) const {
  const SlotInfo& slot = *feed.slot;
  if (slot.shape == Shape::kTaskCells || slot.shape == Shape::kTaskLists)
    return producer_is_complete(*feed.run, slot.step);
  return is_committed(feed, kAll);
}

void Scheduler::Impl::feed_all(Run& scope) {
  for (std::uint32_t i = 0; i < scope.graph->workflow().inputs.size() && !scope.ended; ++i)
    feed(scope, i, kAll);
}

// `index`: the element that has changed; kAll: all of it may have.
void Scheduler::Impl::feed(Run& scope, std::uint32_t input, std::uint32_t index) {
  const At at{scope.graph->step_count() + input, 0};
  const bool is_list = scope.graph->step(at.step).is_foreach;
  const Feed from = feed_of(scope, input);
  StepTable& table = scope.steps[at.step];
  if (from.run != nullptr && from.slot->shape != Shape::kNothing) {
    // An input that an expression has failed to give fails the task, not what reads it inside.
    const Known whole = known(*from.run, *from.slot, from.at, {});
    if (whole.state == Known::State::kBroken) {
      scope.failed_on_input = true;
      const Failure failure = *whole.failure;
      fail_scope(scope, failure, key_of(*scope.parent, scope.task));
      return;
    }
  }
  if (from.run == nullptr || from.slot->shape == Shape::kNothing) {
    // Not bound, or of a round that has left: then all of it is here.
    if (scope.round > 1 && scope.graph->workflow().inputs[input].previous) return;
    if (is_list && !table.skipped) skip_step(scope, at.step, 1);
    if (!is_list) feed_cell(scope, at, {.state = Known::State::kAbsent});
  } else if (!is_list) {
    feed_cell(scope, at, known(*from.run, *from.slot, from.at, {}));
  } else if (index == kAll) {
    feed_list(scope, input, from, 0);
  } else {
    const std::uint32_t known_so_far = element_count(scope, at.step);
    if (index >= known_so_far) {
      feed_list(scope, input, from, known_so_far);
    } else if (scope.graph->port(scope.graph->step(at.step).ports.first).is_list) {
      feed_inner_list(scope, {at.step, index}, from);
    } else {
      feed_cell(scope, {at.step, index}, known(*from.run, *from.slot, from.at, element(index)));
    }
  }
  if (!scope.ended) feed_commit(scope, input, index);
}

void Scheduler::Impl::feed_cell(Run& scope, At at, const Known& now) {
  StepTable& table = scope.steps[at.step];
  table.tasks.grow_to(at.index + 1);
  Task& task = table.tasks[at.index];
  if (task.is_committed()) return;
  const std::uint32_t port = scope.graph->step(at.step).ports.first;
  Cell* cell = find_cell(scope, port, at);
  const bool has = cell != nullptr && cell->exists && !cell->provisional;
  const auto undo = [&] {
    if (!has && task.result == TaskResult::kNone) return;
    set_state(scope, at.step, task, TaskState::kWaiting);
    void_results(scope, at, true);
  };
  switch (now.state) {
    case Known::State::kUnknown:
    case Known::State::kList:
    case Known::State::kBroken:
      undo();
      return;
    case Known::State::kAbsent:
    case Known::State::kNumber:
    case Known::State::kFailure:
      if (task.result == TaskResult::kSkipped) return;
      undo();
      finish(scope, at, TaskResult::kSkipped);
      return;
    case Known::State::kObject:
    case Known::State::kFlag:
      break;
  }
  if (has && !cell->sealed && cell->id == now.object.id) {
    if (!now.object.sealed) return;  // It grows.
    seal(scope, at, 0, now.object);
    finish(scope, at, TaskResult::kOutputs);
    return;
  }
  if (has && is_same(*cell, now)) return;
  undo();
  if (now.object.id) emit_action(Retain{now.object.id});
  emit(scope, at, 0, now.object);
  if (now.object.sealed) finish(scope, at, TaskResult::kOutputs);
}

// The element is a list itself.
void Scheduler::Impl::feed_inner_list(Run& scope, At at, const Feed& from) {
  StepTable& table = scope.steps[at.step];
  table.tasks.grow_to(at.index + 1);
  Task& task = table.tasks[at.index];
  if (task.is_committed()) return;
  const std::uint32_t port = scope.graph->step(at.step).ports.first;
  const Known whole = known(*from.run, *from.slot, from.at, element(at.index));
  const std::uint32_t count = whole.state == Known::State::kList ? whole.count : 0;
  const auto undo = [&] {
    set_state(scope, at.step, task, TaskState::kWaiting);
    void_results(scope, at, true);
  };
  if (whole.state == Known::State::kAbsent) {
    if (task.result == TaskResult::kSkipped) return;
    if (task.result != TaskResult::kNone || list_of(scope, port, at).emitted != 0) undo();
    finish(scope, at, TaskResult::kSkipped);
    return;
  }
  if (count < list_of(scope, port, at).emitted ||
      (task.result != TaskResult::kNone && !whole.closed))
    undo();
  if (task.result != TaskResult::kNone) return;
  for (std::uint32_t e = list_of(scope, port, at).emitted; e < count; ++e) {
    const Known now = known(*from.run, *from.slot, from.at, {.depth = 2, .index = {at.index, e}});
    if (now.state != Known::State::kAbsent &&
        (now.state != Known::State::kObject || !now.object.sealed))
      return;
    if (now.state == Known::State::kObject) emit_action(Retain{now.object.id});
    emit(scope, at, 0, now.object, now.state == Known::State::kAbsent);
  }
  if (whole.closed) finish(scope, at, TaskResult::kOutputs);
}

// `first`: the elements before it have not changed. A list grows by one element at a time, so to
// look at all of it each time would take the square of its length.
void Scheduler::Impl::feed_list(Run& scope, std::uint32_t input, const Feed& from,
                                std::uint32_t first) {
  const std::uint32_t step = scope.graph->step_count() + input;
  const std::uint32_t port = scope.graph->step(step).ports.first;
  StepTable& table = scope.steps[step];
  if (table.complete) return;
  const Known whole = known(*from.run, *from.slot, from.at, {});
  const bool is_list = whole.state == Known::State::kList;
  if (whole.state == Known::State::kAbsent) {
    if (!table.skipped) skip_step(scope, step, table.single.epoch + 1);
    return;
  }
  if (table.skipped) unskip_step(scope, step);
  const std::uint32_t count = is_list ? whole.count : 0;
  const bool closed = is_list && whole.closed;
  CellList& own = scope.ports[port].own;
  if (table.list_closed && !closed) {
    table.list_closed = false;
    reopen_list(scope, port);
  }
  const std::uint32_t old = own.emitted;
  own.emitted = count;
  if (count > own.counted) {
    scope.root->task_count += scope.graph->port(port).weight * (count - own.counted);
    own.counted = count;
    if (scope.root->task_count > limits_.tasks_per_run) {
      fail_scope(scope, {.name = "TooLarge", .message = "the run has too many tasks"},
                 key_of(*scope.parent, scope.task));
      return;
    }
  }
  for (std::uint32_t i = count; i < old && i < table.tasks.size(); ++i)
    feed_cell(scope, {step, i}, {});
  for (std::uint32_t i = first; i < count; ++i) {
    if (scope.graph->port(port).is_list)
      feed_inner_list(scope, {step, i}, from);
    else
      feed_cell(scope, {step, i}, known(*from.run, *from.slot, from.at, element(i)));
  }
  if (closed && !table.list_closed) {
    table.list_closed = true;
    list_closed(scope, port, {step, 0});
  }
}

// What is committed where an input comes from is committed here.
void Scheduler::Impl::feed_commit(Run& scope, std::uint32_t input, std::uint32_t index) {
  const std::uint32_t step = scope.graph->step_count() + input;
  StepTable& table = scope.steps[step];
  if (table.complete || scope.ended) return;
  const Feed from = feed_of(scope, input);
  const bool is_bound = from.run != nullptr && from.slot->shape != Shape::kNothing;
  const auto commit = [&](std::uint32_t i) {
    if (i < table.tasks.size() && table.tasks[i].state == TaskState::kFinished &&
        (!is_bound || is_committed(from, table.foreach ? i : kAll)))
      commit_task(scope, {step, i});
  };
  if (!is_bound || is_complete(from)) table.source_complete = true;
  if (table.skipped) {
    if (table.source_complete && table.single.state == TaskState::kFinished)
      commit_gate(scope, step);
  } else if (index == kAll || !table.foreach) {
    for (std::uint32_t i = 0; i < table.tasks.size(); ++i) commit(i);
  } else {
    commit(index);
  }
  check_complete(scope, step);
  check_scope_done(scope);
}

// Calls `visit(scope, input, slot)` for every scope whose task reads the port, where it is about
// `key`.
template <class Visit>
void Scheduler::Impl::for_each_inside(Run& run, std::uint32_t port, const WatchKey& key,
                                      const Visit& visit) {
  const auto visit_task = [&](std::uint32_t step, std::uint32_t index, std::uint32_t slot) {
    StepTable& table = run.steps[step];
    if (index >= table.tasks.size() || !table.tasks[index].computing) return;
    const auto visit_scope = [&](std::uint32_t number) {
      if (Run* scope = find_tables(run.key, number); scope != nullptr && !scope->ended)
        visit(*scope, run.graph->workflow().steps[step].slots[slot].port,
              run.graph->slot(step, slot));
    };
    // A visit may open and close scopes. Most tasks have but one.
    const std::vector<std::uint32_t>& open = actives_[table.tasks[index].active].scopes;
    if (open.size() == 1) {
      visit_scope(open[0]);
      return;
    }
    const std::vector<std::uint32_t> scopes = open;
    for (const std::uint32_t number : scopes) visit_scope(number);
  };
  const auto is_fed_by = [&](std::uint32_t step, std::uint32_t slot) {
    return run.graph->slot(step, slot).port == port &&
           run.graph->slot(step, slot).use == model::Use::kPort;
  };
  for (const Link& link : run.graph->commons(port)) {
    if (!run.graph->step(link.step).is_scope || !is_fed_by(link.step, link.slot)) continue;
    if (!run.steps[link.step].foreach) {
      visit_task(link.step, 0, link.slot);
      continue;
    }
    const std::vector<std::uint32_t> tasks = run.steps[link.step].foreach->readers;
    for (const std::uint32_t index : tasks) visit_task(link.step, index, link.slot);
  }
  const bool by_task = run.graph->step(run.graph->port(port).step).is_foreach;
  const std::uint32_t item = by_task ? key.index : key.element;
  const auto visit_elements = [&](std::uint32_t step, std::uint32_t slot, std::uint32_t index) {
    if (index != kAll) {
      visit_task(step, index, slot);
      return;
    }
    const std::vector<std::uint32_t> tasks = run.steps[step].foreach->readers;
    for (const std::uint32_t task : tasks) visit_task(step, task, slot);
  };
  for (const std::uint32_t step : run.graph->drivers(port)) {
    if (!run.graph->step(step).is_scope) continue;
    for (std::uint32_t s = 0; s < run.graph->step(step).slots.count; ++s)
      if (run.graph->slot(step, s).is_item && is_fed_by(step, s)) visit_elements(step, s, item);
  }
  for (const Link& link : run.graph->peers(port))
    if (run.graph->step(link.step).is_scope && is_fed_by(link.step, link.slot))
      visit_elements(link.step, link.slot, key.index);
}

// A datum has changed: for those who read it through a scope, from outside and from inside.
void Scheduler::Impl::data_changed_inside(Run& run, std::uint32_t port, const WatchKey& key) {
  if (run.ended) return;
  if (run.graph->has_scopes())
    for_each_inside(run, port, key, [&](Run& scope, std::uint32_t input, const SlotInfo& slot) {
      feed(scope, input, element_of(slot, key));
    });
  if (run.parent == nullptr || !run.is_open) return;
  for (const std::uint32_t output : run.graph->outputs_of(port)) {
    if (run.ended || !run.is_open) return;
    hand_out(run, output, element_of(run.graph->output(output), key));
  }
}

void Scheduler::Impl::committed_inside(Run& run, std::uint32_t port, std::uint32_t index) {
  if (run.ended || !run.graph->has_scopes()) {
    if (run.parent == nullptr || run.ended) return;
  } else {
    for_each_inside(
        run, port, {port, index, kAll}, [&](Run& scope, std::uint32_t input, const SlotInfo& slot) {
          const bool by_task = slot.shape == Shape::kTaskCells || slot.shape == Shape::kTaskLists;
          feed_commit(scope, input, by_task ? index : kAll);
        });
  }
  if (run.parent == nullptr || run.ended || !run.is_open) return;
  // The next round of a loop reads outputs of this one.
  if (run.graph->port(port).outputs.count != 0) check_scope_done(run);
}

// ---- out
// --------------------------------------------------------------------------------------------

void Scheduler::Impl::hand_out(Run& scope, std::uint32_t output, std::uint32_t index) {
  Run& run = *scope.parent;
  const At at = scope.task;
  const model::Step& step = run.graph->workflow().steps[at.step];
  if (!task_of(run, at).computing) return;
  if (step.action == model::Action::kFlow) {
    hand_out_element(scope, output, index);
    return;
  }
  if (output == step.again) {
    check_round(scope);
    return;
  }
  const std::vector<std::uint32_t> rounds = actives_[task_of(run, at).active].scopes;
  for (const std::uint32_t number : rounds) {
    Run* next = find_tables(run.key, number);
    if (next == nullptr || next->ended || next->round != scope.round + 1) continue;
    for (std::uint32_t i = 0; i < next->graph->workflow().inputs.size(); ++i)
      if (next->graph->workflow().inputs[i].previous == output) feed(*next, i, index);
  }
  if (actives_[task_of(run, at).active].is_last_round && newest_scope(run, at) == &scope)
    hand_out_element(scope, output, index);
}

void Scheduler::Impl::hand_out_all(Run& scope) {
  for (std::uint32_t o = 0; o < scope.graph->workflow().outputs.size(); ++o) {
    const model::Step& step = scope.parent->graph->workflow().steps[scope.task.step];
    if (step.action == model::Action::kLoop && o == step.again) continue;
    hand_out_element(scope, o, kAll);
  }
  check_scope_done(scope);
}

void Scheduler::Impl::hand_out_element(Run& scope, std::uint32_t output, std::uint32_t index) {
  Run& run = *scope.parent;
  const At at = scope.task;
  const model::Step& step = run.graph->workflow().steps[at.step];
  const bool behind = step.action == model::Action::kLoop && output > step.again;
  const std::uint32_t number = behind ? output - 1 : output;
  const std::uint32_t port = run.graph->step(at.step).ports.first + number;
  const SlotInfo& source = scope.graph->output(output);
  const Known whole = known(scope, source, {}, {});
  const TaskResult ended = result_of(run, port, at);
  if (!run.graph->port(port).is_list) {
    const Cell* cell = find_cell(run, port, at);
    const bool has = cell != nullptr && cell->exists && !cell->provisional;
    const bool is_there =
        whole.state == Known::State::kObject || whole.state == Known::State::kFlag;
    if (is_there && has && is_same(*cell, whole)) return;
    if (is_there && has && !cell->sealed && cell->id == whole.object.id) {
      seal(run, at, number, whole.object);
      end_port(run, port, at, TaskResult::kOutputs);
      return check_scope_done(scope);
    }
    if (whole.state == Known::State::kAbsent && ended == TaskResult::kSkipped) return;
    if (has || ended != TaskResult::kNone) void_port(run, port, at);
    if (is_there) {
      if (whole.object.id) emit_action(Retain{whole.object.id});
      emit(run, at, number, whole.object);
      if (whole.object.sealed) end_port(run, port, at, TaskResult::kOutputs);
    } else if (whole.state == Known::State::kAbsent) {
      end_port(run, port, at, TaskResult::kSkipped);
    }
    return check_scope_done(scope);
  }
  if (whole.state == Known::State::kAbsent) {
    if (ended == TaskResult::kSkipped) return;
    if (ended != TaskResult::kNone || list_of(run, port, at).emitted != 0) void_port(run, port, at);
    end_port(run, port, at, TaskResult::kSkipped);
    return check_scope_done(scope);
  }
  SlotInfo as_whole = source;
  as_whole.access = model::Access::kWhole;
  const bool is_over = whole.state == Known::State::kList && whole.closed &&
                       status_of(scope, as_whole, 0) == SlotStatus::kThere;
  const std::uint32_t count = whole.state == Known::State::kList ? whole.count : 0;
  if (ended != TaskResult::kNone &&
      (ended == TaskResult::kSkipped || !is_over || count != list_of(run, port, at).emitted)) {
    void_port(run, port, at);
    index = kAll;
  }
  const std::uint32_t first = index == kAll ? 0 : std::min(index, count);
  const std::uint32_t last = index == kAll ? count : std::min(index + 1, count);
  for (std::uint32_t e = first; e < last; ++e) {
    const Known now = known(scope, source, {}, element(e));
    CellList& list = list_of(run, port, at);
    const Cell* cell = e < list.cells.size() ? &list.cells[e] : nullptr;
    const bool has = cell != nullptr && cell->exists && !cell->provisional && e < list.emitted;
    const bool is_hole = now.state == Known::State::kAbsent;
    const bool is_there = is_hole || (now.state == Known::State::kObject && now.object.sealed);
    if (has && is_there && is_same(*cell, now)) continue;
    if (has) void_element(run, port, at, e);
    if (!is_there) continue;
    if (!is_hole) emit_action(Retain{now.object.id});
    emit(run, at, number, is_hole ? Object{} : now.object, is_hole, e);
    if (!task_of(run, at).computing) return;
  }
  CellList& list = list_of(run, port, at);
  for (std::uint32_t e = count; e < list.emitted; ++e)
    if (e < list.cells.size() && list.cells[e].exists) void_element(run, port, at, e);
  if (count < list.emitted) list_of(run, port, at).emitted = count;
  if (is_over && result_of(run, port, at) == TaskResult::kNone)
    end_port(run, port, at, TaskResult::kOutputs);
  check_scope_done(scope);
}

void Scheduler::Impl::void_element(Run& run, std::uint32_t port, At at, std::uint32_t index) {
  task_of(run, at).was_void = true;
  CellList& list = list_of(run, port, at);
  void_cell(run, port, at, index, list.cells[index], true);
  const bool is_foreach = run.graph->step(at.step).is_foreach;
  for (const Link& link : run.graph->commons(port))
    if (run.steps[link.step].local) update_slot(run, link.step, link.slot);
  for (const std::uint32_t step : run.graph->drivers(port))
    evaluate_later(run, {step, is_foreach ? at.index : index});
  for (const Link& link : run.graph->peers(port)) evaluate_later(run, {link.step, at.index});
  datum_changed(run, port, {port, is_foreach ? at.index : 0, index});
}

// The port of a task that goes on has not ended, and what was written to it never existed.
void Scheduler::Impl::void_port(Run& run, std::uint32_t port, At at) {
  if (is_settled(run, port, at)) --run.ports[port].settled;
  task_of(run, at).was_void = true;
  void_part(run, port, at, true, TaskResult::kNone);
}

}  // namespace sluice::core
