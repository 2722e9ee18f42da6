#include "core_commands.h"

#include <algorithm>
#include <string>

#include "core/testing/fake_world.h"
#include "core/testing/plan_builder.h"
#include "core_model.h"

namespace sluice::core::testing {
namespace {

// Choices from the input; once it is used up, always the first one: then nothing breaks any more.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}
  bool empty() const { return left_ == 0; }
  std::uint32_t below(std::uint32_t bound) {
    if (left_ == 0 || bound == 0) return 0;
    --left_;
    return *data_++ % bound;
  }
  bool one_in(std::uint32_t n) { return below(n) == n - 1; }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

class Commands {
 public:
  Commands(const std::uint8_t* data, std::size_t size) : choose_(data, size) {}

  void run() {
    make_workflow();
    const std::uint32_t nodes = 1 + choose_.below(3);
    FakeWorld world(nodes, {}, 7);
    world_ = &world;
    world.auto_start = world.auto_consume = world.auto_end = false;
    world.auto_settle = world.auto_commit = false;
    for (std::uint32_t n = 1; n <= nodes; ++n) world.set_slots(1 + choose_.below(4), NodeId{n});
    std::vector<NodeId> placement;
    for (std::size_t s = 0; s < plan_.flow().steps.size(); ++s)
      placement.push_back(NodeId{1 + choose_.below(nodes)});
    const NodeId owner{1 + choose_.below(nodes)};
    const std::uint32_t run_count = 1 + (choose_.one_in(4) ? 1 : 0);
    for (std::uint32_t r = 0; r < run_count; ++r) {
      runs_.push_back({});
      runs_.back().key =
          world.submit(plan_.app(), [&](std::uint32_t s) { return placement[s]; }, owner);
      make_inputs(runs_.back());
    }
    std::uint32_t rounds = 0;
    while (!is_over()) {
      SLUICE_ASSERT(++rounds < 100'000, "the runs do not end");
      if (!step()) {
        const auto next = world.next_deadline();
        SLUICE_ASSERT(next.has_value(), "nothing can go on, and the runs have not ended");
        world.advance_to(*next);
      }
    }
    for (RunInputs& run : runs_) check(run);
    for (RunInputs& run : runs_) world.forget(run.key);
    SLUICE_ASSERT(world.objects_alive() == 0, "{} objects are left", world.objects_alive());
  }

 private:
  struct RunInputs {
    RunKey key;
    std::vector<CoreModel::InputData> data;
    std::vector<std::uint32_t> given;  // Elements; the close counts as one.
    std::vector<bool> complete;
    bool cancelled = false;
  };
  struct Behaviour {
    bool doomed = false;
    std::uint32_t garbage = 0;           // Emissions before it breaks off.
    std::vector<std::uint32_t> emitted;  // By port.
    std::vector<std::optional<Value>> open;
  };

  // ---- the workflow
  model::Source any_source() {
    const auto& flow = plan_.flow();
    std::uint32_t ports = 0;
    for (const model::Step& step : flow.steps)
      ports += static_cast<std::uint32_t>(plan_.app()->functions[step.function].outputs.size());
    std::uint32_t pick = choose_.below(static_cast<std::uint32_t>(flow.inputs.size()) + ports);
    if (pick < flow.inputs.size()) return model::InputRef{pick};
    pick -= static_cast<std::uint32_t>(flow.inputs.size());
    for (std::uint32_t s = 0; s < flow.steps.size(); ++s) {
      const auto count =
          static_cast<std::uint32_t>(plan_.app()->functions[flow.steps[s].function].outputs.size());
      if (pick < count) return model::StepRef{s, pick};
      pick -= count;
    }
    return model::Literal{Json(1)};
  }
  bool is_list(const model::Source& source) {
    const auto& flow = plan_.flow();
    if (const auto* input = std::get_if<model::InputRef>(&source))
      return flow.inputs[input->input].type.is_list();
    const auto* ref = std::get_if<model::StepRef>(&source);
    if (ref == nullptr) return false;
    return flow.steps[ref->step].foreach ||
           plan_.app()->functions[ref->step].outputs[ref->output].type.is_list();
  }
  void make_workflow() {
    const std::uint32_t inputs = choose_.below(3);
    for (std::uint32_t i = 0; i < inputs; ++i) plan_.input(choose_.below(2) == 1);
    const std::uint32_t steps = 1 + choose_.below(6);
    for (std::uint32_t s = 0; s < steps; ++s) {
      StepSpec spec{.name = "s" + std::to_string(s)};
      spec.out.clear();
      if (choose_.below(2) == 1)
        for (int attempt = 0; attempt < 4 && !spec.foreach; ++attempt) {
          const model::Source source = any_source();
          if (is_list(source)) spec.foreach = source;
        }
      const std::uint32_t slots = choose_.below(4);
      for (std::uint32_t i = 0; i < slots; ++i) {
        In in{any_source()};
        if (spec.foreach && choose_.below(2) == 1) in.source = model::ItemRef{};
        if (choose_.one_in(8)) in.source = model::Literal{Json(1)};
        const std::uint32_t access = choose_.below(4);
        if (access == 1) in.access = model::Access::kStream;
        if (access == 2) in.access = model::Access::kPipe;
        in.optional = choose_.one_in(4);
        in.has_default = choose_.one_in(8);
        spec.in.push_back(in);
      }
      const std::uint32_t outs = 1 + choose_.below(2);
      for (std::uint32_t o = 0; o < outs; ++o) spec.out.push_back(choose_.below(2) == 1);
      spec.concurrency = choose_.below(3);
      if (s > 0 && choose_.one_in(4)) spec.after.push_back(choose_.below(s));
      spec.retry = attempts(1 + choose_.below(3), std::chrono::seconds(choose_.below(3)));
      spec.timeout = std::chrono::seconds(5);
      plan_.step(spec);
    }
    const std::uint32_t outputs = 1 + choose_.below(3);
    for (std::uint32_t o = 0; o < outputs; ++o) plan_.output(any_source());
    if (choose_.one_in(3)) failing_ = choose_.below(256);
  }
  void make_inputs(RunInputs& run) {
    const auto& inputs = plan_.flow().inputs;
    for (std::uint32_t i = 0; i < inputs.size(); ++i) {
      CoreModel::InputData data;
      data.absent = choose_.one_in(8);
      const std::uint32_t count = inputs[i].type.is_list() ? choose_.below(5) : 1;
      for (std::uint32_t e = 0; e < count && !data.absent; ++e)
        data.values.push_back(mix(i + 5000, e));
      run.data.push_back(data);
      run.given.push_back(0);
      run.complete.push_back(false);
    }
  }

  // ---- what can happen
  bool is_over() {
    return std::all_of(runs_.begin(), runs_.end(),
                       [&](const RunInputs& run) { return world_->is_over(run.key); });
  }
  // One thing, or nothing if nothing can.
  bool step() {
    const std::uint32_t what = choose_.below(16);
    if (what == 15 && choose_.one_in(16)) {
      RunInputs& run = runs_[choose_.below(static_cast<std::uint32_t>(runs_.size()))];
      if (!world_->run(run.key).ended) {
        run.cancelled = true;
        world_->cancel(run.key);
        return true;
      }
    }
    if (what == 14 && choose_.one_in(4)) {
      world_->set_slots(1 + choose_.below(4));
      return true;
    }
    if (what == 13 && may_pass_time()) {
      world_->advance(std::chrono::seconds(choose_.below(8)));
      return true;
    }
    const std::uint32_t first = choose_.below(3);
    for (std::uint32_t i = 0; i < 3; ++i) {
      switch ((first + i) % 3) {
        case 0:
          if (world_->has_messages()) {
            world_->deliver_one(choose_.below(7));
            return true;
          }
          break;
        case 1:
          if (advance_attempt()) return true;
          break;
        default:
          if (give_input()) return true;
      }
    }
    return false;
  }
  // Time-outs count as attempts; only those are let happen that leave another one.
  bool may_pass_time() {
    for (const auto& [task, attempt] : world_->all_live())
      if (attempt.number >= attempts_of(task.step)) return false;
    return true;
  }
  std::uint32_t attempts_of(std::uint32_t step) { return plan_.flow().steps[step].retry->attempts; }

  bool give_input() {
    const auto run_count = static_cast<std::uint32_t>(runs_.size());
    const std::uint32_t first_run = choose_.below(run_count);
    for (std::uint32_t r = 0; r < run_count; ++r) {
      RunInputs& run = runs_[(first_run + r) % run_count];
      if (world_->run(run.key).ended) continue;
      const auto count = static_cast<std::uint32_t>(run.data.size());
      const std::uint32_t first = choose_.below(count);
      for (std::uint32_t k = 0; k < count; ++k) {
        const std::uint32_t i = (first + k) % count;
        if (run.complete[i]) continue;
        const CoreModel::InputData& data = run.data[i];
        const bool is_list = plan_.flow().inputs[i].type.is_list();
        if (data.absent) {
          run.complete[i] = true;
          world_->absent_input(run.key, i);
        } else if (!is_list) {
          const bool open = run.given[i]++ == 0 && choose_.one_in(4);
          run.complete[i] = !open;
          world_->input(run.key, i, data.values[0], !open);
        } else if (run.given[i] < data.values.size()) {
          world_->input_element(run.key, i, data.values[run.given[i]++]);
        } else {
          run.complete[i] = true;
          world_->close_input(run.key, i);
        }
        return true;
      }
    }
    return false;
  }

  std::map<std::uint32_t, Data> inputs_of(const FakeWorld::LiveAttempt& attempt, bool& complete) {
    std::map<std::uint32_t, Data> inputs;
    complete = true;
    for (const auto& [slot, input] : attempt.inputs) {
      const bool is_list = input.kind == Binding::Kind::kList;
      inputs[slot] = {is_list ? Data::Kind::kList : Data::Kind::kValue, input.values};
      complete = complete && (!is_list || input.closed);
    }
    return inputs;
  }

  bool advance_attempt() {
    std::vector<TaskKey> live;
    for (const auto& [task, attempt] : world_->all_live()) live.push_back(task);
    if (live.empty()) return false;
    const std::uint32_t first = choose_.below(static_cast<std::uint32_t>(live.size()));
    for (std::size_t i = 0; i < live.size(); ++i)
      if (advance_attempt(*world_->find(live[(first + i) % live.size()]))) return true;
    return false;
  }

  bool advance_attempt(FakeWorld::LiveAttempt& attempt) {
    const Attempt key = attempt.attempt;
    if (attempt.end_asked) {
      if (choose_.one_in(3) && !attempt.emitted.empty()) {
        world_->emit(attempt, 77, 0);  // It does not know yet.
        return true;
      }
      world_->ended(attempt);
      return true;
    }
    if (!attempt.started) {
      if (choose_.one_in(12)) {
        world_->fail(attempt, Failure{.name = "Crash", .message = "lost", .counts = false});
        return true;
      }
      world_->start(attempt);
      return true;
    }
    const auto [entry, is_new] = behaviours_.try_emplace(key);
    Behaviour& behaviour = entry->second;
    if (is_new) {
      behaviour.doomed = choose_.one_in(4);
      behaviour.garbage = choose_.below(6);
      behaviour.emitted.resize(attempt.emitted.size());
      behaviour.open.resize(attempt.emitted.size());
    }
    for (const auto& [slot, input] : attempt.inputs) {
      // Whatever was delivered is consumed a moment later.
      std::uint32_t& consumed = consumed_[{key, slot}];
      std::uint32_t delivered = 0;
      for (const Value value : input.values) delivered += value != kBegin && value != kEnd ? 1 : 0;
      if (input.kind != Binding::Kind::kList || consumed == delivered) continue;
      const std::uint32_t count = 1 + choose_.below(delivered - consumed);
      consumed += count;
      if (attempt.blocked) world_->unblock(attempt);
      world_->consume(*world_->find(key.task), slot, count);
      return true;
    }
    return work(attempt, behaviour);
  }

  bool work(FakeWorld::LiveAttempt& attempt, Behaviour& behaviour) {
    const Attempt key = attempt.attempt;
    const std::uint32_t step = key.task.step;
    bool complete = false;
    const auto inputs = inputs_of(attempt, complete);
    const TaskFunction function(*plan_.app(), step, key.task.index, failing_);
    for (std::uint32_t p = 0; p < behaviour.open.size(); ++p)
      if (behaviour.open[p]) {
        const Value value = *std::exchange(behaviour.open[p], std::nullopt);
        world_->seal(attempt, value, p);
        return true;
      }
    const auto& ports = plan_.app()->functions[step].outputs;
    if (behaviour.doomed) {
      if (attempt.blocked) world_->unblock(attempt);
      FakeWorld::LiveAttempt& live = *world_->find(key.task);
      if (behaviour.garbage > 0 && !choose_.empty()) {
        --behaviour.garbage;
        const std::uint32_t p = choose_.below(static_cast<std::uint32_t>(ports.size()));
        if (!ports[p].type.is_list() && behaviour.emitted[p] != 0) return true;
        std::optional<Value> value =
            next_value(function, inputs, complete, p, behaviour.emitted[p]);
        if (!value || choose_.one_in(3)) value = mix(choose_.below(4), p);
        emit(live, behaviour, p, *value);
        return true;
      }
      const bool may_fail = live.number < attempts_of(step);
      Failure failure{.name = "Flaky", .message = "test"};
      failure.counts = may_fail && choose_.below(2) == 0;
      world_->fail(live, failure);
      return true;
    }
    std::vector<std::uint32_t> possible;
    for (std::uint32_t p = 0; p < ports.size(); ++p)
      if ((ports[p].type.is_list() || behaviour.emitted[p] == 0) &&
          next_value(function, inputs, complete, p, behaviour.emitted[p]))
        possible.push_back(p);
    if (!possible.empty()) {
      if (attempt.blocked) world_->unblock(attempt);
      const std::uint32_t p = possible[choose_.below(static_cast<std::uint32_t>(possible.size()))];
      emit(*world_->find(key.task), behaviour, p,
           *next_value(function, inputs, complete, p, behaviour.emitted[p]));
      return true;
    }
    if (complete) {
      if (attempt.blocked) world_->unblock(attempt);
      FakeWorld::LiveAttempt& live = *world_->find(key.task);
      if (function.call(inputs).kind == TaskResultModel::Kind::kFailed)
        world_->fail(live, "InvalidInput");
      else
        world_->done(live);
      return true;
    }
    // It waits for data. Readers of streams say so; readers of whole lists just sit there.
    if (attempt.blocked || !function.stream_slot(inputs)) return false;
    world_->block(attempt);
    return true;
  }

  std::optional<Value> next_value(const TaskFunction& function,
                                  const std::map<std::uint32_t, Data>& inputs, bool complete,
                                  std::uint32_t port, std::uint32_t emitted) {
    const auto stream = function.stream_slot(inputs);
    if (!complete) {
      if (!stream || !function.is_list(port)) return std::nullopt;
      const std::vector<Value>& values = inputs.at(*stream).values;
      if (emitted >= values.size()) return std::nullopt;
      return function.follow(port, values[emitted]);
    }
    const TaskResultModel result = function.call(inputs);
    if (result.kind == TaskResultModel::Kind::kFailed) return std::nullopt;
    const std::vector<Value>& values = result.ports[port].values;
    if (emitted >= values.size()) return std::nullopt;
    return values[emitted];
  }
  void emit(FakeWorld::LiveAttempt& attempt, Behaviour& behaviour, std::uint32_t port,
            Value value) {
    const bool open = choose_.one_in(6);
    ++behaviour.emitted[port];
    if (open) behaviour.open[port] = value;
    world_->emit(attempt, value, port, !open);
  }

  // ---- the result
  void check(RunInputs& run) {
    const FakeWorld::RunState& state = world_->run(run.key);
    const CoreModel model(*plan_.app(), run.data, failing_);
    for (const auto& [task, committed] : state.committed) {
      const CoreModel::StepResult& step = model.steps()[task.first];
      if (step.skipped) {
        SLUICE_ASSERT(committed.result == Commit::Result::kSkipped && task.second == 0);
        continue;
      }
      // A run that fails may have committed tasks that the model cannot reach: none are known.
      SLUICE_ASSERT(task.second < step.tasks.size(), "task {}.{} does not exist", task.first,
                    task.second);
      const TaskResultModel& expected = step.tasks[task.second];
      using Kind = TaskResultModel::Kind;
      SLUICE_ASSERT((committed.result == Commit::Result::kSkipped) ==
                    (expected.kind == Kind::kSkipped));
      SLUICE_ASSERT(
          (committed.result == Commit::Result::kFailed) == (expected.kind == Kind::kFailed),
          "task {}.{}, attempt {}; {}", task.first, task.second, committed.number,
          state.ended->failure ? state.ended->failure->name : "");
      if (committed.result != Commit::Result::kOutputs) continue;
      for (std::size_t p = 0; p < expected.ports.size(); ++p)
        SLUICE_ASSERT(committed.outputs[p] == expected.ports[p].values, "outputs of {}.{}",
                      task.first, task.second);
    }
    const RunEnded& ended = *state.ended;
    if (ended.state == RunEnded::State::kCancelled) {
      SLUICE_ASSERT(run.cancelled);
      return;
    }
    if (model.fails()) {
      SLUICE_ASSERT(ended.state == RunEnded::State::kFailed && ended.failed_task);
      const TaskKey& task = *ended.failed_task;
      SLUICE_ASSERT(model.steps()[task.step].tasks.at(task.index).kind ==
                    TaskResultModel::Kind::kFailed);
      SLUICE_ASSERT(ended.failure && ended.failure->name == "InvalidInput");
      return;
    }
    SLUICE_ASSERT(ended.state == RunEnded::State::kSucceeded);
    for (std::uint32_t o = 0; o < state.outputs.size(); ++o) {
      const Data expected = model.output(o);
      if (std::holds_alternative<model::Literal>(plan_.flow().outputs[o].source)) continue;
      SLUICE_ASSERT(state.outputs[o].ready);
      SLUICE_ASSERT(state.outputs[o].absent == (expected.kind == Data::Kind::kAbsent));
      SLUICE_ASSERT(state.outputs[o].is_list == (expected.kind == Data::Kind::kList));
      SLUICE_ASSERT(state.outputs[o].values == expected.values, "output {}", o);
    }
  }

  Choices choose_;
  PlanBuilder plan_;
  std::uint64_t failing_ = 0;
  FakeWorld* world_ = nullptr;
  std::vector<RunInputs> runs_;
  std::map<Attempt, Behaviour> behaviours_;
  std::map<std::pair<Attempt, std::uint32_t>, std::uint32_t> consumed_;
};

}  // namespace

void run_core_commands(const std::uint8_t* data, std::size_t size) { Commands(data, size).run(); }

}  // namespace sluice::core::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sluice::core::testing::run_core_commands(data, size);
  return 0;
}
