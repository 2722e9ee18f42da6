#pragma once

// A random run: a workflow that validation would accept, what its functions do, its inputs, where
// its steps run.

#include <memory>
#include <optional>
#include <vector>

#include "base/random.h"
#include "model/plan.h"
#include "value.h"

namespace sluice::sim {

// What a function does, besides mixing its inputs.
struct Behaviour {
  bool maps = false;               // Emits an element of output 0 for each element of its stream.
  std::uint32_t fails_one_in = 0;  // Inputs that it fails on, whatever the attempt; 0: none.
  std::string failure;             // The name of that failure.
};

struct Scenario {
  std::shared_ptr<model::App> app;
  std::vector<Behaviour> behaviours;  // By function.
  std::vector<Value> inputs;
  std::vector<NodeId> placement;  // By step; empty: all on the owner.
  NodeId owner{1};
  std::optional<Duration> deadline;  // From the submission.

  const model::Workflow& workflow() const { return app->workflows[0]; }
  const model::Step& step(std::uint32_t index) const { return workflow().steps[index]; }
  const model::Function& function_of(std::uint32_t step_index) const {
    return app->functions[step(step_index).function];
  }
  NodeId node_of(std::uint32_t step_index) const {
    return placement.empty() ? owner : placement[step_index];
  }
};

struct ScenarioOptions {
  std::uint32_t nodes = 1;
  double failing_function = 0.1;
  double deadline = 0.1;
  double early = 0.3;  // Per step.
};
Scenario random_scenario(Random& random, const ScenarioOptions& options);
// For people: one line per step.
std::string to_text(const Scenario& scenario);

}  // namespace sluice::sim
