// How runs leave the table: what retention takes, what is removed, and what old runs lose first.

#include "base/file.h"
#include "base/log.h"
#include "node/run_table.h"

namespace sluice::node {
namespace {

constexpr std::uint64_t kDetailsInAll = 1'000'000;  // Beyond, the oldest ended runs lose theirs.

}  // namespace

// Retention takes only what nothing works on any more. May take this very run.
void RunTable::settle(RunRecord& run) {
  if (!is_ended(run.state) || !run.forgotten || run.saves_pending > 0) return;
  count_disk(run);
  retention_.add(run.id, run.ended_at);
  retain(loop_.now());
}

void RunTable::forget_details(RunRecord& run) {
  details_kept_ -= run.attempts.size() + run.scopes.kept();
  run.attempts_dropped += run.attempts.size();
  run.attempts = {};
  run.scopes.forget_tasks();
}

Status RunTable::remove(const RunId& id) {
  SLUICE_TRY(RunRecord * run, known(id));
  if (!is_ended(run->state) || !run->forgotten) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("run {} is still running: cancel it first", id.to_text()));
  }
  erase(*run);
  return {};
}

void RunTable::erase(RunRecord& run) {
  answer_all(run.end_waiters);
  answer_all(run.log_waiters);
  journal_.forget(run.id);
  details_kept_ -= run.attempts.size() + run.scopes.kept();
  disk_used_ -= run.disk_counted;
  retention_.remove(run.id, run.ended_at);
  if (run.disk_counted > 0) {
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
  const std::uint64_t bytes = run.kept_on_disk + run.log.on_disk();
  disk_used_ += bytes - run.disk_counted;
  run.disk_counted = bytes;
}

void RunTable::retain(TimePoint now) {
  while (const std::optional<RunId> taken = retention_.take(now, disk_used_)) erase(*find(*taken));
  // The details of old runs go before the runs do.
  for (const auto& [ended, id] : retention_.kept()) {
    if (details_kept_ <= kDetailsInAll) break;
    forget_details(*find(id));
  }
  // An idle node wakes up for the oldest run only. The timer is set forward, never back: where runs
  // go by their number each end would set it anew, and to come too early costs one wake-up.
  const std::optional<TimePoint> due = retention_.next_due();
  if (!due || (retention_at_ && *retention_at_ <= *due)) return;
  retention_at_ = due;
  retention_timer_.at(*due, [this] {
    retention_at_.reset();
    retain(loop_.now());
  });
}

}  // namespace sluice::node
