#include "node/values.h"

#include <gtest/gtest.h>

#include "wire/abi.h"

namespace sluice::node {
namespace {

model::Type type(std::string_view text) { return model::parse_type(text).value(); }

TEST(Values, JsonBecomesWhatThePortSays) {
  struct Row {
    const char* json;
    const char* type;
    std::uint8_t kind;
    std::string bytes;
  };
  const Row rows[] = {
      {R"("ab")", "bytes", SLUICE_KIND_BYTES, "ab"},
      {R"({"$base64":"AP8="})", "bytes", SLUICE_KIND_BYTES, std::string("\0\xff", 2)},
      {R"("ab")", "text", SLUICE_KIND_TEXT, "ab"},
      {R"({"a":[1,2.0]})", "json", SLUICE_KIND_JSON, R"({"a":[1,2.0]})"},
      {"3.0", "int", SLUICE_KIND_JSON, "3"},
      {"3", "float", SLUICE_KIND_JSON, "3"},
      {"true", "bool", SLUICE_KIND_JSON, "true"},
      {R"("x")", "any", SLUICE_KIND_JSON, R"("x")"},
  };
  for (const Row& row : rows) {
    const Result<Value> value =
        value_from_json(parse_json(row.json).value(), type(row.type), "input 'x'");
    ASSERT_TRUE(value) << row.json << " as " << row.type << ": " << value.error().message();
    EXPECT_EQ(value->meta.kind, row.kind) << row.json;
    EXPECT_EQ(value->bytes, row.bytes) << row.json;
  }
}

TEST(Values, AWrongJsonNamesTheInputAndWhatIsWanted) {
  const std::pair<const char*, const char*> rows[] = {
      {"1", "bytes"}, {"1", "text"},       {R"("1")", "int"},
      {"1.5", "int"}, {"1e300", "int"},    {R"("x")", "float"},
      {"0", "bool"},  {R"("x")", "array"}, {R"({"$base64":"?"})", "bytes"}};
  for (const auto& [json, kind] : rows) {
    const Result<Value> value = value_from_json(parse_json(json).value(), type(kind), "input 'x'");
    ASSERT_FALSE(value) << json << " as " << kind;
    EXPECT_NE(value.error().message().find("input 'x'"), std::string::npos)
        << value.error().message();
  }
}

TEST(Values, RawBytesAreCheckedOnlyWhereTheTypeLooksIntoThem) {
  EXPECT_TRUE(check_bytes("\xff", type("bytes"), "x"));
  EXPECT_FALSE(check_bytes("\xff", type("text"), "x"));
  EXPECT_FALSE(check_bytes("abc", type("int"), "x"));
  EXPECT_TRUE(check_bytes("12", type("int"), "x"));
  EXPECT_FALSE(check_bytes("{", type("json"), "x"));
}

TEST(Values, Base64SurvivesARoundTripOfEverySize) {
  for (std::size_t size = 0; size < 8; ++size) {
    const std::string bytes(size, '\xfe');
    EXPECT_EQ(from_base64(base64(bytes)).value(), bytes) << size;
  }
  EXPECT_FALSE(from_base64("abc"));
}

}  // namespace
}  // namespace sluice::node
