#pragma once

// Memory of one evaluation: handed out in order, given back all at once, bounded. What was needed
// once is kept for the next evaluation, up to a size that most need.

#include <cstddef>
#include <memory>
#include <vector>

namespace sluice::expr {

class Arena {
 public:
  explicit Arena(std::size_t bytes_max) : left_max_(bytes_max), left_(bytes_max) {}

  // Aligned for pointers and 64-bit numbers; null beyond the bound.
  void* allocate(std::size_t bytes) {
    bytes = (bytes + 7) & ~std::size_t{7};
    if (bytes > left_) return nullptr;
    left_ -= bytes;
    if (bytes > block_left_) grow(bytes);
    std::byte* result = at_;
    at_ += bytes;
    block_left_ -= bytes;
    return result;
  }

  void clear() {
    left_ = left_max_;
    if (blocks_.size() > 1) blocks_.resize(1);
    at_ = blocks_.empty() ? nullptr : blocks_[0].get();
    block_left_ = blocks_.empty() ? 0 : kBlock;
  }

 private:
  static constexpr std::size_t kBlock = 16 << 10;

  // The first block is always of the usual size, because it is the one that is kept.
  void grow(std::size_t bytes) {
    const std::size_t size = bytes > kBlock && !blocks_.empty() ? bytes : kBlock;
    blocks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
    at_ = blocks_.back().get();
    block_left_ = size;
    if (block_left_ < bytes) grow(bytes);
  }

  std::vector<std::unique_ptr<std::byte[]>> blocks_;
  std::byte* at_ = nullptr;
  std::size_t block_left_ = 0;
  std::size_t left_max_;
  std::size_t left_;
};

}  // namespace sluice::expr
