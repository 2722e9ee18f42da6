#pragma once

// The meaning of a workflow without time: every task is a function of its inputs, evaluated once,
// in the order of the steps. Deliberately naive; shares nothing with core but the plan.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/testing/fake_world.h"
#include "model/plan.h"

namespace sluice::core::testing {

inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = (a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2))) + 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return (z ^ (z >> 31)) >> 8;  // Below the values that stand for holes and brackets.
}

// What a slot is bound to.
struct Data {
  enum class Kind { kUnknown, kAbsent, kValue, kList };
  Kind kind = Kind::kUnknown;
  std::vector<Value> values;  // Of a list: with holes and brackets.
};

struct PortResult {
  bool is_list = false;
  std::vector<Value> values;  // A plain port: none or one.
  friend bool operator==(const PortResult&, const PortResult&) = default;
};

struct TaskResultModel {
  enum class Kind { kUnknown, kOutputs, kSkipped, kFailed };
  Kind kind = Kind::kUnknown;
  std::vector<PortResult> ports;
};

// The function of a task. Elements of list ports follow the first stream, one for one, if there is
// a stream: so they can be emitted while it is read.
class TaskFunction {
 public:
  TaskFunction(const model::App& app, std::uint32_t step, std::uint32_t index,
               std::uint64_t failing)
      : app_(app), step_(step), index_(index), failing_(failing) {}

  std::optional<std::uint32_t> stream_slot(const std::map<std::uint32_t, Data>& inputs) const {
    for (const auto& [slot, data] : inputs)
      if (data.kind == Data::Kind::kList && access(slot) != model::Access::kWhole) return slot;
    return std::nullopt;
  }
  bool is_list(std::uint32_t port) const {
    return app_.functions[step_].outputs[port].type.is_list();
  }
  Value follow(std::uint32_t port, Value element) const {
    return mix(mix(step_ * 31 + port, index_), element);
  }
  TaskResultModel call(const std::map<std::uint32_t, Data>& inputs) const {
    std::uint64_t hash = mix(step_ + 1000, index_);
    for (const auto& [slot, data] : inputs) {
      hash = mix(hash, slot * 8 + static_cast<std::uint64_t>(data.kind));
      for (const Value value : data.values) hash = mix(hash, value);
    }
    TaskResultModel result;
    if (((failing_ >> (step_ % 8)) & 1) != 0 && hash % 3 == 0) {
      result.kind = TaskResultModel::Kind::kFailed;
      return result;
    }
    result.kind = TaskResultModel::Kind::kOutputs;
    const auto stream = stream_slot(inputs);
    const model::Function& function = app_.functions[step_];
    for (std::uint32_t p = 0; p < function.outputs.size(); ++p) {
      PortResult& port = result.ports.emplace_back();
      port.is_list = function.outputs[p].type.is_list();
      if (!port.is_list) {
        if (mix(hash, p) % 6 != 0) port.values.push_back(mix(hash, p + 100));
      } else if (stream) {
        for (const Value value : inputs.at(*stream).values) port.values.push_back(follow(p, value));
      } else {
        const std::uint64_t count = mix(hash, p) % 4;
        for (std::uint64_t i = 0; i < count; ++i) port.values.push_back(mix(hash, p * 50 + i));
      }
    }
    return result;
  }

 private:
  model::Access access(std::uint32_t slot) const {
    const model::Step& step = app_.workflows[0].steps[step_];
    return app_.functions[step.function].inputs[step.slots[slot].port].type.access;
  }
  const model::App& app_;
  std::uint32_t step_;
  std::uint32_t index_;
  std::uint64_t failing_;
};

class CoreModel {
 public:
  struct InputData {
    bool absent = false;
    std::vector<Value> values;
  };
  struct StepResult {
    bool is_foreach = false;
    bool skipped = false;  // A foreach as a whole.
    bool known = false;    // The number of tasks.
    std::vector<TaskResultModel> tasks;
  };

  CoreModel(const model::App& app, std::vector<InputData> inputs, std::uint64_t failing)
      : app_(app), flow_(app.workflows[0]), inputs_(std::move(inputs)), failing_(failing) {
    for (std::uint32_t s = 0; s < flow_.steps.size(); ++s) steps_.push_back(evaluate(s));
  }

  const std::vector<StepResult>& steps() const { return steps_; }
  bool fails() const {
    for (const StepResult& step : steps_)
      for (const TaskResultModel& task : step.tasks)
        if (task.kind == TaskResultModel::Kind::kFailed) return true;
    return false;
  }
  Data output(std::uint32_t i) const { return data_of(flow_.outputs[i].source, nullptr, 0); }

