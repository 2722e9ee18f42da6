#pragma once

// What stands at the beginning of a file of the cache: which values follow, for which key. It is
// checked before anything of it is believed: a file may be damaged, cut off, or not ours.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "node/cache_index.h"
#include "store/store.h"

namespace sluice::node {

// One value that a task has written, in the order in which it is told again.
struct CachedValue {
  enum class Kind : std::uint8_t { kValue, kHole };
  std::uint32_t port = 0;
  Kind kind = Kind::kValue;
  store::Meta meta;
  std::uint64_t size = 0;
  Checksum checksum;
  ObjectId object;  // While it is in the store; not in the file.
};

// A line that says how long the header is and its checksum, and the header.
std::string write_cache_header(const CacheKey& key, const std::vector<CachedValue>& values);

inline constexpr std::size_t kCacheLineMax = 80;
struct CacheLine {
  std::size_t line = 0;    // Bytes of it, with its end.
  std::size_t header = 0;  // Bytes that follow.
  Checksum checksum;
};
// kDataLoss: it is not what was written.
Result<CacheLine> read_cache_line(std::string_view text);
Result<std::vector<CachedValue>> read_cache_header(const CacheLine& line, std::string_view header,
                                                   const CacheKey& key);

}  // namespace sluice::node
