#include "node/run_scopes.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::node {
namespace {

// Per step the number of its tasks, seven bits a byte, and a byte for each: most scopes have a few
// tasks and need no memory of their own.
std::string packed(const RunScopes::States& states) {
  std::string bytes;
  for (const std::string& step : states) {
    std::size_t left = step.size();
    for (; left >= 0x80; left >>= 7) bytes.push_back(static_cast<char>(0x80 | (left & 0x7f)));
    bytes.push_back(static_cast<char>(left));
    bytes += step;
  }
  bytes.shrink_to_fit();
  return bytes;
}

}  // namespace

void add(StepCounts& sum, const StepCounts& more) {
  sum.total += more.total;
  for (std::size_t i = 0; i < sum.by_state.size(); ++i) sum.by_state[i] += more.by_state[i];
}

void subtract(StepCounts& sum, const StepCounts& less) {
  sum.total -= less.total;
  for (std::size_t i = 0; i < sum.by_state.size(); ++i) sum.by_state[i] -= less.by_state[i];
}

void RunScopes::start(const model::App& app, std::uint32_t workflow, std::size_t kept_max) {
  app_ = &app;
  kept_max_ = kept_max;
  places_.push_back({.workflow = workflow, .path = {}, .closed = {}});
}

const std::vector<ShownStep>& RunScopes::shown(std::uint32_t workflow) const {
  const auto [found, is_new] = shown_.try_emplace(workflow);
  if (is_new) found->second = shown_steps(app_->workflows[workflow]);
  return found->second;
}

RunScopes::States RunScopes::states_of(const Scope& scope) {
  States states;
  const std::string& bytes = scope.tasks;
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t size = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(bytes[at++]);
      size |= static_cast<std::size_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) break;
    }
    states.push_back(bytes.substr(at, size));
    at += size;
  }
  return states;
}

std::uint32_t RunScopes::place_of(const core::ScopeOpened& opened) {
  const std::uint32_t parent = opened.task.scope == 0 ? 0 : scopes_.at(opened.task.scope).place;
  const std::vector<ShownStep>& steps = shown(places_[parent].workflow);
  const auto step = std::find_if(steps.begin(), steps.end(), [&](const ShownStep& one) {
    return std::find(one.parts.begin(), one.parts.end(), opened.task.step) != one.parts.end();
  });
  SLUICE_ASSERT(step != steps.end(), "a helper has no scopes");
  const auto number = static_cast<std::uint32_t>(step - steps.begin());
  // Few, and mostly one after the other: the newest are looked at first.
  for (auto place = static_cast<std::uint32_t>(places_.size()); place-- > 1;) {
    const Place& known = places_[place];
    if (known.parent == parent && known.step == number && known.workflow == opened.workflow)
      return place;
  }
  const Place& outer = places_[parent];
  std::string path = outer.path;
  if (!outer.is_internal) path += (path.empty() ? "" : "~") + std::string(step->name);
  Place place{.parent = parent,
              .step = number,
              .workflow = opened.workflow,
              .is_internal = app_->workflows[opened.workflow].is_internal,
              .is_loop = opened.round > 0,
              .path = std::move(path),
              .closed = {}};
  place.closed.resize(shown(opened.workflow).size());
  places_.push_back(std::move(place));
  return static_cast<std::uint32_t>(places_.size() - 1);
}

void RunScopes::open(const core::ScopeOpened& opened) {
  Scope scope{.task = opened.task,
              .workflow = opened.workflow,
              .round = opened.round,
              .place = place_of(opened),
              .tasks = {},
              .beyond = nullptr};
  // What stood here before is void, and perhaps still being ended.
  if (const auto before = visible_.find(key_of(scope)); before != visible_.end())
    hide(before->second);
  if (scope.task.scope != 0) ++scopes_.at(scope.task.scope).children;
  visible_[key_of(scope)] = opened.scope;
  open_.insert(opened.scope);
  scopes_[opened.scope] = std::move(scope);
}

