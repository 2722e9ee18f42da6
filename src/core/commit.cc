// Commits, and what follows from them: release, `after`, outputs, the end of the run. Nothing that
// is committed is ever undone, so all counters here only move one way.

#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {

// Of a flow that has failed on an input.
bool Scheduler::Impl::broken_inputs_are_committed(const Run& run, At at) const {
  const StepInfo& info = run.graph->step(at.step);
  for (std::uint32_t s = 0; s < info.slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (slot.use != model::Use::kPort || slot.shape == Shape::kNothing) continue;
    if (known(run, slot, at, {}).state != Known::State::kBroken) continue;
    if (!is_committed(run, {slot.step, slot.by_element() ? at.index : 0})) return false;
  }
  return true;
}

// All that the task waits for is committed.
bool Scheduler::Impl::is_fed_by_commits(const Run& run, At at) const {
  if (!run.is_fed || run.steps[at.step].uncommitted != 0 || !element_is_committed(run, at))
    return false;
  const StepInfo& info = run.graph->step(at.step);
  for (std::uint32_t s = 0; info.has_peers && s < info.slots.count; ++s) {
    const SlotInfo& slot = run.graph->slot(at.step, s);
    if (slot.is_peer && slot.waited && !is_committed(run, {slot.step, at.index})) return false;
  }
  return true;
}

bool Scheduler::Impl::may_commit(const Run& run, At at) const {
  const StepTable& table = run.steps[at.step];
  if (!table.local || table.skipped || run.ended) return false;
  if (table.tasks[at.index].state != TaskState::kFinished) return false;
  // A hole is passed on before it is known whether the step is skipped as a whole.
  if (table.foreach && (table.missing != 0 || table.after_missing != 0)) return false;
  if (table.tasks[at.index].early && !all_is_there(run, at)) return false;
  if (!is_fed_by_commits(run, at)) return false;
  if (table.tasks[at.index].on_input && !broken_inputs_are_committed(run, at)) return false;
  const std::uint32_t active = table.tasks[at.index].active;
  return active == kNone || actives_[active].computation == nullptr ||
         is_fed_by_commits(run, at, *actives_[active].computation);
}

// An expression that an output of the workflow is, or the condition of a loop, has failed: nobody
// is there to fail with it but the workflow.
const Failure* Scheduler::Impl::find_broken_output(const Run& run, At at) const {
  const StepInfo& info = run.graph->step(at.step);
  if (info.action != model::Action::kCompute || info.is_input) return nullptr;
  for (std::uint32_t p = info.ports.first; p < info.ports.first + info.ports.count; ++p)
    if (run.graph->port(p).outputs.count != 0 && result_of(run, p, at) == TaskResult::kFailed)
      return &run.failure_of(at, p - info.ports.first);
  return nullptr;
}

void Scheduler::Impl::try_commit(Run& run, At at) {
  Task& task = run.steps[at.step].tasks[at.index];
  if (task.computing && run.graph->step(at.step).is_scope) check_fed(run, at);
  if (task.commit_sent || !may_commit(run, at)) return;
  Commit commit{.attempt = attempt_of(run, at, task), .number = task.failures + 1U};
  if (task.result == TaskResult::kSkipped) commit.result = Commit::Result::kSkipped;
  if (task.caught) {
    commit.result = Commit::Result::kCaught;
    commit.number = task.failures;
  }
  if (task.result == TaskResult::kFailed || broken_output(run, at) != nullptr) {
    commit.result = Commit::Result::kFailed;
    commit.number = task.failures;
  }
  task.commit_sent = true;
  if (commit.result == Commit::Result::kOutputs && is_kept(run, at.step)) keep_outputs(run, at);
  emit_action(commit);
}

void Scheduler::Impl::try_commit_gate(Run& run, std::uint32_t step) {
  StepTable& table = run.steps[step];
  Task& gate = table.single;
  if (!table.local || !table.skipped || run.ended || run.graph->step(step).is_input) return;
  if (gate.state != TaskState::kFinished || gate.commit_sent || !run.is_fed) return;
  const bool decided = driver_is_absent(run, step)
                           ? producer_is_complete(run, run.graph->step(step).driver_step)
                           : table.uncommitted == 0;
  if (!decided) return;
  gate.commit_sent = true;
  emit_action(
      Commit{.attempt = attempt_of(run, {step, 0}, gate), .result = Commit::Result::kSkipped});
}

