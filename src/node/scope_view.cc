#include "node/scope_view.h"

#include <utility>

namespace sluice::node {

ScopeView::ScopeView(const RunTable& runs, const RunRecord& run, std::uint32_t scope)
    : runs_(runs), run_(run), scope_(scope) {
  const std::uint32_t workflow = scope == 0 ? run.workflow : run.scopes.at(scope).workflow;
  workflow_ = &run.scopes.workflow(workflow);
  steps_ = &run.scopes.shown(workflow);
  known_.resize(steps_->size());
  if (scope != 0 && run.scopes.at(scope).is_kept)
    final_ = RunScopes::states_of(run.scopes.at(scope));
}

const ScopeView::Known& ScopeView::known(std::uint32_t step) {
  std::optional<Known>& known = known_[step];
  if (known) return *known;
  known.emplace();
  if (final_) {
    known->counts = counts_of((*final_)[step]);
    return *known;
  }
  const ShownStep& shown = (*steps_)[step];
  for (const std::uint32_t part : shown.parts)
    known->parts.push_back(runs_.counts(run_, part, scope_));
  known->counts = shown_counts(
      shown, [&](std::uint32_t part) { return runs_.counts(run_, part, scope_); },
      [&](std::uint32_t part, std::uint32_t index) {
        return runs_.state(run_, {.run = run_.key, .step = part, .index = index, .scope = scope_});
      });
  return *known;
}

const StepCounts& ScopeView::counts(std::uint32_t step) { return known(step).counts; }

// Several parts under one limit are a flow that nobody wrote: its only step is this one.
std::optional<std::uint32_t> ScopeView::concealed(std::uint32_t step, std::uint32_t index) const {
  for (const std::uint32_t part : (*steps_)[step].parts) {
    const model::Step& one = workflow_->steps[part];
    if (one.action != model::Action::kFlow || !run_.scopes.workflow(one.workflow).is_internal)
      continue;
    const auto found = run_.scopes.visible().find({scope_, part, index, 0});
    if (found != run_.scopes.visible().end()) return found->second;
  }
  return std::nullopt;
}

core::TaskState ScopeView::state(std::uint32_t step, std::uint32_t index) {
  if (final_) return static_cast<core::TaskState>((*final_)[step][index]);
  const core::TaskState state =
      shown_state((*steps_)[step], known(step).parts,
                  [&](std::uint32_t part, std::uint32_t element) {
                    return runs_.state(
                        run_, {.run = run_.key, .step = part, .index = element, .scope = scope_});
                  },
                  index);
  if (state != core::TaskState::kRunning) return state;
  const std::optional<std::uint32_t> inside = concealed(step, index);
  if (!inside) return state;
  const core::TaskState inner = ScopeView(runs_, run_, *inside).state(0, 0);
  const bool is_over = inner == core::TaskState::kSucceeded || inner == core::TaskState::kSkipped;
  return is_over ? core::TaskState::kFinished : inner;
}

std::vector<core::TaskKey> ScopeView::parts_of(std::uint32_t step, std::uint32_t index) const {
  std::vector<core::TaskKey> keys;
  for (const std::uint32_t part : (*steps_)[step].parts)
    keys.push_back({.run = run_.key, .step = part, .index = index, .scope = scope_});
  if (const std::optional<std::uint32_t> inside = concealed(step, index)) {
    for (const core::TaskKey& key : ScopeView(runs_, run_, *inside).parts_of(0, 0))
      keys.push_back(key);
  }
  return keys;
}

RunScopes::States ScopeView::all_states() {
  RunScopes::States states(steps_->size());
  for (std::uint32_t step = 0; step < states.size(); ++step) {
    states[step].resize(counts(step).total);
    for (std::uint32_t i = 0; i < states[step].size(); ++i)
      states[step][i] = static_cast<char>(state(step, i));
  }
  return states;
}

}  // namespace sluice::node
