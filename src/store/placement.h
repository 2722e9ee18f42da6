#pragma once

// Where bytes go and in what portions: the deciding half of the store. No I/O and no state.

#include <cstdint>
#include <optional>

#include "base/limits.h"
#include "base/units.h"

namespace sluice::store {

// Above this no size is believed: arithmetic on it must not overflow, and no machine has so much.
inline constexpr std::uint64_t kSizeMax = std::uint64_t{1} << 56;

// What an inline value costs beside its bytes: its entry in the table of objects and the
// allocation. Charged, or a million values of a few bytes would be a quarter of a gigabyte that no
// budget knows.
inline constexpr std::uint64_t kInlineOverhead = 192;

constexpr bool fits_inline(std::uint64_t size) { return size <= Limits::kInlineMax; }

// Regions are whole huge pages (a tmpfs with huge pages wastes the rest of the last one anyhow).
inline constexpr std::uint64_t kHugePage = 2 << 20;

struct RegionSizes {
  std::uint64_t preferred = 0;  // Room for more than this one value.
  std::uint64_t least = 0;      // When the budget does not allow that.
};
RegionSizes region_sizes(std::uint64_t need, ByteCount segment);

// The room that a value of unknown size gets when it has `need` bytes: few steps, each many times
// the one before, because every step copies. Nothing: a file of its own, which needs no steps.
std::optional<std::uint64_t> next_room(std::uint64_t need, ByteCount segment);

// How far a file of its own is extended when it needs `need` bytes and has `size`: in proportion,
// because readers that map it must map it anew.
std::uint64_t grown_file_size(std::uint64_t size, std::uint64_t need);

// Whether a region that has become empty stays open for its outbox: reusing one saves its page
// faults (3 µs per page, more than copying it). One per outbox, none when memory is short, no files
// (their pages are cheap, their disk blocks are somebody else's).
struct EmptyRegion {
  bool is_file = false;
  bool outbox_dropped = false;
  bool another_kept = false;
  ByteCount charged;
  ByteCount limit;
};
bool keeps_empty_region(const EmptyRegion& region);

}  // namespace sluice::store
