#pragma once

// The objects of one simulated node: what each is, who holds it, where it would lie. Bytes do not
// exist; room does: ranges and budget are the store's own deciding halves.

#include <map>
#include <optional>

#include "store/budget.h"
#include "store/range_allocator.h"
#include "value.h"

namespace sluice::sim {

class FakeStore {
 public:
  struct Object {
    RunKey run;
    Digest digest = 0;  // Of all of it, also while it is open.
    bool sealed = true;
    bool in_core = false;                 // Given to core and not released by it.
    std::uint32_t holders = 0;            // Attempts that may read it.
    std::optional<std::uint64_t> offset;  // In memory; else spilled.
  };

  ObjectId add(RunKey run, Digest digest, bool sealed) {
    Object object{.run = run, .digest = digest, .sealed = sealed};
    const std::uint64_t size = size_of(digest);
    if (memory_.try_charge({store::reserved_size(size)})) {
      object.offset = ranges_.allocate(size);
      if (!object.offset) memory_.refund({store::reserved_size(size)});  // Fragmented: spilled.
    }
    const ObjectId id = ObjectId::make(++newest_, 1);
    objects_.emplace(id, object);
    return id;
  }
  Object* find(ObjectId id) {
    const auto found = objects_.find(id);
    return found == objects_.end() ? nullptr : &found->second;
  }
  void erase(ObjectId id) {
    const auto found = objects_.find(id);
    if (found->second.offset) {
      const std::uint64_t size = size_of(found->second.digest);
      ranges_.free(*found->second.offset, size);
      memory_.refund({store::reserved_size(size)});
    }
    objects_.erase(found);
  }
  std::size_t count_of(RunKey run) const {
    std::size_t count = 0;
    for (const auto& [id, object] : objects_) count += object.run == run;
    return count;
  }
  bool is_clean() const {
    return objects_.empty() && ranges_.is_empty() && memory_.charged() == ByteCount{0};
  }
  void check_invariants() const { ranges_.check_invariants(); }

 private:
  store::Budget memory_{64_KiB};
  store::RangeAllocator ranges_{64 << 10};
  std::map<ObjectId, Object> objects_;
  std::uint32_t newest_ = 0;
};

}  // namespace sluice::sim
