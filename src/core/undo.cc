// What a void attempt leaves behind (contracts: an attempt fails after it emitted).
//
// A cell that nobody has read is dropped at once. One that was read becomes provisional: its
// readers go on until the next attempt has written the same (they keep it), something else, or
// nothing (they are rolled back, and their own results become void by the same rules). Readers that
// depend on something *not* being there, such as the end of a list or an absent value, are found by
// what they have seen: their cursors, or that they run at all.

#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {

const Reader* Scheduler::Impl::find_reader(const Task& task, std::uint32_t slot) const {
  const Reader* furthest = nullptr;
  if (task.active == kNone) return furthest;
  for (const Reader& reader : actives_[task.active].readers)
    if (reader.slot == slot &&
        (furthest == nullptr ||
         std::pair(reader.next, reader.inner) > std::pair(furthest->next, furthest->inner)))
      furthest = &reader;
  return furthest;
}

void Scheduler::Impl::find_bound(Run& run, std::uint32_t step, std::vector<At>& found) {
  const StepTable& table = run.steps[step];
  if (!table.local) return;
  for (std::uint32_t i = 0; i < table.tasks.size(); ++i)
    if (table.tasks[i].is_bound()) found.push_back({step, i});
}

void Scheduler::Impl::find_readers(Run& run, std::uint32_t port, At at, std::uint32_t element,
                                   std::vector<At>& found) {
  const bool by_task = run.graph->step(at.step).is_foreach;
  const bool is_list = run.graph->port(port).is_list;
  for (const std::uint32_t step : run.graph->drivers(port)) {
    const StepTable& table = run.steps[step];
    // A scope is told what has changed.
    if (!table.local || (run.graph->step(step).is_scope && element != kAll)) continue;
    if (!by_task && element == kAll) {
      find_bound(run, step, found);
      continue;
    }
    const std::uint32_t index = by_task ? at.index : element;
    if (index >= table.tasks.size() || !table.tasks[index].is_bound()) continue;
    bool read = !(by_task && is_list) || element == kAll || run.graph->step(step).by_port;
    for (std::uint32_t s = 0; !read && s < run.graph->step(step).slots.count; ++s) {
      const Reader* reader =
          run.graph->slot(step, s).is_item ? find_reader(table.tasks[index], s) : nullptr;
      read = reader != nullptr && reader->next > element;
    }
    if (read) found.push_back({step, index});
  }
  for (const Link& link : run.graph->peers(port)) {
    const StepTable& table = run.steps[link.step];
    if (!table.local || at.index >= table.tasks.size()) continue;
    const Task& task = table.tasks[at.index];
    if (!task.is_bound() || !holds(task, link.slot)) continue;
    const SlotInfo& slot = run.graph->slot(link.step, link.slot);
    if (!slot.waited && run.graph->step(link.step).is_scope && !task.on_input) continue;
    const Reader* reader = slot.shape == Shape::kList ? find_reader(task, link.slot) : nullptr;
    if (!slot.waited || slot.shape == Shape::kCell || element == kAll ||
        (reader != nullptr && reader->next > element))
      found.push_back({link.step, at.index});
  }
  find_users(run, {port, by_task ? at.index : 0, is_list ? element : kAll}, found);
  for (const Link& link : run.graph->commons(port)) {
    const StepTable& table = run.steps[link.step];
    if (!table.local) continue;
    const SlotInfo& slot = run.graph->slot(link.step, link.slot);
    const Shape shape = slot.shape;
    const bool is_scope = run.graph->step(link.step).is_scope;
    // Its users are known one by one.
    if (!slot.waited && shape == Shape::kCell && !is_scope) continue;
    for (std::uint32_t i = 0; i < table.tasks.size(); ++i) {
      const Task& task = table.tasks[i];
      if (!task.is_bound() || !holds(task, link.slot)) continue;
      bool read = (slot.waited || task.on_input) &&
                  (shape == Shape::kCell || (shape == Shape::kList && element == kAll));
      if (const Reader* reader = find_reader(task, link.slot); !read && reader != nullptr) {
        if (shape == Shape::kList)
          read = reader->next > element;
        else if (shape == Shape::kTaskCells || reader->next != at.index)
          read = reader->next > at.index;
        else
          read = reader->begun && (element == kAll || reader->inner > element);
      }
      if (read) found.push_back({link.step, i});
    }
  }
}

