#include "case_world.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "describe.h"

namespace sluice::language {
namespace {

constexpr std::uint64_t kEventsMax = 2'000'000;  // Beyond, the run goes in circles.
// Timers that are due this soon may go off while other things are under way. Longer ones (time
// limits) only when nothing else can happen: no case depends on how fast its workers are.
constexpr Duration kSoon = std::chrono::milliseconds(15);

const char* name_of(core::TaskState state) {
  constexpr const char* kNames[] = {"waiting",  "ready",     "preparing", "running", "blocked",
                                    "finished", "succeeded", "failed",    "skipped", "cancelled"};
  return kNames[static_cast<std::size_t>(state)];
}

const char* name_of(core::RunEnded::State state) {
  constexpr const char* kNames[] = {"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT"};
  return kNames[static_cast<std::size_t>(state)];
}

}  // namespace

Hostility Hostility::draw(Random& random, bool faults) {
  const auto sometimes = [&](double share, double most) {
    return random.chance(share) ? random.unit() * most : 0.0;
  };
  Hostility drawn;
  drawn.slots = random.chance(0.7) ? static_cast<std::uint32_t>(1 + random.below(4)) : 1000;
  drawn.open_outputs = sometimes(0.4, 1);
  drawn.late_answer = sometimes(0.5, 1);
  drawn.snapshot = sometimes(0.3, 1);
  drawn.stale = sometimes(0.3, 0.5);
  drawn.late_loading = random.chance(0.3);
  drawn.early_timers = random.chance(0.5);
  drawn.slots_change = sometimes(0.2, 0.05);
  drawn.check_every = random.chance(0.3) ? 1 : 50;
  if (!faults) return drawn;
  if (random.chance(0.4)) drawn.workers = static_cast<std::uint32_t>(1 + random.below(4));
  drawn.lost = sometimes(0.7, 0.7);
  drawn.lies = sometimes(0.7, 1);
  drawn.faults_max = static_cast<std::uint32_t>(1 + random.below(20));
  if (random.chance(0.05)) drawn.cancel = static_cast<std::uint32_t>(random.below(100));
  return drawn;
}

std::string to_text(const Hostility& hostility) {
  return fmt::format(
      "slots {} lost {:.2f} (at most {}, lies {:.2f}) open {:.2f} late answers {:.2f} snapshots "
      "{:.2f} stale {:.2f} slots change {:.2f} workers {}{}{}{}",
      hostility.slots, hostility.lost, hostility.faults_max, hostility.lies, hostility.open_outputs,
      hostility.late_answer, hostility.snapshot, hostility.stale, hostility.slots_change,
      hostility.workers, hostility.late_loading ? " late loading" : "",
      hostility.early_timers ? " early timers" : "",
      hostility.cancel ? fmt::format(" cancelled after {}", *hostility.cancel) : "");
}

namespace {

// A gate ends when a task that runs beside it has opened it.
bool has_gates(const model::App& app) {
  for (const model::Workflow& workflow : app.workflows)
    for (const model::Step& step : workflow.steps)
      if (step.action == model::Action::kCall && app.functions[step.function].name == "gate")
        return true;
  return false;
}

}  // namespace

CaseWorld::CaseWorld(const Library& library, std::shared_ptr<const model::App> app,
                     const CaseRun& expected, bool faults, std::uint64_t seed, sim::Trace& trace,
                     Cache& cache)
    : library_(library),
      app_(std::move(app)),
      expected_(expected),
      random_(seed),
      trace_(trace),
      hostility_(Hostility::draw(random_, faults)),
      objects_(hostility_.late_loading),
      scheduler_(Limits{}, NodeId{1}, Random(seed + 1)),
      cache_(cache) {
  const model::Workflow* main = app_->find_workflow("main");
  SLUICE_ASSERT(main != nullptr);
  if (has_gates(*app_)) hostility_.workers = 0;
  workflow_ = static_cast<std::uint32_t>(main - app_->workflows.data());
  constexpr double kWeights[] = {0.05, 0.3, 1, 1, 3, 20};
  for (double& weight : weights_) weight = kWeights[random_.below(std::size(kWeights))];
  outputs_.resize(main->outputs.size());
}

void CaseWorld::submit() {
  const model::Workflow& workflow = app_->workflows[workflow_];
  std::optional<TimePoint> deadline;
  if (workflow.timeout) deadline = now_ + *workflow.timeout;
  apply(core::SlotsChanged{hostility_.slots});
  apply(core::RunSubmitted{.run = key_,
                           .app = app_,
                           .workflow = workflow_,
                           .deadline = deadline,
                           .owner = NodeId{1},
                           .placement = {}});
  inputs_.resize(workflow.inputs.size());
  for (std::uint32_t i = 0; i < workflow.inputs.size(); ++i) {
    const model::WorkflowInput& input = workflow.inputs[i];
    const Json* given = expected_.inputs.find(input.name);
    if (given != nullptr && given->is_null() && input.type.optional) given = nullptr;
    if (given == nullptr && input.default_value) given = &*input.default_value;
    if (given == nullptr) {
      inputs_[i].push_back(core::InputAbsent{key_, i});
      continue;
    }
    Json value = *given;
    SLUICE_ASSERT(convert(value, input.type), "input {}", input.name);
    if (!input.type.is_list()) {
      if (random_.chance(hostility_.open_outputs)) {
        core::Object object = objects_.add(value, input.type, false);
        inputs_[i].push_back(core::InputReady{key_, i, object});
        object.sealed = true;
        inputs_[i].push_back(core::InputReady{key_, i, object});
      } else {
        inputs_[i].push_back(core::InputReady{key_, i, objects_.add(value, input.type)});
      }
      continue;
    }
    for (const Json& element : *value.as_list())
      inputs_[i].push_back(
          core::InputElement{key_, i, objects_.add(element, input.type.element())});
    inputs_[i].push_back(core::InputClosed{key_, i});
  }
}

void CaseWorld::apply(const core::Event& event) {
  ++events_;
  trace_.line("> " + sim::describe(event));
  actions_.clear();
  scheduler_.apply(event, now_, actions_);
  for (const core::Action& action : actions_.list) {
    trace_.line("    " + sim::describe(action, actions_));
    std::visit([&](const auto& what) { on(what, actions_); }, action);
  }
  if (events_ % hostility_.check_every == 0) scheduler_.check_invariants();
}

void CaseWorld::cancel_perhaps() {
  if (!hostility_.cancel || is_cancelled_ || events_ < *hostility_.cancel) return;
  is_cancelled_ = true;
  apply(core::CancelRun{key_});
}

// One thing that is under way, drawn among all that could come next; false if there is none.
bool CaseWorld::happen() {
  using enum What;
  std::array<std::vector<Live*>, 3> lives;
  for (auto& [task, live] : live_) {
    if (can_step(live)) lives[0].push_back(&live);
    if (!live.is_end_asked &&
        std::ranges::any_of(live.inputs, [](const auto& each) { return each.second.owed > 0; }))
      lives[1].push_back(&live);
    if (live.is_end_asked) lives[2].push_back(&live);
  }
  std::vector<std::size_t> inputs;
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (!inputs_[i].empty()) inputs.push_back(i);
  const std::optional<TimePoint> deadline = scheduler_.next_deadline();

  std::array<bool, static_cast<std::size_t>(kCount)> can{};
  const auto set = [&](What what, bool is) { can[static_cast<std::size_t>(what)] = is; };
  set(kWorker, !lives[0].empty());
  set(kCredit, !lives[1].empty());
  set(kEnd, !lives[2].empty());
  set(kCommit, !commits_.empty());
  set(kQuestion, !questions_.empty());
  set(kAnswer, !answers_.empty());
  set(kInput, !inputs.empty());
  set(kPerson, can_answer());
  set(kTimer,
      deadline && (*deadline <= now_ || (hostility_.early_timers && *deadline - now_ <= kSoon)));
  double sum = 0;
  for (std::size_t i = 0; i < can.size(); ++i) sum += can[i] ? weights_[i] : 0;
  if (sum == 0) {
    if (!is_wide_ &&
        std::ranges::any_of(live_, [](const auto& each) { return !each.second.awaits.empty(); })) {
      // Whoever opens the gate may need a CPU slot.
      is_wide_ = true;
      hostility_.workers = 0;
      give_workers();
      apply(core::SlotsChanged{1000});
      return true;
    }
    if (!deadline || ended_) return false;
    now_ = std::max(now_, *deadline);
    apply(core::DeadlineReached{});
    return true;
  }
  double chosen = random_.unit() * sum;
  std::size_t what = 0;
  for (std::size_t i = 0; i < can.size(); ++i) {
    if (!can[i]) continue;
    what = i;
    chosen -= weights_[i];
    if (chosen < 0) break;
  }
  const auto one_of = [&](auto& from) -> auto& { return from[random_.below(from.size())]; };
  switch (static_cast<What>(what)) {
    case kWorker:
      step(*one_of(lives[0]));
      break;
    case kCredit:
      credit(*one_of(lives[1]));
      break;
    case kEnd: {
      const Live gone = retire(*one_of(lives[2]));
      apply(core::AttemptEnded{gone.attempt});
      stale_perhaps(gone);
      break;
    }
    case kCommit:
      commit();
      break;
    case kQuestion:
      answer(random_.below(questions_.size()));
      break;
    case kAnswer: {
      const std::size_t i = random_.below(answers_.size());
      const core::Computed computed = std::move(answers_[i]);
      answers_.erase(answers_.begin() + static_cast<std::ptrdiff_t>(i));
      apply(computed);
      break;
    }
    case kInput: {
      std::deque<core::Event>& queue = inputs_[one_of(inputs)];
      core::Event event = std::move(queue.front());
      queue.pop_front();
      if (auto* ready = std::get_if<core::InputReady>(&event);
          ready != nullptr && ready->object.sealed) {
        // Its upload is at the end; core may have given it back since.
        if (!objects_.is_there(ready->object.id)) break;
        if (!objects_.is_sealed(ready->object.id)) ready->object = objects_.seal(ready->object.id);
      }
      apply(event);
      break;
    }
    case kPerson:
      answer_wait();
      break;
    case kTimer:
      now_ = std::max(now_, *deadline);
      apply(core::DeadlineReached{});
      break;
    case kCount:
      break;
  }
  if (!is_wide_ && random_.chance(hostility_.slots_change))
    apply(core::SlotsChanged{static_cast<std::uint32_t>(1 + random_.below(4))});
  return true;
}

std::optional<std::string> CaseWorld::run() {
  trace_.line(to_text(hostility_));
  submit();
  do {
    cancel_perhaps();
    if (events_ > kEventsMax) return "it goes on for ever";
  } while (happen());
  if (!ended_) return "it does not end:\n" + dump();
  if (!is_drained_) return "it has ended and is not drained:\n" + dump();
  if (auto left = leftovers()) return left;
  if (!is_cancelled_) ++cache_.runs;
  return verdict();
}

std::optional<std::string> CaseWorld::leftovers() {
  apply(core::ForgetRun{key_});
  if (objects_.size() != 0) {
    return fmt::format("{} objects are left over, one of them {}", objects_.size(),
                       objects_.any().value);
  }
  if (!live_.empty()) return "an attempt outlives its run";
  for (const auto& [number, scope] : scopes_)
    if (scope.is_open)
      return fmt::format("scope {} of {} is left open", number, path_of(scope.task));
  const core::Scheduler::Counters counters = scheduler_.counters();
  if (counters.runs != 0 || counters.running != 0 || counters.ready != 0) {
    return fmt::format("core still counts {} runs, {} running and {} ready tasks", counters.runs,
                       counters.running, counters.ready);
  }
  return std::nullopt;
}

std::optional<std::string> CaseWorld::verdict() const {
  Ended seen{.state = name_of(ended_->state)};
  if (seen.state == "CANCELLED" && is_cancelled_) return std::nullopt;
  const model::Workflow& workflow = app_->workflows[workflow_];
  for (std::uint32_t i = 0; i < outputs_.size(); ++i) {
    const model::WorkflowOutput& output = workflow.outputs[i];
    if (const auto* literal = std::get_if<model::Literal>(&output.source)) {
      seen.outputs.set(output.name, literal->value);
    } else if (outputs_[i].is_ready && !outputs_[i].is_absent) {
      seen.outputs.set(output.name, outputs_[i].value);
    }
    if (seen.state == "SUCCEEDED" && !outputs_[i].is_ready &&
        !std::holds_alternative<model::Literal>(output.source))
      return "output " + output.name + " was never given";
  }
  if (ended_->failure) {
    seen.error_name = ended_->failure->name;
    seen.error_message = ended_->failure->message;
  }
  seen.error_task = error_task_;
  for (const std::string& path : succeeded_) ++seen.succeeded[step_of(path)];
  if (cache_.is_whole) {
    seen.reused.emplace();
    for (const std::string& path : reused_) ++(*seen.reused)[step_of(path)];
  }
  seen.effects = effects_;
  return complaint(expected_, seen);
}

std::string CaseWorld::path_of(const core::TaskKey& task) const {
  const model::Step& step = step_at(task);
  std::string own = step.foreach ? fmt::format("{}.{}", step.name, task.index) : step.name;
  if (task.scope == 0) return own;
  const Scope& scope = scopes_.at(task.scope);
  std::string outer = path_of(scope.task);
  if (scope.round > 0) outer += fmt::format(".{}", scope.round);
  // The body of a loop is a workflow that the author never wrote.
  const bool is_body = app_->workflows[scope.workflow].is_internal && !step.foreach &&
                       step.name == step_at(scope.task).name;
  return is_body ? outer : outer + "~" + own;
}

std::string CaseWorld::dump() const {
  std::string text;
  const auto tasks_of = [&](std::uint32_t scope) {
    const model::Workflow& workflow = plan_of(scope);
    for (std::uint32_t s = 0; s < workflow.steps.size(); ++s) {
      const model::Step& step = workflow.steps[s];
      constexpr const char* kActions[] = {"call", "compute", "flow", "loop", "wait"};
      text += fmt::format("  s{} {}{} {} {}:", s, step.name, step.helper ? " (helper)" : "",
                          kActions[static_cast<std::size_t>(step.action)], step.text);
      for (std::uint32_t index = 0; index < (step.foreach ? 8U : 1U); ++index) {
        const core::TaskKey task{key_, s, index, scope};
        const auto committed = committed_.find(task);
        text += fmt::format(" {}{}", name_of(scheduler_.task_state(task)),
                            committed == committed_.end() ? "" : "*");
      }
      text += "\n";
    }
  };
  text += "workflow main (* is committed)\n";
  tasks_of(0);
  for (const auto& [number, scope] : scopes_) {
    if (!scope.is_open) continue;
    text += fmt::format("scope {} of {} round {}: {}\n", number, path_of(scope.task), scope.round,
                        app_->workflows[scope.workflow].name);
    tasks_of(number);
  }
  for (const auto& [task, live] : live_) {
    text += fmt::format("attempt {} {}{}{}{}{}\n", path_of(task), sim::describe(live.attempt),
                        live.is_started ? " started" : "", live.is_end_asked ? " is to end" : "",
                        live.reads.empty() ? "" : " reads " + live.reads,
                        live.awaits.empty() ? "" : " awaits gate " + live.awaits);
  }
  text += fmt::format("gates open: {}; answers given: {}; time {} us\n", fmt::join(gates_, ", "),
                      answered_, now_.time_since_epoch().count());
  return text;
}

}  // namespace sluice::language
