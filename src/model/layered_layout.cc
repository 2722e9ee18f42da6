#include "model/layered_layout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>
#include <utility>

namespace sluice::model {
namespace {

constexpr std::int32_t kRowGap = 18;
constexpr std::int32_t kPlaceHeight = 6;  // Of a long link in a column that it passes.
constexpr std::int32_t kColumnGap = 36;   // And the room that labels need.
constexpr std::int32_t kCrossingGap = 2;  // And each line that comes.
constexpr std::int32_t kCrossingGapMax = 160;
constexpr std::int32_t kPortGap = 18;  // Between links that enter the same box.
constexpr int kOrderSweeps = 12;
constexpr int kPositionSweeps = 8;
// Places of long links in all. Beyond it a link has none and may run behind boxes: who has that
// many looks for one step, not at the picture.
constexpr std::size_t kPlacesMax = 30'000;
constexpr std::uint32_t kNone = 0xffffffff;

// A box, or the place of a long link in a column between. All links that leave a box share their
// places: they are one line until they part.
struct Item {
  std::uint32_t box = kNone;
  std::uint32_t column = 0;
  double height = 0;
  double center = 0;
  std::vector<std::uint32_t> left;  // Neighbours in the columns beside it.
  std::vector<std::uint32_t> right;
};

class Layering {
 public:
  Layering(std::span<const LayoutBox> boxes, std::span<const LayoutLink> links)
      : boxes_(boxes), links_(links) {}

  Layout run();

 private:
  void assign_columns();
  void float_to_readers(const std::vector<std::vector<std::uint32_t>>& readers);
  void add_items();
  void join(std::uint32_t left, std::uint32_t right);
  void order();
  void sort_column(std::uint32_t column, bool by_left);
  void number(std::uint32_t column);
  std::uint64_t crossings() const;
  void position();
  void settle(std::uint32_t column, bool by_left);
  void route(Layout& layout) const;

  const std::span<const LayoutBox> boxes_;
  const std::span<const LayoutLink> links_;
  std::vector<std::uint32_t> column_of_;  // Per box.
  std::uint32_t columns_ = 0;
  std::vector<Item> items_;                        // Boxes first.
  std::vector<std::vector<std::uint32_t>> ways_;   // Per link: the places it passes.
  std::vector<std::vector<std::uint32_t>> order_;  // Per column: items from the top.
  std::vector<std::uint32_t> rank_;                // Per item: its place in its column.
};

void Layering::assign_columns() {
  std::vector<std::vector<std::uint32_t>> readers(boxes_.size());
  std::vector<std::uint32_t> open(boxes_.size(), 0);
  for (const LayoutLink& link : links_) {
    readers[link.from].push_back(link.to);
    ++open[link.to];
  }
  column_of_.assign(boxes_.size(), 0);
  std::vector<std::uint32_t> ready;
  for (std::uint32_t i = 0; i < boxes_.size(); ++i) {
    if (open[i] == 0) ready.push_back(i);
  }
  for (std::size_t next = 0; next < ready.size(); ++next) {
    const std::uint32_t box = ready[next];
    for (const std::uint32_t reader : readers[box]) {
      column_of_[reader] = std::max(column_of_[reader], column_of_[box] + 1);
      if (--open[reader] == 0) ready.push_back(reader);
    }
  }
  float_to_readers(readers);
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < boxes_.size(); ++i) {
    columns_ = std::max(columns_, column_of_[i] + 1);
    if (!boxes_[i].is_last) last = std::max(last, column_of_[i] + 1);
  }
  for (std::uint32_t i = 0; i < boxes_.size(); ++i) {
    if (!boxes_[i].is_last) continue;
    column_of_[i] = std::max(last, column_of_[i]);
    columns_ = std::max(columns_, column_of_[i] + 1);
  }
}

void Layering::float_to_readers(const std::vector<std::vector<std::uint32_t>>& readers) {
  for (std::uint32_t i = 0; i < boxes_.size(); ++i) {
    if (!boxes_[i].floats || column_of_[i] > 0 || readers[i].empty()) continue;
    std::uint32_t nearest = kNone;
    for (const std::uint32_t reader : readers[i]) nearest = std::min(nearest, column_of_[reader]);
    column_of_[i] = nearest - 1;
  }
}

void Layering::join(std::uint32_t left, std::uint32_t right) {
  items_[left].right.push_back(right);
  items_[right].left.push_back(left);
}

void Layering::add_items() {
  for (std::uint32_t i = 0; i < boxes_.size(); ++i) {
    items_.push_back({.box = i,
                      .column = column_of_[i],
                      .height = static_cast<double>(boxes_[i].height),
                      .left = {},
                      .right = {}});
  }
  ways_.resize(links_.size());
  // Per box: the places behind it, one per column, as far as some link goes.
  std::vector<std::vector<std::uint32_t>> trails(boxes_.size());
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const LayoutLink& link = links_[i];
    const std::uint32_t between = column_of_[link.to] - column_of_[link.from] - 1;
    std::vector<std::uint32_t>& trail = trails[link.from];
    if (between > trail.size() &&
        items_.size() + between - trail.size() > boxes_.size() + kPlacesMax) {
      continue;
    }
    while (trail.size() < between) {
      const auto place = static_cast<std::uint32_t>(items_.size());
      const std::uint32_t before = trail.empty() ? link.from : trail.back();
      items_.push_back(
          {.column = items_[before].column + 1, .height = kPlaceHeight, .left = {}, .right = {}});
      join(before, place);
      trail.push_back(place);
    }
    ways_[i].assign(trail.begin(), trail.begin() + between);
    join(between == 0 ? link.from : trail[between - 1], link.to);
  }
  order_.resize(columns_);
  for (std::uint32_t i = 0; i < items_.size(); ++i) order_[items_[i].column].push_back(i);
  rank_.resize(items_.size());
  for (std::uint32_t column = 0; column < columns_; ++column) number(column);
}

