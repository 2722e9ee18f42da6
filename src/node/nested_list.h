#pragma once

// The form of a list of lists whose leaves are kept elsewhere, in order: brackets and indexes of
// leaves, as they come while the list grows. Says what stands at a path like 0/3. Pure.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::node {

class NestedList {
 public:
  static constexpr std::int32_t kBegin = -1;
  static constexpr std::int32_t kEnd = -2;

  // A leaf may stand where another element is a list: a hole has no brackets.
  void begin();
  void end();
  void add(std::size_t leaf);

  // What stands at a path; for the list itself the path is empty.
  struct Part {
    enum class Kind : std::uint8_t {
      kLeaf,
      kList,
      kNotYet,  // The list that it would be in, or is, still grows.
      kBeyond,  // Element `depth` of the path is `size` or more.
      kNoList,  // What the first `depth` elements of the path lead to has no elements.
    };
    Kind kind = Kind::kNotYet;
    std::size_t leaf = 0;
    std::span<const std::int32_t> inside;  // Of a list, without its own brackets.
    std::size_t depth = 0;
    std::size_t size = 0;
  };
  Part find(std::span<const std::uint32_t> path, bool is_complete) const;

  // What follows the first of some elements, which are whole: a leaf or a list with its brackets.
  static std::span<const std::int32_t> behind_first(std::span<const std::int32_t> elements);

  bool is_empty() const { return marks_.empty(); }

 private:
  std::vector<std::int32_t> marks_;
  // Where the elements of the outermost list begin: one of a million is found without a walk.
  std::vector<std::uint32_t> starts_;
  std::uint32_t depth_ = 0;
};

}  // namespace sluice::node
