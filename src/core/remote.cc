// Tasks of other nodes. Every scheduler of a run holds the tables of all steps; those of a step
// that runs elsewhere are filled by facts, through the same functions as by events. What follows
// from a fact is decided where the task in question runs: here, nothing of another node is started,
// skipped, rolled back or committed on one's own.

#include <algorithm>

#include "core/scheduler_impl.h"

namespace sluice::core {

void Scheduler::Impl::tell_nodes(Run& run, At at, Fact::Kind kind, std::uint32_t number,
                                 std::uint32_t index, const Object* object, const Failure* failure,
                                 bool is_hole) {
  if (!is_local(run, at.step) || run.graph->step(at.step).is_input) return;
  const StepTable& table = run.steps[at.step];
  const bool is_gate = number == Fact::kWholeStep;
  const Task& task = is_gate ? table.single : table.tasks[at.index];
  Fact fact{.kind = kind,
            .attempt = attempt_of(run, at, task),
            .port = number,
            .index = index,
            .is_hole = is_hole};
  if (object != nullptr) fact.object = *object;
  if (failure != nullptr) fact.failure = *failure;
  const bool is_data = kind == Fact::Kind::kEmitted || kind == Fact::Kind::kSealed;
  const std::uint32_t port = run.graph->step(at.step).ports.first + number;
  for (const NodeId node : is_data ? run.port_nodes[port] : run.nodes)
    emit_action(Forward{node, fact});
}

// Nodes that do not read a list must know how long it is: there may be tasks of a foreach over it.
void Scheduler::Impl::forward_counts(Run& run, At at) {
  if (!is_local(run, at.step)) return;
  const StepInfo& info = run.graph->step(at.step);
  for (std::uint32_t p = info.ports.first; p < info.ports.first + info.ports.count; ++p) {
    if (!run.graph->port(p).is_list) continue;
    const Fact fact{.kind = Fact::Kind::kCounted,
                    .attempt = attempt_of(run, at, task_of(run, at)),
                    .port = p - info.ports.first,
                    .index = list_of(run, p, at).emitted};
    const std::vector<NodeId>& readers = run.port_nodes[p];
    for (const NodeId node : run.nodes)
      if (std::find(readers.begin(), readers.end(), node) == readers.end())
        emit_action(Forward{node, fact});
  }
}

void Scheduler::Impl::on(const Fact& fact) {
  const At at{fact.attempt.task.step, fact.attempt.task.index};
  const std::uint64_t epoch = fact.attempt.epoch;
  const auto ignore = [&] {
    ++counters_.stale_events;
    if (fact.kind == Fact::Kind::kEmitted) release(fact.object.id);
  };
  Run* found = find_run(fact.attempt.task.run);
  if (found == nullptr || found->ended) return ignore();
  Run& run = *found;
  if (fact.kind == Fact::Kind::kRunEnded) {
    if (run.is_owner) return ignore();
    stop_run(run, EndAttempt::Reason::kRunEnded);
    return;
  }
  if (at.step >= run.graph->step_count() || is_local(run, at.step)) return ignore();
  StepTable& table = run.steps[at.step];
  if (fact.kind == Fact::Kind::kBegan) {
    table.begun = true;
    wake_early_readers(run, at.step);
    return;
  }
  if (fact.port == Fact::kWholeStep) {
    if (!table.foreach || epoch < table.single.epoch) return ignore();
    if (fact.kind == Fact::Kind::kSkipped && !table.skipped) skip_step(run, at.step, epoch);
    if (fact.kind == Fact::Kind::kVoided && table.skipped) unskip_step(run, at.step);
    if (fact.kind == Fact::Kind::kDone) {
      table.ended_empty = true;
      check_complete(run, at.step);
      check_success(run);
      return;
    }
    committed_elsewhere(run, at);
    return;
  }
  const StepInfo& info = run.graph->step(at.step);
  if (fact.port >= std::max(info.ports.count, 1U) || at.index >= limits_.elements_per_list ||
      (!table.foreach && at.index != 0))
    return ignore();
  if (table.foreach) table.tasks.grow_to(at.index + 1);
  Task& task = table.tasks[at.index];
  if (epoch < task.epoch || task.is_committed()) return ignore();
  task.epoch = epoch;
  const bool begins = fact.kind == Fact::Kind::kEmitted || fact.kind == Fact::Kind::kCounted ||
                      fact.kind == Fact::Kind::kPortEnded;
  if (begins && task.state == TaskState::kWaiting)
    set_state(run, at.step, task, TaskState::kRunning);
  switch (fact.kind) {
    case Fact::Kind::kEmitted:
      if (fact.port >= info.first_error) run.set_failure(at, fact.failure);
      emit(run, at, fact.port, fact.object, fact.is_hole);
      return;
    case Fact::Kind::kPortEnded:
      if (fact.index > static_cast<std::uint32_t>(TaskResult::kFailed)) return ignore();
      if (fact.index == static_cast<std::uint32_t>(TaskResult::kFailed))
        run.set_failure(at, fact.port, fact.failure);
      end_port(run, info.ports.first + fact.port, at, static_cast<TaskResult>(fact.index));
      return;
    case Fact::Kind::kSealed:
      seal(run, at, fact.port, fact.object);
      return;
    case Fact::Kind::kCounted:
      list_of(run, info.ports.first + fact.port, at).emitted = fact.index;
      return;
    case Fact::Kind::kDone:
      task.caught = fact.index != 0;
      finish(run, at, TaskResult::kOutputs);
      break;
    case Fact::Kind::kSkipped:
      finish(run, at, TaskResult::kSkipped);
      break;
    case Fact::Kind::kFailed:
      void_results(run, at, false);
      task.result = TaskResult::kFailed;
      run.set_failure(at, fact.failure);
      set_state(run, at.step, task, TaskState::kFinished);
      break;
    case Fact::Kind::kVoided:
      set_state(run, at.step, task, TaskState::kWaiting);
      // Facts of two nodes cross: a task here may have started on an element of a list that was
      // closed without it before. No attempt will write that element again.
      void_results(
          run, at,
          !(table.foreach && is_closed(run, at.step) && at.index >= element_count(run, at.step)));
      return;
    case Fact::Kind::kRunEnded:
    case Fact::Kind::kBegan:
      return;
  }
  committed_elsewhere(run, at);
}

}  // namespace sluice::core
