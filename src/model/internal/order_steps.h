#pragma once

// The order in which steps can be looked at: each after those whose data it uses. Pure graph.

#include <cstdint>
#include <vector>

namespace sluice::model {

struct StepOrder {
  std::vector<std::uint32_t> order;                // Topological; among equals by number.
  std::vector<std::vector<std::uint32_t>> cycles;  // Disjoint; each begins with its lowest number.
};

// `needs[i]`: the steps that step i waits for; may hold duplicates and i itself. Steps on a cycle,
// or behind one, are not in `order`.
StepOrder order_steps(const std::vector<std::vector<std::uint32_t>>& needs);

}  // namespace sluice::model
