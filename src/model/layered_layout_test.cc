#include "model/layered_layout.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace sluice::model {
namespace {

std::vector<LayoutBox> boxes(std::size_t count) {
  return std::vector<LayoutBox>(count, {.width = 100, .height = 40});
}

// No two boxes touch, and every link goes to the right and ends at its box.
void expect_sound(const std::vector<LayoutBox>& boxes, const std::vector<LayoutLink>& links,
                  const Layout& layout) {
  ASSERT_EQ(layout.boxes.size(), boxes.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const LayoutPoint a = layout.boxes[i].corner;
    EXPECT_GE(a.x, 0);
    EXPECT_GE(a.y, 0);
    EXPECT_LE(a.x + boxes[i].width, layout.width);
    EXPECT_LE(a.y + boxes[i].height, layout.height);
    for (std::size_t k = 0; k < i; ++k) {
      const LayoutPoint b = layout.boxes[k].corner;
      const bool is_apart = a.x + boxes[i].width <= b.x || b.x + boxes[k].width <= a.x ||
                            a.y + boxes[i].height <= b.y || b.y + boxes[k].height <= a.y;
      EXPECT_TRUE(is_apart) << i << " and " << k;
    }
  }
  ASSERT_EQ(layout.links.size(), links.size());
  for (std::size_t i = 0; i < links.size(); ++i) {
    const std::vector<LayoutPoint>& points = layout.links[i];
    ASSERT_EQ(points.size() % 2, 1U);
    EXPECT_TRUE(std::ranges::is_sorted(points, {}, &LayoutPoint::x));
    EXPECT_EQ(points.front().x, layout.boxes[links[i].from].corner.x + boxes[links[i].from].width);
    const LayoutPoint corner = layout.boxes[links[i].to].corner;
    EXPECT_EQ(points.back().x, corner.x);
    EXPECT_GE(points.back().y, corner.y);
    EXPECT_LE(points.back().y, corner.y + boxes[links[i].to].height);
  }
}

TEST(LayeredLayout, PutsABoxBehindTheLongestWayToIt) {
  const auto all = boxes(4);
  const std::vector<LayoutLink> links{{0, 1}, {1, 2}, {0, 3}, {2, 3}};
  const Layout layout = lay_out(all, links);
  expect_sound(all, links, layout);
  std::vector<std::uint32_t> columns;
  for (const PlacedBox& box : layout.boxes) columns.push_back(box.column);
  EXPECT_EQ(columns, (std::vector<std::uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(layout.links[2].size(), 7U);  // Through two columns on its way.
}

TEST(LayeredLayout, LetsInputsFloatToTheirReadersAndOutputsStandLast) {
  std::vector<LayoutBox> all = boxes(5);
  all[0].floats = all[1].floats = true;
  all[4].is_last = true;
  const std::vector<LayoutLink> links{{0, 2}, {2, 3}, {1, 3}, {2, 4}};
  const Layout layout = lay_out(all, links);
  expect_sound(all, links, layout);
  EXPECT_EQ(layout.boxes[1].column, 1U);
  EXPECT_EQ(layout.boxes[4].column, 3U);
}

TEST(LayeredLayout, UncrossesWhatNeedNotCross) {
  // Three pairs, given in the opposite order.
  const auto all = boxes(6);
  const std::vector<LayoutLink> links{{0, 5}, {1, 4}, {2, 3}};
  const Layout layout = lay_out(all, links);
  expect_sound(all, links, layout);
  for (const LayoutLink& link : links) {
    EXPECT_EQ(layout.boxes[link.from].row, layout.boxes[link.to].row);
    EXPECT_EQ(layout.boxes[link.from].corner.y, layout.boxes[link.to].corner.y);
  }
}

TEST(LayeredLayout, LeavesRoomForLabels) {
  const auto all = boxes(2);
  const std::vector<LayoutLink> plain{{0, 1}};
  const std::vector<LayoutLink> labelled{{0, 1, 80}};
  EXPECT_EQ(lay_out(all, labelled).width, lay_out(all, plain).width + 80);
}

TEST(LayeredLayout, OfAThousandBoxesIsSound) {
  const auto all = boxes(1000);
  std::vector<LayoutLink> chain;
  std::vector<LayoutLink> fan;
  for (std::uint32_t i = 1; i < 1000; ++i) {
    chain.push_back({i - 1, i});
    chain.push_back({0, i});
    fan.push_back({(i - 1) / 30, i});
  }
  expect_sound(all, chain, lay_out(all, chain));
  expect_sound(all, fan, lay_out(all, fan));
}

TEST(LayeredLayout, BoundsThePlacesOfLongLinks) {
  // Each box of a chain has a link to the last one: a million places if all had some.
  const auto all = boxes(1000);
  std::vector<LayoutLink> links;
  for (std::uint32_t i = 1; i < 1000; ++i) {
    links.push_back({i - 1, i});
    if (i < 999) links.push_back({i - 1, 999});
  }
  const Layout layout = lay_out(all, links);
  expect_sound(all, links, layout);
  std::size_t points = 0;
  for (const auto& link : layout.links) points += link.size();
  EXPECT_LT(points, 100'000U);
}

TEST(LayeredLayout, OfNothingIsNothing) {
  const Layout layout = lay_out({}, {});
  EXPECT_EQ(layout.width, 0);
  EXPECT_EQ(layout.height, 0);
}

}  // namespace
}  // namespace sluice::model