  // What a source is for task `index` of `reader`.
  Data data_of(const model::Source& source, const model::Step* reader, std::uint32_t index) const {
    using Kind = Data::Kind;
    if (const auto* input = std::get_if<model::InputRef>(&source)) {
      const InputData& data = inputs_[input->input];
      if (data.absent) return {Kind::kAbsent, {}};
      return {flow_.inputs[input->input].type.is_list() ? Kind::kList : Kind::kValue, data.values};
    }
    if (const auto* ref = std::get_if<model::StepRef>(&source)) {
      const StepResult& step = steps_[ref->step];
      if (!step.is_foreach) return port_of(step.tasks[0], ref->output);
      if (step.skipped) return {Kind::kAbsent, {}};
      if (!step.known) return {};
      Data all{Kind::kList, {}};
      for (const TaskResultModel& task : step.tasks) {
        const Data part = port_of(task, ref->output);
        if (part.kind == Kind::kUnknown) return {};
        if (part.kind == Kind::kAbsent) all.values.push_back(kHoleValue);
        if (part.kind == Kind::kValue) all.values.push_back(part.values[0]);
        if (part.kind != Kind::kList) continue;
        all.values.push_back(kBegin);
        all.values.insert(all.values.end(), part.values.begin(), part.values.end());
        all.values.push_back(kEnd);
      }
      return all;
    }
    if (std::holds_alternative<model::ItemRef>(source)) return element(*reader, index);
    return {Kind::kValue, {}};  // A literal, the index.
  }

 private:
  Data port_of(const TaskResultModel& task, std::uint32_t port) const {
    using Kind = Data::Kind;
    if (task.kind == TaskResultModel::Kind::kSkipped) return {Kind::kAbsent, {}};
    if (task.kind != TaskResultModel::Kind::kOutputs) return {};
    const PortResult& result = task.ports[port];
    if (result.is_list) return {Kind::kList, result.values};
    if (result.values.empty()) return {Kind::kAbsent, {}};
    return {Kind::kValue, result.values};
  }
  Data element(const model::Step& reader, std::uint32_t index) const {
    if (const auto* ref = std::get_if<model::StepRef>(&*reader.foreach)) {
      const StepResult& step = steps_[ref->step];
      if (step.is_foreach) return port_of(step.tasks[index], ref->output);
    }
    return {Data::Kind::kValue, {data_of(*reader.foreach, nullptr, 0).values[index]}};
  }
  StepResult evaluate(std::uint32_t s) const {
    const model::Step& step = flow_.steps[s];
    StepResult result{.is_foreach = step.foreach.has_value()};
    bool waits = false;
    for (const std::uint32_t before : step.after) waits = waits || !is_over(steps_[before]);
    bool absent = false;
    for (const model::Slot& slot : step.slots) {
      if (std::holds_alternative<model::ItemRef>(slot.source)) continue;
      const model::Port& port = app_.functions[step.function].inputs[slot.port];
      if (port.type.optional || port.default_value) continue;
      absent = absent || data_of(slot.source, &step, 0).kind == Data::Kind::kAbsent;
    }
    if (!result.is_foreach) {
      result.known = true;
      result.tasks.push_back(task(s, 0, waits, absent));
      return result;
    }
    std::optional<std::size_t> count;
    bool list_absent = false;
    if (const auto* ref = std::get_if<model::StepRef>(&*step.foreach);
        ref != nullptr && steps_[ref->step].is_foreach) {
      const StepResult& driver = steps_[ref->step];
      list_absent = driver.skipped;
      if (driver.known) count = driver.tasks.size();
    } else {
      const Data list = data_of(*step.foreach, nullptr, 0);
      list_absent = list.kind == Data::Kind::kAbsent;
      if (list.kind == Data::Kind::kList) count = list.values.size();
    }
    if ((absent || list_absent) && !waits) {
      result.skipped = result.known = true;
      return result;
    }
    if (!count) return result;
    result.known = true;
    for (std::uint32_t i = 0; i < *count; ++i) {
      const Data item = element(step, i);
      if (item.kind == Data::Kind::kUnknown || waits) {
        result.tasks.emplace_back();
      } else if (item.kind == Data::Kind::kAbsent) {
        result.tasks.push_back({TaskResultModel::Kind::kSkipped, {}});
      } else {
        result.tasks.push_back(task(s, i, waits, false));
      }
    }
    return result;
  }
  TaskResultModel task(std::uint32_t s, std::uint32_t index, bool waits, bool absent) const {
    const model::Step& step = flow_.steps[s];
    if (waits) return {};
    if (absent) return {TaskResultModel::Kind::kSkipped, {}};
    std::map<std::uint32_t, Data> inputs;
    for (std::uint32_t i = 0; i < step.slots.size(); ++i) {
      const Data data = data_of(step.slots[i].source, &step, index);
      if (data.kind == Data::Kind::kUnknown) return {};
      if (data.kind != Data::Kind::kAbsent) inputs[i] = data;
    }
    return TaskFunction(app_, s, index, failing_).call(inputs);
  }
  static bool is_over(const StepResult& step) {
    if (!step.known) return false;
    for (const TaskResultModel& task : step.tasks)
      if (task.kind == TaskResultModel::Kind::kUnknown ||
          task.kind == TaskResultModel::Kind::kFailed)
        return false;
    return true;
  }

  const model::App& app_;
  const model::Workflow& flow_;
  std::vector<InputData> inputs_;
  std::uint64_t failing_;
  std::vector<StepResult> steps_;
};

}  // namespace sluice::core::testing
