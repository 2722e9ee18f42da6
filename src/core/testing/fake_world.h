#pragma once

// A world around schedulers, without workers, stores and clocks: it answers actions as node would,
// keeps the books, and aborts when core breaks a rule that can be seen from outside: an object
// delivered or kept after its release, released twice or while an attempt uses it, a task committed
// twice, an action for an attempt that is over.
//
// A node here is a scheduler with a store. Between two nodes messages keep their order; which pair
// of nodes goes first is up to the test. A value is a number: equal numbers have equal checksums.

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/check.h"
#include "core/scheduler.h"
#include "core/testing/fake_evaluation.h"
#include "core/testing/fake_records.h"

namespace sluice::core::testing {

class FakeWorld : public OpenScopes {
 public:
  using Evaluation = testing::Evaluation;
  using LiveAttempt = testing::LiveAttempt;
  using RunState = testing::RunState;
  using Program = std::function<void(Evaluation&)>;

  FakeWorld(std::uint32_t node_count, const Limits& limits = {}, std::uint64_t seed = 1)
      : limits_(limits) {
    for (std::uint32_t n = 1; n <= node_count; ++n) {
      auto& node = nodes_.emplace_back(std::make_unique<Node>());
      node->scheduler = std::make_unique<Scheduler>(limits_, NodeId{n}, Random(seed + n));
      apply(NodeId{n}, SlotsChanged{1000});
    }
  }

  // ---- how the world behaves
  bool auto_start = true;                     // TaskStarted follows StartTask at once.
  bool auto_consume = true;                   // Readers make room at once.
  bool auto_end = true;                       // AttemptEnded follows EndAttempt at once.
  bool auto_settle = true;                    // Messages between nodes arrive at once.
  bool auto_commit = true;                    // Committed follows Commit at once.
  bool auto_compute = true;                   // Computed follows Compute at once.
  bool auto_recall = true;                    // NotCached follows Recall at once.
  std::map<std::uint32_t, Program> programs;  // By step of workflow 0.
  std::map<std::pair<std::uint32_t, std::uint32_t>, Program> inner_programs;  // Workflow, step.
  bool check_after_every_event = true;

  TimePoint now{};
  std::vector<KeepOutput> kept_outputs;
  std::vector<std::pair<NodeId, Action>> log;  // Every action so far; tests may clear it.

  // ---- runs. `node_of(step)`; nodes count from 1.
  RunKey submit(std::shared_ptr<const model::App> app,
                const std::function<NodeId(std::uint32_t)>& node_of = {}, NodeId owner = NodeId{1},
                std::optional<TimePoint> deadline = std::nullopt) {
    const RunKey key = RunKey::make(next_run_++, 1);
    RunState& run = runs_[key];
    run.app = app;
    run.owner = owner;
    run.outputs.resize(app->workflows[0].outputs.size());
    if (nodes_.size() > 1)
      for (std::uint32_t s = 0; s < app->workflows[0].steps.size(); ++s)
        run.placement.push_back(node_of ? node_of(s) : NodeId{1});
    for (std::uint32_t n = 1; n <= nodes_.size(); ++n) {
      const NodeId node{n};
      const bool part =
          node == owner || run.placement.empty() ||
          std::find(run.placement.begin(), run.placement.end(), node) != run.placement.end();
      if (part) run.nodes.push_back(node);
    }
    for (const NodeId node : run.nodes)
      apply(node, RunSubmitted{.run = key,
                               .app = app,
                               .workflow = 0,
                               .deadline = deadline,
                               .owner = owner,
                               .placement = run.placement});
    after_event();
    return key;
  }
  RunState& run(RunKey key) { return runs_.at(key); }
  void input(RunKey key, std::uint32_t input, Value value, bool sealed = true) {
    for (const NodeId node : run(key).nodes) {
      std::optional<ObjectId>& open = open_inputs_[{node, key, input}];
      const ObjectId id = open ? *open : make_object(node, value);
      open.reset();
      if (!sealed) open = id;
      apply(node, InputReady{key, input, object(id, value, sealed)});
    }
    after_event();
  }
  void input_element(RunKey key, std::uint32_t input, Value value) {
    for (const NodeId node : run(key).nodes)
      apply(node, InputElement{key, input, object(make_object(node, value), value)});
    after_event();
  }
  void close_input(RunKey key, std::uint32_t input) {
    for (const NodeId node : run(key).nodes) apply(node, InputClosed{key, input});
    after_event();
  }
  void absent_input(RunKey key, std::uint32_t input) {
    for (const NodeId node : run(key).nodes) apply(node, InputAbsent{key, input});
    after_event();
  }
  void tell_owner(RunKey key, const Event& event) {
    apply(run(key).owner, event);
    after_event();
  }
  void cancel(RunKey key) { tell_owner(key, CancelRun{key}); }

