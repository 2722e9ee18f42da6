#include "store/range_allocator.h"

#include <iterator>

#include "base/check.h"

namespace sluice::store {

RangeAllocator::RangeAllocator(std::uint64_t size)
    : size_(size / kRangeAlignment * kRangeAlignment) {
  if (size_ > 0) insert_free(0, size_);
}

std::optional<std::uint64_t> RangeAllocator::allocate(std::uint64_t length) {
  const std::uint64_t wanted = reserved_size(length);
  // The smallest that is large enough; of equals the one with the lowest offset, so that the end of
  // the region stays whole and the choice is the same in every run.
  const auto best = by_length_.lower_bound({wanted, 0});
  if (best == by_length_.end()) return std::nullopt;
  const auto [found, offset] = *best;
  erase_free(by_offset_.find(offset));
  if (found > wanted) insert_free(offset + wanted, found - wanted);
  used_ += wanted;
  return offset;
}

void RangeAllocator::free(std::uint64_t offset, std::uint64_t length) {
  std::uint64_t begin = offset;
  std::uint64_t end = offset + reserved_size(length);
  SLUICE_ASSERT(offset % kRangeAlignment == 0 && end <= size_, "free [{}, {}) of {}", begin, end,
                size_);
  used_ -= end - begin;

  const auto after = by_offset_.lower_bound(begin);
  SLUICE_ASSERT(after == by_offset_.end() || end <= after->first, "[{}, {}) is free already", begin,
                end);
  if (after != by_offset_.begin()) {
    const auto before = std::prev(after);
    const std::uint64_t before_end = before->first + before->second;
    SLUICE_ASSERT(before_end <= begin, "[{}, {}) is free already", begin, end);
    if (before_end == begin) {
      begin = before->first;
      erase_free(before);
    }
  }
  if (after != by_offset_.end() && after->first == end) {
    end += after->second;
    erase_free(after);
  }
  insert_free(begin, end - begin);
}

void RangeAllocator::shrink(std::uint64_t offset, std::uint64_t length, std::uint64_t kept) {
  SLUICE_ASSERT(kept <= length, "shrink {} bytes to {}", length, kept);
  const std::uint64_t kept_size = reserved_size(kept);
  const std::uint64_t old_size = reserved_size(length);
  if (kept_size < old_size) free(offset + kept_size, old_size - kept_size);
}

void RangeAllocator::check_invariants() const {
  std::uint64_t free_bytes = 0;
  std::uint64_t end = 0;
  bool first = true;
  for (const auto& [offset, length] : by_offset_) {
    SLUICE_ASSERT(length > 0 && offset % kRangeAlignment == 0 && length % kRangeAlignment == 0);
    SLUICE_ASSERT(first || offset > end, "free ranges touch at {}", offset);
    SLUICE_ASSERT(by_length_.contains({length, offset}));
    end = offset + length;
    free_bytes += length;
    first = false;
  }
  SLUICE_ASSERT(end <= size_ && by_length_.size() == by_offset_.size());
  SLUICE_ASSERT(free_bytes + used_ == size_, "{} free, {} used of {}", free_bytes, used_, size_);
}

void RangeAllocator::insert_free(std::uint64_t offset, std::uint64_t length) {
  by_offset_.emplace(offset, length);
  by_length_.emplace(length, offset);
}

void RangeAllocator::erase_free(std::map<std::uint64_t, std::uint64_t>::iterator range) {
  by_length_.erase({range->second, range->first});
  by_offset_.erase(range);
}

}  // namespace sluice::store
