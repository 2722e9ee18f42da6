// What core wants done, done: and on the way checked.

#include <fmt/format.h>

#include "describe.h"
#include "world.h"

namespace sluice::sim {

Worker::Plan World::draw_plan() {
  Worker::Plan plan{.steps_left = static_cast<std::uint32_t>(random_.below(15)),
                    .slow = random_.chance(options_.slow),
                    .open_outputs = options_.open_outputs};
  if (healed_) return plan;
  if (random_.chance(options_.crash)) {
    plan.fate = Worker::Fate::kCrashes;
  } else if (random_.chance(options_.lost)) {
    plan.fate = Worker::Fate::kIsLost;
  } else if (random_.chance(options_.hang)) {
    plan.fate = Worker::Fate::kHangs;
  }
  if (plan.fate != Worker::Fate::kEndsWell && options_.lies_before_failing)
    plan.lie = random_.next() | 1;
  return plan;
}

void World::on(Node& node, const core::StartTask& start) {
  const core::TaskKey& key = start.attempt.task;
  Run* run = find_run(key.run);
  if (!check(run != nullptr, "tasks belong to runs", describe(start.attempt))) return;
  check_start(node, *run, start);
  if (violation_) return;
  Task& task = run->tasks[key];
  task.epoch = start.attempt.epoch;
  task.failures = start.number - 1;
  task.uncertain = 0;
  task.emitted.clear();

  const auto [entry, is_new] = node.attempts.emplace(
      start.attempt, Attempt{.worker = Worker(run->scenario, key, draw_plan(), random_.next())});
  Attempt& attempt = entry->second;
  for (std::uint32_t i = 0; i < start.bindings_count && !violation_; ++i)
    bind(node, start.attempt, attempt, node.actions.bindings[start.bindings_first + i]);
  if (violation_) return;
  if (!healed_ && random_.chance(options_.no_worker))
    after(options_.worker_delay,
          [this, &node, id = start.attempt, only_function = random_.chance(0.3)] {
            apply(node, core::WorkerShort{.attempt = id, .only_function = only_function});
          });
  schedule(node, start.attempt, attempt);
}

void World::bind(Node& node, const core::Attempt& id, Attempt& attempt,
                 const core::Binding& binding) {
  const model::Step& step = runs_.at(id.task.run).scenario.step(id.task.step);
  const model::Source& source = step.slots[binding.slot].source;
  switch (binding.kind) {
    case core::Binding::Kind::kLiteral:
      attempt.worker.bind_literal(binding.slot, literal_value(std::get<model::Literal>(source)));
      break;
    case core::Binding::Kind::kIndex:
      attempt.worker.bind_literal(binding.slot, Value::one(id.task.index));
      break;
    case core::Binding::Kind::kRound:
    case core::Binding::Kind::kRunId:
      check(false, "only bindings that the scenario has", describe(id));
      break;
    case core::Binding::Kind::kObject: {
      hold(node, attempt, binding.object.id);
      if (violation_) return;
      const FakeStore::Object& object = *node.store.find(binding.object.id);
      attempt.worker.bind_object(binding.slot, binding.object.id, object.digest, object.sealed);
      break;
    }
    case core::Binding::Kind::kList:
      attempt.worker.bind_list(binding.slot);
      break;
    case core::Binding::Kind::kLate:
      check(step.start == model::StartMode::kEarly, "only early tasks start without an input",
            describe(id));
      attempt.worker.bind_late(binding.slot);
      break;
    case core::Binding::Kind::kAbsent:
      attempt.worker.bind_absent(binding.slot);
      break;
  }
}

void World::on(Node& node, const core::Bind& bound) {
  const auto found = node.attempts.find(bound.attempt);
  if (!check(found != node.attempts.end() && !found->second.ending,
             "late inputs go to attempts that run", describe(bound.attempt))) {
    return;
  }
  bind(node, bound.attempt, found->second, bound.binding);
  if (!violation_) schedule(node, bound.attempt, found->second);
}

void World::on(Node& node, const core::Deliver& deliver) {
  const auto found = node.attempts.find(deliver.attempt);
  if (!check(found != node.attempts.end() && !found->second.ending,
             "data goes to attempts that run", describe(deliver.attempt))) {
    return;
  }
  Digest digest = 0;
  if (deliver.kind == core::Deliver::Kind::kElement) {
    hold(node, found->second, deliver.object.id);
    if (violation_) return;
    const FakeStore::Object& object = *node.store.find(deliver.object.id);
    if (!check(object.sealed && deliver.object.checksum == checksum_of(object.digest),
               "elements are whole when they are delivered", describe(deliver.attempt))) {
      return;
    }
    digest = object.digest;
  }
  found->second.worker.deliver(deliver, digest);
  schedule(node, deliver.attempt, found->second);
}

void World::on(Node& node, const core::EndAttempt& end_attempt) {
  const auto found = node.attempts.find(end_attempt.attempt);
  if (!check(found != node.attempts.end() && !found->second.ending,
             "only attempts that run are ended", describe(end_attempt.attempt))) {
    return;
  }
  found->second.ending = true;
  found->second.end_reason = end_attempt.reason;
  // A polite end, or SIGKILL after the grace.
  const Duration longest = random_.chance(0.1) ? limits_.grace : options_.worker_delay;
  after(longest, [this, &node, id = end_attempt.attempt] {
    Run& run = runs_.at(id.task.run);
    if (node.attempts.at(id).end_reason == core::EndAttempt::Reason::kTimeout &&
        !run.over.contains(node.id)) {
      // Unless the attempt was rolled back while it was being ended.
      Task& task = run.tasks[id.task];
      ++task.failures;
      ++task.uncertain;
      task.last_failure = core::Failure{.name = "Timeout"};
    }
    end(node, id);
    apply(node, core::AttemptEnded{id});
  });
}

void World::on(Node& node, const core::Commit& commit) {
  const RunKey key = commit.attempt.task.run;
  Run* run = find_run(key);
  if (!check(run != nullptr, "commits belong to runs", describe(commit.attempt))) return;
  check_commit(node, *run, commit);
  if (violation_) return;
  run->tasks[commit.attempt.task].commit_asked = true;
  // To the owner, whose journal orders it; from there to every node of the run.
  const NodeId owner = run->scenario.owner;
  send(node.id, owner, [this, owner, attempt = commit.attempt] {
    TimePoint& last = journal_[owner];
    last = std::max(last, now_ + some(options_.journal_delay));
    at(last, [this, owner, attempt] {
      Run& ordered = runs_.at(attempt.task.run);
      ordered.tasks[attempt.task].ordered = true;
      for (const NodeId to : ordered.participants) {
        send(owner, to, [this, to, attempt] {
          Node& told = node_of(to);
          if (told.committed.size() < 64) told.committed.push_back(attempt);
          apply(told, core::Committed{attempt});
        });
      }
    });
  });
}

void World::on(Node& node, const core::Release& release) {
  FakeStore::Object* object = node.store.find(release.object);
  const std::string about =
      fmt::format("object {} of node {}", release.object.index(), node.id.value);
  if (!check(object != nullptr && object->in_core, "an object is released once", about)) return;
  if (!check(object->holders == 0, "no object is released while somebody holds it", about)) return;
  object->in_core = false;
  node.store.erase(release.object);
}

void World::on(Node& node, const core::OutputElement& element) {
  Run& run = runs_.at(element.run);
  const std::string about = fmt::format("output {} element {}", element.output, element.index);
  if (!check(node.id == run.scenario.owner && !run.ended && !run.outputs[element.output].ready,
             "outputs come from the owner, until they are complete", about)) {
    return;
  }
  Value& value = run.outputs[element.output].value;
  value.kind = Value::Kind::kList;
  Value item;
  if (element.object) {
    const FakeStore::Object* object = node.store.find(element.object->id);
    if (!check(object != nullptr && object->sealed, "outputs are objects that are there", about))
      return;
    item = Value::one(object->digest);
  }
  Output& output = run.outputs[element.output];
  switch (element.kind) {
    case core::Deliver::Kind::kListBegin:
      check(element.index == value.items.size() && !output.in_inner, "elements come in order",
            about);
      value.items.push_back(Value::list());
      output.in_inner = true;
      return;
    case core::Deliver::Kind::kListEnd:
      check(output.in_inner, "a list ends that began", about);
      output.in_inner = false;
      return;
    case core::Deliver::Kind::kElement:
    case core::Deliver::Kind::kHole:
    case core::Deliver::Kind::kClosed:
      break;
  }
  std::vector<Value>& list = output.in_inner ? value.items.back().items : value.items;
  check(element.index == list.size(), "elements come in order", about);
  list.push_back(std::move(item));
  // What is committed is right, whatever becomes of the run.
  const Value& expected = run.oracle.outputs[element.output];
  const std::size_t at_index = value.items.size() - 1;
  if (!check(expected.kind == Value::Kind::kList && at_index < expected.items.size(),
             "an output has the elements that it should", about)) {
    return;
  }
  if (!output.in_inner) {
    check(expected.items[at_index] == value.items[at_index],
          "an output element is what it should be", about);
  }
}

void World::on(Node& node, const core::OutputReady& ready) {
  Run& run = runs_.at(ready.run);
  const std::string about = fmt::format("output {}", ready.output);
  Output& output = run.outputs[ready.output];
  if (!check(node.id == run.scenario.owner && !run.ended && !output.ready,
             "an output is ready once", about))
    return;
  output.ready = true;
  if (ready.is_list) {
    output.value.kind = Value::Kind::kList;
    check(ready.count == output.value.items.size(), "a list has as many elements as it says",
          about);
  } else if (ready.object) {
    const FakeStore::Object* object = node.store.find(ready.object->id);
    if (!check(object != nullptr && object->sealed, "outputs are objects that are there", about))
      return;
    output.value = Value::one(object->digest);
  }
  check(output.value == run.oracle.outputs[ready.output], "an output is what the oracle says",
        fmt::format("{}: {} and not {}", about, to_text(output.value),
                    to_text(run.oracle.outputs[ready.output])));
}

void World::on(Node& node, const core::TaskRetries& retries) {
  static_cast<void>(node);
  Run& run = runs_.at(retries.attempt.task.run);
  Task& task = run.tasks[retries.attempt.task];
  const std::string about = describe(retries.attempt);
  const model::Retry retry =
      model::effective_retry(*run.scenario.app, run.scenario.step(retries.attempt.task.step));
  check(retries.attempt.epoch == task.epoch && retries.number == task.failures,
        "failures are counted", about);
  check(retries.number < retry.attempts, "attempts are not more than allowed", about);
  check(retries.at >= now_ && retries.at <= now_ + retry.backoff_max,
        "the back-off is within its bounds", about);
  if (!retry.full_jitter) {
    check(retries.at >= now_ + std::min(retry.backoff, retry.backoff_max),
          "the back-off is not shorter", about);
  }
  task.not_before = retries.at;
}

void World::on(Node& node, const core::RunEnded& ended) {
  Run& run = runs_.at(ended.run);
  check(node.id == run.scenario.owner && !run.ended, "a run ends once, and its owner says so",
        describe(ended, node.actions));
  if (!violation_) check_run_ended(run, ended);
  run.ended = ended.state;
  run.over.insert(node.id);
  if (ended.state == core::RunEnded::State::kSucceeded) ++report_.succeeded;
  // May be asked before the run has drained.
  if (random_.chance(0.3)) forget(node, ended.run);
}

void World::on(Node& node, const core::RunDrained& drained) {
  Run& run = runs_.at(drained.run);
  const std::string about = fmt::format("node {}", node.id.value);
  check(run.over.contains(node.id) || run.scenario.owner != node.id, "a run drains after its end",
        about);
  check(run.drained.insert(node.id).second, "a run drains once", about);
  for (const auto& [id, attempt] : node.attempts) {
    check(id.task.run != drained.run, "a drained run has no attempts", describe(id));
  }
  check(node.store.count_of(drained.run) == 0, "nothing of a drained run remains",
        fmt::format("{}: {} objects", about, node.store.count_of(drained.run)));
  std::erase_if(node.copies,
                [&](const auto& copy) { return std::get<0>(copy.first).task.run == drained.run; });
  forget(node, drained.run);
}

void World::on(Node& node, const core::Forward& forward) {
  core::Fact fact = forward.fact;
  if (!check(forward.node != node.id, "nobody writes to himself", describe(fact.attempt))) return;
  Digest digest = 0;
  if (fact.object.id) {
    const FakeStore::Object* object = node.store.find(fact.object.id);
    if (!check(object != nullptr && object->in_core, "what is forwarded is there",
               describe(fact.attempt)))
      return;
    digest = object->digest;
  }
  send(node.id, forward.node, [this, to = forward.node, fact = std::move(fact), digest] {
    receive(node_of(to), fact, digest);
  });
}

}  // namespace sluice::sim
