#include "core/graph_cache.h"

#include <algorithm>
#include <vector>

namespace sluice::core {

std::shared_ptr<const Graph> GraphCache::find_or_make(const std::shared_ptr<const model::App>& app,
                                                      std::uint32_t workflow, const Limits& limits,
                                                      bool inner) {
  const auto found = graphs_.find({app.get(), workflow, inner});
  if (found != graphs_.end() && !found->second.app.expired()) {
    found->second.asked = ++asked_;
    return found->second.graph;
  }
  drop_gone();
  make_room();
  auto graph = std::make_shared<const Graph>(*app, workflow, limits, inner);
  graphs_[{app.get(), workflow, inner}] = {.app = app, .graph = graph, .asked = ++asked_};
  return graph;
}

void GraphCache::drop_gone() {
  std::erase_if(graphs_, [](const auto& entry) { return entry.second.app.expired(); });
}

// A graph that runs use is in memory anyway: to forget it would only make a second one.
void GraphCache::make_room() {
  if (graphs_.size() < kGraphsMax) return;
  std::vector<std::pair<std::uint64_t, Key>> idle;
  for (const auto& [key, entry] : graphs_)
    if (entry.graph.use_count() == 1) idle.emplace_back(entry.asked, key);
  std::sort(idle.begin(), idle.end());
  for (const auto& [asked, key] : idle) {
    if (graphs_.size() < kGraphsMax) return;
    graphs_.erase(key);
  }
}

}  // namespace sluice::core
