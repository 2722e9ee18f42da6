// Flows and loops: a task that opens a scope, tables of its own for the steps of another workflow.
// A loop opens one per round. What goes in and out is in boundary.cc.

#include <algorithm>
#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {

void Scheduler::Impl::enter(Run& run, At at) {
  StepTable& table = run.steps[at.step];
  Task& task = table.tasks[at.index];
  const model::Step& step = run.graph->workflow().steps[at.step];
  raise_epoch(run, at);
  task.on_input = false;
  task.computing = true;
  set_state(run, at.step, task, TaskState::kRunning);
  task.active = take_active(run);
  Active& active = actives_[task.active];
  active.has_left = false;
  active.is_last_round = false;
  if (table.foreach) {
    active.position = static_cast<std::uint32_t>(table.foreach->readers.size());
    table.foreach->readers.push_back(at.index);
  }
  active.left = step.timeout;
  open_scope(run, at, step.action == model::Action::kLoop ? 1 : 0);
}

void Scheduler::Impl::open_scope(Run& run, At at, std::uint32_t round) {
  Run& root = *run.root;
  const model::Step& step = run.graph->workflow().steps[at.step];
  const std::uint32_t number = root.next_scope++;
  Run& scope = *root.scopes.emplace(number, std::make_unique<Run>()).first->second;
  scope.key = run.key;
  scope.scope = number;
  scope.round = round;
  scope.root = &root;
  scope.parent = &run;
  scope.task = at;
  scope.app = run.app;
  scope.held_graph = graphs_.find_or_make(run.app, step.workflow, limits_, true);
  scope.graph = scope.held_graph.get();
  scope.owner = run.owner;
  scope.is_fed = false;
  scope.keeps_all = run.keeps_all;
  scope.is_timed = run.is_timed || step.timeout.has_value();
  if (!spare_.empty()) {
    SpareTables& spare = spare_.back();
    spare_bytes_ -= spare.bytes();
    scope.steps = std::move(spare.steps);
    scope.ports = std::move(spare.ports);
    scope.slots = std::move(spare.slots);
    scope.outputs = std::move(spare.outputs);
    spare_.pop_back();
  }
  scope.slots.resize(scope.graph->slot_count(), SlotStatus::kMissing);
  scope.outputs.resize(scope.graph->workflow().outputs.size());
  actives_[task_of(run, at).active].scopes.push_back(number);
  emit_action(ScopeOpened{key_of(run, at), number, step.workflow, round});
  add_tables(scope, {});
  root.task_count += scope.task_count;
  feed_all(scope);
  check_fed(run, at);
  if (root.task_count > limits_.tasks_per_run) {
    fail_scope(scope, {.name = "TooLarge", .message = "the run has too many tasks"},
               key_of(run, at));
    return;
  }
  check_scope_done(scope);
}

Run* Scheduler::Impl::newest_scope(Run& run, At at) const {
  const Task& task = task_of(run, at);
  if (task.active == kNone || actives_[task.active].scopes.empty()) return nullptr;
  return find_tables(run.key, actives_[task.active].scopes.back());
}

// The task has begun, and something that it began on has changed.
void Scheduler::Impl::check_scope(Run& run, At at, Element element) {
  if (element == Element::kHole) roll_back(run, at);
}

// What the task waits for is committed: then its own tasks may commit as well.
void Scheduler::Impl::check_fed(Run& run, At at) {
  const Task& task = task_of(run, at);
  if (!task.computing || !is_fed_by_commits(run, at)) return;
  const std::vector<std::uint32_t>& open = actives_[task.active].scopes;
  if (open.size() == 1) {
    scope_is_fed(find_tables(run.key, open[0]));
    return;
  }
  const std::vector<std::uint32_t> scopes = open;
  for (std::size_t i = 0; i < scopes.size(); ++i) {
    Run* scope = find_tables(run.key, scopes[i]);
    // After the round before it, which then leaves.
    if (scope != nullptr && !scope->ended && !scope->is_fed && i != 0) return;
    scope_is_fed(scope);
  }
}

void Scheduler::Impl::scope_is_fed(Run* scope) {
  if (scope == nullptr || scope->ended || scope->is_fed) return;
  scope->is_fed = true;
  for (std::uint32_t s = 0; s < scope->graph->step_count() && !scope->ended; ++s) {
    try_commit_step(*scope, s);
    if (scope->graph->step(s).on_committed) evaluate_step(*scope, s);
  }
}