void Scheduler::Impl::try_commit_step(Run& run, std::uint32_t step) {
  StepTable& table = run.steps[step];
  if (table.skipped) {
    try_commit_gate(run, step);
    return;
  }
  if (!table.any_finished() && !run.graph->step(step).is_scope) return;
  for (std::uint32_t i = 0; i < table.tasks.size(); ++i) try_commit(run, {step, i});
}

void Scheduler::Impl::on(const Committed& event) {
  const At at{event.attempt.task.step, event.attempt.task.index};
  Run* run = find_tables(event.attempt.task.run, event.attempt.task.scope);
  if (run == nullptr || run->ended || at.step >= run->graph->step_count()) {
    ++counters_.stale_events;
    return;
  }
  StepTable& table = run->steps[at.step];
  const std::uint64_t epoch = event.attempt.epoch;
  Task* task = nullptr;
  if (table.skipped && at.index == 0 && table.single.epoch == epoch)
    task = &table.single;
  else if (at.index < table.tasks.size() && table.tasks[at.index].epoch == epoch)
    task = &table.tasks[at.index];
  if (task == nullptr || task->state != TaskState::kFinished) {
    if (!table.local) {
      run->early_commits[{at.step, at.index}] = epoch;
      return;
    }
    ++counters_.stale_events;
    return;
  }
  if (table.local && !task->commit_sent) {
    ++counters_.stale_events;
    return;
  }
  if (table.foreach && task == &table.single)  // Its gate.
    commit_gate(*run, at.step);
  else
    commit_task(*run, at);
  check_success(*run);
}

// A task elsewhere has ended: perhaps its commit was faster than the news.
void Scheduler::Impl::committed_elsewhere(Run& run, At at) {
  const auto found = run.early_commits.find({at.step, at.index});
  if (found == run.early_commits.end()) return;
  const Committed event{{key_of(run, at), found->second}};
  run.early_commits.erase(found);
  on(event);
}

void Scheduler::Impl::commit_task(Run& run, At at) {
  const StepInfo& info = run.graph->step(at.step);
  StepTable& table = run.steps[at.step];
  Task& task = table.tasks[at.index];
  const Failure* broken = broken_output(run, at);
  if (broken != nullptr) run.set_failure(at, *broken);
  const TaskResult result = broken != nullptr ? TaskResult::kFailed : task.result;
  free_active(run, at, task);
  if (task.put_back) run.put_back.erase(at);
  if (result == TaskResult::kFailed && !goes_on(run)) {
    set_state(run, at.step, task, TaskState::kFailed);
    const Failure failure = run.failure_of(at);
    const auto origin = run.origins.find({at.step, at.index});
    const TaskKey failed = origin == run.origins.end() ? key_of(run, at) : origin->second;
    if (run.parent != nullptr)
      fail_scope(run, failure, failed);
    else if (run.is_owner)
      end_run(run, RunEnded::State::kFailed, &failure, failed);
    return;  // Otherwise its owner says so.
  }
  if (table.foreach) ++table.foreach->committed;
  if (result == TaskResult::kFailed) {
    // From now on it is certain that its outputs never come.
    set_state(run, at.step, task, TaskState::kFailed);
    if (!run.failed_task) run.failed_task = key_of(run, at);
    task.result = TaskResult::kSkipped;
    for (std::uint32_t p = info.ports.first; p < info.ports.first + info.ports.count; ++p)
      end_port(run, p, at, TaskResult::kSkipped);
  } else {
    set_state(run, at.step, task,
              result == TaskResult::kSkipped ? TaskState::kSkipped : TaskState::kSucceeded);
  }
  if (run.watched) source_committed(run, at.step, at.index);
  for (std::uint32_t p = info.ports.first; p < info.ports.first + info.ports.count; ++p) {
    if (run.graph->port(p).is_list) {
      for (Cell& cell : list_of(run, p, at).cells)
        if (cell.exists && cell.links == 0) give_back(run, cell);
    } else if (Cell* cell = find_cell(run, p, at); cell != nullptr) {
      if (cell->exists && cell->links == 0) give_back(run, *cell);
    }
  }
  if (info.is_foreach && table.local && !info.is_input) {
    drop_links(run, {.step = info.driver_step, .port = info.driver_port}, at.index);
    for (std::uint32_t s = 0; s < info.slots.count; ++s)
      if (const SlotInfo& slot = run.graph->slot(at.step, s); slot.is_peer)
        drop_links(run, slot, at.index);
  }
  if (info.is_foreach) {
    pump_outputs(run, at.step);
    const auto go_on = [&](std::uint32_t step) {
      if (at.index >= run.steps[step].tasks.size()) return;
      try_commit(run, {step, at.index});
      if (run.graph->step(step).on_committed) evaluate_later(run, {step, at.index});
    };
    for (std::uint32_t p = info.ports.first; p < info.ports.first + info.ports.count; ++p) {
      for (const std::uint32_t step : run.graph->drivers(p)) go_on(step);
      for (const Link& link : run.graph->peers(p)) go_on(link.step);
    }
  }
  for (std::uint32_t p = 0; has_edges(run) && p < info.ports.count; ++p)
    committed_inside(run, info.ports.first + p, at.index);
  check_complete(run, at.step);
}