  // ---- attempts
  LiveAttempt* find(const TaskKey& task) {
    const auto found = live_.find(task);
    return found == live_.end() ? nullptr : &found->second;
  }
  LiveAttempt* find(RunKey key, std::uint32_t step, std::uint32_t index = 0) {
    return find(TaskKey{key, step, index});
  }
  LiveAttempt& live_in(RunKey key, std::uint32_t scope, std::uint32_t step,
                       std::uint32_t index = 0) {
    LiveAttempt* attempt = find(TaskKey{key, step, index, scope});
    SLUICE_ASSERT(attempt != nullptr, "task {}.{} of scope {} does not run", step, index, scope);
    return *attempt;
  }
  bool runs_in(RunKey key, std::uint32_t scope, std::uint32_t step, std::uint32_t index = 0) {
    LiveAttempt* attempt = find(TaskKey{key, step, index, scope});
    return attempt != nullptr && !attempt->end_asked;
  }
  void finish_in(RunKey key, std::uint32_t scope, std::uint32_t step, std::uint32_t index,
                 std::vector<Value> values) {
    for (std::uint32_t p = 0; p < values.size(); ++p)
      emit(live_in(key, scope, step, index), values[p], p);
    done(live_in(key, scope, step, index));
  }
  LiveAttempt& live(RunKey key, std::uint32_t step, std::uint32_t index = 0) {
    LiveAttempt* attempt = find(key, step, index);
    SLUICE_ASSERT(attempt != nullptr, "task {}.{} does not run", step, index);
    return *attempt;
  }
  bool runs(RunKey key, std::uint32_t step, std::uint32_t index = 0) {
    LiveAttempt* attempt = find(key, step, index);
    return attempt != nullptr && !attempt->end_asked;
  }
  const std::map<TaskKey, LiveAttempt>& all_live() const { return live_; }

  void start(LiveAttempt& attempt) {
    attempt.started = true;
    send(attempt, TaskStarted{attempt.attempt});
  }
  void emit(LiveAttempt& attempt, Value value, std::uint32_t port = 0, bool sealed = true) {
    const ObjectId id = make_object(attempt.node, value);
    if (attempt.emitted.size() <= port) attempt.emitted.resize(port + 1);
    attempt.emitted[port].push_back(value);
    if (!sealed) open_[{attempt.attempt, port}] = id;
    send(attempt, Emitted{attempt.attempt, port, object(id, value, sealed)});
  }
  void seal(LiveAttempt& attempt, Value value, std::uint32_t port = 0) {
    const ObjectId id = open_.at({attempt.attempt, port});
    attempt.emitted[port].back() = value;
    node(attempt.node).objects.at(id).value = value;
    send(attempt, Sealed{attempt.attempt, port, object(id, value)});
  }
  void block(LiveAttempt& attempt) {
    attempt.blocked = true;
    send(attempt, TaskBlocked{attempt.attempt});
  }
  void unblock(LiveAttempt& attempt) {
    attempt.blocked = false;
    send(attempt, TaskUnblocked{attempt.attempt});
  }
  void lack_worker(LiveAttempt& attempt, bool only_function = false) {
    send(attempt, WorkerShort{attempt.attempt, only_function});
  }
  void consume(LiveAttempt& attempt, std::uint32_t slot, std::uint32_t elements) {
    send(attempt, Consumed{attempt.attempt, slot, elements});
  }
  void done(LiveAttempt& attempt) {
    const LiveAttempt gone = retire(attempt);
    finished_[gone.attempt] = {
        .inputs = gone.inputs, .outputs = gone.emitted, .number = gone.number};
    apply(gone.node, TaskDone{gone.attempt});
    after_event();
  }
  // There is nothing in the cache for it.
  void not_cached(LiveAttempt& attempt) { send(attempt, NotCached{attempt.attempt}); }
  void fail(LiveAttempt& attempt, Failure failure) {
    const LiveAttempt gone = retire(attempt);
    apply(gone.node, TaskFailed{gone.attempt, std::move(failure)});
    after_event();
  }
  void fail(LiveAttempt& attempt, const std::string& name = "ValueError") {
    fail(attempt, Failure{.name = name, .message = "test"});
  }
  void ended(LiveAttempt& attempt) {
    SLUICE_ASSERT(attempt.end_asked.has_value());
    const LiveAttempt gone = retire(attempt);
    apply(gone.node, AttemptEnded{gone.attempt});
    after_event();
  }
  // Emits one value on every given port and ends.
  void finish(RunKey key, std::uint32_t step, std::uint32_t index, std::vector<Value> values) {
    for (std::uint32_t p = 0; p < values.size(); ++p) emit(live(key, step, index), values[p], p);
    done(live(key, step, index));
  }