bool Scheduler::Impl::is_read(Run& run, std::uint32_t port, At at, std::uint32_t element) {
  std::vector<At> found;
  find_readers(run, port, at, element, found);
  return !found.empty();
}

void Scheduler::Impl::roll_back_readers(Run& run, std::uint32_t port, At at,
                                        std::uint32_t element) {
  std::vector<At> found;
  find_readers(run, port, at, element, found);
  for (const At reader : found) roll_back(run, reader);
}

void Scheduler::Impl::roll_back_step(Run& run, std::uint32_t step) {
  std::vector<At> found;
  const Range ports = run.graph->step(step).ports;
  for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p) {
    for (const Link& link : run.graph->commons(p)) {
      if (!run.graph->slot(link.step, link.slot).waited) continue;
      std::vector<At> bound;
      find_bound(run, link.step, bound);
      for (const At at : bound)
        if (holds(task_of(run, at), link.slot)) found.push_back(at);
    }
    find_users(run, {p, kAll, kAll}, found);
  }
  for (const At reader : found) roll_back(run, reader);
}

void Scheduler::Impl::roll_back_users(Run& run, const WatchKey& key) {
  if (!run.watched) return;
  std::vector<At> found;
  find_users(run, key, found);
  for (const At user : found) roll_back(run, user);
}

// Readers of whole lists that were started because the list was complete, and have not got all of
// it. They hold a CPU slot while they wait, perhaps the one that the producer needs to run again.
void Scheduler::Impl::roll_back_unfed(Run& run, std::uint32_t port, At at) {
  std::vector<At> found;
  const auto check = [&](std::uint32_t step, std::uint32_t slot, std::uint32_t index) {
    if (run.graph->slot(step, slot).access != model::Access::kWhole) return;
    if (index >= run.steps[step].tasks.size()) return;
    const Task& task = run.steps[step].tasks[index];
    const Reader* reader = task.is_running() ? find_reader(task, slot) : nullptr;
    if (reader != nullptr && !reader->closed) found.push_back({step, index});
  };
  for (const Link& link : run.graph->commons(port)) {
    const StepTable& table = run.steps[link.step];
    for (std::uint32_t i = 0; table.local && i < table.tasks.size(); ++i)
      check(link.step, link.slot, i);
  }
  if (run.graph->step(at.step).is_foreach)
    for (const std::uint32_t step : run.graph->drivers(port)) {
      const StepTable& table = run.steps[step];
      if (!table.local || at.index >= table.tasks.size()) continue;
      for (std::uint32_t s = 0; s < run.graph->step(step).slots.count; ++s)
        if (run.graph->slot(step, s).is_item) check(step, s, at.index);
    }
  for (const Link& link : run.graph->peers(port))
    if (run.steps[link.step].local) check(link.step, link.slot, at.index);
  for (const At reader : found) roll_back(run, reader);
}

// Readers that were told of another end of the list than the one it has now. `index`: which task of
// the step; kAll: all.
void Scheduler::Impl::roll_back_misled(Run& run, std::uint32_t step, std::uint32_t slot,
                                       std::uint32_t index, std::uint32_t count) {
  std::vector<At> found;
  const StepTable& table = run.steps[step];
  for (std::uint32_t i = 0; table.local && i < table.tasks.size(); ++i) {
    if (index != kAll && i != index) continue;
    const Task& task = table.tasks[i];
    const Reader* reader = task.is_bound() ? find_reader(task, slot) : nullptr;
    if (reader == nullptr) continue;
    if (reader->next > count || (reader->closed && reader->next != count))
      found.push_back({step, i});
  }
  for (const At reader : found) roll_back(run, reader);
}

