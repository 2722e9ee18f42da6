#include "node/run_record.h"

#include <cstdlib>

namespace sluice::node {

std::string_view to_string(RunState state) {
  switch (state) {
    case RunState::kQueued:
      return "QUEUED";
    case RunState::kRunning:
      return "RUNNING";
    case RunState::kSucceeded:
      return "SUCCEEDED";
    case RunState::kFailed:
      return "FAILED";
    case RunState::kCancelled:
      return "CANCELLED";
    case RunState::kTimedOut:
      return "TIMED_OUT";
  }
  std::abort();
}

std::string_view to_string(core::TaskState state) {
  switch (state) {
    case core::TaskState::kWaiting:
      return "WAITING";
    case core::TaskState::kReady:
      return "READY";
    case core::TaskState::kPreparing:
      return "PREPARING";
    case core::TaskState::kRunning:
      return "RUNNING";
    case core::TaskState::kBlocked:
      return "BLOCKED";
    case core::TaskState::kFinished:
      return "FINISHED";
    case core::TaskState::kSucceeded:
      return "SUCCEEDED";
    case core::TaskState::kFailed:
      return "FAILED";
    case core::TaskState::kSkipped:
      return "SKIPPED";
    case core::TaskState::kCancelled:
      return "CANCELLED";
  }
  std::abort();
}

std::string RunRecord::path_of(std::uint32_t step, std::uint32_t index) const {
  const std::string& name = plan().steps[step].name;
  return is_foreach(step) ? fmt::format("{}.{}", name, index) : name;
}

AttemptRecord* RunRecord::newest_attempt(std::uint32_t step, std::uint32_t index) {
  const auto found = last_attempt.find(task_number(step, index));
  return found == last_attempt.end() ? nullptr : &attempts[found->second];
}

}  // namespace sluice::node
