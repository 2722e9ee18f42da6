// A run from its submission to the moment it leaves the tables, and the data of its inputs.

#include <algorithm>
#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {

void Scheduler::Impl::on(const RunSubmitted& event) {
  if (find_run(event.run) != nullptr) {
    ++counters_.stale_events;
    return;
  }
  const std::uint32_t slot = event.run.index();
  if (slot >= runs_.size()) runs_.resize(slot + 1);
  SLUICE_ASSERT(runs_[slot] == nullptr, "run {} takes a place that is in use", event.run.value);

  const std::shared_ptr<const Graph> graph =
      graphs_.find_or_make(event.app, event.workflow, limits_);
  runs_[slot] = std::make_unique<Run>();
  ++counters_.runs;
  Run& run = *runs_[slot];
  run.key = event.run;
  run.root = &run;
  run.app = event.app;
  run.held_graph = graph;
  run.graph = graph.get();
  run.owner = event.owner;
  run.is_owner = event.owner == self_;
  run.deadline = event.deadline;
  run.keeps_all = graph->workflow().keep == model::Keep::kAll;

  run.slots.resize(graph->slot_count(), SlotStatus::kMissing);
  run.outputs.resize(graph->workflow().outputs.size());
  add_nodes(run, event.placement);
  add_tables(run, event.placement);
  for (std::uint32_t o = 0; o < run.outputs.size(); ++o)
    if (graph->output(o).shape == Shape::kNothing) {  // A literal: in the plan.
      run.outputs[o].done = true;
      ++run.outputs_done;
    }
  if (run.deadline && run.is_owner)
    run.timer = timers_.set(*run.deadline, Timers::Kind::kRun, run.key, 0, 0);
  check_success(run);
}

// All tables of the steps, in the one state that every run begins with: no datum is there. In one
// pass: the tables of a long workflow are larger than the caches.
void Scheduler::Impl::add_tables(Run& run, const std::vector<NodeId>& placement) {
  const Graph& graph = *run.graph;
  const auto step_total = static_cast<std::uint32_t>(graph.steps().size());
  run.steps.reserve(step_total);
  run.ports.reserve(graph.ports().size());
  for (std::uint32_t s = 0; s < step_total; ++s) {
    const StepInfo& info = graph.step(s);
    StepTable& table = run.steps.emplace_back();
    table.local = info.is_input || placement.empty() || placement[s] == self_;
    table.missing = info.common_count;
    table.late_missing = info.late_count;
    table.after_missing = info.after_count;
    table.uncommitted = info.step_sources;
    for (std::uint32_t p = 0; p < info.ports.count; ++p) {
      const PortInfo& port = graph.port(info.ports.first + p);
      Port& made = run.ports.emplace_back();
      made.links = port.outputs.count + port.drivers.count + port.commons.count + port.peers.count;
      if (!info.is_foreach && !port.is_list) made.own.cells.borrow(&made.single);
    }
    if (info.is_foreach) {
      table.foreach = std::make_unique<StepTable::Foreach>();
      continue;
    }
    ++run.task_count;
    table.tasks.borrow(&table.single);
    // Nothing is known of what all others wait for.
    const bool begins = info.common_count == info.late_count;
    if (!info.is_input && begins && info.after_count == 0) evaluate_later(run, {s, 0});
  }
  if (run.nodes.empty()) return;
  // A cell here waits for the readers here only; other nodes hold copies of their own.
  for (std::uint32_t p = 0; p < run.ports.size(); ++p) {
    std::uint32_t links = run.is_owner ? graph.port(p).outputs.count : 0;
    for (const std::uint32_t step : graph.drivers(p)) links += run.steps[step].local ? 1 : 0;
    for (const Link& link : graph.commons(p)) links += run.steps[link.step].local ? 1 : 0;
    for (const Link& link : graph.peers(p)) links += run.steps[link.step].local ? 1 : 0;
    run.ports[p].links = links;
  }
}

