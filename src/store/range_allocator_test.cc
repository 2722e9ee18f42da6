#include "store/range_allocator.h"

#include <map>

#include "base/random.h"

namespace sluice::store {
namespace {

TEST(RangeAllocator, GivesAlignedRangesUntilNothingIsLeft) {
  RangeAllocator ranges(256);
  EXPECT_EQ(ranges.allocate(1), 0);
  EXPECT_EQ(ranges.allocate(64), 64);
  EXPECT_EQ(ranges.allocate(65), 128);  // Two units.
  EXPECT_EQ(ranges.allocate(1), std::nullopt);
  EXPECT_EQ(ranges.used(), 256u);
  EXPECT_EQ(ranges.largest_free(), 0u);
}

TEST(RangeAllocator, GivesAnEmptyRangeAPlaceOfItsOwn) {
  RangeAllocator ranges(128);
  EXPECT_EQ(ranges.allocate(0), 0);
  EXPECT_EQ(ranges.allocate(0), 64);
  ranges.free(0, 0);
  ranges.free(64, 0);
  EXPECT_TRUE(ranges.is_empty());
}

TEST(RangeAllocator, RoundsTheRegionDown) {
  EXPECT_EQ(RangeAllocator(127).largest_free(), 64u);
  EXPECT_EQ(RangeAllocator(63).allocate(1), std::nullopt);
  EXPECT_EQ(RangeAllocator(0).allocate(0), std::nullopt);
}

TEST(RangeAllocator, CoalescesOnBothSides) {
  RangeAllocator ranges(640);
  for (std::uint64_t offset = 0; offset < 640; offset += 64) ASSERT_EQ(ranges.allocate(64), offset);
  ranges.free(64, 64);
  ranges.free(192, 64);
  EXPECT_EQ(ranges.largest_free(), 64u);
  ranges.free(128, 64);
  EXPECT_EQ(ranges.largest_free(), 192u);
  ranges.check_invariants();
}

TEST(RangeAllocator, TakesTheSmallestFreeRangeThatIsLargeEnough) {
  RangeAllocator ranges(64 * 10);
  ASSERT_EQ(ranges.allocate(256), 0);
  ASSERT_EQ(ranges.allocate(64), 256);
  ASSERT_EQ(ranges.allocate(128), 320);
  ASSERT_EQ(ranges.allocate(64), 448);
  ranges.free(0, 256);
  ranges.free(320, 128);
  EXPECT_EQ(ranges.allocate(100), 320);
}

TEST(RangeAllocator, ShrinksARangeToItsFirstBytes) {
  RangeAllocator ranges(1024);
  ASSERT_EQ(ranges.allocate(1000), 0);
  ranges.shrink(0, 1000, 70);
  EXPECT_EQ(ranges.used(), 128u);
  EXPECT_EQ(ranges.allocate(800), 128);
  ranges.shrink(0, 70, 70);
  ranges.shrink(0, 70, 0);
  EXPECT_EQ(ranges.used(), 64u + 832u);
  ranges.check_invariants();
}

TEST(RangeAllocatorDeathTest, AbortsWhenARangeIsFreedTwice) {
  RangeAllocator ranges(1024);
  ASSERT_EQ(ranges.allocate(128), 0);
  ASSERT_EQ(ranges.allocate(128), 128);
  ranges.free(0, 128);
  EXPECT_DEATH(ranges.free(0, 128), "");
  EXPECT_DEATH(ranges.free(64, 128), "is free already");
  EXPECT_DEATH(ranges.free(960, 128), "free \\[960, 1088\\) of 1024");
}

// The model: who owns each unit of 64 bytes.
class Model {
 public:
  explicit Model(std::uint64_t size) : owned_(size / 64) {}
  std::uint64_t largest_free() const {
    std::uint64_t best = 0;
    std::uint64_t run = 0;
    for (const bool owned : owned_) {
      run = owned ? 0 : run + 1;
      best = std::max(best, run);
    }
    return best * 64;
  }
  // False if any unit is not as it should be.
  bool set(std::uint64_t offset, std::uint64_t length, bool owned) {
    const std::uint64_t units = length == 0 ? 1 : (length + 63) / 64;
    for (std::uint64_t unit = offset / 64; unit < offset / 64 + units; ++unit) {
      if (unit >= owned_.size() || owned_[unit] == owned) return false;
      owned_[unit] = owned;
    }
    return true;
  }
  std::uint64_t used() const {
    return 64 * static_cast<std::uint64_t>(std::count(owned_.begin(), owned_.end(), true));
  }

 private:
  std::vector<bool> owned_;
};

TEST(RangeAllocator, AgreesWithANaiveModelUnderRandomOperations) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    const std::uint64_t size = 64 * (1 + random.below(400));
    const std::uint64_t longest = 1 + random.below(size);
    RangeAllocator ranges(size);
    Model model(size);
    std::map<std::uint64_t, std::uint64_t> held;
    const auto some = [&] {
      auto it = held.lower_bound(random.below(size));
      return it == held.end() ? held.begin() : it;
    };
    for (int i = 0; i < 500; ++i) {
      const double dice = random.unit();
      if (dice < 0.5 || held.empty()) {
        const std::uint64_t length = random.below(longest);
        const bool fits = reserved_size(length) <= model.largest_free();
        const auto offset = ranges.allocate(length);
        ASSERT_EQ(offset.has_value(), fits) << "seed " << seed;
        if (offset) {
          ASSERT_EQ(*offset % 64, 0u);
          ASSERT_TRUE(model.set(*offset, length, true)) << "seed " << seed << ": handed out twice";
          held.emplace(*offset, length);
        }
      } else if (dice < 0.85) {
        const auto range = some();
        ranges.free(range->first, range->second);
        ASSERT_TRUE(model.set(range->first, range->second, false));
        held.erase(range);
      } else {
        const auto range = some();
        const std::uint64_t kept = random.below(range->second + 1);
        ranges.shrink(range->first, range->second, kept);
        ASSERT_TRUE(model.set(range->first, range->second, false));
        ASSERT_TRUE(model.set(range->first, kept, true));
        range->second = kept;
      }
      ASSERT_EQ(ranges.used(), model.used()) << "seed " << seed;
      ASSERT_EQ(ranges.largest_free(), model.largest_free()) << "seed " << seed;
      ranges.check_invariants();
    }
    for (const auto& [offset, length] : held) ranges.free(offset, length);
    ASSERT_TRUE(ranges.is_empty());
    ASSERT_EQ(ranges.largest_free(), size);
  }
}

}  // namespace
}  // namespace sluice::store
