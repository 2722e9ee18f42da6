// How runs leave the table: what retention takes, what is removed, and what old runs lose first.

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "node/run_table.h"

namespace sluice::node {
namespace {

constexpr std::uint64_t kDetailsInAll = 1'000'000;  // Beyond, the oldest ended runs lose theirs.

}  // namespace

Status RunTable::remove(const RunId& id) {
  SLUICE_TRY(RunRecord * run, known(id));
  if (!is_ended(run->state) || !run->forgotten) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("run {} is still running: cancel it first", id.to_text()));
  }
  run->discard = true;
  settle(*run);
  return {};
}

// Nothing in core and no worker knows of the run any more, perhaps; then it is kept or erased.
void RunTable::settle(RunRecord& run) {
  if (!is_ended(run.state) || !run.forgotten || run.saves_pending > 0) return;
  if (run.task_outputs != nullptr) {
    if (Status closed = run.task_outputs->close(); !closed)
      log::error("{}{}", closed.error().message(), log::field("run", run.id.to_text()));
  }
  if (run.discard) return erase(run);
  count_disk(run);
  run.settled = true;
  details_settled_ += run.attempts.size() + run.scopes.kept();
  retention_.add(run.id, run.ended_at);
  schedule_retention();
}

void RunTable::forget_details(RunRecord& run) {
  const std::uint64_t details = run.attempts.size() + run.scopes.kept();
  details_kept_ -= details;
  if (run.settled) details_settled_ -= details;
  run.attempts_dropped += run.attempts.size();
  run.attempts = {};
  run.scopes.forget_tasks();
}

void RunTable::erase(RunRecord& run) {
  answer_all(run.end_waiters);
  answer_all(run.log_waiters);
  journal_.forget(run.id);
  forget_details(run);
  disk_used_ -= run.disk_counted;
  retention_.remove(run.id, run.ended_at);
  if (run.disk_counted > 0 || run.folder_made) {
    const auto remove = [folder = run.folder] {
      if (Status removed = remove_tree(folder); !removed)
        log::warning("{}", removed.error().message());
    };
    // Large files take their time to go; where the bulk threads are behind, the loop does it.
    if (!bulk_.submit(remove, [] {})) remove();
  }
  const RunId id = run.id;
  runs_.erase(id);
}

void RunTable::count_disk(RunRecord& run) {
  std::uint64_t bytes = run.kept_on_disk + run.log.on_disk();
  if (run.task_outputs != nullptr) bytes += run.task_outputs->on_disk();
  disk_used_ += bytes - run.disk_counted;
  run.disk_counted = bytes;
}

void RunTable::retain(TimePoint now) {
  while (const std::optional<RunId> taken = retention_.take(now, disk_used_)) erase(*find(*taken));
  // The details of old runs go before the runs do.
  for (const auto& [ended, id] : retention_.kept()) {
    if (!has_too_many_details()) break;
    forget_details(*find(id));
  }
  schedule_retention();
}

bool RunTable::has_too_many_details() const {
  return details_kept_ > kDetailsInAll && details_settled_ > 0;
}

// Never at once: whoever ended the run still looks at it. An idle node wakes up for the oldest run
// only; the timer is set forward, never back: where runs go by their number each end would set it
// anew, and to come too early costs one wake-up.
void RunTable::schedule_retention() {
  std::optional<TimePoint> due = retention_.next_due();
  if (retention_.is_due(loop_.now(), disk_used_) || has_too_many_details()) due = loop_.now();
  if (!due || (retention_at_ && *retention_at_ <= *due)) return;
  retention_at_ = due;
  retention_timer_.at(*due, [this] {
    retention_at_.reset();
    retain(loop_.now());
  });
}

}  // namespace sluice::node
