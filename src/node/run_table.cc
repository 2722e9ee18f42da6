#include "node/run_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include <fmt/chrono.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "node/scope_view.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

bool output_is_nested(const RunRecord& run, std::uint32_t output) {
  return run.plan().outputs[output].type.lists > 1;
}

constexpr std::uint64_t kKeptInMemory = 256 << 10;  // Outputs of one run held in memory.
constexpr std::size_t kAttemptsPerRun =
    100'000;  // Attempt records of one run; later ones are only counted.
// Scopes of one run that are closed and whose tasks are still known one by one: about 200 bytes.
constexpr std::size_t kScopesPerRun = 100'000;
constexpr std::size_t kSavesAtOnce = 8;
constexpr std::size_t kWaitersMax = 10'000;  // Of one run, for its end or its log.

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

// Bulk thread: copies `size` bytes from a region to a new file, which is whole once it has its
// name.
Status copy_to_file(const Fd& from, std::uint64_t offset, std::uint64_t size,
                    const std::filesystem::path& path) {
  SLUICE_OK(make_directory(path.parent_path()));
  const std::filesystem::path aside = path.native() + ".part";
  SLUICE_TRY(const Fd to, open_file(aside, O_WRONLY | O_CREAT | O_TRUNC));
  std::vector<char> buffer(std::min<std::uint64_t>(size, 1 << 20));
  for (std::uint64_t done = 0; done < size;) {
    const ssize_t got =
        ::pread(from.get(), buffer.data(), std::min<std::uint64_t>(buffer.size(), size - done),
                static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(system_error(errno, "read an output from memory"));
    if (got == 0) return fail(ErrorCode::kDataLoss, "an output is shorter than it was");
    SLUICE_OK(write_all(to, std::string_view(buffer.data(), static_cast<std::size_t>(got))));
    done += static_cast<std::uint64_t>(got);
  }
  if (::rename(aside.c_str(), path.c_str()) != 0)
    return fail(system_error(errno, fmt::format("rename {}", aside.native())));
  return {};
}

}  // namespace

RunTable::RunTable(Pump& pump, store::Store& store, journal::Journal& journal, aio::Loop& loop,
                   aio::BulkPool& bulk, const Limits& limits, DataPaths paths, Random random)
    : pump_(pump),
      store_(store),
      journal_(journal),
      loop_(loop),
      bulk_(bulk),
      limits_(limits),
      paths_(std::move(paths)),
      random_(random),
      retention_(limits, disk_share(paths_.runs(), limits.retention_disk_share)),
      retention_timer_(loop) {}

RunTable::~RunTable() = default;

Result<RunRecord*> RunTable::accept(const WorkflowAddress& address,
                                    std::optional<Duration> timeout) {
  if (in_flight_ >= limits_.runs_in_flight) {
    return fail(
        ErrorCode::kResourceExhausted,
        fmt::format(
            "{} runs are in flight, the most this node takes; try again when some have ended",
            in_flight_));
  }
  auto made = std::make_unique<RunRecord>();
  RunRecord& run = *made;
  run.accepted = wall_now();
  run.accepted_at = loop_.now();
  run.id = RunId::make(run.accepted, random_);
  run.version = address.version;
  run.workflow = address.workflow;
  run.scopes.start(run.app(), run.workflow, kScopesPerRun);
  run.outputs.resize(run.plan().outputs.size());
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    // Core has nothing to say about an output that is a literal.
    const auto* literal = std::get_if<model::Literal>(&run.plan().outputs[i].source);
    if (literal == nullptr) continue;
    run.outputs[i].complete = true;
    std::string text = to_text(literal->value);
    const Checksum sum = checksum(std::as_bytes(std::span(text)));
    run.outputs[i].values.push_back(KeptValue{.size = text.size(),
                                              .checksum = sum,
                                              .meta = {.kind = SLUICE_KIND_JSON},
                                              .content = std::move(text)});
  }
  run.folder =
      paths_.runs() / "default" /
      fmt::format("{:%Y%m%d}", fmt::gmtime(std::chrono::system_clock::to_time_t(
                                   std::chrono::floor<std::chrono::seconds>(run.accepted)))) /
      run.id.to_text();
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].run = &run;
  run.key = RunKey::make(slot, slots_[slot].generation);
  const RunId id = run.id;
  runs_[id] = std::move(made);
  ++in_flight_;

  journal_.append(
      {journal::Record{
          .kind = journal::RecordKind::kAccept, .run = id, .workflow = run.workflow_name()}},
      [](journal::RecordNumber) {}, [](journal::RecordNumber) {});
  const std::optional<Duration> limit = timeout ? timeout : run.plan().timeout;
  run.state = RunState::kRunning;
  run.started = run.accepted;
  pump_.push(core::RunSubmitted{
      .run = run.key,
      .app = run.version->app,
      .workflow = run.workflow,
      .deadline = limit ? std::optional(run.accepted_at + *limit) : std::nullopt});
  return &run;
}

