#pragma once

// Sub-allocates one region: who holds which bytes of it. Best fit, neighbours coalesced at once, so
// that a region whose ranges were all freed is one free range again. Every range starts at a
// multiple of 64 (a cache line, and the alignment of arrays) and reserves a multiple of 64.
// Knows no memory; the simulator uses it as it is. O(log ranges) each.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace sluice::store {

inline constexpr std::uint64_t kRangeAlignment = 64;

// What a range of `length` bytes takes of its region. At least one unit, so that no two ranges, not
// even empty ones, share their offset. `length` is far below 2^64 (placement.h refuses more).
constexpr std::uint64_t reserved_size(std::uint64_t length) {
  if (length == 0) return kRangeAlignment;
  return (length + kRangeAlignment - 1) / kRangeAlignment * kRangeAlignment;
}

class RangeAllocator {
 public:
  // `size` is rounded down to a multiple of the alignment.
  explicit RangeAllocator(std::uint64_t size);

  // The offset of a range with room for `length` bytes; nothing if no free range is large enough.
  std::optional<std::uint64_t> allocate(std::uint64_t length);
  // Gives a range back; `length` is what it was allocated with or last shrunk to. Aborts where the
  // bytes are free already: two owners of one range would corrupt each other's data.
  void free(std::uint64_t offset, std::uint64_t length);
  // Keeps the first `kept` bytes of a range.
  void shrink(std::uint64_t offset, std::uint64_t length, std::uint64_t kept);

  std::uint64_t size() const { return size_; }
  std::uint64_t used() const { return used_; }
  bool is_empty() const { return used_ == 0; }
  // The length of the largest range that allocate() would find.
  std::uint64_t largest_free() const { return by_length_.empty() ? 0 : by_length_.rbegin()->first; }
  // Walks both tables; aborts when they disagree. For tests.
  void check_invariants() const;

 private:
  void insert_free(std::uint64_t offset, std::uint64_t length);
  void erase_free(std::map<std::uint64_t, std::uint64_t>::iterator range);

  std::uint64_t size_;
  std::uint64_t used_ = 0;
  std::map<std::uint64_t, std::uint64_t> by_offset_;             // Free: offset to length.
  std::set<std::pair<std::uint64_t, std::uint64_t>> by_length_;  // The same: {length, offset}.
};

}  // namespace sluice::store
