#include "store/arenas.h"

#include <algorithm>

namespace sluice::store {

Arenas::Arenas(const Options& options)
    : options_(options), memory_(options.memory), disk_(options.disk) {}

OutboxId Arenas::make_outbox() { return outboxes_.emplace(); }

void Arenas::drop_outbox(OutboxId id) {
  Outbox* outbox = outboxes_.find(id);
  if (outbox == nullptr) return;
  std::vector<RegionId> regions;
  for (const ByRoom* by_room : {&outbox->in_memory, &outbox->in_files}) {
    for (const auto& [room, region] : *by_room) regions.push_back(region);
  }
  kept_.remove(id);
  outboxes_.erase(id);
  for (const RegionId region_id : regions) {
    Region& region = regions_.at(region_id);
    for (const auto& [offset, length] : region.grants) region.ranges->free(offset, length);
    region.grants.clear();
    if (region.ranges->is_empty()) close(region_id);
  }
}

Result<Range> Arenas::allocate(OutboxId id, std::uint64_t size) {
  Outbox* outbox = outboxes_.find(id);
  if (outbox == nullptr) return fail(ErrorCode::kNotFound, "allocate: the outbox is gone");
  if (size > kSizeMax) return fail(exhausted(size));
  if (const auto range = take(*outbox, false, size)) return *range;
  Result<RegionId> region = add_memory_region(id, size);
  if (!region) {
    // Room that exists in a file comes after new memory: memory is what readers map.
    if (const auto range = take(*outbox, true, size)) return *range;
    region = add_file_region(id, size);
    if (!region) return fail(std::move(region).error());
  }
  return allocate_in(*region, size);
}

void Arenas::free(const Range& range) {
  Region& region = regions_.at(range.region);
  if (!region.ranges) {
    close(range.region);
    return;
  }
  unlist(range.region);
  region.ranges->free(range.offset, range.length);
  enlist(range.region);
  if (region.ranges->is_empty()) on_emptied(range.region);
}

Range Arenas::shrink(const Range& range, std::uint64_t kept) {
  Region& region = regions_.at(range.region);
  if (region.ranges) {
    unlist(range.region);
    region.ranges->shrink(range.offset, range.length, kept);
    enlist(range.region);
  } else if (kept < region.size && region.file.resize(kept)) {
    // (A file that could not be made shorter stays charged as it is.)
    disk_.refund({region.size - kept});
    region.size = kept;
  }
  return {.region = range.region, .offset = range.offset, .length = kept};
}

Result<Range> Arenas::grant(OutboxId outbox, std::uint64_t size) {
  SLUICE_TRY(const Range range, allocate(outbox, size));
  regions_.at(range.region).grants.emplace(range.offset, range.length);
  return range;
}

Status Arenas::end_grant(OutboxId outbox, const Range& range) {
  // The range may be what a worker claims: nothing of it is believed that was not granted.
  Region* region = regions_.find(range.region);
  if (region != nullptr && region->outbox == outbox) {
    const auto granted = region->grants.find(range.offset);
    if (granted != region->grants.end() && granted->second == range.length) {
      region->grants.erase(granted);
      return {};
    }
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("range [{}, +{}) was not granted", range.offset, range.length));
}

Result<Range> Arenas::make_file(std::uint64_t size) {
  if (size > kSizeMax || !disk_.try_charge({size})) return fail(exhausted(size));
  Result<RegionFile> file =
      RegionFile::on_disk(options_.spill_directory, size, RegionFile::Reserve::kNo);
  if (!file) {
    disk_.refund({size});
    return fail(std::move(file).error());
  }
  const RegionId id = regions_.emplace(Region{.file = std::move(*file), .size = size});
  return Range{.region = id, .offset = 0, .length = size};
}

Result<Range> Arenas::grow_file(const Range& range, std::uint64_t need) {
  Region& region = regions_.at(range.region);
  SLUICE_ASSERT(!region.ranges, "only files of their own grow");
  if (need > kSizeMax) return fail(exhausted(need));
  if (need <= region.size) return range;
  // Extended in proportion; where the budget does not allow that, by what is needed.
  std::uint64_t size = grown_file_size(region.size, need);
  if (!disk_.try_charge({size - region.size})) {
    size = need;
    if (!disk_.try_charge({size - region.size})) return fail(exhausted(need));
  }
  if (Status resized = region.file.resize(size); !resized) {
    disk_.refund({size - region.size});
    return fail(std::move(resized).error());
  }
  region.size = size;
  return Range{.region = range.region, .offset = 0, .length = size};
}

bool Arenas::try_charge_memory(ByteCount size) {
  if (size > memory_.limit()) return false;  // Closing what is kept would be for nothing.
  while (!memory_.try_charge(size)) {
    if (!close_oldest_kept()) return false;
  }
  return true;
}

Error Arenas::exhausted(std::uint64_t wanted) const {
  return Error(
      ErrorCode::kResourceExhausted,
      fmt::format("{} for a value: {} of the {} of memory are in use (--memory raises it), "
                  "and {} of {} for spilled values",
                  to_text(ByteCount{wanted}), to_text(memory_.charged()), to_text(memory_.limit()),
                  to_text(disk_.charged()),
                  disk_.limit().value == UINT64_MAX ? "the disk" : to_text(disk_.limit())));
}

std::optional<Range> Arenas::take(Outbox& outbox, bool in_file, std::uint64_t size) {
  ByRoom& by_room = in_file ? outbox.in_files : outbox.in_memory;
  const auto best = by_room.lower_bound({reserved_size(size), RegionId{}});
  if (best == by_room.end()) return std::nullopt;
  const RegionId region = best->second;
  if (outbox.kept == region) {
    outbox.kept.reset();
    kept_.remove(regions_.at(region).outbox);
  }
  return allocate_in(region, size);
}

Result<RegionId> Arenas::add_memory_region(OutboxId outbox, std::uint64_t need) {
  const RegionSizes sizes = region_sizes(reserved_size(need), options_.segment);
  for (const std::uint64_t size : {sizes.preferred, sizes.least}) {
    if (!try_charge_memory({size})) continue;
    Result<RegionFile> file = RegionFile::in_memory(size);
    if (!file) {
      memory_.refund({size});
      return fail(std::move(file).error());
    }
    return add_region(outbox, std::move(*file), size);
  }
  return fail(exhausted(need));
}

Result<RegionId> Arenas::add_file_region(OutboxId outbox, std::uint64_t need) {
  // Small values share files as they share memory: a file each would be a descriptor each.
  const RegionSizes sizes = region_sizes(reserved_size(need), options_.segment);
  for (const std::uint64_t size : {sizes.preferred, sizes.least}) {
    if (!disk_.try_charge({size})) continue;
    Result<RegionFile> file =
        RegionFile::on_disk(options_.spill_directory, size, RegionFile::Reserve::kYes);
    if (!file) {
      disk_.refund({size});
      return fail(std::move(file).error());
    }
    return add_region(outbox, std::move(*file), size);
  }
  return fail(exhausted(need));
}

RegionId Arenas::add_region(OutboxId outbox, RegionFile file, std::uint64_t size) {
  const RegionId id = regions_.emplace(Region{.file = std::move(file),
                                              .size = size,
                                              .outbox = outbox,
                                              .ranges = RangeAllocator(size),
                                              .grants = {}});
  enlist(id);
  return id;
}

void Arenas::unlist(RegionId id) {
  const Region& region = regions_.at(id);
  Outbox* outbox = outboxes_.find(region.outbox);
  if (outbox == nullptr) return;
  (region.file.is_file() ? outbox->in_files : outbox->in_memory)
      .erase({region.ranges->largest_free(), id});
}

void Arenas::enlist(RegionId id) {
  const Region& region = regions_.at(id);
  Outbox* outbox = outboxes_.find(region.outbox);
  if (outbox == nullptr) return;
  (region.file.is_file() ? outbox->in_files : outbox->in_memory)
      .emplace(region.ranges->largest_free(), id);
}

Range Arenas::allocate_in(RegionId id, std::uint64_t size) {
  unlist(id);
  const std::optional<std::uint64_t> offset = regions_.at(id).ranges->allocate(size);
  enlist(id);
  SLUICE_ASSERT(offset.has_value(), "room for {} bytes was promised", size);
  return {.region = id, .offset = *offset, .length = size};
}

void Arenas::on_emptied(RegionId id) {
  const Region& region = regions_.at(id);
  Outbox* outbox = outboxes_.find(region.outbox);
  const bool keep =
      keeps_empty_region({.is_file = region.file.is_file(),
                          .outbox_dropped = outbox == nullptr,
                          .another_kept = outbox != nullptr && outbox->kept.has_value(),
                          .charged = memory_.charged(),
                          .limit = memory_.limit()});
  if (!keep) {
    close(id);
    return;
  }
  outbox->kept = id;
  kept_.push_back(region.outbox);
}

void Arenas::close(RegionId id) {
  Region& region = regions_.at(id);
  const bool is_file = region.file.is_file();
  if (region.ranges) unlist(id);
  region.file.discard(region.size);
  (is_file ? disk_ : memory_).refund({region.size});
  regions_.erase(id);
  if (on_closed_) on_closed_(id);
}

bool Arenas::close_oldest_kept() {
  if (kept_.empty()) return false;
  Outbox& outbox = outboxes_.at(kept_.front());
  kept_.pop_front();
  const RegionId region = *outbox.kept;
  outbox.kept.reset();
  close(region);
  return true;
}

void Arenas::check_invariants(ByteCount inline_bytes) const {
  ByteCount in_memory = inline_bytes;
  ByteCount in_files;
  std::size_t listed = 0;
  regions_.for_each([&](RegionId id, const Region& region) {
    (region.file.is_file() ? in_files : in_memory) += ByteCount{region.size};
    if (!region.ranges) return;
    region.ranges->check_invariants();
    const Outbox* outbox = outboxes_.find(region.outbox);
    SLUICE_ASSERT(outbox != nullptr || (region.grants.empty() && !region.ranges->is_empty()));
    if (outbox == nullptr) return;
    SLUICE_ASSERT(!region.ranges->is_empty() || outbox->kept == id);
    const ByRoom& by_room = region.file.is_file() ? outbox->in_files : outbox->in_memory;
    SLUICE_ASSERT(by_room.contains({region.ranges->largest_free(), id}));
    ++listed;
  });
  std::size_t kept = 0;
  outboxes_.for_each([&](OutboxId, const Outbox& outbox) {
    listed -= outbox.in_memory.size() + outbox.in_files.size();
    if (outbox.kept) ++kept;
  });
  SLUICE_ASSERT(listed == 0 && kept == kept_.size());
  SLUICE_ASSERT(in_memory == memory_.charged() && in_memory <= memory_.limit(),
                "memory: {} exist, {} charged", in_memory.value, memory_.charged().value);
  SLUICE_ASSERT(in_files == disk_.charged() && in_files <= disk_.limit(),
                "disk: {} exist, {} charged", in_files.value, disk_.charged().value);
}

}  // namespace sluice::store