RunRecord* RunTable::find(RunKey run) {
  if (run.index() >= slots_.size() || slots_[run.index()].generation != run.generation())
    return nullptr;
  return slots_[run.index()].run;
}

RunRecord* RunTable::find(const RunId& run) {
  const auto found = runs_.find(run);
  return found == runs_.end() ? nullptr : found->second.get();
}

Result<RunRecord*> RunTable::known(const RunId& run) {
  if (RunRecord* found = find(run); found != nullptr && !found->discard) return found;
  if (!retention_.is_gone(run)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no run {}", run.to_text()));
  }
  return fail(ErrorCode::kGone,
              fmt::format("run {} is gone: runs are kept for {}, at most {} of them, while their "
                          "files take at most {:.3g} % of the disk",
                          run.to_text(), to_text(limits_.retention), limits_.retention_runs,
                          limits_.retention_disk_share * 100));
}

void RunTable::fail_run(RunRecord& run, core::Failure failure) {
  run.upload_open = false;
  pump_.push(core::FailRun{.run = run.key, .failure = std::move(failure)});
}

void RunTable::cancel(RunRecord& run) {
  journal_.append(
      {journal::Record{.kind = journal::RecordKind::kCancel, .run = run.id}},
      [](journal::RecordNumber) {}, [](journal::RecordNumber) {});
  pump_.push(core::CancelRun{run.key});
}

// ---- actions of core
// -----------------------------------------------------------------------------

void RunTable::on(const core::Commit& commit) {
  RunRecord* run = find(commit.attempt.task.run);
  if (run != nullptr) {
    if (commit.result == core::Commit::Result::kFailed)
      run->scopes.mark_failed(commit.attempt.task.scope);
    AttemptRecord* record = run->newest_attempt(commit.attempt.task);
    if (record != nullptr && record->epoch == commit.attempt.epoch) {
      record->committed = run->micros(loop_.now());
      if (record->ended == 0) record->ended = record->committed;  // A timer: it ends in core.
      switch (commit.result) {
        case core::Commit::Result::kOutputs:
          record->state = core::TaskState::kSucceeded;
          break;
        case core::Commit::Result::kSkipped:
          record->state = core::TaskState::kSkipped;
          break;
        case core::Commit::Result::kCaught:
          record->is_caught = true;
          record->state = core::TaskState::kFailed;
          break;
        case core::Commit::Result::kFailed:
          record->state = core::TaskState::kFailed;
          break;
      }
    }
  }
  journal_.append(
      {journal::Record{.kind = journal::RecordKind::kCommit,
                       .run = run == nullptr ? RunId{} : run->id}},
      [this, attempt = commit.attempt](journal::RecordNumber) {
        pump_.push(core::Committed{attempt});
      },
      [](journal::RecordNumber) {});
}

