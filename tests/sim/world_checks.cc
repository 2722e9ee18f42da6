// What must hold when a task starts, when it commits and when a run ends.

#include <algorithm>

#include <fmt/format.h>

#include "describe.h"
#include "world.h"

namespace sluice::sim {

void World::check_start(Node& node, Run& run, const core::StartTask& start) {
  const core::TaskKey& key = start.attempt.task;
  const std::string about = describe(start.attempt);
  const model::Step& step = run.scenario.step(key.step);
  const model::Function& function = run.scenario.function_of(key.step);
  Task& task = run.tasks[key];

  check(run.scenario.node_of(key.step) == node.id, "a task runs on its node", about);
  check(!run.over.contains(node.id), "nothing starts after the end of the run", about);
  check(!task.commit_asked, "what is committed does not start again", about);
  check(start.attempt.epoch > task.epoch, "epochs grow", about);
  check(start.number <= task.failures + 1, "attempts are counted", about);
  check(start.number == 1 || start.number + task.uncertain >= task.failures + 1,
        "failures are not forgotten", about);
  check(start.number > 1 ? now_ >= task.not_before : true, "no retry is early", about);

  std::uint32_t running = 0;
  std::uint32_t of_step = 0;
  for (const auto& [id, attempt] : node.attempts) {
    running += attempt.blocked ? 0 : 1;
    of_step += id.task.run == key.run && id.task.step == key.step ? 1 : 0;
    check(id.task != key, "a task has one attempt at a time", about);
  }
  check(running < node.slots, "tasks that run fit the slots", about);
  if (step.foreach && step.concurrency > 0) {
    check(of_step < step.concurrency, "concurrency is respected", about);
  }
  for (const std::uint32_t before : step.after) {
    check(is_ordered(run, before, std::nullopt), "`after` waits for commits", about);
  }

  std::vector<bool> bound(step.slots.size(), false);
  for (std::uint32_t i = 0; i < start.bindings_count; ++i) {
    const core::Binding& binding = node.actions.bindings[start.bindings_first + i];
    if (!check(binding.slot < bound.size() && !bound[binding.slot], "slots are bound once", about))
      return;
    bound[binding.slot] = true;
    const model::Type& type = function.inputs[step.slots[binding.slot].port].type;
    using Kind = core::Binding::Kind;
    switch (binding.kind) {
      case Kind::kLiteral:
      case Kind::kIndex:
      case Kind::kRound:
      case Kind::kRunId:
        break;
      case Kind::kObject:
        check(type.lists == 0, "a list is bound as a list", about);
        check(binding.object.sealed || type.access == model::Access::kPipe,
              "only a pipe is bound to what still grows", about);
        break;
      case Kind::kList:
        check(type.lists > 0, "one value is bound as an object", about);
        break;
      case Kind::kLate:
        break;
      case Kind::kAbsent:
        check(false, "what is absent at the start is left out", about);
        break;
    }
  }
  for (std::uint32_t slot = 0; slot < bound.size(); ++slot) {
    check(bound[slot] || function.inputs[step.slots[slot].port].type.optional,
          "a task starts only with its inputs", fmt::format("{} slot {}", about, slot));
  }
}

bool World::is_ordered(const Run& run, std::uint32_t step,
                       std::optional<std::uint32_t> index) const {
  const auto task_ordered = [&](std::uint32_t task) {
    const auto found = run.tasks.find(core::TaskKey{run.key, step, task});
    return found != run.tasks.end() && found->second.ordered;
  };
  const StepOutcome& outcome = run.oracle.steps[step];
  if (outcome.unknown) return false;
  if (outcome.skipped) return task_ordered(0);
  if (index) return task_ordered(*index);
  for (std::uint32_t task = 0; task < outcome.tasks.size(); ++task) {
    if (!task_ordered(task)) return false;
  }
  return true;
}

bool World::may_fail_for_good(const Run& run, std::uint32_t step, const Task& task) const {
  if (!task.last_failure) return false;
  const core::Failure& failure = *task.last_failure;
  const model::Retry retry = model::effective_retry(*run.scenario.app, run.scenario.step(step));
  if (task.failures >= retry.attempts) return true;
  if (failure.name == "InvalidOutput") return true;
  if (retry.errors.empty()) return false;
  const auto named = [&](const std::string& error) {
    return error == failure.name || std::ranges::find(failure.bases, error) != failure.bases.end();
  };
  return std::ranges::none_of(retry.errors, named);
}

void World::check_commit(Node& node, Run& run, const core::Commit& commit) {
  const core::TaskKey& key = commit.attempt.task;
  const std::string about = describe(commit.attempt);
  const Task& task = run.tasks[key];
  const StepOutcome& step = run.oracle.steps[key.step];
  check(run.scenario.node_of(key.step) == node.id, "a task commits on its node", about);
  check(!run.over.contains(node.id), "nothing commits after the end of the run", about);
  check(!task.commit_asked, "a task commits once", about);
  check(commit.attempt.epoch >= task.epoch, "the newest attempt commits", about);

  // Everything that it was made from is committed.
  const model::Step& plan = run.scenario.step(key.step);
  if (!step.skipped) {
    const auto check_source = [&](const model::Source& source, std::optional<std::uint32_t> index) {
      const auto* reference = std::get_if<model::StepRef>(&source);
      if (reference == nullptr) return;
      if (!run.scenario.step(reference->step).foreach) index.reset();
      check(is_ordered(run, reference->step, index), "a task commits after what it was made from",
            fmt::format("{} before s{}", about, reference->step));
    };
    for (const model::Slot& slot : plan.slots) check_source(slot.source, std::nullopt);
    if (plan.foreach) check_source(*plan.foreach, key.index);
  }
  if (violation_) return;

  TaskOutcome expected{.kind = TaskOutcome::Kind::kSkipped, .outputs = {}};
  if (!step.skipped) {
    if (!check(!step.unknown && key.index < step.tasks.size(),
               "only tasks that should exist commit", about))
      return;
    expected = step.tasks[key.index];
  } else {
    check(key.index == 0, "a step that is skipped as a whole commits once", about);
  }
  switch (commit.result) {
    case core::Commit::Result::kSkipped:
      check(
          expected.kind == TaskOutcome::Kind::kSkipped || expected.kind == TaskOutcome::Kind::kHole,
          "only what should be skipped is", about);
      return;
    case core::Commit::Result::kFailed:
      check(expected.kind == TaskOutcome::Kind::kOutputs ||
                expected.kind == TaskOutcome::Kind::kFailed,
            "only what should run fails", about);
      check(may_fail_for_good(run, key.step, task), "a task fails when its attempts are used up",
            about);
      check(commit.number == task.failures, "a commit says which attempt it is", about);
      return;
    case core::Commit::Result::kCaught:
      check(false, "nothing is caught where no step has a catch", about);
      return;
    case core::Commit::Result::kOutputs:
      break;
  }
  if (!check(expected.kind == TaskOutcome::Kind::kOutputs, "a task succeeds only where it should",
             about))
    return;
  check(commit.attempt.epoch == task.epoch && commit.number == task.failures + 1,
        "a commit says which attempt it is", about);
  for (std::uint32_t port = 0; port < expected.outputs.size(); ++port) {
    std::vector<Digest> wanted;
    if (expected.outputs[port].kind == Value::Kind::kOne) wanted = {expected.outputs[port].digest};
    for (const Value& item : expected.outputs[port].items) wanted.push_back(item.digest);
    const std::vector<Digest> got =
        port < task.emitted.size() ? task.emitted[port] : std::vector<Digest>{};
    check(got == wanted, "committed results equal the oracle's",
          fmt::format("{} port {}", about, port));
  }
}

void World::check_run_ended(Run& run, const core::RunEnded& ended) {
  const std::string about = fmt::format("run {}.{}", run.key.index(), run.key.generation());
  switch (ended.state) {
    case core::RunEnded::State::kSucceeded:
      check(!run.oracle.fails, "a run with a failing task fails", about);
      for (std::uint32_t step = 0; step < run.oracle.steps.size(); ++step) {
        check(is_ordered(run, step, std::nullopt), "a run succeeds when all is committed",
              fmt::format("{} s{}", about, step));
      }
      for (std::size_t output = 0; output < run.outputs.size(); ++output) {
        check(run.outputs[output].ready, "a run succeeds with all its outputs",
              fmt::format("{} {}", about, output));
      }
      return;
    case core::RunEnded::State::kFailed:
      if (!ended.failed_task) {
        check(run.broken, "a run fails because of a task or from outside", about);
        return;
      }
      check(run.tasks[*ended.failed_task].ordered, "a run fails once that is committed", about);
      check(ended.failure.has_value(), "a run says why it failed", about);
      return;
    case core::RunEnded::State::kCancelled:
      check(run.cancelled, "a run is cancelled when somebody cancels it", about);
      return;
    case core::RunEnded::State::kTimedOut:
      check(run.deadline && now_ >= *run.deadline, "no deadline is early", about);
      return;
  }
}

}  // namespace sluice::sim
