#include "node/document_cache.h"

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

evaluate::DocumentPtr text_of(std::size_t size) {
  return evaluate::Document::parse(model::Kind::kText, std::string(size, 'x'));
}

TEST(DocumentCache, WhatWasUsedLastStaysAndTheRestGoes) {
  DocumentCache cache(4096);
  for (std::uint64_t i = 1; i <= 3; ++i) cache.add(ObjectId{i}, text_of(1000));
  EXPECT_NE(cache.find(ObjectId{1}), nullptr) << "which makes it the last used";
  cache.add(ObjectId{4}, text_of(1000));
  EXPECT_EQ(cache.find(ObjectId{2}), nullptr);
  for (const std::uint64_t i : {1, 3, 4}) EXPECT_NE(cache.find(ObjectId{i}), nullptr) << i;
}

TEST(DocumentCache, WhatIsLargerThanAllOfItIsNotKeptAndDrivesNothingOut) {
  DocumentCache cache(4096);
  cache.add(ObjectId{1}, text_of(100));
  cache.add(ObjectId{2}, text_of(5000));
  EXPECT_EQ(cache.find(ObjectId{2}), nullptr);
  EXPECT_NE(cache.find(ObjectId{1}), nullptr);
}

TEST(DocumentCache, ManySmallOnesTakeNoMoreThanTheyMay) {
  DocumentCache cache(1 << 20);
  for (std::uint64_t i = 1; i <= 100'000; ++i) cache.add(ObjectId{i}, text_of(1));
  EXPECT_LE(cache.memory(), std::size_t{1} << 20);
  std::size_t kept = 0;
  for (std::uint64_t i = 1; i <= 100'000; ++i) kept += cache.find(ObjectId{i}) != nullptr;
  // What the list and the table around each take counts, too.
  EXPECT_LT(kept, (std::size_t{1} << 20) / 200);
  EXPECT_GT(kept, 1000U);
}

TEST(DocumentCache, OneThatIsThereIsNotCountedTwice) {
  DocumentCache cache(4096);
  cache.add(ObjectId{1}, text_of(1000));
  const std::size_t once = cache.memory();
  cache.add(ObjectId{1}, text_of(1000));
  EXPECT_EQ(cache.memory(), once);
}

}  // namespace
}  // namespace sluice::node