KeptValue RunTable::keep(RunRecord& run, std::uint32_t output, std::size_t value,
                         const core::Object& object) {
  KeptValue kept{.size = object.size, .checksum = object.checksum};
  const Result<store::Store::View> view = store_.view(object.id);
  if (!view) {
    fail_run(run, {.name = "DataLost", .message = view.error().message()});
    kept.hole = true;
    return kept;
  }
  kept.meta = view->meta;
  if (object.size <= Limits::kInlineMax) {
    std::string bytes(object.size, '\0');
    const Result<std::size_t> got =
        store_.read(object.id, 0, std::as_writable_bytes(std::span(bytes)));
    bytes.resize(got.value_or(0));
    if (run.kept_in_memory + bytes.size() <= kKeptInMemory) {
      run.kept_in_memory += bytes.size();
      kept.content = std::move(bytes);
      return kept;
    }
    const auto append = [&]() -> Status {
      if (!run.pack) {
        SLUICE_OK(make_directory(run.folder));
        SLUICE_TRY(run.pack, open_file(run.folder / "values", O_RDWR | O_CREAT | O_APPEND));
      }
      return write_all(run.pack, bytes);
    };
    if (Status appended = append(); !appended) {
      fail_run(run, {.name = "DataLost",
                     .message =
                         fmt::format("an output cannot be kept: {}", appended.error().message())});
      return kept;
    }
    kept.content = Packed{.offset = run.pack_size};
    run.pack_size += bytes.size();
    run.kept_on_disk += bytes.size();
    count_disk(run);
    return kept;
  }
  const std::string& name = run.plan().outputs[output].name;
  kept.content = run.outputs[output].is_list
                     ? run.folder / "outputs" / name / fmt::format("{:06}", value)
                     : run.folder / "outputs" / name;
  kept.saved = false;
  store_.retain(object.id);
  ++run.saves_pending;
  saves_.push_back(Save{.run = run.id,
                        .output = output,
                        .value = value,
                        .object = object.id,
                        .size = object.size,
                        .path = std::get<std::filesystem::path>(kept.content)});
  return kept;
}

void RunTable::start_saves() {
  while (!saves_.empty() && saves_running_ < kSavesAtOnce) {
    const Save save = saves_.front();
    saves_.pop_front();
    RunRecord* run = find(save.run);
    const Result<store::Store::View> view = store_.view(save.object);
    Status status;
    if (run == nullptr || !view) {
      saved(save, fail(ErrorCode::kDataLoss, "an output is gone"));
      continue;
    }
    const auto* range = std::get_if<store::Range>(&view->bytes);
    Result<Fd> region =
        range != nullptr
            ? store_.open_region(range->region, false)
            : fail(ErrorCode::kInternal, "an output above the inline size lies in no region");
    if (!region) {
      saved(save, fail(std::move(region).error()));
      continue;
    }
    ++saves_running_;
    auto outcome = std::make_shared<Status>();
    run->folder_made = true;
    Status submitted =
        bulk_.submit([outcome, from = std::move(*region), offset = range->offset, size = view->size,
                      path = save.path] { *outcome = copy_to_file(from, offset, size, path); },
                     [this, save, outcome] {
                       --saves_running_;
                       saved(save, std::move(*outcome));
                       start_saves();
                     });
    if (!submitted) {
      --saves_running_;
      saved(save, std::move(submitted));
    }
  }
}

void RunTable::saved(const Save& save, Status status) {
  store_.release(save.object);
  RunRecord* run = find(save.run);
  if (run == nullptr) return;
  --run->saves_pending;
  if (status) {
    if (save.output) run->outputs[*save.output].values[save.value].saved = true;
    run->kept_on_disk += save.size;
    count_disk(*run);
  } else {
    const std::string message =
        fmt::format("an output cannot be kept: {}", status.error().message());
    log::error("{}{}", message, log::field("run", run->id.to_text()));
    if (run->end_pending && run->end_pending->state == core::RunEnded::State::kSucceeded) {
      run->end_pending->state = core::RunEnded::State::kFailed;
      run->end_pending->failure = core::Failure{.name = "DataLost", .message = message};
    } else if (!run->end_pending) {
      fail_run(*run, {.name = "DataLost", .message = message});
      run = find(save.run);
      if (run == nullptr) return;
    }
  }
  if (run->saves_pending > 0) return;
  if (run->end_pending) {
    conclude(*run);
  } else {
    settle(*run);
  }
}

