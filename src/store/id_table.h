#pragma once

// Values named by Id<Tag>: a slot and its generation, so that the id of a value that is gone finds
// nothing, also after its slot has a new tenant. Values do not move. Slots are reused, never freed:
// the table stays as large as it once was.

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace sluice::store {

template <class IdType, class T>
class IdTable {
 public:
  template <class... Args>
  IdType emplace(Args&&... args) {
    std::uint32_t index;
    if (free_.empty()) {
      index = static_cast<std::uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    slots_[index].value.emplace(std::forward<Args>(args)...);
    return IdType::make(index, slots_[index].generation);
  }
  T* find(IdType id) { return const_cast<T*>(std::as_const(*this).find(id)); }
  const T* find(IdType id) const {
    if (id.index() >= slots_.size()) return nullptr;
    const Slot& slot = slots_[id.index()];
    return slot.generation == id.generation() && slot.value ? &*slot.value : nullptr;
  }
  // For ids that the caller knows to be alive.
  T& at(IdType id) {
    T* value = find(id);
    SLUICE_ASSERT(value != nullptr, "stale id {}", id.value);
    return *value;
  }
  void erase(IdType id) {
    SLUICE_ASSERT(find(id) != nullptr, "stale id {}", id.value);
    Slot& slot = slots_[id.index()];
    slot.value.reset();
    if (++slot.generation == 0) slot.generation = 1;  // Generation 0 in slot 0 would be "no id".
    free_.push_back(id.index());
  }
  // In order of slots.
  template <class Visitor>
  void for_each(Visitor visitor) const {
    for (std::uint32_t index = 0; index < slots_.size(); ++index) {
      const Slot& slot = slots_[index];
      if (slot.value) visitor(IdType::make(index, slot.generation), *slot.value);
    }
  }
  std::size_t size() const { return slots_.size() - free_.size(); }

 private:
  struct Slot {
    std::uint32_t generation = 1;
    std::optional<T> value;
  };
  std::deque<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace sluice::store
