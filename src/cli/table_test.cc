#include "cli/table.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

TEST(Table, AlignsByWhatIsSeen) {
  EXPECT_EQ(to_table({"NAME", "STATE"}, {{"\xe6\xbc\xa2\xe6\xbc\xa2x", "a"}, {"b", "c"}}),
            "NAME   STATE\n\xe6\xbc\xa2\xe6\xbc\xa2x  a\nb      c\n");
}

TEST(Table, HasNoSpacesAtTheEndAndNoControlCharacters) {
  EXPECT_EQ(to_table({"A", "B"}, {{"a\nb"}, {"", "\x1b"}}), "A     B\na\\nb\n      \\x1b\n");
  EXPECT_EQ(to_table({"A"}, {}), "A\n");
}

TEST(Yaml, IsBlocksOfWhatJsonHas) {
  const Json value =
      parse_json(R"({"id": "a b", "count": 1, "f": 2.0, "e": [], "m": {}, "z": null, "t": true,
      "list": [1, {"x": 1, "x2": [2]}, [3, 4]], "map": {"k": {"l": "m"}}})")
          .value();
  EXPECT_EQ(to_yaml(value), R"(id: a b
count: 1
f: 2.0
e: []
m: {}
z: null
t: true
list:
  - 1
  - x: 1
    x2:
      - 2
  - - 3
    - 4
map:
  k:
    l: m
)");
}

TEST(Yaml, QuotesWhatCouldBeReadAsSomethingElse) {
  for (const char* text : {"", "true", "No", "null", "1", "-", "a: b", "a #b", "a ", " a", "@x",
                           "2026-11-21", "a\nb", "~"}) {
    Json map;
    map.set("k", text);
    EXPECT_EQ(to_yaml(map), "k: " + to_text(Json(text)) + "\n");
  }
  Json map;
  map.set("on", 1);
  EXPECT_EQ(to_yaml(map), "\"on\": 1\n");
}

}  // namespace
}  // namespace sluice::cli