// Expressions that hand on a list which has turned out absent: so are they, and the world says it
// when it is asked again. `index`: whose list; kAll: that of the step as a whole.
void Scheduler::Impl::roll_back_views(Run& run, std::uint32_t port, std::uint32_t index) {
  std::vector<At> found;
  const auto check = [&](const Link& link, std::uint32_t reader) {
    const StepTable& table = run.steps[link.step];
    if (!table.local || reader >= table.tasks.size()) return;
    const Task& task = table.tasks[reader];
    if (task.is_bound() && find_reader(task, link.slot) != nullptr)
      found.push_back({link.step, reader});
  };
  const auto is_computed = [&](const Link& link) {
    return run.graph->step(link.step).action == model::Action::kCompute;
  };
  // Of a list of lists the list of one task is a hole.
  const bool is_whole = index == kAll || !run.graph->step(run.graph->port(port).step).is_foreach;
  for (const Link& link : run.graph->commons(port)) {
    if (!is_whole || !is_computed(link)) continue;
    if (const StepTable& table = run.steps[link.step]; table.foreach)
      for (const std::uint32_t reader : table.foreach->readers) check(link, reader);
    else
      check(link, 0);
  }
  if (index != kAll)
    for (const Link& link : run.graph->peers(port))
      if (is_computed(link)) check(link, index);
  for (const At reader : found) roll_back(run, reader);
}

void Scheduler::Impl::roll_back(Run& run, At at, EndAttempt::Reason reason) {
  if (run.ended || !is_local(run, at.step)) return;
  Task& task = task_of(run, at);
  SLUICE_ASSERT(!task.is_committed() && !task.commit_sent);
  if (!task.is_bound()) {
    evaluate_later(run, at);  // Ready, or waiting for its retry: perhaps not any more.
    return;
  }
  void_scopes(run, at);
  const bool is_put_back = reason == EndAttempt::Reason::kPutBack;
  ++(is_put_back ? counters_.put_back : counters_.rolled_back);
  if (task.state == TaskState::kFinished || task.computing)
    free_active(run, at, task);
  else if (!task.ending)
    end_attempt(run, at, reason, EndCause::kRollBack);
  else
    actives_[task.active].cause = EndCause::kRollBack;
  if (task.active != kNone) leave_readers(run, at, actives_[task.active]);
  task.asked = false;
  task.computing = false;
  if (!is_put_back) task.failures = 0;  // They were of data that never existed.
  task.early = false;
  set_state(run, at.step, task, TaskState::kWaiting);
  forward(run, at, Fact::Kind::kVoided);
  void_results(run, at, true);
  evaluate_later(run, at);
}

void Scheduler::Impl::drop_cell(Run& run, Cell& cell) {
  give_back(run, cell);
  cell = Cell{};
}

void Scheduler::Impl::void_cell(Run& run, std::uint32_t port, At at, std::uint32_t element,
                                Cell& cell, bool again) {
  if (!cell.exists) return;
  if (again && cell.provisional) return;
  if (again && cell.sealed && is_read(run, port, at, element)) {
    cell.provisional = true;
    return;
  }
  roll_back_readers(run, port, at, element);
  drop_cell(run, cell);
}

// What the task has written and what it has come to never existed. `again`: it may write again, so
// what was read is kept for comparison.
void Scheduler::Impl::void_results(Run& run, At at, bool again) {
  const StepInfo& info = run.graph->step(at.step);
  Task& task = task_of(run, at);
  const TaskResult old_result = task.result;
  const bool caught = task.caught;
  task.caught = false;
  const Range ports = info.ports;
  for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p)
    if (is_settled(run, p, at)) --run.ports[p].settled;
  task.result = TaskResult::kNone;
  task.commit_sent = false;
  task.was_void = true;
  for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p)
    void_part(run, p, at, again,
              caught && p < ports.first + info.first_error ? TaskResult::kSkipped : old_result);
  // Last: ports that are not void yet may still be looked at.
  if (!run.failures.empty()) run.drop_failures(at);
}

