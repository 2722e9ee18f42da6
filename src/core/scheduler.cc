#include "core/scheduler.h"

#include <algorithm>
#include <utility>

#include "core/scheduler_impl.h"

namespace sluice::core {

Scheduler::Scheduler(const Limits& limits, NodeId self, Random random)
    : impl_(std::make_unique<Impl>(limits, self, random)) {}
Scheduler::~Scheduler() = default;

void Scheduler::apply(const Event& event, TimePoint now, Actions& out) {
  impl_->apply(event, now, out);
}
std::optional<TimePoint> Scheduler::next_deadline() const { return impl_->next_deadline(); }
void Scheduler::check_invariants() const { impl_->check_invariants(); }
Scheduler::StepCounts Scheduler::step_counts(RunKey run, std::uint32_t step,
                                             std::uint32_t scope) const {
  return impl_->step_counts(run, step, scope);
}
TaskState Scheduler::task_state(const TaskKey& task) const { return impl_->task_state(task); }
Known Scheduler::look(const TaskKey& task, const Datum& datum) const {
  return impl_->look(task, datum);
}
Scheduler::Counters Scheduler::counters() const { return impl_->counters(); }
std::size_t Scheduler::memory_bytes() const { return impl_->memory_bytes(); }

void Scheduler::Impl::apply(const Event& event, TimePoint now, Actions& out) {
  now_ = now;
  out_ = &out;
  if (!swept_.empty()) drop_swept();
  std::visit([this](const auto& what) { on(what); }, event);
  // Most events leave most of this with nothing to do.
  do {
    if (!work_.empty()) work();
    if (!short_.empty()) {
      relieve();
      work();  // What is put back takes data with it that others were ready by.
    }
    if (slots_free_ > 0 && !ready_.empty()) dispatch();
    if (!closed_.empty() || !too_large_.empty()) sweep();
  } while (!work_.empty());
  out_ = nullptr;
}

Scheduler::StepCounts Scheduler::Impl::step_counts(RunKey key, std::uint32_t step,
                                                   std::uint32_t scope) const {
  StepCounts counts;
  const Run* run = find_shown(key, scope);
  if (run == nullptr || step >= run->graph->step_count()) return counts;
  const StepTable& table = run->steps[step];
  if (table.foreach)
    counts.by_state = table.foreach->by_state;
  else if (table.single.state != TaskState::kWaiting)
    counts.by_state[static_cast<std::size_t>(table.single.state)] = 1;
  std::uint32_t begun = 0;
  for (const std::uint32_t count : counts.by_state) begun += count;
  if (!table.foreach || table.skipped) {
    counts.total = 1;
    counts.total_is_final = true;
  } else {
    // Tasks that still hold elements of a void attempt may be more than the new attempt has
    // emitted.
    counts.total = std::max(element_count(*run, step), begun);
    counts.total_is_final = is_closed(*run, step);
  }
  const TaskState rest = run->ended ? TaskState::kCancelled : TaskState::kWaiting;
  counts.by_state[static_cast<std::size_t>(rest)] += counts.total - std::min(counts.total, begun);
  if (run->ended) {
    for (const TaskState state : {TaskState::kReady, TaskState::kPreparing, TaskState::kRunning,
                                  TaskState::kBlocked, TaskState::kFinished}) {
      std::uint32_t& count = counts.by_state[static_cast<std::size_t>(state)];
      counts.by_state[static_cast<std::size_t>(TaskState::kCancelled)] += std::exchange(count, 0);
    }
  }
  return counts;
}

const Run* Scheduler::Impl::find_shown(RunKey key, std::uint32_t scope) const {
  if (const Run* run = find_tables(key, scope)) return run;
  const auto found = std::ranges::lower_bound(
      swept_, std::pair(key, scope), {}, [](const auto& s) { return std::pair(s.run, s.scope); });
  const bool is_it = found != swept_.end() && found->run == key && found->scope == scope;
  return is_it ? found->tables.get() : nullptr;
}

TaskState Scheduler::Impl::task_state(const TaskKey& key) const {
  const Run* run = find_shown(key.run, key.scope);
  if (run == nullptr) return TaskState::kWaiting;
  TaskState state = TaskState::kWaiting;
  bool is_final = false;
  if (key.step < run->graph->step_count()) {
    const StepTable& table = run->steps[key.step];
    const Task* task = nullptr;
    if (table.skipped)
      task = &table.single;
    else if (key.index < table.tasks.size())
      task = &table.tasks[key.index];
    if (task != nullptr) {
      state = task->state;
      is_final = task->is_committed();
    }
  }
  return run->ended && !is_final ? TaskState::kCancelled : state;
}

Scheduler::Counters Scheduler::Impl::counters() const { return counters_; }

// With all its scopes.
std::size_t Scheduler::Impl::memory_bytes(const Run& run) {
  std::size_t bytes = sizeof(Run) + run.steps.capacity() * sizeof(StepTable) +
                      run.ports.capacity() * sizeof(Port) + run.slots.capacity() +
                      run.outputs.capacity() * sizeof(Run::Output) + run.endings.heap_bytes() +
                      run.graves.heap_bytes();
  for (const StepTable& step : run.steps) {
    bytes += step.tasks.heap_bytes();
    if (step.foreach)
      bytes += sizeof(*step.foreach) + step.foreach->held.heap_bytes() +
               step.foreach->readers.capacity() * sizeof(std::uint32_t);
  }
  for (const Port& port : run.ports) {
    bytes += port.own.cells.heap_bytes() + port.lists.heap_bytes();
    for (const CellList& list : port.lists) bytes += list.cells.heap_bytes();
  }
  if (run.watched)
    bytes += sizeof(*run.watched) + run.watched->needs.heap_bytes() +
             run.watched->uses.heap_bytes() + run.watched->sources.heap_bytes();
  for (const auto& [number, scope] : run.scopes) bytes += memory_bytes(*scope);
  return bytes;
}

std::size_t Scheduler::Impl::memory_bytes(const Computation& computation) {
  const std::size_t keys =
      computation.uses.capacity() + computation.sources.capacity() + computation.needs.capacity();
  return sizeof(computation) + keys * sizeof(WatchKey) +
         computation.pending.capacity() * sizeof(Computation::Pending);
}

std::size_t Scheduler::Impl::memory_bytes() const {
  std::size_t bytes = sizeof(*this) + timers_.heap_bytes() + ready_.heap_bytes() +
                      work_.heap_bytes() + runs_.capacity() * sizeof(runs_[0]) +
                      actives_.capacity() * sizeof(Active) +
                      free_actives_.capacity() * sizeof(std::uint32_t);
  for (const Active& active : actives_)
    bytes += active.readers.capacity() * sizeof(Reader) +
             active.scopes.capacity() * sizeof(std::uint32_t) +
             (active.computation ? memory_bytes(*active.computation) : 0);
  for (const auto& run : runs_)
    if (run != nullptr) bytes += memory_bytes(*run);
  for (const SweptTables& swept : swept_) bytes += memory_bytes(*swept.tables);
  bytes += spare_bytes_;
  return bytes;
}

}  // namespace sluice::core
