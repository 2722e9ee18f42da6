#include "model/type.h"

#include <gtest/gtest.h>

namespace sluice::model {
namespace {

Type type(std::string_view text) {
  const Result<Type> parsed = parse_type(text);
  EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message());
  return parsed.value_or(Type{});
}

TEST(Types, SurviveTheirText) {
  for (const auto* text : {"any",
                           "bytes",
                           "text",
                           "json",
                           "int",
                           "float",
                           "bool",
                           "array",
                           "file",
                           "pipe",
                           "list<bytes>",
                           "list<list<int>>",
                           "stream<json>",
                           "stream<optional<json>>",
                           "stream<list<int>>",
                           "optional<int>",
                           "optional<list<optional<list<optional<text>>>>>",
                           "optional<pipe>",
                           "optional<stream<int>>",
                           "list<list<list<list<list<list<list<int>>>>>>>"}) {
    EXPECT_EQ(to_text(type(text)), text);
  }
  EXPECT_EQ(to_text(type("  list< optional < int > > ")), "list<optional<int>>");
}

TEST(Types, AreRefusedWithAdvice) {
  struct Case {
    std::string_view text;
    std::string_view message;
  };
  const std::vector<Case> cases{
      {"", "the type is empty"},
      {"str", "unknown type 'str'; did you mean 'text'?"},
      {"byte", "unknown type 'byte'; did you mean 'bytes'?"},
      {"int?", "unknown type 'int?'; write optional<int>"},
      {"int[]", "unknown type 'int[]'; write list<int>"},
      {"list[int]",
       "unknown type 'list[int]'; types are written with '<' and '>', like list<bytes>"},
      {"list", "'list' of what? write for example list<bytes>"},
      {"list<>", "the type is empty"},
      {"lists<int>", "'lists<...>' is not a type; did you mean 'list'?"},
      {"list<stream<int>>",
       "stream<T> is a way to read a list and cannot be inside another type; write list<T>"},
      {"list<pipe>",
       "'pipe' reads the bytes of one value and cannot be inside a list; write stream<bytes>"},
      {"pipe<bytes>", "'pipe' stands alone: it reads the bytes of one value"},
      {"optional<optional<int>>", "optional<optional<...>> says the same twice; write it once"},
      {"list<list<list<list<list<list<list<list<int>>>>>>>>",
       "lists are nested deeper than 7 levels"},
      {"<int>", "unknown type '<int>'"},
      {"int>", "unknown type 'int>'"},
  };
  for (const Case& one : cases) {
    const Result<Type> parsed = parse_type(one.text);
    ASSERT_FALSE(parsed) << one.text;
    EXPECT_TRUE(parsed.error().message().starts_with(one.message))
        << one.text << ": " << parsed.error().message();
  }
  EXPECT_FALSE(parse_type(std::string(100'000, '<')));
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "list<";
  EXPECT_FALSE(parse_type(deep + std::string(10'000, '>')));
}

TEST(Types, FitAsTheLanguageSays) {
  struct Case {
    std::string_view from;
    std::string_view to;
    Fit fit;
  };
  constexpr Fit kYes = Fit::kYes;
  constexpr Fit kChecked = Fit::kChecked;
  constexpr Fit kNo = Fit::kNo;
  const std::vector<Case> cases{
      {"int", "int", kYes},
      {"int", "float", kYes},
      {"float", "int", kNo},
      {"int", "json", kYes},
      {"bool", "json", kYes},
      {"text", "json", kYes},
      {"bytes", "json", kNo},
      {"file", "json", kNo},
      {"array", "json", kNo},
      {"list<int>", "json", kYes},
      {"list<list<text>>", "json", kYes},
      {"list<optional<int>>", "json", kYes},
      {"list<bytes>", "json", kNo},
      {"list<any>", "json", kChecked},
      {"text", "bytes", kYes},
      {"file", "bytes", kYes},
      {"bytes", "file", kYes},
      {"bytes", "text", kNo},
      {"text", "file", kNo},
      {"json", "list<int>", kChecked},
      {"any", "list<int>", kChecked},
      {"json", "int", kChecked},
      {"json", "bytes", kChecked},
      {"any", "array", kChecked},
      {"array", "any", kYes},
      {"list<bytes>", "any", kYes},
      {"list<bytes>", "list<bytes>", kYes},
      {"list<int>", "list<float>", kYes},
      {"list<bytes>", "list<text>", kNo},
      {"list<list<int>>", "list<json>", kYes},
      {"list<list<int>>", "list<int>", kNo},
      {"bytes", "list<bytes>", kNo},
      {"list<bytes>", "bytes", kNo},
      {"list<optional<int>>", "list<int>", kNo},
      {"list<optional<json>>", "list<json>", kNo},
      {"list<int>", "list<optional<int>>", kYes},
      {"list<list<optional<int>>>", "list<list<int>>", kNo},
      {"optional<int>", "int", kYes},
      {"int", "optional<int>", kYes},
      {"list<json>", "stream<json>", kYes},
      {"list<bytes>", "stream<json>", kNo},
      {"json", "stream<json>", kChecked},
      {"int", "stream<int>", kNo},
      {"bytes", "pipe", kYes},
      {"text", "pipe", kYes},
      {"file", "pipe", kYes},
      {"int", "pipe", kNo},
      {"json", "pipe", kChecked},
      {"list<bytes>", "pipe", kNo},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(fits(type(one.from), type(one.to)), one.fit) << one.from << " to " << one.to;
  }
}

TEST(Types, OfListsKeepWhichElementsMayBeMissing) {
  const Type holes = type("optional<int>").list_of();
  EXPECT_EQ(to_text(holes), "list<optional<int>>");
  EXPECT_EQ(to_text(holes.list_of()), "list<list<optional<int>>>");
  EXPECT_EQ(to_text(holes.list_of().element()), "list<optional<int>>");
  EXPECT_EQ(to_text(holes.element()), "optional<int>");
  EXPECT_EQ(to_text(type("stream<int>").list_of()), "list<list<int>>");
}

}  // namespace
}  // namespace sluice::model
