#pragma once

// Regions and who holds which range of them: outboxes whose regions are sub-allocated, and files of
// their own for values that grow without a known end. Everything is charged to one of two budgets
// before it exists. Store adds what a value is; a range is only bytes here.

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "store/budget.h"
#include "store/id_table.h"
#include "store/placement.h"
#include "store/range_allocator.h"
#include "store/region_file.h"
#include "store/store.h"

namespace sluice::store {

class Arenas {
 public:
  explicit Arenas(const Options& options);

  OutboxId make_outbox();
  // Its grants are taken back; its regions go with the last range that is in use.
  void drop_outbox(OutboxId outbox);

  // A range of this outbox with room for `size` bytes: from memory while the budget allows, else
  // from a file.
  Result<Range> allocate(OutboxId outbox, std::uint64_t size);
  void free(const Range& range);
  // Keeps the first `kept` bytes; the range that is left.
  Range shrink(const Range& range, std::uint64_t kept);

  // Ranges that are allocated and that a worker may name (Store::grant).
  Result<Range> grant(OutboxId outbox, std::uint64_t size);
  // The range is one that was granted to this outbox and neither used nor taken back since; it is
  // no grant afterwards. The caller owns it.
  Status end_grant(OutboxId outbox, const Range& range);

  // A file for one value, with room for `size` bytes; extended by grow_file, freed by free().
  Result<Range> make_file(std::uint64_t size);
  Result<Range> grow_file(const Range& range, std::uint64_t need);

  // Memory that is not in regions. Closes empty regions to make room.
  [[nodiscard]] bool try_charge_memory(ByteCount size);
  void refund_memory(ByteCount size) { memory_.refund(size); }

  struct Region {
    RegionFile file;
    std::uint64_t size = 0;
    OutboxId outbox;
    // Nothing: one value has the whole file.
    std::optional<RangeAllocator> ranges;
    std::unordered_map<std::uint64_t, std::uint64_t> grants;  // Offset to length.
  };
  Region* find(RegionId region) { return regions_.find(region); }
  const Region* find(RegionId region) const { return regions_.find(region); }
  // Called at the end of whatever closed it.
  void on_closed(std::move_only_function<void(RegionId)> callback) {
    on_closed_ = std::move(callback);
  }

  const Budget& memory() const { return memory_; }
  const Budget& disk() const { return disk_; }
  std::size_t region_count() const { return regions_.size(); }
  // How much was wanted, what the budgets are and how to raise them.
  Error exhausted(std::uint64_t wanted) const;
  // Aborts when a budget is not the sum of what exists. For tests.
  void check_invariants(ByteCount inline_bytes) const;

 private:
  // Regions of one kind, by how much room the largest free range of each has: best fit over all of
  // them in O(log regions).
  using ByRoom = std::set<std::pair<std::uint64_t, RegionId>>;
  struct Outbox {
    ByRoom in_memory;
    ByRoom in_files;
    std::optional<RegionId> kept;  // An empty region, for recycling.
  };

  std::optional<Range> take(Outbox& outbox, bool in_file, std::uint64_t size);
  Result<RegionId> add_memory_region(OutboxId outbox, std::uint64_t need);
  Result<RegionId> add_file_region(OutboxId outbox, std::uint64_t need);
  RegionId add_region(OutboxId outbox, RegionFile file, std::uint64_t size);
  // Around every change of a region's ranges: the order by room holds only what does not change.
  void unlist(RegionId id);
  void enlist(RegionId id);
  Range allocate_in(RegionId id, std::uint64_t size);
  void on_emptied(RegionId id);
  void close(RegionId id);
  bool close_oldest_kept();

  Options options_;
  Budget memory_;
  Budget disk_;
  IdTable<OutboxId, Outbox> outboxes_;
  IdTable<RegionId, Region> regions_;
  std::list<OutboxId> kept_;  // Outboxes that keep an empty region, oldest first.
  std::move_only_function<void(RegionId)> on_closed_;
};

}  // namespace sluice::store