  // ---- time
  std::optional<TimePoint> next_deadline() const {
    std::optional<TimePoint> next;
    for (const auto& node : nodes_)
      if (const auto at = node->scheduler->next_deadline(); at && (!next || *at < *next)) next = at;
    return next;
  }
  void advance_to(TimePoint time) {
    while (const std::optional<TimePoint> next = next_deadline()) {
      if (*next > time) break;
      if (*next > now) now = *next;
      for (std::uint32_t n = 1; n <= nodes_.size(); ++n) {
        const auto at = scheduler(NodeId{n}).next_deadline();
        if (at && *at <= now) apply(NodeId{n}, DeadlineReached{});
      }
      after_event();
    }
    if (time > now) now = time;
  }
  void advance(Duration duration) { advance_to(now + duration); }

  // ---- messages between nodes, and ends and commits that wait
  bool has_messages() const {
    for (const auto& [pair, queue] : channels_)
      if (!queue.empty()) return true;
    return !commits_.empty();
  }
  // Delivers one message of the `choice`-th channel that has any.
  void deliver_one(std::size_t choice) {
    std::vector<std::deque<Message>*> waiting;
    std::vector<NodeId> to;
    for (auto& [pair, queue] : channels_)
      if (!queue.empty()) {
        waiting.push_back(&queue);
        to.push_back(pair.second);
      }
    if (waiting.empty() || (!commits_.empty() && choice % (waiting.size() + 1) == 0)) {
      order_commit();
      return;
    }
    std::deque<Message>& queue = *waiting[choice % waiting.size()];
    const NodeId target = to[choice % waiting.size()];
    const Message message = std::move(queue.front());
    queue.pop_front();
    arrive(target, message);
  }
  void settle() {
    while (has_messages()) deliver_one(0);
  }

  void set_slots(std::uint32_t slots, NodeId node = NodeId{1}) {
    apply(node, SlotsChanged{slots});
    after_event();
  }
  void forget(RunKey key) {
    for (const NodeId node : run(key).nodes) apply(node, ForgetRun{key});
  }

  Scheduler& scheduler(NodeId id) { return *node(id).scheduler; }
  NodeId node_of(RunKey key, std::uint32_t step) {
    const RunState& state = run(key);
    return state.placement.empty() ? NodeId{1} : state.placement[step];
  }
  TaskState state(RunKey key, std::uint32_t step, std::uint32_t index = 0) {
    return scheduler(node_of(key, step)).task_state({key, step, index});
  }
  // Objects that core holds, on all nodes.
  std::size_t objects_alive() const {
    std::size_t alive = 0;
    for (const auto& node : nodes_) alive += node->objects.size();
    return alive;
  }
  std::uint64_t stale_events() const {
    std::uint64_t sum = 0;
    for (const auto& node : nodes_) sum += node->scheduler->counters().stale_events;
    return sum;
  }
  // Evaluates what was asked for, with what is known now, and answers later.
  std::vector<std::pair<NodeId, Computed>> evaluate() {
    std::vector<std::pair<NodeId, Computed>> answers;
    for (const auto& [node, compute] : std::exchange(computes_, {})) {
      Evaluation evaluation(
          scheduler(node), compute,
          [this, at = node](ObjectId id) { return this->node(at).objects.at(id).value; },
          [this, at = node](Value value) { return object(make_object(at, value), value); });
      const TaskKey& task = compute.attempt.task;
      const std::uint32_t workflow = workflow_of(task);
      if (workflow == 0)
        programs.at(task.step)(evaluation);
      else
        inner_programs.at({workflow, task.step})(evaluation);
      answers.emplace_back(node, std::move(evaluation.answer));
    }
    return answers;
  }
  void answer(const std::vector<std::pair<NodeId, Computed>>& answers) {
    for (const auto& [node, computed] : answers) apply(node, computed);
    after_event();
  }
  bool is_over(RunKey key) {
    const RunState& state = run(key);
    return state.ended.has_value() && state.drained == state.nodes.size();
  }
  std::size_t commit_requests() const { return commit_requests_; }

