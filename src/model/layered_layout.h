#pragma once

// Where the boxes of a graph without cycles stand: in columns, so that every link leads to the
// right, and in rows such that links cross seldom and run straight. Sugiyama's method: columns by
// the longest way, long links through places of their own in the columns between, rows by
// barycenters, then positions that come as near to the neighbours' as the order allows.
//
// The same graph always gives the same layout. Time is O((boxes + places) log) per sweep, and the
// number of places is bounded.

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::model {

struct LayoutBox {
  std::int32_t width = 0;
  std::int32_t height = 0;
  bool floats = false;   // Without links to it: stands before its first reader, not at the left.
  bool is_last = false;  // Stands in the last column.
};

struct LayoutLink {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::int32_t label_width = 0;  // Room that it needs before the box it leads to.
};

struct LayoutPoint {
  std::int32_t x = 0;
  std::int32_t y = 0;
  friend bool operator==(const LayoutPoint&, const LayoutPoint&) = default;
};

struct PlacedBox {
  std::uint32_t column = 0;
  std::uint32_t row = 0;  // Place among the boxes of its column.
  LayoutPoint corner;     // Upper left.
};

struct Layout {
  std::vector<PlacedBox> boxes;  // As given.
  // As given. From an even point to the next the line is straight, within a column; from an odd one
  // it crosses the gap to the next column.
  std::vector<std::vector<LayoutPoint>> links;
  std::uint32_t columns = 0;
  std::int32_t width = 0;
  std::int32_t height = 0;
};

Layout lay_out(std::span<const LayoutBox> boxes, std::span<const LayoutLink> links);

}  // namespace sluice::model
