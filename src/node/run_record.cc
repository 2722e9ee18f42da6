#include "node/run_record.h"

#include <cstdlib>

namespace sluice::node {

namespace {

// Each is at most a few KiB. The first failures are those that a run is told of; in one that goes
// on after many the newest is kept in the last place.
constexpr std::size_t kFailedLogsMax = 8;

}  // namespace

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

void RunRecord::keep_failed_log(std::string path, std::string lines) {
  if (ended || end_pending || lines.empty()) return;
  std::erase_if(failed_logs, [&](const FailedLog& log) { return log.path == path; });
  if (failed_logs.size() == kFailedLogsMax) failed_logs.pop_back();
  failed_logs.push_back({.path = std::move(path), .lines = std::move(lines)});
}

void RunRecord::set_failed_task(const std::optional<core::TaskKey>& task) {
  if (task) failed_task = path_of(*task);
  // A step with a loop or a `catch` fails by an attempt inside of it: `step.2` or `step~inner`.
  for (FailedLog& failed : failed_logs) {
    const bool is_of_it = failed.path == failed_task ||
                          failed.path.starts_with(failed_task + '.') ||
                          failed.path.starts_with(failed_task + '~');
    if (task && is_of_it) failed_log = std::move(failed.lines);
  }
  failed_logs = {};
}

std::string RunRecord::path_of(std::uint32_t step, std::uint32_t index) const {
  const std::string& name = plan().steps[step].name;
  return is_foreach(step) ? fmt::format("{}.{}", name, index) : name;
}

const model::Workflow& RunRecord::plan_of(std::uint32_t scope) const {
  if (scope == 0) return plan();
  return app().workflows[scopes.at(scope).workflow];
}

std::string RunRecord::path_of(const core::TaskKey& task) const {
  const model::Step& step = step_of(task);
  std::string own = step.foreach ? fmt::format("{}.{}", step.name, task.index) : step.name;
  if (task.scope == 0) return own;
  const RunScopes::Scope& scope = scopes.at(task.scope);
  std::string outer = path_of(scope.task);
  if (scope.round > 0) outer += fmt::format(".{}", scope.round);
  // The body of a loop is a workflow that the author never wrote: its step is the loop's own.
  const bool is_body = app().workflows[scope.workflow].is_internal && !step.foreach &&
                       step.name == step_of(scope.task).name;
  return is_body ? outer : outer + "~" + own;
}

std::uint32_t RunRecord::round_of(std::uint32_t scope) const {
  return scope == 0 ? 0 : scopes.at(scope).round;
}

evaluate::Task RunRecord::expressions_of(const core::TaskKey& task) const {
  return {.step = step_of(task),
          .index = task.index,
          .round = round_of(task.scope),
          .run_id = id.to_text()};
}

AttemptRecord* RunRecord::newest_attempt(const core::TaskKey& task) {
  const auto found = last_attempt.find(task);
  return found == last_attempt.end() ? nullptr : &attempts[found->second];
}

}  // namespace sluice::node
