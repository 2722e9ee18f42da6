#pragma once

// The world around one scheduler per node: virtual time, workers, a journal, a network, clients,
// all from one seed. Everything that core says is checked against what is true (world_checks.cc);
// what a run comes to is compared with the oracle. One seed, one history.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/scheduler.h"
#include "fake_store.h"
#include "options.h"
#include "oracle.h"
#include "trace.h"
#include "worker.h"

namespace sluice::sim {

class World {
 public:
  World(std::uint64_t seed, Trace& trace);

  struct Report {
    std::optional<std::string> violation;
    std::uint64_t events = 0;
    std::uint64_t rolled_back = 0;
    std::uint32_t succeeded = 0;  // Runs.
  };
  Report run();

 private:
  // ---- what is true
  struct Attempt {
    Worker worker;
    std::vector<ObjectId> held;
    bool blocked = false;
    bool ending = false;
    std::optional<core::EndAttempt::Reason> end_reason;
    bool scheduled = false;
    std::map<std::uint32_t, ObjectId> open;  // By port.
  };
  struct Node {
    NodeId id;
    std::unique_ptr<core::Scheduler> scheduler;
    FakeStore store;
    core::Actions actions;
    std::map<core::Attempt, Attempt> attempts;
    std::uint32_t slots = 0;
    std::optional<TimePoint> timer;
    std::vector<core::Attempt> over;       // Some attempts of the past, for stale events.
    std::vector<core::Attempt> committed;  // Some whose commit this node knows.
    // Copies of objects that still grow where they come from.
    std::map<std::tuple<core::Attempt, std::uint32_t, std::uint32_t>, ObjectId> copies;
  };
  struct Task {
    std::uint64_t epoch = 0;
    std::uint32_t failures = 0;   // That count.
    std::uint32_t uncertain = 0;  // Of these, time-outs that may have become something else.
    std::optional<core::Failure> last_failure;
    TimePoint not_before{};
    bool commit_asked = false;
    bool ordered = false;
    std::vector<std::vector<Digest>> emitted;  // By the current attempt, by port.
  };
  struct Output {
    Value value;
    bool ready = false;
    bool in_inner = false;  // Of a list of lists.
  };
  struct Run {
    Scenario scenario;
    RunOutcome oracle;
    RunKey key;
    std::optional<TimePoint> deadline;
    bool cancelled = false;
    bool broken = false;
    std::optional<core::RunEnded::State> ended;
    std::set<NodeId> participants;
    std::set<NodeId> over;  // Nodes that know of the end.
    std::set<NodeId> drained;
    std::set<NodeId> forgotten;
    std::map<core::TaskKey, Task> tasks;
    std::vector<Output> outputs;
  };

  // ---- time (world.cc)
  void at(TimePoint when, std::function<void()> what);
  void after(Duration longest, std::function<void()> what);
  Duration some(Duration longest);
  void send(NodeId from, NodeId to, std::function<void()> what);
  void violate(std::string what);
  bool check(bool condition, const char* what, const std::string& about);

  // ---- clients (world_clients.cc)
  void submit();
  void upload(RunKey key, std::uint32_t input, std::uint32_t element);
  void forget(Node& node, RunKey key);
  void inject_stale_event();
  void check_end();

  // ---- nodes (world.cc)
  Node& node_of(NodeId id) { return nodes_[id.value - 1]; }
  Run* find_run(RunKey key);
  void apply(Node& node, const core::Event& event);
  void set_timer(Node& node);
  ObjectId give_to_core(Node& node, RunKey run, Digest digest, bool sealed);
  core::Object object_of(Node& node, ObjectId id);
  void hold(Node& node, Attempt& attempt, ObjectId object);
  void schedule(Node& node, const core::Attempt& id, Attempt& attempt);
  void advance(Node& node, const core::Attempt& id);
  void emit(Node& node, const core::Attempt& id, const Worker::Step& step);
  void sealed(Node& node, ObjectId object);
  void end(Node& node, const core::Attempt& id);
  void receive(Node& node, core::Fact fact, Digest digest);

  // ---- actions (world_actions.cc)
  void on(Node& node, const core::StartTask& start);
  // Its workflows have functions and links only; expressions are simulated by tests/language.
  template <class Action>
  void on_unexpected(const Action&) {
    check(false, "no action that the scenario has no step for", "");
  }
  void on(Node&, const core::Recall& recall) { on_unexpected(recall); }
  void on(Node&, const core::KeepOutput& kept) { on_unexpected(kept); }
  void on(Node&, const core::Compute& compute) { on_unexpected(compute); }
  void on(Node&, const core::BeginWait& wait) { on_unexpected(wait); }
  void on(Node&, const core::Retain& retain) { on_unexpected(retain); }
  void on(Node&, const core::ScopeOpened& scope) { on_unexpected(scope); }
  void on(Node&, const core::ScopeClosed& scope) { on_unexpected(scope); }
  void on(Node& node, const core::Bind& bind);
  void on(Node& node, const core::Deliver& deliver);
  void on(Node& node, const core::EndAttempt& end);
  void on(Node& node, const core::Commit& commit);
  void on(Node& node, const core::Release& release);
  void on(Node& node, const core::OutputElement& element);
  void on(Node& node, const core::OutputReady& ready);
  void on(Node& node, const core::TaskRetries& retries);
  void on(Node& node, const core::RunEnded& ended);
  void on(Node& node, const core::RunDrained& drained);
  void on(Node& node, const core::Forward& forward);
  Worker::Plan draw_plan();
  void bind(Node& node, const core::Attempt& id, Attempt& attempt, const core::Binding& binding);

  // ---- checkers (world_checks.cc)
  void check_start(Node& node, Run& run, const core::StartTask& start);
  void check_commit(Node& node, Run& run, const core::Commit& commit);
  void check_run_ended(Run& run, const core::RunEnded& ended);
  bool may_fail_for_good(const Run& run, std::uint32_t step, const Task& task) const;
  bool is_ordered(const Run& run, std::uint32_t step, std::optional<std::uint32_t> index) const;

  Random random_;
  Trace& trace_;
  Limits limits_;
  Options options_;
  TimePoint now_{};
  std::map<std::pair<TimePoint, std::uint64_t>, std::function<void()>> events_;
  std::uint64_t sequence_ = 0;
  std::map<std::pair<NodeId, NodeId>, TimePoint> network_;  // When the last message arrives.
  std::map<NodeId, TimePoint> journal_;
  std::vector<Node> nodes_;
  std::map<RunKey, Run> runs_;
  std::vector<std::uint32_t> generations_;  // By index of RunKey.
  std::uint32_t submitted_ = 0;
  bool healed_ = false;
  bool applying_ = false;
  std::optional<std::string> violation_;
  Report report_;
};

}  // namespace sluice::sim
