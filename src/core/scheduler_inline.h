#pragma once

// The small questions that every event asks, several times each: calling them cost more than
// answering.

#include <algorithm>

#include "core/scheduler_impl.h"

namespace sluice::core {

inline Scheduler::Impl::Live Scheduler::Impl::find_live(const Attempt& attempt) const {
  const At at{attempt.task.step, attempt.task.index};
  Run* run = find_tables(attempt.task.run, attempt.task.scope);
  if (run == nullptr || run->ended || at.step >= run->graph->step_count()) return {};
  StepTable& step = run->steps[at.step];
  if (!step.local || at.index >= step.tasks.size()) return {};
  Task& task = step.tasks[at.index];
  if (task.epoch != attempt.epoch || !task.is_running() || task.ending) return {};
  return {run, &task, at};
}

// How the task's part of a port has ended.
inline TaskResult Scheduler::Impl::result_of(const Run& run, std::uint32_t port,
                                             At producer) const {
  const StepInfo& info = run.graph->step(producer.step);
  if (!info.by_port) {
    const Table<Task>& tasks = run.steps[producer.step].tasks;
    if (producer.index >= tasks.size()) return TaskResult::kNone;
    const Task& task = tasks[producer.index];
    const bool is_absent = task.caught && task.result == TaskResult::kOutputs &&
                           run.graph->port(port).number < info.first_error;
    return is_absent ? TaskResult::kSkipped : task.result;
  }
  const std::vector<TaskResult>& results = run.ports[port].results;
  return producer.index < results.size() ? results[producer.index] : TaskResult::kNone;
}

inline CellList& Scheduler::Impl::list_of(Run& run, std::uint32_t port, At producer) const {
  Port& table = run.ports[port];
  if (!run.graph->step(producer.step).is_foreach) return table.own;
  table.lists.grow_to(producer.index + 1);
  return table.lists[producer.index];
}

inline Cell* Scheduler::Impl::find_cell(Run& run, std::uint32_t port, At producer) const {
  if (run.graph->port(port).is_list) return nullptr;
  Table<Cell>& cells = run.ports[port].own.cells;
  return producer.index < cells.size() ? &cells[producer.index] : nullptr;
}

inline std::uint32_t Scheduler::Impl::element_count(const Run& run,
                                                    std::uint32_t foreach_step) const {
  return run.ports[run.graph->step(foreach_step).root_port].own.emitted;
}

inline bool Scheduler::Impl::is_closed(const Run& run, std::uint32_t foreach_step) const {
  const StepInfo& info = run.graph->step(foreach_step);
  if (run.graph->step(info.root_step).is_foreach) return run.steps[info.root_step].list_closed;
  return result_of(run, info.root_port, {info.root_step, 0}) == TaskResult::kOutputs;
}

inline void Scheduler::Impl::set_state(Run& run, std::uint32_t step, Task& task, TaskState state) {
  if (const auto& foreach = run.steps[step].foreach) {
    auto& by_state = foreach->by_state;
    if (task.state != TaskState::kWaiting) --by_state[static_cast<std::size_t>(task.state)];
    if (state != TaskState::kWaiting) ++by_state[static_cast<std::size_t>(state)];
  }
  if (task.state == TaskState::kReady) {
    --counters_.ready;
    --run.ready;
  }
  if (state == TaskState::kReady) {
    ++counters_.ready;
    ++run.ready;
  }
  if (run.is_timed) state_changes(run, step, task.state, state);
  task.state = state;
}

inline bool Scheduler::Impl::goes_on(const Run& run) const {
  return run.graph->workflow().on_failure == model::OnFailure::kContinue;
}

// With something to build on: nothing goes on from a committed failure.
inline bool Scheduler::Impl::is_committed(const Run& run, At at) const {
  if (run.graph->step(at.step).is_input && run.parent == nullptr) return true;
  const Table<Task>& tasks = run.steps[at.step].tasks;
  return at.index < tasks.size() && tasks[at.index].is_committed() &&
         (tasks[at.index].state != TaskState::kFailed || goes_on(run));
}

inline bool Scheduler::Impl::element_is_committed(const Run& run, At at) const {
  const StepInfo& info = run.graph->step(at.step);
  if (!info.is_foreach) return true;
  const bool by_task = run.steps[info.driver_step].foreach != nullptr;
  return is_committed(run, {info.driver_step, by_task ? at.index : 0});
}

inline bool Scheduler::Impl::producer_is_complete(const Run& run, std::uint32_t step) const {
  return (run.graph->step(step).is_input && run.parent == nullptr) || run.steps[step].complete;
}

// Of what the task is given by its element.
inline Scheduler::Impl::Element Scheduler::Impl::task_status(const Run& run, At at) const {
  if (!run.steps[at.step].foreach) return Element::kAvailable;
  const Element element = element_status(run, at);
  const bool is_known = element == Element::kAvailable || element == Element::kUnavailable;
  if (!is_known || !run.graph->step(at.step).has_peers) return element;
  const Element peers = peers_status(run, at);
  return element == Element::kAvailable || peers == Element::kHole ? peers : element;
}

// Nothing that is known of its inputs speaks against the task.
inline bool Scheduler::Impl::may_stay(const Run& run, At at, Element element) const {
  const StepTable& table = run.steps[at.step];
  return !table.skipped && table.absent == 0 && table.broken == 0 && table.after_missing == 0 &&
         element == Element::kAvailable;
}

inline void Scheduler::Impl::step_begins(Run& run, std::uint32_t step) {
  StepTable& table = run.steps[step];
  if (table.begun) return;
  table.begun = true;
  if (!run.graph->step(step).feeds_early) return;
  wake_early_readers(run, step);
  forward(run, {step, 0}, Fact::Kind::kBegan, Fact::kWholeStep);
}

// An attempt begins. The gate of a step that was skipped as a whole has had the epochs of task 0.
inline void Scheduler::Impl::raise_epoch(Run& run, At at) {
  StepTable& table = run.steps[at.step];
  Task& task = table.tasks[at.index];
  if (table.foreach && at.index == 0) task.epoch = std::max(task.epoch, table.single.epoch);
  ++task.epoch;
  task.early = false;
  step_begins(run, at.step);
}

}  // namespace sluice::core
