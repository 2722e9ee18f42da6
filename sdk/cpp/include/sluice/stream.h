#pragma once

// Inputs that are read while they are written.

#include <iterator>

#include "sluice/context.h"

namespace sluice {

namespace detail {
template <class T>
struct Reader;  // function.h
}  // namespace detail

// A list that is read element by element. Spans and views of an element are good until the next one
// is taken.
template <class T>
class Stream {
 public:
  Stream(detail::Task& task, std::size_t input) : task_(&task), input_(input) {}
  // Waits; nothing once it is certain that no more comes.
  std::optional<T> next();

  // for (auto&& element : stream)
  class Iterator {
   public:
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(Stream* stream) : stream_(stream) { ++*this; }
    T& operator*() { return *element_; }
    Iterator& operator++() {
      element_ = stream_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !element_.has_value(); }

   private:
    Stream* stream_;
    std::optional<T> element_;
  };
  Iterator begin() { return Iterator(this); }
  std::default_sentinel_t end() const { return {}; }

 private:
  detail::Task* task_;
  std::size_t input_;
  detail::Item item_;  // Holds what the element that was given out points to.
};

// The bytes of one value.
class Pipe {
 public:
  Pipe(detail::Task& task, std::size_t input) : task_(&task), input_(input) {}
  // What is there, as it comes: good until the next call. Waits; empty at the end.
  Bytes next() { return detail::take_piece(*task_, input_); }
  // Name of a file, else empty.
  std::string name() const { return detail::file_name(*task_, input_); }
  // All of it.
  std::string rest() {
    std::string all;
    for (Bytes piece = next(); !piece.empty(); piece = next()) all += text_of(piece);
    return all;
  }

 private:
  detail::Task* task_;
  std::size_t input_;
};

}  // namespace sluice
