#include "store/placement.h"

namespace sluice::store {
namespace {

constexpr std::uint64_t kMiB = 1 << 20;

TEST(Placement, PutsUpTo16KiBInline) {
  EXPECT_TRUE(fits_inline(0));
  EXPECT_TRUE(fits_inline(16 << 10));
  EXPECT_FALSE(fits_inline((16 << 10) + 1));
}

TEST(Placement, SizesRegionsByTheSegmentOrTheNeedInWholeHugePages) {
  struct Row {
    std::uint64_t need, segment, preferred, least;
  };
  for (const Row& row : {
           Row{1, 4 * kMiB, 4 * kMiB, 2 * kMiB},
           Row{2 * kMiB, 4 * kMiB, 4 * kMiB, 2 * kMiB},
           Row{2 * kMiB + 1, 4 * kMiB, 4 * kMiB, 4 * kMiB},
           Row{4 * kMiB + 1, 4 * kMiB, 6 * kMiB, 6 * kMiB},
           Row{0, 4 * kMiB, 4 * kMiB, 2 * kMiB},
           Row{1, 5 * kMiB, 6 * kMiB, 2 * kMiB},
           // Below a huge page the segment is the unit.
           Row{1, 64 << 10, 64 << 10, 64 << 10},
           Row{(64 << 10) + 1, 64 << 10, 128 << 10, 128 << 10},
           Row{1, 1, 4096, 4096},
           Row{1, 0, 4096, 4096},
       }) {
    const RegionSizes sizes = region_sizes(row.need, {row.segment});
    EXPECT_EQ(sizes.preferred, row.preferred) << row.need << " in " << row.segment;
    EXPECT_EQ(sizes.least, row.least) << row.need << " in " << row.segment;
    EXPECT_GE(sizes.least, row.need);
  }
}

TEST(Placement, MovesAGrowingValueInFewStepsAndThenToAFileOfItsOwn) {
  EXPECT_EQ(next_room(20 << 10, 4_MiB), 256 << 10);
  EXPECT_EQ(next_room(256 << 10, 4_MiB), 256 << 10);
  EXPECT_EQ(next_room((256 << 10) + 1, 4_MiB), 4 * kMiB);
  EXPECT_EQ(next_room(4 * kMiB + 1, 4_MiB), std::nullopt);
  EXPECT_EQ(next_room(20 << 10, 64_KiB), std::nullopt);
  EXPECT_EQ(next_room(300 << 10, 1_MiB), std::nullopt);
}

TEST(Placement, ExtendsAFileInProportion) {
  EXPECT_EQ(grown_file_size(0, 1), 4 * kMiB);
  EXPECT_EQ(grown_file_size(4 * kMiB, 4 * kMiB + 1), 8 * kMiB);
  EXPECT_EQ(grown_file_size(1024 * kMiB, 1024 * kMiB + 1), 1280 * kMiB);
  EXPECT_EQ(grown_file_size(4 * kMiB, 100 * kMiB), 100 * kMiB);
}

TEST(Placement, KeepsOneEmptyMemoryRegionWhileMemoryIsPlenty) {
  const EmptyRegion plenty{.charged = {75}, .limit = {100}};
  EXPECT_TRUE(keeps_empty_region(plenty));
  EmptyRegion region = plenty;
  region.charged = {76};
  EXPECT_FALSE(keeps_empty_region(region));
  region = plenty;
  region.is_file = true;
  EXPECT_FALSE(keeps_empty_region(region));
  region = plenty;
  region.another_kept = true;
  EXPECT_FALSE(keeps_empty_region(region));
  region = plenty;
  region.outbox_dropped = true;
  EXPECT_FALSE(keeps_empty_region(region));
}

}  // namespace
}  // namespace sluice::store
