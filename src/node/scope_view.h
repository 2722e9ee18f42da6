#pragma once

// What the tasks of one scope are doing, or came to, by the steps that its author knows: asked of
// core while the scope is open, of its record later. Loop thread; lives for one document.

#include <optional>
#include <vector>

#include "node/run_table.h"

namespace sluice::node {

class ScopeView {
 public:
  // Scope 0: the run's own workflow.
  ScopeView(const RunTable& runs, const RunRecord& run, std::uint32_t scope);

  std::uint32_t scope() const { return scope_; }
  const std::vector<ShownStep>& steps() const { return *steps_; }
  const StepCounts& counts(std::uint32_t step);
  core::TaskState state(std::uint32_t step, std::uint32_t index);
  // The tasks of the plan that do the work of one that is shown: whose attempts are its own.
  std::vector<core::TaskKey> parts_of(std::uint32_t step, std::uint32_t index) const;
  RunScopes::States all_states();

 private:
  struct Known {
    StepCounts counts;
    std::vector<StepCounts> parts;
  };
  const Known& known(std::uint32_t step);
  std::optional<std::uint32_t> concealed(std::uint32_t step, std::uint32_t index) const;

  const RunTable& runs_;
  const RunRecord& run_;
  const std::uint32_t scope_;
  const model::Workflow* workflow_ = nullptr;
  const std::vector<ShownStep>* steps_ = nullptr;
  std::vector<std::optional<Known>> known_;  // By shown step.
  std::optional<RunScopes::States> final_;   // Of a scope that is closed.
};

}  // namespace sluice::node