void RunScopes::close(std::uint32_t number, bool is_void, const States& states) {
  Scope& scope = scopes_.at(number);
  scope.is_open = false;
  open_.erase(number);
  if (is_void && !scope.is_hidden) hide(number);
  if (!scope.is_hidden) {
    scope.tasks = packed(states);
    count(scope, states, true);
    scope.is_kept = true;
    ++kept_;
    if (kept_ > kept_max_) drop(number);
  }
  erase_if_done(number);
}

std::vector<std::uint32_t> RunScopes::children_of(std::uint32_t number) const {
  std::vector<std::uint32_t> children;
  for (auto at = visible_.lower_bound({.scope = number});
       at != visible_.end() && at->first.scope == number; ++at)
    children.push_back(at->second);
  return children;
}

void RunScopes::count(const Scope& scope, const States& states, bool add_them) {
  Counts& closed = places_[scope.place].closed;
  for (std::size_t step = 0; step < states.size(); ++step) {
    if (add_them)
      add(closed[step], counts_of(states[step]));
    else
      subtract(closed[step], counts_of(states[step]));
  }
}

// It never existed, nor did anything in it.
void RunScopes::hide(std::uint32_t number) {
  for (const std::uint32_t child : children_of(number)) hide(child);
  Scope& scope = scopes_.at(number);
  visible_.erase(key_of(scope));
  scope.is_hidden = true;
  if (scope.beyond) {
    for (const auto& [place, counts] : *scope.beyond)
      for (std::size_t step = 0; step < counts.size(); ++step)
        subtract(places_[place].closed[step], counts[step]);
    scope.beyond.reset();
  }
  if (!std::exchange(scope.is_kept, false)) return;
  count(scope, states_of(scope), false);
  scope.tasks = {};
  --kept_;
  erase_if_done(number);
}

// Beyond the limit: only the counts stay, and the scope around it knows them, should it be void.
void RunScopes::drop(std::uint32_t number) {
  for (const std::uint32_t child : children_of(number)) {
    if (scopes_.at(child).is_open) return;  // Its last attempts are being ended.
  }
  for (const std::uint32_t child : children_of(number)) drop(child);
  Scope& scope = scopes_.at(number);
  visible_.erase(key_of(scope));
  scope.is_hidden = true;
  if (const std::uint32_t parent = scope.task.scope; parent != 0) {
    auto& beyond = scopes_.at(parent).beyond;
    if (!beyond) beyond = std::make_unique<std::map<std::uint32_t, Counts>>();
    const auto sum = [&](std::uint32_t place) -> Counts& {
      Counts& counts = (*beyond)[place];
      counts.resize(places_[place].closed.size());
      return counts;
    };
    const States states = states_of(scope);
    for (std::size_t step = 0; step < states.size(); ++step)
      add(sum(scope.place)[step], counts_of(states[step]));
    if (scope.beyond) {
      for (const auto& [place, counts] : *scope.beyond)
        for (std::size_t step = 0; step < counts.size(); ++step)
          add(sum(place)[step], counts[step]);
    }
  }
  scope.beyond.reset();
  scope.tasks = {};
  scope.is_kept = false;
  --kept_;
  ++beyond_;
  erase_if_done(number);
}

// Tasks of it may be named while it is open, or while a scope of one of them is, or at the end of
// the run.
void RunScopes::erase_if_done(std::uint32_t number) {
  while (number != 0) {
    const auto found = scopes_.find(number);
    if (found == scopes_.end()) return;
    const Scope& scope = found->second;
    if (scope.is_open || !scope.is_hidden || scope.has_failed || scope.children != 0) return;
    number = scope.task.scope;
    scopes_.erase(found);
    if (number != 0) --scopes_.at(number).children;
  }
}

void RunScopes::mark_failed(std::uint32_t scope) {
  while (scope != 0) {
    Scope& record = scopes_.at(scope);
    record.has_failed = true;
    scope = record.task.scope;
  }
}

void RunScopes::forget_tasks() {
  SLUICE_ASSERT(open_.empty(), "a run that has ended has open scopes");
  beyond_ += std::exchange(kept_, 0);
  visible_.clear();
  scopes_.clear();
}

}  // namespace sluice::node
