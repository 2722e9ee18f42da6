#include "node/nested_list.h"

#include <algorithm>

namespace sluice::node {
namespace {

using Marks = std::span<const std::int32_t>;

// The first of some elements. The last one may still grow: then it takes all the marks there are.
struct Element {
  Marks marks;
  bool is_whole = false;
};

Element first_of(Marks marks) {
  std::size_t depth = 0;
  for (std::size_t i = 0; i < marks.size(); ++i) {
    if (marks[i] == NestedList::kBegin) ++depth;
    if (marks[i] == NestedList::kEnd) --depth;
    if (depth == 0) return {.marks = marks.first(i + 1), .is_whole = true};
  }
  return {.marks = marks};
}

}  // namespace

void NestedList::begin() {
  if (depth_++ == 0) starts_.push_back(static_cast<std::uint32_t>(marks_.size()));
  marks_.push_back(kBegin);
}

void NestedList::end() {
  --depth_;
  marks_.push_back(kEnd);
}

void NestedList::add(std::size_t leaf) {
  if (depth_ == 0) starts_.push_back(static_cast<std::uint32_t>(marks_.size()));
  marks_.push_back(static_cast<std::int32_t>(leaf));
}

std::span<const std::int32_t> NestedList::behind_first(Marks elements) {
  return elements.subspan(first_of(elements).marks.size());
}

NestedList::Part NestedList::find(std::span<const std::uint32_t> path, bool is_complete) const {
  using Kind = Part::Kind;
  Marks inside = marks_;
  bool is_closed = is_complete;
  for (std::size_t depth = 0; depth < path.size(); ++depth) {
    std::size_t size = 0;
    if (depth == 0) {
      size = std::min<std::size_t>(path[0], starts_.size());
      inside = inside.subspan(size < starts_.size() ? starts_[size] : inside.size());
    }
    for (; size < path[depth] && !inside.empty(); ++size)
      inside = inside.subspan(first_of(inside).marks.size());
    if (inside.empty()) {
      return {.kind = is_closed ? Kind::kBeyond : Kind::kNotYet, .depth = depth, .size = size};
    }
    const auto [element, is_whole] = first_of(inside);
    if (element.front() >= 0) {
      if (depth + 1 < path.size()) return {.kind = Kind::kNoList, .depth = depth + 1};
      return {.kind = Kind::kLeaf, .leaf = static_cast<std::size_t>(element.front())};
    }
    is_closed = is_whole;
    inside = element.subspan(1, element.size() - (is_whole ? 2 : 1));
  }
  return {.kind = is_closed ? Kind::kList : Kind::kNotYet, .inside = inside};
}

}  // namespace sluice::node