// One port of it. `old`: how it had ended.
void Scheduler::Impl::void_part(Run& run, std::uint32_t port, At at, bool again, TaskResult old) {
  const StepInfo& info = run.graph->step(at.step);
  if (info.by_port) {
    std::vector<TaskResult>& results = run.ports[port].results;
    old = at.index < results.size() ? std::exchange(results[at.index], TaskResult::kNone)
                                    : TaskResult::kNone;
    // An error is neither compared nor kept.
    if (old == TaskResult::kFailed) roll_back_readers(run, port, at, kAll);
  }
  roll_back_unfed(run, port, at);
  // Nothing will tell those who saw that it was absent, or closed, that this is still so.
  if (!again || old == TaskResult::kSkipped) roll_back_readers(run, port, at, kAll);
  if (run.graph->port(port).is_list) {
    CellList& list = list_of(run, port, at);
    list.emitted = 0;
    for (std::uint32_t e = 0; e < list.cells.size(); ++e)
      void_cell(run, port, at, e, list.cells[e], again);
    if (old != TaskResult::kNone)
      roll_back_users(run, {port, info.is_foreach ? at.index : 0, kAll});
    if (!info.is_foreach) reopen_list(run, port);
  } else if (Cell* cell = find_cell(run, port, at)) {
    void_cell(run, port, at, 0, *cell, again);
  }
  for (const Link& link : run.graph->commons(port)) {
    if (!run.steps[link.step].local) continue;
    update_slot(run, link.step, link.slot);
    wake_put_back(run, link.step);
  }
  for (const std::uint32_t step : run.graph->drivers(port)) {
    if (old == TaskResult::kSkipped && !info.is_foreach) evaluate_step(run, step);
    evaluate_later(run, {step, info.is_foreach ? at.index : kAll});
  }
  for (const Link& link : run.graph->peers(port)) evaluate_later(run, {link.step, at.index});
  const std::uint32_t task_index = info.is_foreach ? at.index : 0;
  if (run.watched && !run.watched->needs.empty() && run.graph->port(port).is_list)
    for (std::uint32_t e = 0; e < list_of(run, port, at).cells.size(); ++e)
      datum_changed(run, port, {port, task_index, e});
  datum_changed(run, port, {port, task_index, kAll});
  if (!again && run.graph->port(port).is_list && !info.is_foreach)
    for (const std::uint32_t step : run.graph->rooted(port))
      for (std::uint32_t i = 0; i < run.steps[step].tasks.size(); ++i) purge(run, {step, i});
}

// The list has no known end any more, nor have those of the steps that share its elements.
void Scheduler::Impl::reopen_list(Run& run, std::uint32_t port) {
  for (const std::uint32_t step : run.graph->rooted(port)) {
    if (run.steps[step].skipped) continue;  // It is absent, whatever is in the list.
    const Range ports = run.graph->step(step).ports;
    for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p) {
      roll_back_users(run, {p, kAll, kAll});
      if (run.graph->commons(p).empty()) continue;
      roll_back_unfed(run, p, {step, kAll});
      for (const Link& link : run.graph->commons(p)) {
        if (!run.steps[link.step].local) continue;
        update_slot(run, link.step, link.slot);
        wake_put_back(run, link.step);
      }
    }
  }
}

// The task's element is gone for good, or its step is skipped: it leaves without a successor.
void Scheduler::Impl::purge(Run& run, At at) {
  Task& task = task_of(run, at);
  SLUICE_ASSERT(!task.is_committed());
  roll_back(run, at);
  if (task.epoch == 0) return;  // Never began.
  set_state(run, at.step, task, TaskState::kWaiting);
  void_results(run, at, false);
}

// The port has ended without what readers hold of a void attempt of the task.
void Scheduler::Impl::drop_unwritten(Run& run, std::uint32_t port, At at, bool skipped) {
  const auto check = [&](Cell& cell, std::uint32_t element) {
    if (!cell.exists || !cell.provisional) return;
    roll_back_readers(run, port, at, element);
    drop_cell(run, cell);
  };
  if (run.graph->port(port).is_list) {
    CellList& list = list_of(run, port, at);
    for (std::uint32_t e = list.emitted; e < list.cells.size(); ++e) check(list.cells[e], e);
  } else if (Cell* cell = find_cell(run, port, at)) {
    check(*cell, 0);
  }
  // An absent list is not an empty one.
  if (skipped) roll_back_readers(run, port, at, kAll);
}

}  // namespace sluice::core
