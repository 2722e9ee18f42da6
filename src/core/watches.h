#pragma once

// Who looks at which datum of a run through an expression. Links of the plan say which *ports* a
// step reads; which elements of them an expression has come to is known only when it was evaluated.
// A key is what may change at once: a value, an element, or a list as a whole (that it is closed,
// skipped, absent).

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sluice::core {

struct WatchKey {
  std::uint32_t port = 0;     // Of commits: the step.
  std::uint32_t index = 0;    // Task of a foreach; all ones: the foreach as a whole.
  std::uint32_t element = 0;  // Of the list that it emits; all ones: its value, or list as a whole.
  friend bool operator==(const WatchKey&, const WatchKey&) = default;
};

struct Watcher {
  std::uint32_t step = 0;
  std::uint32_t index = 0;
  friend bool operator==(const Watcher&, const Watcher&) = default;
};

class Watches {
 public:
  void add(const WatchKey& key, Watcher watcher) { watchers_[key].push_back(watcher); }
  void remove(const WatchKey& key, Watcher watcher) {
    const auto found = watchers_.find(key);
    if (found == watchers_.end()) return;
    std::vector<Watcher>& all = found->second;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i] != watcher) continue;
      all[i] = all.back();
      all.pop_back();
      break;
    }
    if (all.empty()) watchers_.erase(found);
  }
  // Valid until the next change.
  const std::vector<Watcher>* find(const WatchKey& key) const {
    const auto found = watchers_.find(key);
    return found == watchers_.end() ? nullptr : &found->second;
  }
  bool empty() const { return watchers_.empty(); }
  std::size_t size() const { return watchers_.size(); }
  std::size_t heap_bytes() const {
    std::size_t bytes = watchers_.bucket_count() * sizeof(void*);
    for (const auto& [key, all] : watchers_)
      bytes += sizeof(key) + sizeof(all) + 2 * sizeof(void*) + all.capacity() * sizeof(Watcher);
    return bytes;
  }

 private:
  struct Hash {
    std::size_t operator()(const WatchKey& key) const {
      std::uint64_t h = key.port * 0x9e3779b97f4a7c15ULL;
      h = (h ^ (h >> 29) ^ key.index) * 0xbf58476d1ce4e5b9ULL;
      h = (h ^ (h >> 32) ^ key.element) * 0x94d049bb133111ebULL;
      return h ^ (h >> 31);
    }
  };
  std::unordered_map<WatchKey, std::vector<Watcher>, Hash> watchers_;
};

}  // namespace sluice::core
