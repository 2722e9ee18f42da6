// What core wants of the world, carried out at once or put where it waits for its turn.

#include <utility>

#include "case_world.h"

namespace sluice::language {

class CaseWorld::LiveSight final : public evaluate::Sight {
 public:
  LiveSight(const CaseWorld& world, const core::TaskKey& task) : world_(world), task_(task) {}
  core::Known look(const core::Datum& datum) const override {
    return world_.scheduler_.look(task_, datum);
  }
  model::Kind kind(const core::Datum&, const core::Object& object) const override {
    // Of tables that are being closed, the objects are gone.
    return object.id ? world_.objects_.kind(object.id) : model::Kind::kAny;
  }
  expr::Reading read(const core::Datum&, const core::Object& object) const override {
    if (!object.id) return {.state = expr::Reading::State::kBroken, .json = nullptr, .message = {}};
    return world_.objects_.read(object);
  }

 private:
  const CaseWorld& world_;
  core::TaskKey task_;
};

// ---- attempts

void CaseWorld::bind(Live& live, std::uint32_t first, std::uint32_t count,
                     const core::Actions& actions) {
  for (std::uint32_t i = first; i < first + count; ++i) bind(live, actions.bindings[i]);
}

void CaseWorld::bind(Live& live, const core::Binding& binding) {
  Input& input = live.inputs[binding.slot];
  input.kind = binding.kind;
  switch (binding.kind) {
    case core::Binding::Kind::kLiteral:
      input.value = std::get<model::Literal>(live.step->slots[binding.slot].source).value;
      break;
    case core::Binding::Kind::kIndex:
      input.value = Json(live.attempt.task.index);
      break;
    case core::Binding::Kind::kRound:
      input.value = Json(scopes_.at(live.attempt.task.scope).round);
      break;
    case core::Binding::Kind::kRunId:
      input.value = Json(kRunId);
      break;
    case core::Binding::Kind::kObject:
      input.object = binding.object.id;
      input.value = objects_.use(binding.object.id);
      live.uses.push_back(binding.object.id);
      break;
    case core::Binding::Kind::kList:
    case core::Binding::Kind::kLate:
      break;
    case core::Binding::Kind::kAbsent:
      live.inputs.erase(binding.slot);
      break;
  }
}

void CaseWorld::on(const core::Bind& late, const core::Actions&) {
  const auto found = live_.find(late.attempt.task);
  SLUICE_ASSERT(
      found != live_.end() && found->second.attempt == late.attempt && !found->second.is_end_asked,
      "a late input of an attempt that is over");
  Live& live = found->second;
  SLUICE_ASSERT(live.inputs.at(late.binding.slot).kind == core::Binding::Kind::kLate,
                "an input comes twice");
  bind(live, late.binding);
}

void CaseWorld::on(const core::StartTask& start, const core::Actions& actions) {
  const core::TaskKey& task = start.attempt.task;
  SLUICE_ASSERT(!live_.contains(task), "a task is started twice");
  SLUICE_ASSERT(!ended_, "a task is started after the end of its run");
  Live& live = live_[task];
  live.attempt = start.attempt;
  live.number = start.number;
  live.step = &step_at(task);
  SLUICE_ASSERT(live.step->action == model::Action::kCall);
  live.plan = &app_->functions[live.step->function];
  live.function = &library_.at(live.plan->name);
  bind(live, start.bindings_first, start.bindings_count, actions);
  give_workers();
  if (faults_ < hostility_.faults_max && random_.chance(hostility_.lost)) {
    ++faults_;
    live.lost_after = static_cast<std::uint32_t>(random_.below(1 + (8U >> random_.below(4))));
    live.lies = random_.chance(hostility_.lies);
    // One that lies has time to say something, and others to believe it.
    if (live.lies) live.lost_after = static_cast<std::uint32_t>(2 + random_.below(20));
  }
}

void CaseWorld::on(const core::BeginWait& wait, const core::Actions& actions) {
  const core::TaskKey& task = wait.attempt.task;
  SLUICE_ASSERT(!live_.contains(task), "a wait begins twice");
  SLUICE_ASSERT(!ended_, "a wait begins after the end of its run");
  Live& live = live_[task];
  live.attempt = wait.attempt;
  live.step = &step_at(task);
  bind(live, wait.bindings_first, wait.bindings_count, actions);
}

void CaseWorld::on(const core::Deliver& deliver, const core::Actions&) {
  const auto found = live_.find(deliver.attempt.task);
  SLUICE_ASSERT(found != live_.end() && found->second.attempt == deliver.attempt &&
                    !found->second.is_end_asked,
                "a delivery to an attempt that is over");
  Live& live = found->second;
  Input& input = live.inputs.at(deliver.slot);
  SLUICE_ASSERT(!input.is_closed && input.kind == core::Binding::Kind::kList);
  const auto add = [&](Json value) {
    if (input.open.empty())
      input.elements.push_back(std::move(value));
    else
      input.open.back().push_back(std::move(value));
  };
  switch (deliver.kind) {
    case core::Deliver::Kind::kElement:
      SLUICE_ASSERT(deliver.object.sealed);
      add(objects_.use(deliver.object.id));
      live.uses.push_back(deliver.object.id);
      ++input.owed;
      break;
    case core::Deliver::Kind::kHole:
      add(Json());
      ++input.owed;
      break;
    case core::Deliver::Kind::kListBegin:
      input.open.emplace_back();
      break;
    case core::Deliver::Kind::kListEnd: {
      SLUICE_ASSERT(!input.open.empty());
      Json::List list = std::move(input.open.back());
      input.open.pop_back();
      add(std::move(list));
      break;
    }
    case core::Deliver::Kind::kClosed:
      SLUICE_ASSERT(input.open.empty());
      input.is_closed = true;
      break;
  }
}

void CaseWorld::on(const core::EndAttempt& end, const core::Actions&) {
  const auto found = live_.find(end.attempt.task);
  SLUICE_ASSERT(
      found != live_.end() && found->second.attempt == end.attempt && !found->second.is_end_asked,
      "the end of an attempt that is over");
  found->second.is_end_asked = true;
}

void CaseWorld::on(const core::Commit& commit, const core::Actions&) {
  remember(commit);
  commits_.push_back(commit);
  // A wait ends by its time, without a word from the world.
  if (const auto found = live_.find(commit.attempt.task);
      found != live_.end() && found->second.attempt == commit.attempt) {
    SLUICE_ASSERT(found->second.plan == nullptr && !found->second.is_end_asked);
    retire(found->second);
  }
}

void CaseWorld::commit() {
  const core::Commit commit = commits_.front();
  commits_.pop_front();
  if (ended_) return;  // The end of a run is ordered, too.
  const core::TaskKey& task = commit.attempt.task;
  if (const auto found = recalled_by_.find(task);
      found != recalled_by_.end() && found->second == commit.attempt.epoch)
    reused_.insert(path_of(task));
  const bool is_new = committed_.emplace(task, commit.result).second;
  SLUICE_ASSERT(is_new, "{} is committed twice", path_of(task));
  if (commit.result == core::Commit::Result::kOutputs && !step_at(task).helper)
    succeeded_.insert(path_of(task));
  apply(core::Committed{commit.attempt});
}

void CaseWorld::on(const core::TaskRetries&, const core::Actions&) {}

// ---- objects

void CaseWorld::on(const core::Retain& retain, const core::Actions&) {
  objects_.retain(retain.object);
}

void CaseWorld::on(const core::Release& release, const core::Actions&) {
  objects_.release(release.object);
}

// ---- expressions

void CaseWorld::on(const core::Compute& compute, const core::Actions&) {
  for (const Question& question : questions_)
    SLUICE_ASSERT(question.compute.attempt != compute.attempt, "asked twice at once");
  Question& question = questions_.emplace_back(Question{.compute = compute, .snapshot = {}});
  if (!random_.chance(hostility_.snapshot)) return;
  const model::Step& step = step_at(compute.attempt.task);
  question.snapshot = std::make_unique<evaluate::Snapshot>(step);
  const LiveSight sight(*this, compute.attempt.task);
  SLUICE_ASSERT(question.snapshot->take(sight, SIZE_MAX));
}

void CaseWorld::answer(std::size_t which) {
  Question question = std::move(questions_[which]);
  questions_.erase(questions_.begin() + static_cast<std::ptrdiff_t>(which));
  const core::TaskKey& task_key = question.compute.attempt.task;
  const evaluate::Task task{.step = step_at(task_key),
                            .index = task_key.index,
                            .round = task_key.scope == 0 ? 0 : scopes_.at(task_key.scope).round,
                            .run_id = kRunId};
  const LiveSight live(*this, task_key);
  const evaluate::Sight* sight = &live;
  if (question.snapshot) sight = question.snapshot.get();
  evaluate::Answer answer = evaluate::answer(question.compute, task, *sight, evaluation_);
  if (!answer.reads.empty()) {
    for (const core::Object& object : answer.reads) {
      objects_.load(object.id);
      if (!question.snapshot) continue;
      // What is gone meanwhile is void; the answer will be overtaken.
      const Json value = objects_.is_there(object.id) ? objects_.value(object.id) : Json();
      const model::Kind kind =
          objects_.is_there(object.id) ? objects_.kind(object.id) : model::Kind::kJson;
      const bool is_text = kind == model::Kind::kText;
      question.snapshot->add(object.id, evaluate::Document::parse(
                                            kind, is_text ? *value.as_string() : to_text(value)));
    }
    questions_.push_back(std::move(question));
    return;
  }
  for (evaluate::Wanted& wanted : answer.values) {
    const bool is_json = wanted.value.kind == model::Kind::kJson;
    Json value(wanted.value.bytes);
    if (is_json) value = parse_json(wanted.value.bytes).value();
    answer.computed.outputs[wanted.output].pieces[wanted.piece].object =
        objects_.add(value, wanted.value.kind);
  }
  if (random_.chance(hostility_.late_answer))
    answers_.push_back(std::move(answer.computed));
  else
    apply(answer.computed);
}

// ---- scopes

void CaseWorld::on(const core::ScopeOpened& opened, const core::Actions&) {
  const bool is_new =
      scopes_
          .emplace(opened.scope,
                   Scope{.task = opened.task, .workflow = opened.workflow, .round = opened.round})
          .second;
  SLUICE_ASSERT(is_new && opened.scope != 0, "scope {} is opened twice", opened.scope);
}

void CaseWorld::on(const core::ScopeClosed& closed, const core::Actions&) {
  Scope& scope = scopes_.at(closed.scope);
  SLUICE_ASSERT(scope.is_open, "scope {} is closed twice", closed.scope);
  scope.is_open = false;
  for (const auto& [task, live] : live_)
    SLUICE_ASSERT(task.scope != closed.scope, "scope {} is closed while {} runs", closed.scope,
                  path_of(task));
}

// ---- the run

void CaseWorld::on(const core::OutputElement& element, const core::Actions&) {
  Output& output = outputs_.at(element.output);
  SLUICE_ASSERT(!ended_ && !output.is_ready);
  if (element.kind == core::Deliver::Kind::kListBegin) {
    output.open.emplace_back();
  } else if (element.kind == core::Deliver::Kind::kListEnd) {
    SLUICE_ASSERT(output.open.size() > 1);
    Json::List list = std::move(output.open.back());
    output.open.pop_back();
    output.open.back().emplace_back(std::move(list));
  } else {
    SLUICE_ASSERT(output.open.back().size() == element.index, "output element {} out of order",
                  element.index);
    output.open.back().push_back(element.object ? objects_.value(element.object->id) : Json());
  }
}

void CaseWorld::on(const core::OutputReady& ready, const core::Actions&) {
  Output& output = outputs_.at(ready.output);
  SLUICE_ASSERT(!ended_ && !output.is_ready);
  output.is_ready = true;
  output.is_absent = !ready.is_list && !ready.object;
  if (ready.object) output.value = objects_.value(ready.object->id);
  if (!ready.is_list) return;
  SLUICE_ASSERT(output.open.size() == 1 && output.open[0].size() == ready.count,
                "output {} has {} elements, not {}", ready.output, output.open[0].size(),
                ready.count);
  output.value = std::move(output.open[0]);
}

void CaseWorld::on(const core::RunEnded& ended, const core::Actions&) {
  SLUICE_ASSERT(!ended_, "a run ends twice");
  ended_ = ended;
  if (ended.failed_task) error_task_ = path_of(*ended.failed_task);
}

void CaseWorld::on(const core::RunDrained&, const core::Actions&) {
  SLUICE_ASSERT(ended_ && !is_drained_);
  SLUICE_ASSERT(live_.empty(), "drained with a live attempt");
  is_drained_ = true;
}

void CaseWorld::on(const core::Forward&, const core::Actions&) {
  SLUICE_ASSERT(false, "there is no other node");
}

}  // namespace sluice::language