void Scheduler::Impl::commit_gate(Run& run, std::uint32_t step) {
  set_state(run, step, run.steps[step].single, TaskState::kSkipped);
  check_complete(run, step);
}

void Scheduler::Impl::check_complete(Run& run, std::uint32_t step) {
  const StepTable& table = run.steps[step];
  if (table.complete || run.ended) return;
  if (run.graph->step(step).is_input) {
    if (!table.source_complete) return;
    if (!table.foreach ? !is_committed(run, {step, 0})
        : table.skipped
            ? false
            : !table.list_closed || table.foreach->committed != element_count(run, step))
      return;
  } else if (!table.foreach) {
    if (!is_committed(run, {step, 0})) return;
  } else if (table.skipped) {
    if (!table.single.is_committed()) return;
  } else {
    if (!is_closed(run, step) || table.foreach->committed != element_count(run, step)) return;
    if (!producer_is_complete(run, run.graph->step(step).driver_step)) return;
    if (table.foreach->committed == 0) {
      // No task has shown that the step is not skipped as a whole: its own node knows.
      if (!table.local && !table.ended_empty) return;
      if (table.local && (table.missing != 0 || table.absent != 0 || table.uncommitted != 0 ||
                          table.after_missing != 0))
        return;
      forward(run, {step, 0}, Fact::Kind::kDone, Fact::kWholeStep);
    }
  }
  step_complete(run, step);
}

void Scheduler::Impl::step_complete(Run& run, std::uint32_t step) {
  const StepInfo& info = run.graph->step(step);
  StepTable& table = run.steps[step];
  table.complete = true;
  if (!info.is_input) ++run.steps_complete;
  if (table.local) {
    for (std::uint32_t s = 0; s < info.slots.count; ++s) {
      const SlotInfo& slot = run.graph->slot(step, s);
      if (slot.shape == Shape::kNothing || slot.is_item) continue;
      if (!slot.is_peer || table.skipped) drop_links(run, slot, kAll);
    }
    // Elements of a step that is skipped as a whole: those that are there, and those to come.
    if (table.skipped && !info.is_input)
      drop_links(run, {.step = info.driver_step, .port = info.driver_port}, kAll);
  }
  pump_outputs(run, step);
  if (run.watched) source_committed(run, step, kAll);
  for (std::uint32_t p = info.ports.first; p < info.ports.first + info.ports.count; ++p) {
    for (const Link& link : run.graph->commons(p)) {
      if (run.graph->slot(link.step, link.slot).waited && --run.steps[link.step].uncommitted != 0)
        continue;
      try_commit_step(run, link.step);
      if (run.graph->step(link.step).on_committed) evaluate_step(run, link.step);
      check_complete(run, link.step);
    }
    for (const std::uint32_t driven : run.graph->drivers(p)) {
      if (!info.is_foreach || run.steps[driven].skipped) try_commit_step(run, driven);
      if (!info.is_foreach && run.graph->step(driven).on_committed) evaluate_step(run, driven);
      check_complete(run, driven);
    }
    for (const Link& link : run.graph->peers(p)) {
      if (table.skipped) try_commit_step(run, link.step);
      check_complete(run, link.step);
    }
  }
  for (std::uint32_t p = 0; has_edges(run) && p < info.ports.count; ++p)
    committed_inside(run, info.ports.first + p, kAll);
  for (const std::uint32_t later : run.graph->after(step))
    if (--run.steps[later].after_missing == 0) {
      evaluate_step(run, later);
      try_commit_step(run, later);
      check_complete(run, later);
    }
}

