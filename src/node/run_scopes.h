#pragma once

// The scopes of a run: whose task opened each, and what became of the tasks in it. Core forgets a
// scope as soon as its task is committed; people ask for its tasks for as long as the run is kept.
// So a scope leaves a record of a few bytes per task here, up to a limit, and beyond it only the
// numbers in the counts of its steps. What is void leaves nothing. Pure.

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/scheduler.h"
#include "node/written_steps.h"

namespace sluice::node {

class RunScopes {
 public:
  // States of the tasks of a scope by shown step, a byte per task.
  using States = std::vector<std::string>;
  // By shown step.
  using Counts = std::vector<StepCounts>;
  // The inside of a step as it is written, whichever scopes that has: what `each~inner` says.
  struct Place {
    std::uint32_t parent = 0;
    std::uint32_t step = 0;  // Shown step of the parent.
    std::uint32_t workflow = 0;
    bool is_internal = false;  // A loop's body: its step is the one around it.
    bool is_loop = false;
    std::string path;  // Of that step, without indices; of the run's own workflow empty.
    Counts closed;     // Tasks of scopes that are closed.
  };
  // The steps of an inner workflow: whose task opened it, and which round of a loop it is.
  struct Scope {
    core::TaskKey task;
    std::uint32_t workflow = 0;
    std::uint32_t round = 0;  // 0: no loop.
    std::uint32_t place = 0;
    std::uint32_t children = 0;  // Records that name this one.
    bool is_open = true;
    bool is_hidden = false;   // Void, or beyond the limit.
    bool is_kept = false;     // It is closed, and `tasks` says what they came to.
    bool has_failed = false;  // The run may still be told of a task in it: it stays.
    std::string tasks;        // Its States, packed.
    std::unique_ptr<std::map<std::uint32_t, Counts>> beyond;  // By place: of scopes of its tasks
                                                              // that are beyond the limit.
  };
  // Which scope of which task; those of one task are next to each other, in order of rounds.
  struct Key {
    std::uint32_t scope = 0;  // That the task is in.
    std::uint32_t step = 0;
    std::uint32_t index = 0;
    std::uint32_t round = 0;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  // Before all else. The app outlives this. Of `kept_max` closed scopes the tasks are kept.
  void start(const model::App& app, std::uint32_t workflow, std::size_t kept_max);
  void open(const core::ScopeOpened& opened);
  // `states`: of all its tasks; not looked at where nothing is kept of it.
  void close(std::uint32_t scope, bool is_void, const States& states);
  // A task in it has failed for good.
  void mark_failed(std::uint32_t scope);
  // Nothing of what is closed is kept any more but the counts. For runs that have ended.
  void forget_tasks();

  // Also of one that is closed, while tasks in it may be named.
  const Scope& at(std::uint32_t scope) const { return scopes_.at(scope); }
  bool is_open(std::uint32_t scope) const {
    return scope == 0 || (scopes_.contains(scope) && scopes_.at(scope).is_open);
  }
  // Its workflow's steps as they are shown.
  const std::vector<ShownStep>& shown(std::uint32_t workflow) const;
  const model::Workflow& workflow(std::uint32_t index) const { return app_->workflows[index]; }
  // Those that exist, of what is kept.
  const std::map<Key, std::uint32_t>& visible() const { return visible_; }
  const std::set<std::uint32_t>& open_ones() const { return open_; }
  // Element 0 is the run's own workflow; a parent stands before its children.
  const std::vector<Place>& places() const { return places_; }
  static States states_of(const Scope& scope);

  std::size_t kept() const { return kept_; }        // Closed scopes whose tasks are known.
  std::uint64_t beyond() const { return beyond_; }  // And those whose tasks are not.

 private:
  std::uint32_t place_of(const core::ScopeOpened& opened);
  static Key key_of(const Scope& scope) {
    return {scope.task.scope, scope.task.step, scope.task.index, scope.round};
  }
  std::vector<std::uint32_t> children_of(std::uint32_t scope) const;
  void count(const Scope& scope, const States& states, bool add);
  void hide(std::uint32_t number);
  void drop(std::uint32_t number);
  void erase_if_done(std::uint32_t number);

  const model::App* app_ = nullptr;
  std::size_t kept_max_ = 0;
  std::size_t kept_ = 0;
  std::uint64_t beyond_ = 0;
  std::unordered_map<std::uint32_t, Scope> scopes_;
  std::map<Key, std::uint32_t> visible_;
  std::set<std::uint32_t> open_;
  std::vector<Place> places_;
  mutable std::unordered_map<std::uint32_t, std::vector<ShownStep>> shown_;  // By workflow.
};

// Numbers of tasks, not whether they are final.
void add(StepCounts& sum, const StepCounts& more);
void subtract(StepCounts& sum, const StepCounts& less);

}  // namespace sluice::node