// The scope's workflow has failed.
void Scheduler::Impl::fail_scope(Run& scope, const Failure& failure, const TaskKey& task) {
  scope.failure = failure;
  scope.failure_task = task;
  stop_run(scope, EndAttempt::Reason::kCancelled);
}

void Scheduler::Impl::close_scopes(Run& run, At, Active& active) {
  std::vector<std::uint32_t> closing;
  closing.swap(active.scopes);
  for (const std::uint32_t number : closing)
    if (Run* scope = find_tables(run.key, number)) close_scope(*scope);
  closing.clear();
  active.scopes.swap(closing);  // Keeps its memory.
}

// The task begins anew: what it has begun so far never existed.
void Scheduler::Impl::void_scopes(Run& run, At at) {
  const Task& task = task_of(run, at);
  if (!run.graph->step(at.step).is_scope || task.active == kNone) return;
  for (const std::uint32_t number : actives_[task.active].scopes)
    if (Run* scope = find_tables(run.key, number)) scope->is_void = true;
}

void Scheduler::Impl::close_scope(Run& scope) {
  if (!scope.is_open) return;
  stop_clock(scope);
  scope.is_open = false;
  scope.parent = scope.root;  // Its own may go before its last attempt has ended.
  if (!scope.ended) stop_run(scope, EndAttempt::Reason::kRolledBack);
}

// Rounds behind `after` never existed.
void Scheduler::Impl::close_rounds(Run& run, At at, std::uint32_t after) {
  const std::uint32_t active = task_of(run, at).active;
  while (!actives_[active].scopes.empty()) {
    Run* scope = find_tables(run.key, actives_[active].scopes.back());
    if (scope != nullptr && scope->round <= after) return;
    actives_[active].scopes.pop_back();
    if (scope == nullptr) continue;
    scope->is_void = true;
    close_scope(*scope);
  }
}

// Whether the loop goes on after this round.
void Scheduler::Impl::check_round(Run& scope) {
  Run& run = *scope.parent;
  const At at = scope.task;
  const model::Step& step = run.graph->workflow().steps[at.step];
  if (!task_of(run, at).computing || scope.ended) return;
  const std::uint32_t active = task_of(run, at).active;
  const Known again = known(scope, scope.graph->output(step.again), {}, {});
  if (again.state == Known::State::kFlag || again.state == Known::State::kObject) {
    if (newest_scope(run, at) != &scope) return;
    if (std::exchange(actives_[active].is_last_round, false)) void_outputs(run, at);
    if (scope.round < step.rounds) open_scope(run, at, scope.round + 1);
    return;
  }
  close_rounds(run, at, scope.round);
  const bool is_last = again.state == Known::State::kAbsent;
  if (actives_[active].is_last_round == is_last) return;
  actives_[active].is_last_round = is_last;
  if (is_last)
    hand_out_all(scope);
  else
    void_outputs(run, at);
}

// What the task has handed out so far was not of its last round.
void Scheduler::Impl::void_outputs(Run& run, At at) {
  const StepInfo& info = run.graph->step(at.step);
  for (std::uint32_t n = 0; n < info.first_error; ++n) void_port(run, info.ports.first + n, at);
}

