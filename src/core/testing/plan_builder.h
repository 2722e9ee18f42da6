#pragma once

// Workflows for tests of core, built without YAML: core looks at the graph, at access and
// optionality of ports and at policies, never at types of values.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/plan.h"

namespace sluice::core::testing {

struct In {
  model::Source source;
  model::Access access = model::Access::kWhole;
  bool optional = false;
  bool has_default = false;
};

struct StepSpec {
  std::string name;
  std::optional<model::Source> foreach{};
  std::vector<In> in{};
  std::vector<bool> out{false};  // Per port: is it a list?
  std::uint32_t concurrency = 0;
  std::vector<std::uint32_t> after{};
  std::optional<model::Retry> retry{};
  std::optional<Duration> timeout{};
  std::vector<model::Source> gates{};    // `when`: past its `catch`,
  std::vector<model::Source> choices{};  // and inside of it.
  std::vector<std::vector<std::string>> catches{};
  bool effects = false;
  bool early = false;
  bool cache = false;
};

class PlanBuilder {
 public:
  PlanBuilder() : app_(std::make_shared<model::App>()) {
    app_->name = "test";
    app_->workflows.emplace_back().name = "test";
  }

  model::Source input(bool is_list = false) {
    auto& inputs = flow().inputs;
    inputs.push_back({.name = "i" + std::to_string(inputs.size()),
                      .type = {.lists = static_cast<std::uint8_t>(is_list ? 1 : 0)},
                      .default_value = std::nullopt});
    return model::InputRef{static_cast<std::uint32_t>(inputs.size() - 1)};
  }

  std::uint32_t step(const StepSpec& spec) {
    model::Function function{.name = spec.name};
    model::Step step{.name = spec.name,
                     .function = static_cast<std::uint32_t>(app_->functions.size())};
    for (const In& in : spec.in) {
      const auto port = static_cast<std::uint32_t>(function.inputs.size());
      model::Port declared{.name = "p" + std::to_string(port),
                           .type = {.optional = in.optional, .access = in.access}};
      if (in.has_default) declared.default_value = Json(1);
      function.inputs.push_back(std::move(declared));
      step.slots.push_back({port, in.source});
    }
    for (const bool is_list : spec.out) {
      function.outputs.push_back({.name = "o" + std::to_string(function.outputs.size()),
                                  .type = {.lists = static_cast<std::uint8_t>(is_list ? 1 : 0)}});
    }
    app_->functions.push_back(std::move(function));
    return add(std::move(step), spec);
  }
  // An expression over `spec.in`.
  std::uint32_t compute(const StepSpec& spec) {
    model::Step step{.name = spec.name, .action = model::Action::kCompute};
    for (const In& in : spec.in)
      step.slots.push_back(
          {static_cast<std::uint32_t>(step.slots.size()), in.source, model::Use::kOperand});
    return add_outputs(std::move(step), spec);
  }
  // A timer at what `spec.in[0]` says; without it, an answer from outside.
  std::uint32_t wait(const StepSpec& spec) {
    model::Step step{.name = spec.name, .action = model::Action::kWait};
    for (const In& in : spec.in) step.slots.push_back({0, in.source});
    step.is_answer = spec.in.empty();
    return add_outputs(std::move(step), spec);
  }

  // A task of another workflow, `spec.in` bound to its inputs in order.
  std::uint32_t scope(const StepSpec& spec, std::uint32_t workflow) {
    model::Step step{.name = spec.name, .action = model::Action::kFlow};
    step.workflow = workflow;
    for (const In& in : spec.in)
      step.slots.push_back({static_cast<std::uint32_t>(step.slots.size()), in.source});
    return add_outputs(std::move(step), spec);
  }
  // What follows is added to a new workflow; `begin(0)` goes back.
  std::uint32_t begin() {
    current_ = static_cast<std::uint32_t>(app_->workflows.size());
    app_->workflows.emplace_back().name = "inner" + std::to_string(current_);
    return current_;
  }
  void begin(std::uint32_t workflow) { current_ = workflow; }

  void output(model::Source source) {
    flow().outputs.push_back(
        {.name = "r" + std::to_string(flow().outputs.size()), .source = std::move(source)});
  }

  std::shared_ptr<const model::App> app() const { return app_; }
  model::Workflow& flow() { return app_->workflows[current_]; }

 private:
  std::uint32_t add_outputs(model::Step step, const StepSpec& spec) {
    for (const bool is_list : spec.out)
      step.outputs.push_back({.name = "o" + std::to_string(step.outputs.size()),
                              .type = {.lists = static_cast<std::uint8_t>(is_list ? 1 : 0)}});
    return add(std::move(step), spec);
  }
  std::uint32_t add(model::Step step, const StepSpec& spec) {
    step.foreach = spec.foreach;
    step.concurrency = spec.concurrency;
    step.after = spec.after;
    step.retry = spec.retry;
    step.timeout = spec.timeout;
    step.catches = spec.catches;
    step.effects = spec.effects;
    step.cache = spec.cache;
    if (spec.early) step.start = model::StartMode::kEarly;
    for (const model::Source& gate : spec.gates) step.slots.push_back({0, gate, model::Use::kGate});
    for (const model::Source& gate : spec.choices)
      step.slots.push_back({0, gate, model::Use::kChoice});
    flow().steps.push_back(std::move(step));
    return static_cast<std::uint32_t>(flow().steps.size() - 1);
  }

  std::shared_ptr<model::App> app_;
  std::uint32_t current_ = 0;
};

inline model::Source out_of(std::uint32_t step, std::uint32_t port = 0) {
  return model::StepRef{step, port};
}
inline model::Source peer(std::uint32_t step, std::uint32_t port = 0) {
  return model::PeerRef{step, port};
}
inline model::Source error_of(std::uint32_t step, std::uint32_t clause = 0) {
  return model::ErrorRef{step, clause};
}
inline model::Source item() { return model::ItemRef{}; }

// Retries that start after exactly `backoff`.
inline model::Retry attempts(std::uint32_t count, Duration backoff = Duration(0)) {
  return {.attempts = count, .backoff = backoff, .full_jitter = false};
}

}  // namespace sluice::core::testing
