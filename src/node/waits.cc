#include "node/waits.h"

#include <algorithm>

#include "node/dispatch.h"
#include "node/values.h"
#include "node/wait_time.h"

namespace sluice::node {
namespace {

constexpr std::uint64_t kTimeBytesMax = 1024;

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

void Waits::on(const core::BeginWait& begin, const core::Actions& actions) {
  RunRecord* run = runs_.find(begin.attempt.task.run);
  SLUICE_ASSERT(run != nullptr, "BeginWait for a run that is not there");
  const core::TaskKey& task = begin.attempt.task;
  const model::Step& step = run->step_of(task);
  const std::int64_t now = run->micros(loop_.now());
  runs_.record_attempt(*run, AttemptRecord{.step = task.step,
                                           .index = task.index,
                                           .scope = task.scope,
                                           .state = core::TaskState::kRunning,
                                           .epoch = begin.attempt.epoch,
                                           .ready = now,
                                           .assigned = now,
                                           .started = now});
  if (step.is_answer) {
    waiting_[task] = begin.attempt;
    std::string path = run->path_of(task);
    run->answers.erase(path);  // Of an attempt of the flow around it that never existed.
    by_path_[{task.run, std::move(path)}] = task;
    pump_.push(core::TaskStarted{begin.attempt});
    return;
  }
  const Result<TimePoint> until = due(begin, actions, step);
  pump_.push(core::TaskStarted{begin.attempt});
  if (until) {
    pump_.push(core::WaitUntil{.attempt = begin.attempt, .due = *until});
    return;
  }
  const bool is_lost = until.error().code() == ErrorCode::kDataLoss;
  pump_.push(core::TaskFailed{
      .attempt = begin.attempt,
      .failure = {.name = is_lost ? "DataLost" : "InvalidInput",
                  .message = fmt::format("step '{}': {}", step.name, until.error().message())}});
}

Result<TimePoint> Waits::due(const core::BeginWait& begin, const core::Actions& actions,
                             const model::Step& step) const {
  Json time;
  for (std::uint32_t i = 0; i < begin.bindings_count; ++i) {
    const core::Binding& binding = actions.bindings[begin.bindings_first + i];
    if (binding.slot != 0) continue;
    if (binding.kind == core::Binding::Kind::kLiteral) {
      time = std::get<model::Literal>(step.slots[0].source).value;
    } else if (binding.kind == core::Binding::Kind::kObject) {
      if (binding.object.size > kTimeBytesMax)
        return fail(ErrorCode::kInvalidArgument,
                    "the time of a wait is a text of a few characters");
      SLUICE_TRY(const store::Store::View view, store_.view(binding.object.id));
      std::string bytes(binding.object.size, '\0');
      SLUICE_TRY(const std::size_t got,
                 store_.read(binding.object.id, 0, std::as_writable_bytes(std::span(bytes))));
      bytes.resize(got);
      if (view.meta.kind == SLUICE_KIND_JSON) {
        SLUICE_TRY(time, parse_json(bytes));
      } else {
        time = Json(std::move(bytes));
      }
    }
  }
  SLUICE_TRY(const Duration left, wait_for(time, wall_now()));
  return loop_.now() + left;
}

bool Waits::on(const core::EndAttempt& end) {
  RunRecord* run = runs_.find(end.attempt.task.run);
  if (run == nullptr || run->step_of(end.attempt.task).action != model::Action::kWait) return false;
  if (const auto found = waiting_.find(end.attempt.task);
      found != waiting_.end() && found->second == end.attempt) {
    waiting_.erase(found);
    by_path_.erase({end.attempt.task.run, run->path_of(end.attempt.task)});
  }
  if (AttemptRecord* record = run->newest_attempt(end.attempt.task);
      record != nullptr && record->epoch == end.attempt.epoch && record->ended == 0) {
    record->ended = run->micros(loop_.now());
    record->state = core::TaskState::kCancelled;
  }
  pump_.push(core::AttemptEnded{end.attempt});
  return true;
}

// ---- answers
// -------------------------------------------------------------------------------------

Result<const model::Step*> Waits::named(const RunRecord& run, std::string_view path) {
  SLUICE_TRY(const std::vector<NamedPart> parts,
             named_parts(run.app(), run.workflow, path, PathOf::kTask));
  for (const NamedPart& part : parts) {
    const model::Step& step = run.app().workflows[part.workflow].steps[part.step];
    if (step.action == model::Action::kWait && step.is_answer) return &step;
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("step '{}' does not wait for an answer", path.substr(0, 128)));
}

Result<std::vector<Waits::Element>> Waits::read_outputs(const model::Step& step,
                                                        const Json& outputs) {
  const Json::Map* given = outputs.as_map();
  if (given == nullptr) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("`outputs` must be a map of names to values, not {}", outputs.type_name()));
  }
  for (const auto& [name, value] : *given) {
    if (std::any_of(step.outputs.begin(), step.outputs.end(),
                    [&](const model::Port& port) { return port.name == name; }))
      continue;
    std::vector<std::string_view> known;
    for (const model::Port& port : step.outputs) known.emplace_back(port.name);
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("step '{}' has no output '{}'; it has {}", step.name,
                            name.substr(0, 64), fmt::join(known, ", ")));
  }
  std::vector<Element> elements;
  for (std::uint32_t port = 0; port < step.outputs.size(); ++port) {
    const model::Port& declared = step.outputs[port];
    const std::string what = fmt::format("output '{}'", declared.name);
    const Json* value = outputs.find(declared.name);
    if (value == nullptr) {
      if (declared.type.optional) continue;
      return fail(ErrorCode::kInvalidArgument, fmt::format("step '{}' needs {}", step.name, what));
    }
    if (!declared.type.is_list()) {
      SLUICE_TRY(Value converted, value_from_json(*value, declared.type, what));
      elements.push_back({port, std::move(converted.meta), std::move(converted.bytes)});
      continue;
    }
    const Json::List* list = value->as_list();
    if (list == nullptr || declared.type.lists > 1) {
      return fail(ErrorCode::kInvalidArgument,
                  list == nullptr
                      ? fmt::format("{} must be a list, not {}", what, value->type_name())
                      : fmt::format("{}: lists of lists cannot be answered", what));
    }
    for (std::size_t i = 0; i < list->size(); ++i) {
      SLUICE_TRY(Value converted, value_from_json((*list)[i], declared.type.element(),
                                                  fmt::format("{}, element {}", what, i)));
      elements.push_back({port, std::move(converted.meta), std::move(converted.bytes)});
    }
  }
  return elements;
}

