#include "node/nested_list.h"

#include <string>

#include <gtest/gtest.h>

namespace sluice::node {
namespace {

using Kind = NestedList::Part::Kind;

// `[a[b]]` has the leaves 0 and 1: letters are leaves in their order, the outermost brackets are
// left out.
NestedList list_of(std::string_view text) {
  NestedList list;
  std::size_t leaves = 0;
  for (const char c : text) {
    if (c == '[') {
      list.begin();
    } else if (c == ']') {
      list.end();
    } else {
      list.add(leaves++);
    }
  }
  return list;
}

// What stands there, as one word.
std::string at(const NestedList& list, std::vector<std::uint32_t> path, bool is_complete = true) {
  const NestedList::Part part = list.find(path, is_complete);
  switch (part.kind) {
    case Kind::kLeaf:
      return "leaf " + std::to_string(part.leaf);
    case Kind::kList:
      return "list of " + std::to_string(part.inside.size()) + " marks";
    case Kind::kNotYet:
      return "not yet";
    case Kind::kBeyond:
      return std::to_string(part.size) + " elements at " + std::to_string(part.depth);
    case Kind::kNoList:
      return "no list at " + std::to_string(part.depth);
  }
  return "";
}

TEST(NestedList, FindsLeavesAndListsByTheirPath) {
  const NestedList list = list_of("[ab][][c[de]]");
  EXPECT_EQ(at(list, {}), "list of 13 marks");
  EXPECT_EQ(at(list, {0}), "list of 2 marks");
  EXPECT_EQ(at(list, {1}), "list of 0 marks");
  EXPECT_EQ(at(list, {0, 1}), "leaf 1");
  EXPECT_EQ(at(list, {2, 0}), "leaf 2");
  EXPECT_EQ(at(list, {2, 1, 1}), "leaf 4");
}

TEST(NestedList, SaysWhyThereIsNothing) {
  const NestedList list = list_of("[ab][]h");
  EXPECT_EQ(at(list, {3}), "3 elements at 0");
  EXPECT_EQ(at(list, {4'000'000'000}), "3 elements at 0");
  EXPECT_EQ(at(list, {0, 2}), "2 elements at 1");
  EXPECT_EQ(at(list, {1, 0}), "0 elements at 1");
  EXPECT_EQ(at(list, {0, 1, 0}), "no list at 2");
  EXPECT_EQ(at(list, {2, 0}), "no list at 1");
  EXPECT_EQ(at(list, {2}), "leaf 2");
}

TEST(NestedList, HasWhatCameWhileItGrows) {
  const NestedList list = list_of("[a][[b]c");
  EXPECT_EQ(at(list, {}, false), "not yet");
  EXPECT_EQ(at(list, {0}, false), "list of 1 marks");
  EXPECT_EQ(at(list, {0, 1}, false), "1 elements at 1");
  EXPECT_EQ(at(list, {1}, false), "not yet");
  EXPECT_EQ(at(list, {1, 0}, false), "list of 1 marks");
  EXPECT_EQ(at(list, {1, 0, 0}, false), "leaf 1");
  EXPECT_EQ(at(list, {1, 1}, false), "leaf 2");
  EXPECT_EQ(at(list, {1, 2}, false), "not yet");
  EXPECT_EQ(at(list, {2}, false), "not yet");
  // Its last brackets are the same as those of a list that is whole.
  EXPECT_EQ(at(list_of("[[a]"), {0}, false), "not yet");
}

}  // namespace
}  // namespace sluice::node