  // For events that no honest node would send.
  void apply(NodeId to, const Event& event) {
    actions_.clear();
    scheduler(to).apply(event, now, actions_);
    if (check_after_every_event) scheduler(to).check_invariants();
    // Handling an action may bring events; they wait until all actions of this one are handled.
    const Actions actions = actions_;
    for (const Action& action : actions.list) {
      std::visit([&](const auto& what) { on(to, what, actions); }, action);
      log.emplace_back(to, action);
    }
    pump_events();
  }
  ObjectId make_object(NodeId at, Value value) {
    const ObjectId id{++next_object_};
    node(at).objects[id] = {.value = value};
    return id;
  }

 private:
  using Node = FakeNode;
  using Message = FakeMessage;
  Node& node(NodeId id) { return *nodes_.at(id.value - 1); }
  template <class E>
  void send(const LiveAttempt& attempt, const E& event) {
    apply(attempt.node, Event(event));
    after_event();
  }
  void after_event() {
    if (auto_settle) settle();
  }
  void pump_events() {
    if (pumping_) return;
    pumping_ = true;
    while (!pending_.empty()) {
      auto [to, event] = std::move(pending_.front());
      pending_.pop_front();
      // An attempt that is told twice to end is told once by node.
      if (const auto* end = std::get_if<AttemptEnded>(&event)) {
        LiveAttempt* attempt = find(end->attempt.task);
        if (attempt == nullptr || attempt->attempt != end->attempt) continue;
        retire(*attempt);
      }
      apply(to, event);
    }
    pumping_ = false;
  }

  LiveAttempt retire(LiveAttempt& attempt) {
    LiveAttempt gone = std::move(attempt);
    for (const ObjectId id : gone.uses) --node(gone.node).objects.at(id).uses;
    live_.erase(gone.attempt.task);
    return gone;
  }
  Value use(NodeId at, LiveAttempt& attempt, const Object& object) {
    const auto found = node(at).objects.find(object.id);
    SLUICE_ASSERT(found != node(at).objects.end(), "an object is used after its release");
    ++found->second.uses;
    attempt.uses.push_back(object.id);
    return found->second.value;
  }

