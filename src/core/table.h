#pragma once

// The containers under core's tables. A run of a thousand steps has thousands of tables of one
// element; Table keeps such a one in memory that it borrows from its run (no allocation, no slack)
// and grows on the heap otherwise. Array is a vector with a cheap check. Fifo is a queue that keeps
// its memory.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

#include "base/check.h"

namespace sluice::core {

[[noreturn]] [[gnu::cold]] [[gnu::noinline]] inline void index_too_large(std::size_t index) {
  SLUICE_ASSERT(false, "there is no element {}", index);
  std::abort();
}

// A vector that is asked several times by every event. Its index is checked by a comparison; the
// check of the standard library divides by the size of an element first, which cost a fifth of all
// that core does.
template <class T>
class Array : public std::vector<T> {
 public:
  using std::vector<T>::vector;
  [[gnu::always_inline]] T& operator[](std::size_t i) { return *checked(this->data() + i, i); }
  [[gnu::always_inline]] const T& operator[](std::size_t i) const {
    return *checked(this->data() + i, i);
  }

 private:
  template <class U>
  [[gnu::always_inline]] U* checked(U* element, std::size_t i) const {
    if (element >= this->end().base()) [[unlikely]]
      index_too_large(i);
    return element;
  }
};

// A growing array of 16 bytes. Elements are moved by memcpy: T must not hold pointers to itself.
template <class T>
class Table {
 public:
  Table() = default;
  Table(Table&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Table& operator=(Table&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  ~Table() {
    if (capacity_ == 0) return;  // Empty, or borrowed.
    for (std::uint32_t i = 0; i < size_; ++i) data_[i].~T();
    std::free(data_);
  }

  // Uses one element that the caller owns and that outlives this table; never grows then.
  void borrow(T* element) {
    data_ = element;
    size_ = 1;
  }
  // At least `size` elements; new ones are value-initialised. References become invalid.
  void grow_to(std::uint32_t size) {
    if (size <= size_) return;
    if (size > capacity_) reserve(size);
    for (; size_ < size; ++size_) new (static_cast<void*>(data_ + size_)) T();
  }

  std::uint32_t size() const { return size_; }
  [[gnu::always_inline]] T& operator[](std::uint32_t i) {
    SLUICE_DEBUG_ASSERT(i < size_);
    return data_[i];
  }
  [[gnu::always_inline]] const T& operator[](std::uint32_t i) const {
    SLUICE_DEBUG_ASSERT(i < size_);
    return data_[i];
  }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  std::size_t heap_bytes() const { return sizeof(T) * capacity_; }

 private:
  [[gnu::noinline]] void reserve(std::uint32_t size) {
    SLUICE_ASSERT(capacity_ != 0 || size_ == 0);
    std::uint32_t capacity = capacity_ < 2 ? 2 : capacity_ + capacity_ / 2;
    if (capacity < size) capacity = size;
    auto* data = static_cast<T*>(std::malloc(sizeof(T) * capacity));
    SLUICE_ASSERT(data != nullptr);
    if (size_ != 0) std::memcpy(static_cast<void*>(data), data_, sizeof(T) * size_);
    std::free(data_);
    data_ = data;
    capacity_ = capacity;
  }

  T* data_ = nullptr;
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = 0;
};

template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  void push(T item) {
    // Moving the rest down is paid for by the pops before it.
    if (head_ > 1024 && head_ * 2 > items_.size()) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    items_.push_back(std::move(item));
  }
  T pop() {
    T item = std::move(items_[head_++]);
    if (head_ == items_.size()) {
      items_.clear();
      head_ = 0;
    }
    return item;
  }
  const T& front() const { return items_[head_]; }
  T& at(std::size_t i) { return items_[head_ + i]; }
  const T& at(std::size_t i) const { return items_[head_ + i]; }
  std::size_t heap_bytes() const { return items_.capacity() * sizeof(T); }

 private:
  Array<T> items_;
  std::size_t head_ = 0;
};

}  // namespace sluice::core
