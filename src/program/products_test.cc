#include "program/products.h"

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace sluice::program {
namespace {

ProductFiles files(Product::From from, std::string path, bool at_first_close = false) {
  return ProductFiles(
      {.from = from, .name = "p", .path = std::move(path), .at_first_close = at_first_close});
}

ProductFiles glob(bool at_first_close = false) {
  return files(Product::From::kGlob, "p*", at_first_close);
}

using Paths = std::vector<std::string>;

Paths all_next(ProductFiles& files) {
  Paths paths;
  while (auto path = files.next()) paths.push_back(*path);
  return paths;
}

TEST(ProductFiles, PatternsTakeNoSlashAndNoLeadingDot) {
  EXPECT_TRUE(matches("seg-*.ts", "seg-1.ts"));
  EXPECT_TRUE(matches("a/?.t", "a/1.t"));
  EXPECT_TRUE(matches("[ab].t", "a.t"));
  EXPECT_FALSE(matches("*.t", "a/b.t"));
  EXPECT_FALSE(matches("*.t", ".t"));
  EXPECT_TRUE(may_contain("a/*/c.t", "a"));
  EXPECT_TRUE(may_contain("a/*/c.t", "a/b"));
  EXPECT_FALSE(may_contain("a/*/c.t", "a/b/c.t"));
  EXPECT_FALSE(may_contain("a/*/c.t", "b"));
  EXPECT_FALSE(may_contain("*.t", "a"));
}

TEST(ProductFiles, AnElementLeavesWhenItIsClosedAndTheNextIsOpened) {
  ProductFiles parts = glob();
  parts.appeared("p1", false);
  parts.closed("p1");
  EXPECT_EQ(all_next(parts), Paths{}) << "it may be written to again";
  parts.written("p1");
  parts.appeared("p2", false);
  EXPECT_EQ(all_next(parts), Paths{}) << "it is open again";
  parts.closed("p1");
  EXPECT_EQ(all_next(parts), Paths{"p1"});
  parts.closed("p2");
  EXPECT_EQ(all_next(parts), Paths{});
  parts.ended();
  EXPECT_EQ(all_next(parts), Paths{"p2"});
  EXPECT_EQ(parts.changed(), std::nullopt);
}

TEST(ProductFiles, ElementsStayInTheOrderInWhichTheyAppeared) {
  ProductFiles parts = glob();
  parts.appeared("p2", false);
  parts.appeared("p1", false);
  parts.closed("p1");
  parts.appeared("p3", true);
  EXPECT_EQ(all_next(parts), Paths{}) << "the first is still open";
  parts.closed("p2");
  EXPECT_EQ(all_next(parts), (Paths{"p2", "p1"}));
  parts.ended();
  EXPECT_EQ(all_next(parts), Paths{"p3"});
}

TEST(ProductFiles, AtTheFirstCloseTheyLeaveInTheOrderOfClosing) {
  ProductFiles parts = glob(true);
  parts.appeared("p1", false);
  parts.appeared("p2", false);
  parts.closed("p2");
  EXPECT_EQ(all_next(parts), Paths{"p2"});
  parts.closed("p1");
  parts.closed("p2");
  EXPECT_EQ(all_next(parts), Paths{"p1"});
  parts.appeared("p3", false);
  parts.ended();
  EXPECT_EQ(all_next(parts), Paths{"p3"}) << "never closed, but nobody writes any more";
  EXPECT_EQ(parts.changed(), std::nullopt);
}

TEST(ProductFiles, WhatChangesAfterItHasLeftIsAMistake) {
  for (const int how : {0, 1, 2}) {
    ProductFiles parts = glob(true);
    parts.appeared("p1", true);
    EXPECT_EQ(all_next(parts), Paths{"p1"});
    parts.closed("p1");
    EXPECT_EQ(parts.changed(), std::nullopt) << "closed again, and not written to";
    if (how == 0) parts.written("p1");
    if (how == 1) parts.appeared("p1", true);  // Another file of that name.
    if (how == 2) {
      parts.gone("p1");
      EXPECT_EQ(parts.changed(), std::nullopt) << "it may be removed";
      parts.appeared("p1", false);
    }
    EXPECT_EQ(parts.changed(), "p1") << how;
  }
}

TEST(ProductFiles, WhatIsRemovedBeforeItLeavesIsNoElement) {
  ProductFiles parts = glob();
  parts.appeared("p1", true);
  parts.gone("p1");
  parts.appeared("p2", true);
  parts.gone("p9");
  parts.ended();
  EXPECT_EQ(all_next(parts), Paths{"p2"});
}

TEST(ProductFiles, WhatNobodyHeardOfIsFoundAtTheEnd) {
  ProductFiles parts = glob();
  parts.appeared("p2", true);
  parts.found("p1");
  parts.found("p2");
  EXPECT_EQ(all_next(parts), Paths{"p2"});
  parts.found("p2");
  parts.ended();
  EXPECT_EQ(all_next(parts), Paths{"p1"});
  EXPECT_EQ(parts.changed(), std::nullopt);
}

TEST(ProductFiles, ASingleFileLeavesOnceAndIsAskedForEvenIfNobodyHeardOfIt) {
  ProductFiles late = files(Product::From::kFile, "out");
  EXPECT_TRUE(late.is_wanted("out"));
  EXPECT_FALSE(late.is_wanted("out2"));
  late.appeared("out", true);
  EXPECT_EQ(all_next(late), Paths{});
  late.ended();
  EXPECT_EQ(all_next(late), Paths{"out"});

  ProductFiles unheard = files(Product::From::kFile, "out");
  unheard.ended();
  EXPECT_EQ(all_next(unheard), Paths{"out"});

  ProductFiles early = files(Product::From::kFile, "out", true);
  early.appeared("out", false);
  EXPECT_EQ(all_next(early), Paths{});
  early.closed("out");
  EXPECT_EQ(all_next(early), Paths{"out"});
  early.ended();
  EXPECT_EQ(all_next(early), Paths{});
}

}  // namespace
}  // namespace sluice::program