Status Waits::answer(RunRecord& run, std::string_view path, const Json& outputs) {
  SLUICE_TRY(const model::Step* step, named(run, path));
  SLUICE_TRY(std::vector<Element> elements, read_outputs(*step, outputs));
  std::string all;
  for (const Element& element : elements)
    all += fmt::format("{} {} {}", element.port, element.bytes.size(), element.bytes);
  const Checksum sum = checksum(std::as_bytes(std::span(all)));
  const std::string key(path);
  if (const auto before = run.answers.find(key); before != run.answers.end()) {
    if (before->second == sum) return {};
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("step '{}' was answered otherwise before", path));
  }
  const auto found = by_path_.find({run.key, key});
  if (is_ended(run.state) || found == by_path_.end()) {
    return fail(ErrorCode::kFailedPrecondition,
                is_ended(run.state)
                    ? fmt::format("run {} has ended ({})", run.id.to_text(), to_string(run.state))
                    : fmt::format("step '{}' does not wait for an answer now", path));
  }
  // All values are objects before the first is told to core, so that none is when one cannot be.
  std::vector<core::Emitted> emitted;
  const core::TaskKey task = found->second;
  const core::Attempt attempt = waiting_.at(task);
  for (Element& element : elements) {
    const auto put = [&]() -> Result<core::Object> {
      SLUICE_TRY(const ObjectId id,
                 store_.put(std::move(element.meta), std::as_bytes(std::span(element.bytes))));
      SLUICE_TRY(const store::Store::View view, store_.view(id));
      return core::Object{.id = id, .size = view.size, .checksum = view.checksum};
    };
    Result<core::Object> object = put();
    if (!object) {
      for (const core::Emitted& one : emitted) store_.release(one.object.id);
      return fail(std::move(object).error());
    }
    emitted.push_back({.attempt = attempt, .port = element.port, .object = *object});
  }
  run.answers[key] = sum;
  waiting_.erase(task);
  by_path_.erase(found);
  if (AttemptRecord* record = run.newest_attempt(task);
      record != nullptr && record->epoch == attempt.epoch) {
    record->ended = run.micros(loop_.now());
    record->state = core::TaskState::kFinished;
  }
  for (core::Emitted& one : emitted) pump_.push(std::move(one));
  pump_.push(core::TaskDone{attempt});
  return {};
}

}  // namespace sluice::node