void Layering::number(std::uint32_t column) {
  for (std::uint32_t i = 0; i < order_[column].size(); ++i) rank_[order_[column][i]] = i;
}

// By the mean of the neighbours' places; what has none keeps its own.
void Layering::sort_column(std::uint32_t column, bool by_left) {
  std::vector<std::tuple<double, std::uint32_t, std::uint32_t>> keyed;  // Equal ones stay in order.
  const std::uint32_t other = by_left ? column - 1 : column + 1;
  const double scale = static_cast<double>(order_[other].size()) /
                       static_cast<double>(std::max<std::size_t>(order_[column].size(), 1));
  for (const std::uint32_t item : order_[column]) {
    const auto& neighbours = by_left ? items_[item].left : items_[item].right;
    double sum = 0;
    for (const std::uint32_t neighbour : neighbours) sum += rank_[neighbour];
    const double mean =
        neighbours.empty() ? rank_[item] * scale : sum / static_cast<double>(neighbours.size());
    keyed.emplace_back(mean, rank_[item], item);
  }
  std::ranges::sort(keyed);
  for (std::size_t i = 0; i < keyed.size(); ++i) order_[column][i] = std::get<2>(keyed[i]);
  number(column);
}

// Pairs of lines between the same columns that cross: inversions, counted in a Fenwick tree.
std::uint64_t Layering::crossings() const {
  std::uint64_t count = 0;
  for (std::uint32_t column = 0; column + 1 < columns_; ++column) {
    const std::size_t size = order_[column + 1].size();
    std::vector<std::uint64_t> tree(size + 1, 0);
    std::uint64_t seen = 0;
    for (const std::uint32_t item : order_[column]) {
      for (const std::uint32_t right : items_[item].right) {
        std::uint64_t above = 0;
        for (std::size_t at = rank_[right] + 1; at > 0; at -= at & (~at + 1)) above += tree[at];
        count += seen - above;
      }
      for (const std::uint32_t right : items_[item].right) {
        ++seen;
        for (std::size_t at = rank_[right] + 1; at <= size; at += at & (~at + 1)) ++tree[at];
      }
    }
  }
  return count;
}

void Layering::order() {
  std::uint64_t fewest = crossings();
  auto best = order_;
  for (int sweep = 0; sweep < kOrderSweeps && fewest > 0; ++sweep) {
    if (sweep % 2 == 0) {
      for (std::uint32_t column = 1; column < columns_; ++column) sort_column(column, true);
    } else {
      for (std::uint32_t column = columns_ - 1; column-- > 0;) sort_column(column, false);
    }
    const std::uint64_t now = crossings();
    if (now >= fewest) continue;
    fewest = now;
    best = order_;
  }
  order_ = std::move(best);
  for (std::uint32_t column = 0; column < columns_; ++column) number(column);
}

// As near to the neighbours on one side as the order of the column allows, by least squares: with
// each item moved up by all that stands above it, that is a regression with growing values, which
// pooling the violators solves.
void Layering::settle(std::uint32_t column, bool by_left) {
  struct Pool {
    double sum = 0;
    double weight = 0;
    std::size_t size = 0;
    double mean() const { return sum / weight; }
  };
  const std::vector<std::uint32_t>& order = order_[column];
  std::vector<Pool> pools;
  std::vector<double> offsets;
  double offset = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    Item& item = items_[order[i]];
    if (i > 0) offset += items_[order[i - 1]].height / 2 + kRowGap + item.height / 2;
    offsets.push_back(offset);
    const auto& neighbours = by_left ? item.left : item.right;
    double wish = 0;
    for (const std::uint32_t neighbour : neighbours) wish += items_[neighbour].center;
    wish = neighbours.empty() ? item.center : wish / static_cast<double>(neighbours.size());
    // A long line shall be straight; what has nobody here moves out of the way of others.
    const double weight = neighbours.empty() ? 0.05 : item.box == kNone ? 4 : 1;
    pools.push_back({(wish - offset) * weight, weight, 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() >= pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().weight += last.weight;
      pools.back().size += last.size;
    }
  }
  std::size_t at = 0;
  for (const Pool& pool : pools) {
    for (std::size_t i = 0; i < pool.size; ++i, ++at)
      items_[order[at]].center = pool.mean() + offsets[at];
  }
}