void RunTable::on(const core::OutputElement& element) {
  RunRecord& run = *find(element.run);
  KeptOutput& output = run.outputs[element.output];
  output.is_list = true;
  if (element.kind == core::Deliver::Kind::kListBegin) return output.nested.begin();
  if (element.kind == core::Deliver::Kind::kListEnd) return output.nested.end();
  const std::size_t at = output.values.size();
  if (output_is_nested(run, element.output)) output.nested.add(at);
  output.values.emplace_back();
  if (element.object) {
    output.values[at] = keep(run, element.output, at, *element.object);
    start_saves();
  } else {
    output.values[at].hole = true;
  }
}

void RunTable::on(const core::OutputReady& ready) {
  RunRecord& run = *find(ready.run);
  KeptOutput& output = run.outputs[ready.output];
  output.complete = true;
  if (ready.is_list) {
    output.is_list = true;
    return;
  }
  if (!ready.object) {
    output.absent = true;
    return;
  }
  output.values.emplace_back();
  output.values.back() = keep(run, ready.output, 0, *ready.object);
  start_saves();
}

void RunTable::on(const core::TaskRetries& retries) {
  if (RunRecord* run = find(retries.attempt.task.run)) {
    journal_.append(
        {journal::Record{.kind = journal::RecordKind::kAttempt, .run = run->id}},
        [](journal::RecordNumber) {}, [](journal::RecordNumber) {});
  }
}

void RunTable::on(const core::ScopeOpened& opened) {
  RunRecord& run = *find(opened.task.run);
  run.scopes.open(opened);
}

void RunTable::on(const core::ScopeClosed& closed) {
  RunRecord* run = find(closed.run);
  if (run == nullptr) return;
  if (closed.is_void && run->task_outputs != nullptr) {
    const RunScopes::Scope& scope = run->scopes.at(closed.scope);
    std::string path = run->path_of(scope.task);
    if (scope.round > 0) path += fmt::format(".{}", scope.round);
    if (Status dropped = run->task_outputs->drop(path); !dropped)
      fail_run(*run, {.name = "DataLost", .message = dropped.error().message()});
  }
  const std::size_t before = run->scopes.kept();
  RunScopes::States states;
  if (!closed.is_void) states = ScopeView(*this, *run, closed.scope).all_states();
  run->scopes.close(closed.scope, closed.is_void, states);
  details_kept_ += run->scopes.kept();
  details_kept_ -= before;
}

void RunTable::on(const core::RunEnded& ended) {
  RunRecord& run = *find(ended.run);
  run.end_pending = ended;
  run.set_failed_task(ended.failed_task);
  if (ended.state == core::RunEnded::State::kSucceeded && run.saves_pending > 0) return;
  conclude(run);
}

void RunTable::conclude(RunRecord& run) {
  const core::RunEnded ended = std::move(*run.end_pending);
  run.end_pending.reset();
  switch (ended.state) {
    case core::RunEnded::State::kSucceeded:
      run.state = RunState::kSucceeded;
      break;
    case core::RunEnded::State::kFailed:
      run.state = RunState::kFailed;
      break;
    case core::RunEnded::State::kCancelled:
      run.state = RunState::kCancelled;
      break;
    case core::RunEnded::State::kTimedOut:
      run.state = RunState::kTimedOut;
      break;
  }
  run.failure = ended.failure;
  run.ended = wall_now();
  run.ended_at = loop_.now();
  run.upload_open = false;
  --in_flight_;
  ++totals_[{run.workflow_name(), run.state}];
  journal_.append(
      {journal::Record{.kind = journal::RecordKind::kEnd, .run = run.id}},
      [](journal::RecordNumber) {}, [](journal::RecordNumber) {});
  answer_all(run.end_waiters);
  answer_all(run.log_waiters);
  if (run.drained) forget_in_core(run);
}

void RunTable::on(const core::RunDrained& drained) {
  RunRecord* run = find(drained.run);
  if (run == nullptr) return;
  run->drained = true;
  answer_all(run->log_waiters);  // Nothing will be said any more.
  if (is_ended(run->state)) forget_in_core(*run);
}

