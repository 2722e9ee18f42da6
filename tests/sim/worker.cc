#include "worker.h"

#include <algorithm>

#include <fmt/format.h>

namespace sluice::sim {

Worker::Worker(const Scenario& scenario, const core::TaskKey& task, Plan plan, std::uint64_t seed)
    : scenario_(scenario),
      task_(task),
      plan_(plan),
      random_(seed),
      inputs_(scenario.step(task.step).slots.size()),
      emitted_(scenario.function_of(task.step).outputs.size()) {}

void Worker::bind_literal(std::uint32_t slot, Value value) {
  inputs_[slot].kind = Input::Kind::kValue;
  inputs_[slot].value = std::move(value);
}

void Worker::bind_object(std::uint32_t slot, ObjectId object, Digest digest, bool sealed) {
  Input& input = inputs_[slot];
  input.kind = Input::Kind::kObject;
  input.object = object;
  input.value = Value::one(digest);
  input.complete = sealed;
}

void Worker::bind_list(std::uint32_t slot) {
  Input& input = inputs_[slot];
  input.kind = Input::Kind::kList;
  input.value = Value::list();
  input.complete = false;
}

void Worker::bind_late(std::uint32_t slot) {
  inputs_[slot].kind = Input::Kind::kLate;
  inputs_[slot].complete = false;
}

void Worker::bind_absent(std::uint32_t slot) { inputs_[slot] = Input{}; }

bool Worker::lacks_input() const {
  return std::ranges::any_of(inputs_,
                             [](const Input& input) { return input.kind == Input::Kind::kLate; });
}

// The first of its streams that is there: known once all are.
void Worker::choose_mapped() {
  const model::Step& step = scenario_.step(task_.step);
  if (mapped_ || !scenario_.behaviours[step.function].maps) return;
  for (std::uint32_t slot = 0; slot < inputs_.size() && !mapped_; ++slot) {
    const model::Port& port = scenario_.function_of(task_.step).inputs[step.slots[slot].port];
    if (inputs_[slot].kind == Input::Kind::kList && port.type.access == model::Access::kStream)
      mapped_ = slot;
  }
}

void Worker::deliver(const core::Deliver& deliver, Digest digest) {
  if (deliver.slot >= inputs_.size() || inputs_[deliver.slot].kind != Input::Kind::kList) {
    complaint_ = fmt::format("slot {} is no list", deliver.slot);
    return;
  }
  Input& input = inputs_[deliver.slot];
  const bool counts =
      deliver.kind == core::Deliver::Kind::kElement || deliver.kind == core::Deliver::Kind::kHole;
  if (counts && input.credit-- == 0)
    complaint_ = fmt::format("slot {}: more than its credit", deliver.slot);
  if (!input.arrived.empty() && input.arrived.back().kind == core::Deliver::Kind::kClosed) {
    complaint_ = fmt::format("slot {}: an element after the end", deliver.slot);
  }
  input.arrived.push_back(deliver);
  input.arrived_digests.push_back(digest);
}

void Worker::object_sealed(ObjectId object) {
  for (Input& input : inputs_) {
    if (input.kind == Input::Kind::kObject && input.object == object) input.complete = true;
  }
}

bool Worker::reads(ObjectId object) const {
  for (const Input& input : inputs_) {
    if (input.kind == Input::Kind::kObject && input.object == object) return true;
  }
  return false;
}

bool Worker::can_go_on() const {
  if (!blocked_ || computed_ || !outputs_.empty()) return true;
  if (!started_) return !lacks_input();
  if (lacks_input() && scenario_.behaviours[scenario_.step(task_.step).function].maps) return false;
  bool complete = true;
  for (const Input& input : inputs_) {
    if (!input.arrived.empty()) return true;
    complete &= input.complete;
  }
  return complete;
}

void Worker::consume(std::uint32_t slot, Step& step) {
  Input& input = inputs_[slot];
  std::uint64_t count = 1 + random_.below(input.arrived.size());
  step = {.kind = Step::Kind::kConsumed, .slot = slot, .elements = 0};
  for (; count > 0; --count) {
    const core::Deliver deliver = input.arrived.front();
    const Digest digest = input.arrived_digests.front();
    input.arrived.pop_front();
    input.arrived_digests.pop_front();
    std::vector<Value>& list = input.in_inner ? input.value.items.back().items : input.value.items;
    switch (deliver.kind) {
      case core::Deliver::Kind::kElement:
      case core::Deliver::Kind::kHole:
        list.push_back(deliver.kind == core::Deliver::Kind::kHole ? Value{} : Value::one(digest));
        ++step.elements;
        break;
      case core::Deliver::Kind::kListBegin:
        if (input.in_inner) complaint_ = "a list begins in a list";
        list.push_back(Value::list());
        input.in_inner = true;
        continue;  // The element is whole at its end.
      case core::Deliver::Kind::kListEnd:
        if (!input.in_inner) complaint_ = "a list ends that did not begin";
        input.in_inner = false;
        break;
      case core::Deliver::Kind::kClosed:
        input.complete = true;
        continue;
    }
    if (!input.in_inner && mapped_ == slot) {
      add_output(0, map_element(scenario_.step(task_.step).function, input.value.items.back()));
    }
  }
  input.credit += step.elements;
}

void Worker::add_output(std::uint32_t port, Digest digest) {
  if (plan_.lie != 0 && random_.chance(0.5)) digest = mix(digest, plan_.lie);
  const bool is_open = random_.chance(plan_.open_outputs);
  outputs_.push_back(
      {.kind = Step::Kind::kEmitted, .port = port, .digest = digest, .is_open = is_open});
  if (is_open) outputs_.push_back({.kind = Step::Kind::kSealed, .port = port, .digest = digest});
}

void Worker::compute() {
  computed_ = true;
  std::vector<Value> slots;
  for (const Input& input : inputs_) slots.push_back(input.value);
  CallResult result = call(scenario_, task_.step, slots);
  fails_ = result.fails;
  // Ports take turns at random; each keeps its order.
  std::vector<std::pair<std::uint32_t, Digest>> all;
  std::vector<std::vector<Digest>> left(result.outputs.size());
  for (std::uint32_t port = 0; port < left.size(); ++port) {
    const Value& value = result.outputs[port];
    if (port == 0 && mapped_) continue;  // Emitted while it was read.
    if (value.kind == Value::Kind::kOne) left[port].push_back(value.digest);
    for (const Value& item : value.items) left[port].push_back(item.digest);
    if (plan_.lie != 0 && value.kind == Value::Kind::kList && random_.chance(0.5)) {
      left[port].resize(random_.below(left[port].size() + 3), plan_.lie);
    }
    if (plan_.lie != 0 && value.kind == Value::Kind::kOne && random_.chance(0.2))
      left[port].clear();
    for (std::size_t i = 0; i < left[port].size(); ++i) all.emplace_back(port, i);
  }
  while (!all.empty()) {
    const std::size_t chosen = random_.below(all.size());
    const std::uint32_t port = all[chosen].first;
    all.erase(all.begin() + static_cast<long>(chosen));
    add_output(port, left[port].front());
    left[port].erase(left[port].begin());
  }
  if (fails_) outputs_.resize(random_.below(outputs_.size() + 1));
}

Worker::Step Worker::fate() {
  switch (plan_.fate) {
    case Fate::kEndsWell:
      break;
    case Fate::kCrashes:
      return {.kind = Step::Kind::kCrashed};
    case Fate::kIsLost:
      return {.kind = Step::Kind::kLost};
    case Fate::kHangs:
      return {.kind = Step::Kind::kHung};
  }
  return {.kind = fails_ ? Step::Kind::kFailed : Step::Kind::kDone};
}

Worker::Step Worker::next_step() {
  if (plan_.fate != Fate::kEndsWell && plan_.steps_left-- == 0) {
    // Only running code can hang: before it runs, the runtime waits with a time-out of its own, and
    // while it waits for data, time stands still.
    if ((started_ && !blocked_) || plan_.fate != Fate::kHangs) return fate();
    plan_.steps_left = 1;
  }
  if (!started_) {
    // A parameter that is not there yet is waited for before the call; or it is read by name.
    if (blocked_ && lacks_input()) return {};
    if (blocked_) {
      blocked_ = false;
      return {.kind = Step::Kind::kUnblocked};
    }
    if (lacks_input() && random_.chance(0.5)) {
      blocked_ = true;
      return {.kind = Step::Kind::kBlocked};
    }
    started_ = true;
    return {.kind = Step::Kind::kStarted};
  }
  std::vector<std::uint32_t> readable;
  bool complete = true;
  const bool waits_for_all =
      lacks_input() && scenario_.behaviours[scenario_.step(task_.step).function].maps;
  if (!waits_for_all) choose_mapped();
  for (std::uint32_t slot = 0; slot < inputs_.size(); ++slot) {
    if (!inputs_[slot].arrived.empty() && !waits_for_all) readable.push_back(slot);
    complete &= inputs_[slot].complete && inputs_[slot].arrived.empty();
  }
  const bool waits = readable.empty() && !complete && outputs_.empty();
  if (waits) {
    if (blocked_) return {};
    blocked_ = true;
    return {.kind = Step::Kind::kBlocked};
  }
  if (blocked_) {
    blocked_ = false;
    return {.kind = Step::Kind::kUnblocked};
  }
  if (!outputs_.empty() && (readable.empty() || random_.chance(0.5))) {
    const Step step = outputs_.front();
    outputs_.pop_front();
    if (step.kind == Step::Kind::kEmitted) emitted_[step.port].push_back(step.digest);
    return step;
  }
  if (!readable.empty()) {
    Step step;
    consume(readable[random_.below(readable.size())], step);
    return step;
  }
  if (!computed_) {
    compute();
    return {};
  }
  return fate();
}

}  // namespace sluice::sim