void Layering::position() {
  for (const std::vector<std::uint32_t>& order : order_) {
    double y = 0;
    for (const std::uint32_t item : order) {
      items_[item].center = y + items_[item].height / 2;
      y += items_[item].height + kRowGap;
    }
    // Columns stand around one middle.
    for (const std::uint32_t item : order) items_[item].center -= (y - kRowGap) / 2;
  }
  for (int sweep = 0; sweep < kPositionSweeps; ++sweep) {
    if (sweep % 2 == 0) {
      for (std::uint32_t column = 1; column < columns_; ++column) settle(column, true);
    } else {
      for (std::uint32_t column = columns_ - 1; column-- > 0;) settle(column, false);
    }
  }
}

void Layering::route(Layout& layout) const {
  std::vector<std::int32_t> widths(columns_, 0);
  std::vector<std::int32_t> gaps(columns_, 0);  // Before the column.
  for (std::uint32_t i = 0; i < boxes_.size(); ++i)
    widths[column_of_[i]] = std::max(widths[column_of_[i]], boxes_[i].width);
  for (const LayoutLink& link : links_) {
    gaps[column_of_[link.to]] = std::max(gaps[column_of_[link.to]], link.label_width);
  }
  // Where many lines cross to the next column they need room for it.
  std::vector<std::int32_t> lines(columns_, 0);
  for (const Item& item : items_) lines[item.column] += static_cast<std::int32_t>(item.left.size());
  for (std::uint32_t column = 0; column < columns_; ++column)
    gaps[column] += std::min(lines[column] * kCrossingGap, kCrossingGapMax);
  std::vector<std::int32_t> starts(columns_, 0);
  for (std::uint32_t column = 0, x = 0; column < columns_; ++column) {
    if (column > 0) x += static_cast<std::uint32_t>(kColumnGap + gaps[column]);
    starts[column] = static_cast<std::int32_t>(x);
    x += static_cast<std::uint32_t>(widths[column]);
    layout.width = static_cast<std::int32_t>(x);
  }
  double top = std::numeric_limits<double>::max();
  double bottom = std::numeric_limits<double>::lowest();
  for (const Item& item : items_) {
    top = std::min(top, item.center - item.height / 2);
    bottom = std::max(bottom, item.center + item.height / 2);
  }
  const auto y_of = [&](std::uint32_t item) {
    return static_cast<std::int32_t>(std::lround(items_[item].center - top));
  };
  layout.height = static_cast<std::int32_t>(std::lround(bottom - top));
  for (std::uint32_t column = 0; column < columns_; ++column) {
    std::uint32_t row = 0;
    for (const std::uint32_t item : order_[column]) {
      if (items_[item].box == kNone) continue;
      const LayoutBox& box = boxes_[item];
      layout.boxes[item] = {
          .column = column, .row = row++, .corner = {starts[column], y_of(item) - box.height / 2}};
    }
  }
  // Where each link enters its box: beside each other, in the order in which they come.
  std::vector<std::vector<std::uint32_t>> entering(boxes_.size());
  const auto from_item = [&](std::uint32_t link) {
    return ways_[link].empty() ? links_[link].from : ways_[link].back();
  };
  for (std::uint32_t i = 0; i < links_.size(); ++i) entering[links_[i].to].push_back(i);
  layout.links.resize(links_.size());
  for (std::uint32_t box = 0; box < boxes_.size(); ++box) {
    auto& links = entering[box];
    std::ranges::sort(links, {},
                      [&](std::uint32_t link) { return std::pair(y_of(from_item(link)), link); });
    const auto count = static_cast<std::int32_t>(links.size());
    const std::int32_t gap =
        count < 2 ? 0 : std::min(kPortGap, (boxes_[box].height - 10) / (count - 1));
    for (std::int32_t k = 0; k < count; ++k) {
      const std::uint32_t i = links[static_cast<std::size_t>(k)];
      const LayoutLink& link = links_[i];
      std::vector<LayoutPoint>& points = layout.links[i];
      const std::uint32_t from = column_of_[link.from];
      points.push_back({starts[from] + boxes_[link.from].width, y_of(link.from)});
      points.push_back({starts[from] + widths[from], y_of(link.from)});
      for (const std::uint32_t place : ways_[i]) {
        const std::uint32_t column = items_[place].column;
        points.push_back({starts[column], y_of(place)});
        points.push_back({starts[column] + widths[column], y_of(place)});
      }
      points.push_back({layout.boxes[box].corner.x, y_of(box) + gap * k - gap * (count - 1) / 2});
    }
  }
}

Layout Layering::run() {
  Layout layout;
  if (boxes_.empty()) return layout;
  assign_columns();
  add_items();
  order();
  position();
  layout.columns = columns_;
  layout.boxes.resize(boxes_.size());
  route(layout);
  return layout;
}

}  // namespace

Layout lay_out(std::span<const LayoutBox> boxes, std::span<const LayoutLink> links) {
  return Layering(boxes, links).run();
}

}  // namespace sluice::model
