#pragma once

// Who looks at which datum of a run through an expression. Links of the plan say which *ports* a
// step reads; which elements of them an expression has come to is known only when it was evaluated.
// A key is what may change at once: a value, an element, or a list as a whole (that it is closed,
// skipped, absent).

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/check.h"

namespace sluice::core {

struct WatchKey {
  std::uint32_t port = 0;     // Of commits: the step.
  std::uint32_t index = 0;    // Task of a foreach; all ones: the foreach as a whole.
  std::uint32_t element = 0;  // Of the list that it emits; all ones: its value, or list as a whole.
  friend auto operator<=>(const WatchKey&, const WatchKey&) = default;
};

struct Watcher {
  std::uint32_t step = 0;
  std::uint32_t index = 0;
  friend bool operator==(const Watcher&, const Watcher&) = default;
};

class Watches {
 public:
  void add(const WatchKey& key, Watcher watcher) {
    Group& group = watchers_[key];
    group.all.push_back(watcher);
    if (group.places)
      group.places->emplace(number_of(watcher), group.all.size() - 1);
    else if (group.all.size() > kSearched)
      index(group);
  }
  void remove(const WatchKey& key, Watcher watcher) {
    const auto found = watchers_.find(key);
    if (found == watchers_.end()) return;
    Group& group = found->second;
    std::size_t place = 0;
    if (group.places) {
      const auto entry = group.places->find(number_of(watcher));
      if (entry == group.places->end()) return;
      place = entry->second;
      group.places->erase(entry);
    } else {
      while (place < group.all.size() && group.all[place] != watcher) ++place;
      if (place == group.all.size()) return;
    }
    const std::size_t last = group.all.size() - 1;
    if (place != last) {
      group.all[place] = group.all[last];
      if (group.places) move(group, last, place);
    }
    group.all.pop_back();
    if (group.all.empty()) watchers_.erase(found);
  }
  std::vector<Watcher> take(const WatchKey& key) {
    const auto found = watchers_.find(key);
    if (found == watchers_.end()) return {};
    std::vector<Watcher> all = std::move(found->second.all);
    watchers_.erase(found);
    return all;
  }
  // Valid until the next change.
  const std::vector<Watcher>* find(const WatchKey& key) const {
    const auto found = watchers_.find(key);
    return found == watchers_.end() ? nullptr : &found->second.all;
  }
  bool empty() const { return watchers_.empty(); }
  std::size_t size() const { return watchers_.size(); }
  std::size_t heap_bytes() const {
    std::size_t bytes = watchers_.bucket_count() * sizeof(void*);
    for (const auto& [key, group] : watchers_) {
      bytes += sizeof(key) + sizeof(group) + 2 * sizeof(void*);
      bytes += group.all.capacity() * sizeof(Watcher);
      if (group.places)
        bytes += group.places->bucket_count() * sizeof(void*) +
                 group.places->size() * (sizeof(Places::value_type) + 2 * sizeof(void*));
    }
    return bytes;
  }

 private:
  // One expression may have looked at the same datum more than once.
  using Places = std::unordered_multimap<std::uint64_t, std::size_t>;
  struct Group {
    std::vector<Watcher> all;
    std::unique_ptr<Places> places;  // In `all`, by number_of(), once there are many.
  };
  static constexpr std::size_t kSearched = 32;  // A search among so few costs less than a table.

  static std::uint64_t number_of(Watcher watcher) {
    return std::uint64_t{watcher.step} << 32 | watcher.index;
  }
  static void index(Group& group) {
    group.places = std::make_unique<Places>();
    for (std::size_t i = 0; i < group.all.size(); ++i)
      group.places->emplace(number_of(group.all[i]), i);
  }
  static void move(Group& group, std::size_t from, std::size_t to) {
    auto [entry, end] = group.places->equal_range(number_of(group.all[from]));
    while (entry != end && entry->second != from) ++entry;
    SLUICE_ASSERT(entry != end);
    entry->second = to;
  }

  struct Hash {
    std::size_t operator()(const WatchKey& key) const {
      std::uint64_t h = key.port * 0x9e3779b97f4a7c15ULL;
      h = (h ^ (h >> 29) ^ key.index) * 0xbf58476d1ce4e5b9ULL;
      h = (h ^ (h >> 32) ^ key.element) * 0x94d049bb133111ebULL;
      return h ^ (h >> 31);
    }
  };
  std::unordered_map<WatchKey, Group, Hash> watchers_;
};

}  // namespace sluice::core
