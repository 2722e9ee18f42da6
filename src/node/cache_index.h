#pragma once

// Which results the cache holds, and which go: what was not used for longest first, while all of
// them together take more of the disk than they may. Decides only; Cache reads, writes and removes.

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "base/hash.h"

namespace sluice::node {

// Of a function version and all its inputs (reuse.h says of what).
using CacheKey = Sha256;

class CacheIndex {
 public:
  // `bytes_max`: 0 keeps nothing.
  explicit CacheIndex(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

  bool has_room_for(std::uint64_t bytes) const { return bytes <= bytes_max_; }
  bool contains(const CacheKey& key) const { return places_.contains(key); }
  // As the one used last. One that is there is only used.
  void add(const CacheKey& key, std::uint64_t bytes);
  void use(const CacheKey& key);
  void remove(const CacheKey& key);
  // One that has to go, and is gone from the index.
  std::optional<CacheKey> take();

  std::uint64_t bytes() const { return bytes_; }
  std::size_t size() const { return places_.size(); }

 private:
  using Order = std::list<std::pair<CacheKey, std::uint64_t>>;

  std::uint64_t bytes_max_;
  std::uint64_t bytes_ = 0;
  Order order_;  // Used longest ago first.
  std::map<CacheKey, Order::iterator> places_;
};

}  // namespace sluice::node