void Scheduler::Impl::add_nodes(Run& run, const std::vector<NodeId>& placement) {
  if (placement.empty() && run.is_owner) return;
  const Graph& graph = *run.graph;
  const auto node_of = [&](std::uint32_t step) {
    return placement.empty() ? self_ : placement[step];
  };
  const auto add = [&](std::vector<NodeId>& nodes, NodeId node) {
    if (node != self_ && std::find(nodes.begin(), nodes.end(), node) == nodes.end())
      nodes.push_back(node);
  };
  for (std::uint32_t s = 0; s < graph.step_count(); ++s) add(run.nodes, node_of(s));
  add(run.nodes, run.owner);
  if (run.nodes.empty()) return;
  run.port_nodes.resize(graph.ports().size());
  for (std::uint32_t p = 0; p < run.port_nodes.size(); ++p) {
    for (const std::uint32_t step : graph.drivers(p)) add(run.port_nodes[p], node_of(step));
    for (const Link& link : graph.commons(p)) add(run.port_nodes[p], node_of(link.step));
    for (const Link& link : graph.peers(p)) add(run.port_nodes[p], node_of(link.step));
    if (graph.port(p).outputs.count != 0) add(run.port_nodes[p], run.owner);
  }
}

void Scheduler::Impl::input_object(RunKey key, std::uint32_t input, const Object& object) {
  Run* run = find_run(key);
  if (run == nullptr || input >= run->graph->workflow().inputs.size()) {
    ++counters_.stale_events;
    emit_action(Release{object.id});
    return;
  }
  const At at{run->graph->step_count() + input, 0};
  Task& task = task_of(*run, at);
  // The same object again: it was open while it was uploaded, now it is whole.
  const Cell* cell = find_cell(*run, run->graph->step(at.step).ports.first, at);
  const bool again = cell != nullptr && cell->exists;
  if (run->ended) {
    ++counters_.stale_events;
    // What the cell holds goes with it, once no attempt can read it.
    if (!again || cell->id != object.id) emit_action(Release{object.id});
    return;
  }
  if (again && !cell->sealed && task.result == TaskResult::kNone) {
    if (object.sealed) seal(*run, at, 0, object);
  } else if (task.result != TaskResult::kNone || again) {
    ++counters_.stale_events;
    emit_action(Release{object.id});
    return;
  } else {
    emit(*run, at, 0, object);
  }
  if (run->ended || find_cell(*run, run->graph->step(at.step).ports.first, at) == nullptr) return;
  if (object.sealed) finish(*run, at, TaskResult::kOutputs);
}

void Scheduler::Impl::on(const InputReady& event) {
  input_object(event.run, event.input, event.object);
  if (Run* run = find_run(event.run); run != nullptr) check_success(*run);
}

void Scheduler::Impl::on(const InputElement& event) {
  input_object(event.run, event.input, event.object);
  if (Run* run = find_run(event.run); run != nullptr) check_success(*run);
}

void Scheduler::Impl::on(const InputClosed& event) {
  end_input(event.run, event.input, TaskResult::kOutputs);
}

void Scheduler::Impl::on(const InputAbsent& event) {
  end_input(event.run, event.input, TaskResult::kSkipped);
}

void Scheduler::Impl::end_input(RunKey key, std::uint32_t input, TaskResult result) {
  Run* run = find_run(key);
  const At at{run == nullptr ? 0 : run->graph->step_count() + input, 0};
  if (run == nullptr || run->ended || input >= run->graph->workflow().inputs.size() ||
      task_of(*run, at).result != TaskResult::kNone) {
    ++counters_.stale_events;
    return;
  }
  finish(*run, at, result);
  check_success(*run);
}

void Scheduler::Impl::on(const CancelRun& event) {
  Run* run = find_run(event.run);
  if (run == nullptr || run->ended || !run->is_owner) {
    ++counters_.stale_events;
    return;
  }
  end_run(*run, RunEnded::State::kCancelled, nullptr, std::nullopt);
}

