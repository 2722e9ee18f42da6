#pragma once

// What FakeWorld remembers of attempts and runs.

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"
#include "core/scheduler.h"

namespace sluice::core::testing {

using Value = std::uint64_t;
inline constexpr Value kHoleValue = ~Value{0};
inline constexpr Value kBegin = ~Value{0} - 1;
inline constexpr Value kEnd = ~Value{0} - 2;

struct FakeInput {  // What an attempt has got at one of its slots.
  Binding::Kind kind = Binding::Kind::kLiteral;
  std::vector<Value> values;
  bool closed = false;
};

// What core holds in the store of a node, and the node.
struct FakeStored {
  Value value = 0;
  std::uint32_t uses = 0;
  std::uint32_t held = 1;  // How often core holds it.
};
struct FakeNode {
  std::unique_ptr<Scheduler> scheduler;
  std::map<ObjectId, FakeStored> objects;
  std::map<ObjectId, ObjectId> copies;  // Of a growing object from elsewhere: there -> here.
};
struct FakeMessage {
  std::optional<Event> event;
  std::optional<Value> value;  // Of the object in a fact.
};

struct LiveAttempt {
  Attempt attempt;
  std::uint32_t number = 0;
  NodeId node;
  bool started = false;
  bool blocked = false;
  bool is_recalling = false;
  std::optional<EndAttempt::Reason> end_asked;
  std::map<std::uint32_t, FakeInput> inputs;  // By slot.
  std::vector<ObjectId> uses;
  std::vector<std::vector<Value>> emitted;  // By port.
};

struct CommittedTask {
  Commit::Result result = Commit::Result::kOutputs;
  std::map<std::uint32_t, FakeInput> inputs;
  std::vector<std::vector<Value>> outputs;
  std::uint32_t number = 0;
};
struct FakeOutput {
  std::vector<Value> values;
  bool ready = false;
  bool is_list = false;
  bool absent = false;
};
struct RunState {
  std::shared_ptr<const model::App> app;
  std::uint32_t workflow = 0;
  NodeId owner;
  std::vector<NodeId> placement;
  std::optional<RunEnded> ended;
  std::uint32_t drained = 0;  // Nodes.
  std::vector<FakeOutput> outputs;
  std::map<std::pair<std::uint32_t, std::uint32_t>, CommittedTask> committed;
  std::vector<NodeId> nodes;
};

struct OpenScopes {
  static Object object(ObjectId id, Value value, bool sealed = true) {
    return {.id = id, .size = value % 97, .checksum = {.high = 1, .low = value}, .sealed = sealed};
  }

  // Scopes that are open: of a task, in order of opening.
  std::vector<ScopeOpened> scopes;
  std::vector<ScopeClosed> closed;  // In order.
  std::uint32_t scope_of(RunKey key, std::uint32_t step, std::uint32_t index = 0,
                         std::uint32_t outer = 0) {
    std::uint32_t newest = 0;
    for (const ScopeOpened& scope : scopes)
      if (scope.task == TaskKey{key, step, index, outer}) newest = scope.scope;
    SLUICE_ASSERT(newest != 0, "task {}.{} has no scope", step, index);
    return newest;
  }
  // Once, and all its tasks have ended.
  void close(const ScopeClosed& gone, const Scheduler& scheduler, const model::App& app) {
    const auto scope = std::find_if(scopes.begin(), scopes.end(), [&](const ScopeOpened& one) {
      return one.task.run == gone.run && one.scope == gone.scope;
    });
    SLUICE_ASSERT(scope != scopes.end(), "scope {} is closed twice", gone.scope);
    const std::size_t steps = app.workflows[scope->workflow].steps.size();
    for (std::uint32_t step = 0; step < steps; ++step) {
      const auto counts = scheduler.step_counts(gone.run, step, gone.scope);
      std::uint32_t ended = 0;
      for (const TaskState state :
           {TaskState::kSucceeded, TaskState::kFailed, TaskState::kSkipped, TaskState::kCancelled})
        ended += counts.by_state[static_cast<std::size_t>(state)];
      SLUICE_ASSERT(ended == counts.total, "a task of step {} of closed scope {} has not ended",
                    step, gone.scope);
    }
    scopes.erase(scope);
    closed.push_back(gone);
  }
  std::uint32_t workflow_of(const TaskKey& task) {
    for (const ScopeOpened& scope : scopes)
      if (scope.task.run == task.run && scope.scope == task.scope) return scope.workflow;
    SLUICE_ASSERT(task.scope == 0, "scope {} is not open", task.scope);
    return 0;
  }
};

}  // namespace sluice::core::testing