void Scheduler::Impl::check_scope_done(Run& scope) {
  if (scope.ended || !scope.is_open || scope.parent == nullptr) return;
  const Graph& graph = *scope.graph;
  if (scope.steps_complete != graph.step_count()) return;
  for (std::uint32_t s = graph.step_count(); s < graph.steps().size(); ++s)
    if (graph.port(graph.step(s).ports.first).outputs.count != 0 && !scope.steps[s].complete)
      return;
  Run& run = *scope.parent;
  const At at = scope.task;
  const StepInfo& info = run.graph->step(at.step);
  if (!task_of(run, at).computing) return;
  if (scope.failed_task) {
    const Failure failure = scope.failure_of({scope.failed_task->step, scope.failed_task->index});
    fail_scope(scope, failure, *scope.failed_task);
    return;
  }
  const bool is_newest = newest_scope(run, at) == &scope;
  const std::uint32_t active = task_of(run, at).active;
  // It may be known which round is the last before those in front of it are committed.
  if (info.action == model::Action::kLoop && !(is_newest && actives_[active].is_last_round)) {
    if (is_newest) {
      if (scope.round >= run.graph->workflow().steps[at.step].rounds)
        fail_scope(scope,
                   {.name = "LoopLimit",
                    .message = "the condition of the loop was still true after its last round"},
                   key_of(run, at));
      return;
    }
    // Its data is in the next round, and committed.
    Run* next = nullptr;
    for (const std::uint32_t number : actives_[active].scopes)
      if (Run* other = find_tables(run.key, number); other->round == scope.round + 1) next = other;
    SLUICE_ASSERT(next != nullptr);
    for (std::uint32_t i = 0; i < next->graph->workflow().inputs.size(); ++i)
      if (next->graph->workflow().inputs[i].previous) feed_commit(*next, i, kAll);
    std::erase(actives_[active].scopes, scope.scope);
    close_scope(scope);
    check_fed(run, at);
    return;
  }
  for (std::uint32_t n = 0; n < info.first_error; ++n)
    if (result_of(run, info.ports.first + n, at) == TaskResult::kNone) return;
  stop_clock(scope);
  leave_scope(run, at);
  finish(run, at, TaskResult::kOutputs);
}

// The task does not count in its foreach's concurrency any more.
void Scheduler::Impl::leave_scope(Run& run, At at) {
  const Task& task = task_of(run, at);
  if (task.active == kNone || std::exchange(actives_[task.active].has_left, true)) return;
  admit_next(run, at.step);
}

// Scopes that are drained leave, and those that have failed tell their task.
void Scheduler::Impl::sweep() {
  for (const auto& [key, number] : std::exchange(too_large_, {})) {
    Run* scope = find_tables(key, number);
    if (scope == nullptr || scope->ended || !scope->is_open) continue;
    const TaskKey task = key_of(*scope->parent, scope->task);
    fail_scope(
        *scope,
        {.name = "TooLarge", .message = "a list has too many elements, or a run too many tasks"},
        task);
  }
  for (std::size_t i = 0; i < closed_.size(); ++i) {
    Run* scope = find_tables(closed_[i].first, closed_[i].second);
    if (scope == nullptr || !scope->is_open || !scope->failure) continue;
    Run& run = *scope->parent;
    const At at = scope->task;
    run.origins.insert_or_assign({at.step, at.index}, *scope->failure_task);
    task_of(run, at).on_input = scope->failed_on_input;
    fail_attempt(run, at, *scope->failure);
  }
  if (!work_.empty()) return;  // Perhaps of one of them.
  closing_.swap(closed_);
  for (const auto& [key, number] : closing_) {
    Run* root = find_run(key);
    SLUICE_ASSERT(root != nullptr);
    const auto found = root->scopes.find(number);
    SLUICE_ASSERT(found != root->scopes.end() && !found->second->is_open);
    counters_.ready -= found->second->ready;
    emit_action(ScopeClosed{key, number, found->second->is_void});
    swept_.push_back({key, number, std::move(found->second)});
    root->scopes.erase(found);
    if (root->ended) drain(*root);
  }
  closing_.clear();
  if (swept_.size() > 1)
    std::ranges::sort(swept_, {}, [](const auto& s) { return std::pair(s.run, s.scope); });
}

void Scheduler::Impl::drop_swept() {
  for (SweptTables& swept : swept_) {
    Run& scope = *swept.tables;
    scope.steps.clear();
    scope.ports.clear();
    scope.slots.clear();
    scope.outputs.clear();
    SpareTables spare{.steps = std::move(scope.steps),
                      .ports = std::move(scope.ports),
                      .slots = std::move(scope.slots),
                      .outputs = std::move(scope.outputs)};
    if (spare_bytes_ + spare.bytes() > SpareTables::kMostBytes) continue;
    spare_bytes_ += spare.bytes();
    spare_.push_back(std::move(spare));
  }
  swept_.clear();
}

Run* Scheduler::Impl::find_scope(const Run& root, std::uint32_t scope) {
  const auto found = root.scopes.find(scope);
  return found == root.scopes.end() ? nullptr : found->second.get();
}

}  // namespace sluice::core
