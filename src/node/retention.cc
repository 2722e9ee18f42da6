#include "node/retention.h"

namespace sluice::node {
namespace {

constexpr std::size_t kGoneMax = 100'000;  // 5 MB of ids.

}  // namespace

std::optional<RunId> Retention::take(TimePoint now, std::uint64_t disk_used) {
  if (!is_due(now, disk_used)) return std::nullopt;
  const RunId run = kept_.begin()->second;
  kept_.erase(kept_.begin());
  gone_.insert(run);
  gone_order_.push_back(run);
  if (gone_order_.size() > kGoneMax) {
    gone_.erase(gone_order_.front());
    gone_order_.pop_front();
  }
  return run;
}

bool Retention::is_due(TimePoint now, std::uint64_t disk_used) const {
  if (kept_.empty()) return false;
  const bool is_too_old = now - kept_.begin()->first >= limits_.retention;
  const bool are_too_many = kept_.size() > limits_.retention_runs;
  const bool are_too_big = disk_max_ > 0 && disk_used > disk_max_;
  return is_too_old || are_too_many || are_too_big;
}

std::optional<TimePoint> Retention::next_due() const {
  if (kept_.empty()) return std::nullopt;
  return kept_.begin()->first + limits_.retention;
}

}  // namespace sluice::node
