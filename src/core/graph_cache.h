#pragma once

// Graphs of the workflows that run, or have run a moment ago: an app that is called every second
// must not pay for its graph every time. An app is not kept alive by its graphs; they go with it.

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "core/graph.h"

namespace sluice::core {

class GraphCache {
 public:
  // With `Limits::steps_per_workflow` steps and as many slots a graph takes about 150 KB. Beyond:
  // those that no run uses are dropped, first what was asked for the longest time ago, and made
  // again when wanted.
  static constexpr std::size_t kGraphsMax = 64;

  // The caller holds the app at least as long as the graph.
  std::shared_ptr<const Graph> find_or_make(const std::shared_ptr<const model::App>& app,
                                            std::uint32_t workflow, const Limits& limits,
                                            bool inner = false);
  // To be called when an app may have gone.
  void drop_gone();
  std::size_t size() const { return graphs_.size(); }

 private:
  // By address: an entry whose app has expired is void, whoever lives at its address now.
  using Key = std::tuple<const model::App*, std::uint32_t, bool>;
  struct Entry {
    std::weak_ptr<const model::App> app;
    std::shared_ptr<const Graph> graph;
    std::uint64_t asked = 0;  // A number that grows.
  };
  void make_room();

  std::map<Key, Entry> graphs_;
  std::uint64_t asked_ = 0;
};

}  // namespace sluice::core