void RunTable::forget_in_core(RunRecord& run) {
  const std::size_t steps = run.plan().steps.size();
  for (std::uint32_t step = 0; step < steps; ++step) {
    run.final_counts.push_back(pump_.scheduler().step_counts(run.key, step));
    std::string states(run.final_counts.back().total, '\0');
    for (std::uint32_t i = 0; i < states.size(); ++i) {
      states[i] = static_cast<char>(
          pump_.scheduler().task_state({.run = run.key, .step = step, .index = i}));
    }
    run.final_states.push_back(std::move(states));
  }
  run.forgotten = true;
  // Only the newest attempt of each task is looked up while it runs.
  run.last_attempt.clear();
  run.lost_in_a_row.clear();
  Slot& slot = slots_[run.key.index()];
  pump_.push(core::ForgetRun{run.key});
  slot.run = nullptr;
  ++slot.generation;
  free_slots_.push_back(run.key.index());
  settle(run);
}

// ---- records, waiting
// ----------------------------------------------------------------------------

AttemptRecord* RunTable::record_attempt(RunRecord& run, const AttemptRecord& first) {
  const core::TaskKey task{
      .run = run.key, .step = first.step, .index = first.index, .scope = first.scope};
  if (run.attempts.size() >= kAttemptsPerRun) {
    ++run.attempts_dropped;
    run.last_attempt.erase(task);
    return nullptr;
  }
  run.last_attempt[task] = static_cast<std::uint32_t>(run.attempts.size());
  run.attempts.push_back(first);
  AttemptRecord& record = run.attempts.back();
  record.workflow = run.workflow;
  if (first.scope != 0) {
    record.workflow = run.scopes.at(first.scope).workflow;
    record.path = run.path_of(task);
  }
  ++details_kept_;
  return &run.attempts.back();
}

void RunTable::log_grew(RunRecord& run) {
  count_disk(run);
  answer_all(run.log_waiters);
}

void RunTable::answer_all(std::list<RunWaiter>& waiters) {
  std::list<RunWaiter> answered = std::move(waiters);
  waiters.clear();
  for (RunWaiter& waiter : answered) waiter.answer();
}

void RunTable::wait_in(std::list<RunWaiter>& waiters, aio::Loop& loop, Duration patience,
                       std::move_only_function<void()> answer) {
  // One whose client has gone waits on: the oldest is told what there is when there are too many.
  if (waiters.size() >= kWaitersMax) {
    std::list<RunWaiter> oldest;
    oldest.splice(oldest.begin(), waiters, waiters.begin());
    oldest.front().answer();
  }
  waiters.push_back(RunWaiter{.timer = aio::Timer(loop), .answer = std::move(answer)});
  const auto at = std::prev(waiters.end());
  // The record outlives its waiters: erase() answers them first.
  at->timer.at(loop.now() + patience, [&waiters, at] {
    std::list<RunWaiter> mine;
    mine.splice(mine.begin(), waiters, at);
    mine.front().answer();
  });
}

void RunTable::wait_for_end(RunRecord& run, Duration patience,
                            std::move_only_function<void()> answer) {
  wait_in(run.end_waiters, loop_, patience, std::move(answer));
}

void RunTable::wait_for_log(RunRecord& run, Duration patience,
                            std::move_only_function<void()> answer) {
  wait_in(run.log_waiters, loop_, patience, std::move(answer));
}

core::Scheduler::StepCounts RunTable::counts(const RunRecord& run, std::uint32_t step,
                                             std::uint32_t scope) const {
  return run.forgotten ? run.final_counts[step]
                       : pump_.scheduler().step_counts(run.key, step, scope);
}

core::TaskState RunTable::state(const RunRecord& run, const core::TaskKey& task) const {
  if (!run.forgotten) return pump_.scheduler().task_state(task);
  return static_cast<core::TaskState>(run.final_states[task.step][task.index]);
}

std::vector<RunRecord*> RunTable::newest_first() const {
  std::vector<RunRecord*> all;
  all.reserve(runs_.size());
  for (auto at = runs_.rbegin(); at != runs_.rend(); ++at)
    if (!at->second->discard) all.push_back(at->second.get());
  return all;
}

}  // namespace sluice::node