void Scheduler::Impl::on(const FailRun& event) {
  Run* run = find_run(event.run);
  if (run == nullptr || run->ended || !run->is_owner) {
    ++counters_.stale_events;
    return;
  }
  end_run(*run, RunEnded::State::kFailed, &event.failure, std::nullopt);
}

void Scheduler::Impl::on(const ForgetRun& event) {
  Run* run = find_run(event.run);
  if (run == nullptr || !run->ended) {
    ++counters_.stale_events;
    return;
  }
  run->forget = true;
  if (run->drained) forget(*run);
}

void Scheduler::Impl::check_success(Run& run) {
  if (run.ended || !run.is_owner) return;
  if (run.parent != nullptr) {
    check_scope_done(run);
    return;
  }
  if (run.steps_complete != run.graph->step_count() || run.outputs_done != run.outputs.size())
    return;
  if (!run.failed_task) {
    end_run(run, RunEnded::State::kSucceeded, nullptr, std::nullopt);
    return;
  }
  const Failure failure = run.failure_of({run.failed_task->step, run.failed_task->index});
  end_run(run, RunEnded::State::kFailed, &failure, run.failed_task);
}

void Scheduler::Impl::end_run(Run& run, RunEnded::State state, const Failure* failure,
                              std::optional<TaskKey> failed_task) {
  RunEnded ended{.run = run.key, .state = state, .failed_task = failed_task};
  if (failure != nullptr) ended.failure = *failure;
  EndAttempt::Reason reason = EndAttempt::Reason::kRunEnded;
  if (state == RunEnded::State::kCancelled) reason = EndAttempt::Reason::kCancelled;
  if (state == RunEnded::State::kTimedOut) reason = EndAttempt::Reason::kTimeout;
  run.ended = true;
  emit_action(std::move(ended));
  for (const NodeId node : run.nodes)
    emit_action(
        Forward{node, Fact{.kind = Fact::Kind::kRunEnded, .attempt = {{run.key, 0, 0}, 0}}});
  stop_run(run, reason);
}

void Scheduler::Impl::stop_run(Run& run, EndAttempt::Reason reason) {
  run.ended = true;
  if (run.scope != 0) stop_clock(run);
  timers_.cancel(run.timer);
  if (run.actives != 0) {
    for (std::uint32_t s = 0; s < run.graph->step_count(); ++s) {
      StepTable& table = run.steps[s];
      for (std::uint32_t i = 0; i < table.tasks.size() && run.actives != 0; ++i) {
        Task& task = table.tasks[i];
        if (task.active == kNone) continue;
        task.asked = false;
        if (task.ending) {
          actives_[task.active].cause = EndCause::kRunEnded;
        } else if (task.is_running()) {
          end_attempt(run, {s, i}, reason, EndCause::kRunEnded);
        } else {
          free_active(run, {s, i}, task);
        }
      }
    }
  }
  drain(run);
}

void Scheduler::Impl::drain(Run& run) {
  if (run.attempts != 0 || run.drained) return;
  if (!run.scopes.empty()) return;
  while (!run.graves.empty()) {
    emit_action(Release{run.graves.pop().object});
    --run.objects;
  }
  for (Port& port : run.ports) {
    if (run.objects == 0) break;
    for (Cell& cell : port.own.cells) give_back(run, cell);
    for (CellList& list : port.lists)
      for (Cell& cell : list.cells) give_back(run, cell);
  }
  SLUICE_ASSERT(run.objects == 0);
  run.drained = true;
  if (run.scope != 0) {
    closed_.emplace_back(run.key, run.scope);
    return;
  }
  emit_action(RunDrained{run.key});
  if (run.forget) forget(run);
}

void Scheduler::Impl::forget(Run& run) {
  counters_.ready -= run.ready;
  --counters_.runs;
  const std::weak_ptr<const model::App> app = run.app;
  runs_[run.key.index()].reset();
  if (app.expired()) graphs_.drop_gone();
}

}  // namespace sluice::core
