// The cache of a simulated node: asked when a step with `cache` is ready, filled when its task
// commits. Keys are spelled out, so that nothing is found by accident.

#include <utility>

#include "case_world.h"

namespace sluice::language {

void CaseWorld::on(const core::Recall& recall, const core::Actions&) {
  const core::TaskKey& task = recall.attempt.task;
  SLUICE_ASSERT(!live_.contains(task), "a task is recalled while it runs");
  SLUICE_ASSERT(!ended_, "a task is recalled after the end of its run");
  Live& live = live_[task];
  live.attempt = recall.attempt;
  live.step = &step_at(task);
  SLUICE_ASSERT(live.step->cache && live.step->action == model::Action::kCall);
  live.plan = &app_->functions[live.step->function];
  live.function = &library_.at(live.plan->name);
  live.is_recalling = true;
}

// False: it is void for the moment. What comes in its place is asked for anew.
bool CaseWorld::see(const core::TaskKey& task, const core::Datum& datum, std::string& text) const {
  const core::Known known = scheduler_.look(task, datum);
  switch (known.state) {
    case core::Known::State::kAbsent:
      text += "absent ";
      return true;
    case core::Known::State::kNumber:
      text += std::to_string(known.number) + " ";
      return true;
    case core::Known::State::kObject:
      if (!known.object.sealed) return false;
      text += to_text(objects_.value(known.object.id)) + " ";
      return true;
    case core::Known::State::kList: {
      if (!known.closed) return false;
      text += "[ ";
      core::Datum element = datum;
      ++element.depth;
      for (std::uint32_t i = 0; i < known.count; ++i) {
        element.index[datum.depth] = i;
        if (!see(task, element, text)) return false;
      }
      text += "] ";
      return true;
    }
    case core::Known::State::kUnknown:
    case core::Known::State::kFailure:
    case core::Known::State::kFlag:
    case core::Known::State::kBroken:
      break;
  }
  return false;
}

std::optional<std::string> CaseWorld::key_of(const core::TaskKey& task) const {
  const model::Step& step = step_at(task);
  const model::Function& function = app_->functions[step.function];
  std::string text = function.name + ": ";
  for (std::uint32_t s = 0; s < step.slots.size(); ++s) {
    if (step.slots[s].use != model::Use::kPort) continue;
    text += function.inputs[step.slots[s].port].name + " ";
    if (const auto* literal = std::get_if<model::Literal>(&step.slots[s].source))
      text += "literal " + to_text(literal->value) + " ";
    else if (std::holds_alternative<model::RunIdRef>(step.slots[s].source))
      text += std::string("run ") + kRunId + " ";
    else if (!see(task, {.slot = s}, text))
      return std::nullopt;
  }
  return text;
}

void CaseWorld::answer_recall(Live& live) {
  const core::Attempt attempt = live.attempt;
  const std::optional<std::string> key = key_of(attempt.task);
  const auto found = key ? cache_.entries.find(*key) : cache_.entries.end();
  if (found == cache_.entries.end()) {
    if (key) asked_[attempt.task] = {.epoch = attempt.epoch, .key = *key, .outputs = {}};
    retire(live);
    apply(core::NotCached{attempt});
    return;
  }
  recalled_by_[attempt.task] = attempt.epoch;
  trace_.line("  found " + *key);
  for (const auto& [port, value] : found->second) {
    model::Type type = live.plan->outputs[port].type;
    if (type.is_list()) type = type.element();
    core::Emitted emitted{.attempt = attempt, .port = port, .object = {}, .is_hole = !value};
    if (value) emitted.object = objects_.add(*value, type);
    apply(emitted);
  }
  if (!live.is_end_asked) done(live);
}

void CaseWorld::on(const core::KeepOutput& kept, const core::Actions&) {
  const bool is_value = kept.kind == core::Deliver::Kind::kElement;
  SLUICE_ASSERT(!is_value || kept.object.sealed, "an output is kept before it is whole");
  const auto asked = asked_.find(kept.attempt.task);
  if (asked == asked_.end() || asked->second.epoch != kept.attempt.epoch) {
    if (is_value) objects_.value(kept.object.id);  // Aborts if it is gone.
    return;
  }
  if (kept.kind == core::Deliver::Kind::kClosed) return;
  std::optional<Json> value;
  if (is_value) value = objects_.value(kept.object.id);
  asked->second.outputs.emplace_back(kept.port, std::move(value));
}

void CaseWorld::remember(const core::Commit& commit) {
  const auto asked = asked_.find(commit.attempt.task);
  if (asked == asked_.end() || asked->second.epoch != commit.attempt.epoch) return;
  if (commit.result == core::Commit::Result::kOutputs)
    cache_.entries[asked->second.key] = std::move(asked->second.outputs);
  asked_.erase(asked);
}

}  // namespace sluice::language
