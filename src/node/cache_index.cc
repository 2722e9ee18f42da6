#include "node/cache_index.h"

namespace sluice::node {

void CacheIndex::add(const CacheKey& key, std::uint64_t bytes) {
  if (contains(key)) return use(key);
  order_.emplace_back(key, bytes);
  places_[key] = std::prev(order_.end());
  bytes_ += bytes;
}

void CacheIndex::use(const CacheKey& key) {
  const auto found = places_.find(key);
  if (found != places_.end()) order_.splice(order_.end(), order_, found->second);
}

void CacheIndex::remove(const CacheKey& key) {
  const auto found = places_.find(key);
  if (found == places_.end()) return;
  bytes_ -= found->second->second;
  order_.erase(found->second);
  places_.erase(found);
}

std::optional<CacheKey> CacheIndex::take() {
  if (bytes_ <= bytes_max_ || order_.empty()) return std::nullopt;
  const CacheKey key = order_.front().first;
  remove(key);
  return key;
}

}  // namespace sluice::node
