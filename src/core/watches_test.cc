#include "core/watches.h"

#include <algorithm>
#include <random>

#include <gtest/gtest.h>

namespace sluice::core {
namespace {

TEST(Watches, find_exactly_those_who_were_added_and_not_removed_however_many) {
  std::mt19937 random(1);
  for (const std::uint32_t many : {3U, 32U, 33U, 2000U}) {
    Watches watches;
    const WatchKey key{.port = 1, .index = 2, .element = 3};
    std::vector<Watcher> expected;
    for (std::uint32_t i = 0; i < many; ++i) {
      const Watcher watcher{i % 7, i / 3};  // Some of them twice.
      watches.add(key, watcher);
      expected.push_back(watcher);
    }
    watches.add({.port = 9}, {1, 1});
    watches.remove(key, {100, 100});  // It was never there.
    std::shuffle(expected.begin(), expected.end(), random);
    const auto order = [](const Watcher& a, const Watcher& b) {
      return std::pair(a.step, a.index) < std::pair(b.step, b.index);
    };
    while (!expected.empty()) {
      ASSERT_NE(watches.find(key), nullptr);
      if (expected.size() < 40 || expected.size() % 500 == 0) {
        std::vector<Watcher> found = *watches.find(key);
        std::vector<Watcher> sorted = expected;
        std::ranges::sort(found, order);
        std::ranges::sort(sorted, order);
        ASSERT_EQ(found, sorted);
      }
      watches.remove(key, expected.back());
      expected.pop_back();
    }
    EXPECT_EQ(watches.find(key), nullptr);
    EXPECT_EQ(watches.size(), 1U);
  }
}

TEST(Watches, that_are_taken_are_gone) {
  Watches watches;
  for (std::uint32_t i = 0; i < 100; ++i) watches.add({.port = 1}, {0, i});
  EXPECT_EQ(watches.take({.port = 1}).size(), 100U);
  EXPECT_TRUE(watches.take({.port = 1}).empty());
  EXPECT_TRUE(watches.empty());
  EXPECT_LT(watches.heap_bytes(), 4096U);
}

}  // namespace
}  // namespace sluice::core
