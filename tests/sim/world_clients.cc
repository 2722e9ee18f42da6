// Clients: they submit runs, upload, cancel; and what is left when all has ended.

#include <fmt/format.h>

#include "describe.h"
#include "world.h"

namespace sluice::sim {

void World::submit() {
  // The lowest place that no node has anything of.
  std::uint32_t index = 0;
  while (true) {
    bool is_free = true;
    for (const auto& [key, run] : runs_) {
      if (key.index() == index && run.forgotten.size() < run.participants.size()) is_free = false;
    }
    if (is_free) break;
    ++index;
  }
  if (index >= generations_.size()) generations_.resize(index + 1, 0);
  const RunKey key = RunKey::make(index, ++generations_[index]);

  Run run{.scenario = random_scenario(random_, {.nodes = options_.nodes,
                                                .failing_function = options_.failing_function,
                                                .deadline = options_.deadline}),
          .key = key};
  run.oracle = evaluate(run.scenario);
  if (run.scenario.deadline) run.deadline = now_ + *run.scenario.deadline;
  run.participants.insert(run.scenario.owner);
  run.participants.insert(run.scenario.placement.begin(), run.scenario.placement.end());
  run.outputs.resize(run.scenario.workflow().outputs.size());
  for (std::size_t i = 0; i < run.outputs.size(); ++i) {
    // Literals are in the plan: nothing comes for them.
    run.outputs[i].ready =
        std::holds_alternative<model::Literal>(run.scenario.workflow().outputs[i].source);
  }
  trace_.line(fmt::format("run {}.{} owner {}\n{}", index, key.generation(),
                          run.scenario.owner.value, to_text(run.scenario)));
  const core::RunSubmitted event{.run = key,
                                 .app = run.scenario.app,
                                 .workflow = 0,
                                 .deadline = run.deadline,
                                 .owner = run.scenario.owner,
                                 .placement = run.scenario.placement};
  const NodeId owner = run.scenario.owner;
  const auto participants = run.participants;
  const auto inputs = static_cast<std::uint32_t>(run.scenario.inputs.size());
  runs_.emplace(key, std::move(run));
  // The plan is everywhere before the first fact can be.
  for (const NodeId id : participants) apply(node_of(id), event);
  for (std::uint32_t input = 0; input < inputs; ++input) {
    after(options_.upload_delay, [this, key, input] { upload(key, input, 0); });
  }
  if (random_.chance(options_.cancel)) {
    after(std::chrono::milliseconds(random_.below(2000)), [this, key, owner] {
      runs_.at(key).cancelled = true;
      apply(node_of(owner), core::CancelRun{key});
    });
  }
}

// One piece of an input, to every node of the run; then the next.
void World::upload(RunKey key, std::uint32_t input, std::uint32_t element) {
  Run& run = runs_.at(key);
  const Value& value = run.scenario.inputs[input];
  const NodeId owner = run.scenario.owner;
  const auto tell = [&](std::optional<Digest> digest, bool is_element) {
    for (const NodeId to : run.participants) {
      send(owner, to, [this, key, input, to, digest, is_element] {
        Node& told = node_of(to);
        if (!digest) {
          apply(told, core::InputClosed{key, input});
          return;
        }
        const ObjectId object = give_to_core(told, key, *digest, true);
        if (is_element) {
          apply(told, core::InputElement{key, input, object_of(told, object)});
        } else {
          apply(told, core::InputReady{key, input, object_of(told, object)});
        }
      });
    }
  };
  if (run.ended) return;
  if (random_.chance(options_.broken_upload / 4)) {
    run.broken = true;
    apply(node_of(owner),
          core::FailRun{key, {.name = "Cancelled", .message = "the client went away"}});
    return;
  }
  if (value.is_absent()) {
    for (const NodeId to : run.participants) {
      send(owner, to,
           [this, key, input, to] { apply(node_of(to), core::InputAbsent{key, input}); });
    }
    return;
  }
  if (value.kind == Value::Kind::kList) {
    if (element == value.items.size()) {
      tell(std::nullopt, false);
      return;
    }
    tell(value.items[element].digest, true);
    after(options_.upload_delay, [this, key, input, element] { upload(key, input, element + 1); });
    return;
  }
  if (!random_.chance(options_.open_outputs)) {
    tell(value.digest, false);
    return;
  }
  // It grows while it is uploaded.
  for (const NodeId to : run.participants) {
    send(owner, to, [this, key, input, to, digest = value.digest] {
      Node& told = node_of(to);
      const ObjectId object = give_to_core(told, key, digest, false);
      apply(told, core::InputReady{key, input, object_of(told, object)});
      after(options_.upload_delay, [this, key, input, to, object] {
        Node& again = node_of(to);
        // (Where the run has ended, core has given the object back.)
        if (again.store.find(object) == nullptr) return;
        again.store.find(object)->sealed = true;
        apply(again, core::InputReady{key, input, object_of(again, object)});
        if (again.store.find(object) != nullptr) sealed(again, object);
      });
    });
  }
}

void World::forget(Node& node, RunKey key) {
  after(options_.journal_delay, [this, &node, key] {
    Run& run = runs_.at(key);
    if (run.forgotten.contains(node.id)) return;
    apply(node, core::ForgetRun{key});
    if (run.drained.contains(node.id)) run.forgotten.insert(node.id);
  });
}

// Something that the world said before, or says too late. It must change nothing.
void World::inject_stale_event() {
  Node& node = nodes_[random_.below(nodes_.size())];
  const std::uint64_t kind = random_.below(10);
  if (kind == 0) {
    apply(node, core::DeadlineReached{});
    return;
  }
  const std::vector<core::Attempt>& from = kind == 1 ? node.committed : node.over;
  if (from.empty()) return;
  const core::Attempt attempt = from[random_.below(from.size())];
  ObjectId object;
  std::optional<core::Event> event;
  switch (kind) {
    case 1:
      event = core::Committed{attempt};
      break;
    case 2:
      event = core::TaskStarted{attempt};
      break;
    case 3:
      event = core::TaskBlocked{attempt};
      break;
    case 4:
      event = core::TaskUnblocked{attempt};
      break;
    case 5:
      event = core::Consumed{attempt, 0, 3};
      break;
    case 6:
      event = core::TaskDone{attempt};
      break;
    case 7:
      event = core::TaskFailed{attempt, {.name = "Crash", .message = "late"}};
      break;
    case 8:
      event = core::AttemptEnded{attempt};
      break;
    default:
      object = give_to_core(node, attempt.task.run, random_.next(), true);
      event = core::Emitted{attempt, 0, object_of(node, object)};
  }
  apply(node, *event);
  if (violation_) return;
  // Its object goes back at once; nothing else happens.
  check(node.actions.list.size() == (object ? 1 : 0) &&
            (!object || node.store.find(object) == nullptr),
        "a stale event changes nothing", describe(*event));
}

void World::check_end() {
  for (const auto& [key, run] : runs_) {
    const std::string about = fmt::format("run {}.{}", key.index(), key.generation());
    check(run.ended.has_value(), "every run ends", about);
    check(!run.ended || run.drained == run.participants, "every run drains everywhere", about);
    check(!run.ended || run.forgotten == run.participants, "every run is forgotten everywhere",
          about);
  }
  for (const Node& node : nodes_) {
    const std::string about = fmt::format("node {}", node.id.value);
    check(node.store.is_clean(), "no object remains", about);
    check(node.attempts.empty(), "no attempt remains", about);
    check(node.copies.empty(), "no copy remains open", about);
    const core::Scheduler::Counters counters = node.scheduler->counters();
    check(counters.runs == 0 && counters.running == 0 && counters.ready == 0,
          "core's tables are empty",
          fmt::format("{}: {} runs, {} running, {} ready", about, counters.runs, counters.running,
                      counters.ready));
    check(!node.scheduler->next_deadline(), "no timer remains", about);
    node.store.check_invariants();
  }
}

}  // namespace sluice::sim
