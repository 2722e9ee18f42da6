#include "node/cache_index.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

CacheKey key(std::uint8_t number) {
  CacheKey made{};
  made[0] = number;
  return made;
}

TEST(CacheIndex, LetsGoOfWhatWasNotUsedForLongest) {
  CacheIndex index(100);
  for (const int number : {1, 2, 3}) index.add(key(static_cast<std::uint8_t>(number)), 30);
  EXPECT_EQ(index.take(), std::nullopt);
  index.use(key(1));
  index.add(key(4), 40);
  EXPECT_EQ(index.bytes(), 130U);
  EXPECT_EQ(index.take(), key(2));
  EXPECT_EQ(index.take(), std::nullopt);
  EXPECT_EQ(index.bytes(), 100U);
  EXPECT_TRUE(index.contains(key(1)));
  EXPECT_FALSE(index.contains(key(2)));
}

TEST(CacheIndex, CountsWhatIsAddedTwiceOnce) {
  CacheIndex index(100);
  index.add(key(1), 60);
  index.add(key(1), 60);
  EXPECT_EQ(index.bytes(), 60U);
  EXPECT_EQ(index.size(), 1U);
  index.remove(key(1));
  index.remove(key(1));
  EXPECT_EQ(index.bytes(), 0U);
}

TEST(CacheIndex, OfNoBytesHasRoomForNothing) {
  CacheIndex index(0);
  EXPECT_FALSE(index.has_room_for(1));
  index.add(key(1), 1);
  EXPECT_EQ(index.take(), key(1));
  EXPECT_EQ(index.size(), 0U);
}

}  // namespace
}  // namespace sluice::node
