#include "model/internal/order_steps.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <queue>

namespace sluice::model {

StepOrder order_steps(const std::vector<std::vector<std::uint32_t>>& needs) {
  const auto count = static_cast<std::uint32_t>(needs.size());
  std::vector<std::vector<std::uint32_t>> readers(count);
  std::vector<std::uint32_t> missing(count, 0);
  for (std::uint32_t step = 0; step < count; ++step) {
    for (const std::uint32_t need : needs[step]) {
      readers[need].push_back(step);
      ++missing[step];
    }
  }
  StepOrder result;
  std::priority_queue<std::uint32_t, std::vector<std::uint32_t>, std::greater<>> ready;
  for (std::uint32_t step = 0; step < count; ++step) {
    if (missing[step] == 0) ready.push(step);
  }
  std::vector<bool> is_done(count, false);
  while (!ready.empty()) {
    const std::uint32_t step = ready.top();
    ready.pop();
    is_done[step] = true;
    result.order.push_back(step);
    for (const std::uint32_t reader : readers[step]) {
      if (--missing[reader] == 0) ready.push(reader);
    }
  }
  // Every step that is left needs one that is left: going from need to need ends in a cycle.
  std::vector<std::uint32_t> visited_by(count, count);  // The walk that came by; `count`: none.
  std::vector<std::uint32_t> path;
  for (std::uint32_t start = 0; start < count; ++start) {
    if (is_done[start] || visited_by[start] != count) continue;
    path.clear();
    std::uint32_t step = start;
    while (visited_by[step] == count) {
      visited_by[step] = start;
      path.push_back(step);
      step = *std::ranges::find_if(needs[step], [&](std::uint32_t need) { return !is_done[need]; });
    }
    if (visited_by[step] != start) continue;  // Ran into what an earlier walk has reported.
    std::vector<std::uint32_t> cycle(std::ranges::find(path, step), path.end());
    std::ranges::rotate(cycle, std::ranges::min_element(cycle));
    result.cycles.push_back(std::move(cycle));
  }
  return result;
}

}  // namespace sluice::model