  void on(NodeId at, const Recall& recall, const Actions&) {
    SLUICE_ASSERT(!live_.contains(recall.attempt.task), "a task is recalled while it runs");
    live_[recall.attempt.task] = {
        .attempt = recall.attempt, .number = recall.number, .node = at, .is_recalling = true};
    if (auto_recall) pending_.emplace_back(at, NotCached{recall.attempt});
  }
  void on(NodeId, const KeepOutput& kept, const Actions&) { kept_outputs.push_back(kept); }
  void on(NodeId at, const StartTask& start, const Actions& actions) {
    const TaskKey& task = start.attempt.task;
    if (const auto found = live_.find(task);
        found != live_.end() && std::exchange(found->second.is_recalling, false)) {
      SLUICE_ASSERT(found->second.attempt == start.attempt);
      live_.erase(found);
    }
    SLUICE_ASSERT(!live_.contains(task), "a task is started twice");
    // Only the owner knows of the end at once.
    SLUICE_ASSERT(at != run(task.run).owner || !run(task.run).ended);
    LiveAttempt& attempt = live_[task];
    attempt.attempt = start.attempt;
    attempt.number = start.number;
    attempt.node = at;
    const auto& step = run(task.run).app->workflows[workflow_of(task)].steps[task.step];
    attempt.emitted.resize(run(task.run).app->functions[step.function].outputs.size());
    for (std::uint32_t i = 0; i < start.bindings_count; ++i) {
      const Binding& binding = actions.bindings[start.bindings_first + i];
      FakeInput& input = attempt.inputs[binding.slot];
      input.kind = binding.kind;
      if (binding.kind == Binding::Kind::kObject)
        input.values.push_back(use(at, attempt, binding.object));
    }
    if (auto_start) {
      attempt.started = true;
      pending_.emplace_back(at, TaskStarted{start.attempt});
    }
  }
  void on(NodeId at, const Bind& bind, const Actions&) {
    LiveAttempt* attempt = find(bind.attempt.task);
    SLUICE_ASSERT(attempt != nullptr && attempt->attempt == bind.attempt && !attempt->end_asked);
    FakeInput& input = attempt->inputs.at(bind.binding.slot);
    SLUICE_ASSERT(std::exchange(input.kind, bind.binding.kind) == Binding::Kind::kLate);
    if (input.kind == Binding::Kind::kObject)
      input.values.push_back(use(at, *attempt, bind.binding.object));
  }
  void on(NodeId at, const Deliver& deliver, const Actions&) {
    LiveAttempt* attempt = find(deliver.attempt.task);
    SLUICE_ASSERT(attempt != nullptr && attempt->attempt == deliver.attempt && !attempt->end_asked,
                  "a delivery to an attempt that is over");
    FakeInput& input = attempt->inputs.at(deliver.slot);
    SLUICE_ASSERT(!input.closed && input.kind == Binding::Kind::kList);
    switch (deliver.kind) {
      case Deliver::Kind::kElement:
        SLUICE_ASSERT(deliver.object.sealed);
        input.values.push_back(use(at, *attempt, deliver.object));
        break;
      case Deliver::Kind::kHole:
        input.values.push_back(kHoleValue);
        break;
      case Deliver::Kind::kListBegin:
        input.values.push_back(kBegin);
        return;
      case Deliver::Kind::kListEnd:
        input.values.push_back(kEnd);
        return;
      case Deliver::Kind::kClosed:
        input.closed = true;
        return;
    }
    if (auto_consume) pending_.emplace_back(at, Consumed{deliver.attempt, deliver.slot, 1});
  }
  void on(NodeId at, const EndAttempt& end, const Actions&) {
    LiveAttempt* attempt = find(end.attempt.task);
    SLUICE_ASSERT(attempt != nullptr && attempt->attempt == end.attempt && !attempt->end_asked,
                  "the end of an attempt that is over");
    attempt->end_asked = end.reason;
    if (auto_end) pending_.emplace_back(at, AttemptEnded{end.attempt});
  }
  void on(NodeId, const Commit& commit, const Actions&) {
    ++commit_requests_;
    commits_.push_back(commit);
    if (auto_commit && auto_settle && nodes_.size() == 1) order_commit();
  }
  void order_commit() {
    const Commit commit = commits_.front();
    commits_.pop_front();
    const TaskKey& task = commit.attempt.task;
    RunState& state = run(task.run);
    if (state.ended) return;  // The end of a run is ordered, too.
    CommittedTask record;
    // What an expression has come to is seen in its readers; a wait may end by its time.
    if (const auto finished = finished_.find(commit.attempt);
        commit.result == Commit::Result::kOutputs && finished != finished_.end())
      record = finished->second;
    if (const auto waiting = live_.find(task);
        waiting != live_.end() && waiting->second.attempt == commit.attempt)
      retire(waiting->second);
    record.result = commit.result;
    record.number = commit.number;
    const bool is_new = committed_.emplace(commit.attempt.task, commit.result).second;
    SLUICE_ASSERT(is_new, "task {}.{} is committed twice", task.step, task.index);
    if (task.scope == 0) state.committed.emplace(std::pair(task.step, task.index), record);
    for (const NodeId node : state.nodes) {
      if (nodes_.size() == 1)
        pending_.emplace_back(node, Committed{commit.attempt});
      else
        channels_[{state.owner, node}].push_back({Committed{commit.attempt}, std::nullopt});
    }
    if (!pumping_ && nodes_.size() == 1) pump_events();
  }
  void on(NodeId at, const Release& release, const Actions&) {
    const auto found = node(at).objects.find(release.object);
    SLUICE_ASSERT(found != node(at).objects.end(), "object {} is released twice",
                  release.object.value);
    if (--found->second.held != 0) return;
    SLUICE_ASSERT(found->second.uses == 0, "object {} is released while it is used",
                  release.object.value);
    node(at).objects.erase(found);
  }
  void on(NodeId at, const Retain& retain, const Actions&) {
    ++node(at).objects.at(retain.object).held;
  }
  void on(NodeId at, const Compute& compute, const Actions&) {
    computes_.emplace_back(at, compute);
    if (!auto_compute) return;
    for (auto& [node, computed] : evaluate()) pending_.emplace_back(node, std::move(computed));
  }
  void on(NodeId at, const BeginWait& wait, const Actions& actions) {
    const TaskKey& task = wait.attempt.task;
    SLUICE_ASSERT(!live_.contains(task), "a wait begins twice");
    LiveAttempt& attempt = live_[task];
    attempt.attempt = wait.attempt;
    attempt.node = at;
    attempt.started = true;
    for (std::uint32_t i = 0; i < wait.bindings_count; ++i) {
      const Binding& binding = actions.bindings[wait.bindings_first + i];
      if (binding.kind == Binding::Kind::kObject)
        attempt.inputs[binding.slot].values.push_back(use(at, attempt, binding.object));
    }
    pending_.emplace_back(at, TaskStarted{wait.attempt});
  }
  void on(NodeId, const ScopeOpened& opened, const Actions&) { scopes.push_back(opened); }
  void on(NodeId at, const ScopeClosed& closed, const Actions&) {
    close(closed, scheduler(at), *run(closed.run).app);
    for (const auto& [task, attempt] : live_)
      SLUICE_ASSERT(task.run != closed.run || task.scope != closed.scope,
                    "scope {} is closed while task {}.{} runs", closed.scope, task.step,
                    task.index);
  }
  void on(NodeId at, const OutputElement& element, const Actions&) {
    RunState& state = run(element.run);
    SLUICE_ASSERT(at == state.owner && !state.ended && !state.outputs.at(element.output).ready);
    Value value = kHoleValue;
    if (element.object) value = node(at).objects.at(element.object->id).value;
    if (element.kind == Deliver::Kind::kListBegin) value = kBegin;
    if (element.kind == Deliver::Kind::kListEnd) value = kEnd;
    state.outputs[element.output].values.push_back(value);
  }
  void on(NodeId at, const OutputReady& ready, const Actions&) {
    RunState& state = run(ready.run);
    FakeOutput& output = state.outputs.at(ready.output);
    SLUICE_ASSERT(at == state.owner && !state.ended && !output.ready);
    output.ready = true;
    output.is_list = ready.is_list;
    output.absent = !ready.is_list && !ready.object;
    if (ready.object) output.values.push_back(node(at).objects.at(ready.object->id).value);
  }
  void on(NodeId, const TaskRetries&, const Actions&) {}
  void on(NodeId at, const RunEnded& ended, const Actions&) {
    RunState& state = run(ended.run);
    SLUICE_ASSERT(at == state.owner && !state.ended, "a run ends twice");
    state.ended = ended;
  }
  void on(NodeId at, const RunDrained& drained, const Actions&) {
    for (const auto& [task, attempt] : live_)
      SLUICE_ASSERT(task.run != drained.run || attempt.node != at, "drained with a live attempt");
    ++run(drained.run).drained;
  }
  void on(NodeId at, const Forward& forward, const Actions&) {
    Message message{forward.fact, std::nullopt};
    if (forward.fact.object.id) message.value = node(at).objects.at(forward.fact.object.id).value;
    channels_[{at, forward.node}].push_back(std::move(message));
  }
  void arrive(NodeId to, const Message& message) {
    Event event = *message.event;
    if (auto* fact = std::get_if<Fact>(&event); fact != nullptr && message.value) {
      // The bytes come over the wire into this node's own store.
      const ObjectId there = fact->object.id;
      if (fact->kind == Fact::Kind::kEmitted) {
        fact->object.id = make_object(to, *message.value);
        if (!fact->object.sealed) node(to).copies[there] = fact->object.id;
      } else {
        fact->object.id = node(to).copies[there];
        if (const auto copy = node(to).objects.find(fact->object.id);
            copy != node(to).objects.end())
          copy->second.value = *message.value;
      }
    }
    apply(to, event);
  }

  Limits limits_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<RunKey, RunState> runs_;
  std::map<TaskKey, LiveAttempt> live_;
  std::map<Attempt, CommittedTask> finished_;
  std::map<std::pair<Attempt, std::uint32_t>, ObjectId> open_;
  std::map<std::tuple<NodeId, RunKey, std::uint32_t>, std::optional<ObjectId>> open_inputs_;
  std::map<std::pair<NodeId, NodeId>, std::deque<Message>> channels_;
  std::deque<Commit> commits_;
  std::map<TaskKey, Commit::Result> committed_;
  std::vector<std::pair<NodeId, Compute>> computes_;
  std::deque<std::pair<NodeId, Event>> pending_;
  bool pumping_ = false;
  Actions actions_;
  std::uint32_t next_run_ = 1;
  std::uint64_t next_object_ = 0;
  std::size_t commit_requests_ = 0;
};

}  // namespace sluice::core::testing