// ---- outputs of the run
// --------------------------------------------------------------------------

void Scheduler::Impl::pump_outputs(Run& run, std::uint32_t step) {
  const Range ports = run.graph->step(step).ports;
  for (std::uint32_t p = ports.first; p < ports.first + ports.count; ++p)
    for (const std::uint32_t output : run.graph->outputs_of(p)) pump_output(run, output);
}

void Scheduler::Impl::output_done(Run& run, std::uint32_t output, OutputReady ready) {
  ready.run = run.key;
  ready.output = output;
  emit_action(std::move(ready));
  run.outputs[output].done = true;
  ++run.outputs_done;
  --run.ports[run.graph->output(output).port].links;
}

void Scheduler::Impl::output_element(Run& run, std::uint32_t output, std::uint32_t index,
                                     Cell* cell, Deliver::Kind kind) {
  const bool is_hole = cell != nullptr && cell->is_hole;
  if (is_hole) kind = Deliver::Kind::kHole;
  OutputElement element{.run = run.key, .output = output, .index = index, .kind = kind};
  if (cell != nullptr && !is_hole) element.object = cell->object();
  emit_action(element);
  if (cell != nullptr) drop_link(run, *cell, true);
}

void Scheduler::Impl::pump_output(Run& run, std::uint32_t output) {
  Run::Output& state = run.outputs[output];
  if (!run.is_owner || run.ended || state.done || run.parent != nullptr) return;
  const SlotInfo& source = run.graph->output(output);
  StepTable& producer = run.steps[source.step];
  Port& port = run.ports[source.port];
  if (source.shape == Shape::kCell || source.shape == Shape::kList) {
    const bool is_input = run.graph->step(source.step).is_input;
    const TaskResult result = result_of(run, source.port, {source.step, 0});
    if (!is_input && !is_committed(run, {source.step, 0})) return;
    if (source.shape == Shape::kCell) {
      Cell& cell = port.own.cells[0];
      if (cell.is_readable()) {
        output_done(run, output, {.object = cell.object()});
        drop_link(run, cell, true);
      } else if (result == TaskResult::kOutputs || result == TaskResult::kSkipped) {
        output_done(run, output, {});
      }
      return;
    }
    for (; state.next < port.own.emitted && port.own.cells[state.next].sealed; ++state.next)
      output_element(run, output, state.next, &port.own.cells[state.next], Deliver::Kind::kElement);
    if (result == TaskResult::kSkipped) output_done(run, output, {});
    if (result == TaskResult::kOutputs && state.next == port.own.emitted)
      output_done(run, output, {.is_list = true, .count = state.next});
    return;
  }
  if (producer.skipped) {
    if (producer.complete) output_done(run, output, {});
    return;
  }
  const std::uint32_t count = element_count(run, source.step);
  for (; state.next < count && is_committed(run, {source.step, state.next}); ++state.next) {
    const bool skipped =
        result_of(run, source.port, {source.step, state.next}) == TaskResult::kSkipped;
    if (source.shape == Shape::kTaskCells || skipped) {
      Cell* cell = source.shape == Shape::kTaskCells
                       ? find_cell(run, source.port, {source.step, state.next})
                       : nullptr;
      const bool hole = skipped || cell == nullptr || !cell->is_readable();
      output_element(run, output, state.next, hole ? nullptr : cell,
                     hole ? Deliver::Kind::kHole : Deliver::Kind::kElement);
      continue;
    }
    CellList& list = list_of(run, source.port, {source.step, state.next});
    output_element(run, output, state.next, nullptr, Deliver::Kind::kListBegin);
    for (std::uint32_t e = 0; e < list.emitted; ++e)
      output_element(run, output, e, &list.cells[e], Deliver::Kind::kElement);
    output_element(run, output, state.next, nullptr, Deliver::Kind::kListEnd);
  }
  if (producer.complete) output_done(run, output, {.is_list = true, .count = count});
}

}  // namespace sluice::core
