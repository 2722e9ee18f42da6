#pragma once

// What is measured: the workflows of the benchmark.

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "world.h"

namespace sluice::core::testing {

struct ShapeOf {
  std::string_view name;
  std::function<Shape(std::uint32_t tasks)> make;
  std::uint32_t most = 1'000'000;  // Tasks.
};
const std::vector<ShapeOf>& shapes();

}  // namespace sluice::core::testing
