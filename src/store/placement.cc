#include "store/placement.h"

#include <algorithm>

namespace sluice::store {
namespace {

constexpr std::uint64_t kPage = 4096;

std::uint64_t round_up(std::uint64_t value, std::uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

RegionSizes region_sizes(std::uint64_t need, ByteCount segment) {
  // A segment below a huge page is somebody's wish for small regions (a test, a tiny machine).
  const std::uint64_t unit = std::clamp(round_up(segment.value, kPage), kPage, kHugePage);
  const std::uint64_t least = std::max(round_up(need, unit), unit);
  return {.preferred = std::max(round_up(segment.value, unit), least), .least = least};
}

std::optional<std::uint64_t> next_room(std::uint64_t need, ByteCount segment) {
  for (const std::uint64_t room : {std::uint64_t{256} << 10, std::uint64_t{4} << 20}) {
    if (need <= room && room <= segment.value) return room;
  }
  return std::nullopt;
}

std::uint64_t grown_file_size(std::uint64_t size, std::uint64_t need) {
  constexpr std::uint64_t kStep = 4 << 20;
  return round_up(std::max(need, size + size / 4), kStep);
}

bool keeps_empty_region(const EmptyRegion& region) {
  if (region.is_file || region.outbox_dropped || region.another_kept) return false;
  return region.charged.value <= region.limit.value / 4 * 3;
}

}  // namespace sluice::store
