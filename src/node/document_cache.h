#pragma once

// Parsed values of objects that expressions looked into lately: a list of settings that a thousand
// tasks read is parsed once. Bounded by memory, the least recently used goes first. Loop thread.

#include <cstddef>
#include <list>
#include <unordered_map>

#include "evaluate/document.h"

namespace sluice::node {

class DocumentCache {
 public:
  explicit DocumentCache(std::size_t memory_max) : memory_max_(memory_max) {}

  // Null where it is not there.
  evaluate::DocumentPtr find(ObjectId object);
  void add(ObjectId object, evaluate::DocumentPtr document);
  std::size_t memory() const { return memory_; }

 private:
  struct Entry {
    ObjectId object;
    evaluate::DocumentPtr document;
  };

  const std::size_t memory_max_;
  std::size_t memory_ = 0;
  std::list<Entry> entries_;  // The last used one in front.
  // By ObjectId.value, which names no other object later on.
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_object_;
};

}  // namespace sluice::node
