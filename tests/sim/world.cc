#include "world.h"

#include <fmt/format.h>

#include "describe.h"

namespace sluice::sim {
namespace {

// A history longer than this goes in circles.
constexpr std::uint64_t kEventsMax = 200'000;
// From here on nothing fails any more: all that is left must come to an end.
constexpr std::uint64_t kHealedAfter = 20'000;

}  // namespace

World::World(std::uint64_t seed, Trace& trace) : random_(seed), trace_(trace) {
  options_ = Options::draw(random_);
  trace_.line(fmt::format("seed {}: {}", seed, to_text(options_)));
  nodes_.resize(options_.nodes);
  for (std::uint32_t i = 0; i < options_.nodes; ++i) {
    nodes_[i].id = NodeId{i + 1};
    nodes_[i].scheduler =
        std::make_unique<core::Scheduler>(limits_, nodes_[i].id, Random(random_.next()));
  }
}

World::Report World::run() {
  for (Node& node : nodes_) {
    node.slots = options_.slots;
    at(now_, [this, &node] { apply(node, core::SlotsChanged{node.slots}); });
  }
  for (std::uint32_t i = 0; i < options_.runs; ++i) {
    after(std::chrono::milliseconds(i == 0 ? 0 : 2000), [this] { submit(); });
  }
  while (!events_.empty() && !violation_) {
    auto first = events_.extract(events_.begin());
    now_ = first.key().first;
    first.mapped()();
    if (report_.events > kHealedAfter) healed_ = true;
    check(report_.events < kEventsMax, "every run ends", "the events never do");
    if (!violation_ && random_.chance(options_.stale_event)) inject_stale_event();
    if (!violation_ && random_.chance(options_.slots_change)) {
      Node& node = nodes_[random_.below(nodes_.size())];
      node.slots = static_cast<std::uint32_t>(1 + random_.below(5));
      apply(node, core::SlotsChanged{node.slots});
    }
  }
  if (!violation_) check_end();
  for (const Node& node : nodes_) report_.rolled_back += node.scheduler->counters().rolled_back;
  report_.violation = violation_;
  return report_;
}

// ---- time
// ----------------------------------------------------------------------------------------

void World::at(TimePoint when, std::function<void()> what) {
  events_.emplace(std::pair(std::max(when, now_), ++sequence_), std::move(what));
}

Duration World::some(Duration longest) {
  return Duration(
      static_cast<Duration::rep>(random_.below(1 + static_cast<std::uint64_t>(longest.count()))));
}

void World::after(Duration longest, std::function<void()> what) {
  at(now_ + some(longest), std::move(what));
}

void World::send(NodeId from, NodeId to, std::function<void()> what) {
  // Between two nodes in order; between different pairs in any.
  TimePoint& last = network_[{from, to}];
  last = std::max(last, now_ + (from == to ? Duration{} : some(options_.network_delay)));
  at(last, std::move(what));
}

void World::violate(std::string what) {
  if (violation_) return;
  trace_.line("VIOLATION " + what);
  violation_ = std::move(what);
}

bool World::check(bool condition, const char* what, const std::string& about) {
  if (!condition) violate(fmt::format("{}: {}", what, about));
  return condition;
}

// ---- nodes
// ---------------------------------------------------------------------------------------

World::Run* World::find_run(RunKey key) {
  const auto found = runs_.find(key);
  return found == runs_.end() ? nullptr : &found->second;
}

void World::apply(Node& node, const core::Event& event) {
  if (violation_) return;
  SLUICE_ASSERT(!applying_, "core was entered twice");
  applying_ = true;
  ++report_.events;
  trace_.line(fmt::format("{} node {} {}", now_.time_since_epoch().count() / 1000, node.id.value,
                          describe(event)));
  node.actions.clear();
  node.scheduler->apply(event, now_, node.actions);
  for (const core::Action& action : node.actions.list) {
    trace_.line("    -> " + describe(action, node.actions));
    std::visit([&](const auto& what) { on(node, what); }, action);
  }
  node.scheduler->check_invariants();
  set_timer(node);
  applying_ = false;
}

void World::set_timer(Node& node) {
  const std::optional<TimePoint> next = node.scheduler->next_deadline();
  if (!next || (node.timer && *node.timer <= *next)) return;
  node.timer = *next;
  // Timers of a loop are late, never early.
  at(*next + some(std::chrono::milliseconds(2)), [this, &node, when = *next] {
    if (node.timer == when) node.timer.reset();
    apply(node, core::DeadlineReached{});
  });
}

ObjectId World::give_to_core(Node& node, RunKey run, Digest digest, bool sealed) {
  const ObjectId id = node.store.add(run, digest, sealed);
  node.store.find(id)->in_core = true;
  return id;
}

core::Object World::object_of(Node& node, ObjectId id) {
  const FakeStore::Object& object = *node.store.find(id);
  if (!object.sealed) {
    // So far: nothing yet.
    return {.id = id, .size = 0, .checksum = {}, .sealed = false};
  }
  return {.id = id,
          .size = size_of(object.digest),
          .checksum = checksum_of(object.digest),
          .sealed = true};
}

void World::hold(Node& node, Attempt& attempt, ObjectId id) {
  FakeStore::Object* object = node.store.find(id);
  if (!check(object != nullptr && object->in_core, "readers get objects that are there",
             fmt::format("object {}", id.index()))) {
    return;
  }
  ++object->holders;
  attempt.held.push_back(id);
}

void World::schedule(Node& node, const core::Attempt& id, Attempt& attempt) {
  if (attempt.scheduled || attempt.ending || !attempt.worker.can_go_on()) return;
  attempt.scheduled = true;
  Duration longest = options_.worker_delay;
  if (attempt.worker.is_slow()) longest *= 20;
  after(longest, [this, &node, id] { advance(node, id); });
}

void World::advance(Node& node, const core::Attempt& id) {
  const auto found = node.attempts.find(id);
  if (found == node.attempts.end() || found->second.ending) return;
  Attempt& attempt = found->second;
  attempt.scheduled = false;
  const Worker::Step step = attempt.worker.next_step();
  if (attempt.worker.complaint()) {
    violate(fmt::format("{}: {}", describe(id), *attempt.worker.complaint()));
    return;
  }
  using Kind = Worker::Step::Kind;
  const auto fail = [&](core::Failure failure) {
    if (failure.counts) {
      Task& task = runs_.at(id.task.run).tasks[id.task];
      ++task.failures;
      task.last_failure = failure;
    }
    end(node, id);
    apply(node, core::TaskFailed{.attempt = id, .failure = std::move(failure)});
  };
  switch (step.kind) {
    case Kind::kNothing:
      break;
    case Kind::kStarted:
      apply(node, core::TaskStarted{id});
      break;
    case Kind::kBlocked:
      attempt.blocked = true;
      apply(node, core::TaskBlocked{id});
      break;
    case Kind::kUnblocked:
      attempt.blocked = false;
      apply(node, core::TaskUnblocked{id});
      break;
    case Kind::kConsumed:
      if (step.elements > 0) {
        apply(node, core::Consumed{.attempt = id, .slot = step.slot, .elements = step.elements});
      }
      break;
    case Kind::kEmitted:
    case Kind::kSealed:
      emit(node, id, step);
      break;
    case Kind::kHung:
      return;  // And is never heard of again, until the time-out.
    case Kind::kDone:
      end(node, id);
      apply(node, core::TaskDone{id});
      return;
    case Kind::kFailed: {
      const Behaviour& behaviour =
          runs_.at(id.task.run)
              .scenario.behaviours[runs_.at(id.task.run).scenario.step(id.task.step).function];
      core::Failure failure{.name = behaviour.failure, .message = "as always"};
      if (failure.name == "ValueError") failure.bases = {"Exception"};
      return fail(std::move(failure));
    }
    case Kind::kCrashed:
      return fail({.name = "Crash", .message = "killed by signal 11"});
    case Kind::kLost:
      return fail({.name = "Crash", .message = "its worker is gone", .counts = false});
  }
  const auto still = node.attempts.find(id);
  if (still != node.attempts.end()) schedule(node, id, still->second);
}

void World::emit(Node& node, const core::Attempt& id, const Worker::Step& step) {
  Attempt& attempt = node.attempts.at(id);
  if (step.kind == Worker::Step::Kind::kSealed) {
    const ObjectId object = attempt.open.at(step.port);
    attempt.open.erase(step.port);
    if (!check(node.store.find(object) != nullptr, "an object that grows is not released",
               describe(id)))
      return;
    node.store.find(object)->sealed = true;
    apply(node, core::Sealed{.attempt = id, .port = step.port, .object = object_of(node, object)});
    sealed(node, object);
    return;
  }
  runs_.at(id.task.run).tasks[id.task].emitted = attempt.worker.emitted();
  const ObjectId object = give_to_core(node, id.task.run, step.digest, !step.is_open);
  if (step.is_open) attempt.open[step.port] = object;
  apply(node, core::Emitted{.attempt = id, .port = step.port, .object = object_of(node, object)});
}

void World::sealed(Node& node, ObjectId object) {
  for (auto& [id, attempt] : node.attempts) {
    if (!attempt.worker.reads(object)) continue;
    attempt.worker.object_sealed(object);
    schedule(node, id, attempt);
  }
}

void World::end(Node& node, const core::Attempt& id) {
  auto attempt = node.attempts.extract(id);
  for (const ObjectId held : attempt.mapped().held) --node.store.find(held)->holders;
  if (node.over.size() < 64) {
    node.over.push_back(id);
  } else {
    node.over[random_.below(node.over.size())] = id;
  }
}

void World::receive(Node& node, core::Fact fact, Digest digest) {
  const Run* run = find_run(fact.attempt.task.run);
  // A node that has drained a run holds nothing of it any more and wants nothing.
  if (run == nullptr || run->drained.contains(node.id)) return;
  const std::tuple key{fact.attempt, fact.port, fact.index};
  ObjectId growing;
  if (fact.kind == core::Fact::Kind::kEmitted) {
    const ObjectId object = give_to_core(node, run->key, digest, fact.object.sealed);
    if (!fact.object.sealed) node.copies[key] = object;
    fact.object = object_of(node, object);
  } else if (fact.kind == core::Fact::Kind::kSealed) {
    const auto copy = node.copies.find(key);
    if (!check(copy != node.copies.end(), "what is sealed was emitted", describe(fact.attempt)))
      return;
    growing = copy->second;
    node.copies.erase(copy);
    // Core may have given it back meanwhile: its attempt was void.
    if (node.store.find(growing) == nullptr) return;
    node.store.find(growing)->sealed = true;
    fact.object = object_of(node, growing);
  }
  apply(node, fact);
  if (growing && node.store.find(growing) != nullptr) sealed(node, growing);
}

}  // namespace sluice::sim
