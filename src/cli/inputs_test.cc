#include "cli/inputs.h"

#include <gtest/gtest.h>

namespace sluice::cli {
namespace {

model::Type type_of(std::string_view text) { return model::parse_type(text).value(); }

std::string value_of(std::string_view type, const std::string& text) {
  const Result<Json> value = parse_value(type_of(type), text);
  return value ? to_text(*value) : "mistake: " + value.error().message();
}

const std::vector<InputPort> kPorts{
    {.name = "text", .type = type_of("bytes")},
    {.name = "parts", .type = type_of("int"), .is_required = false},
    {.name = "words", .type = type_of("list<text>"), .is_required = false},
    {.name = "numbers", .type = type_of("list<int>"), .is_required = false},
    {.name = "data", .type = type_of("list<json>"), .is_required = false},
};

Result<RunBody> body_of(const std::vector<std::string>& arguments, const Json& document = {}) {
  std::vector<Given> given;
  for (const std::string& argument : arguments) given.push_back(parse_given(argument).value());
  return to_run_body(kPorts, given, document);
}
std::string inputs_of(const std::vector<std::string>& arguments, const Json& document = {}) {
  const Result<RunBody> body = body_of(arguments, document);
  if (!body) return body.error().message();
  return body->inputs ? to_text(*body->inputs) : "parts";
}

TEST(Inputs, AreNamedValuesFilesOrStandardInput) {
  const Given value = parse_given("a=b=c").value();
  EXPECT_EQ(value.name, "a");
  EXPECT_EQ(value.text, "b=c");
  EXPECT_EQ(parse_given("a=").value().text, "");
  EXPECT_EQ(parse_given("a=@dir/x y").value().from, Given::From::kFile);
  EXPECT_EQ(parse_given("a=@dir/x y").value().text, "dir/x y");
  EXPECT_EQ(parse_given("a=@-").value().from, Given::From::kStdin);
  EXPECT_EQ(parse_given("a=@--").value().from, Given::From::kFile);
  for (const char* wrong : {"a", "", "=b", "a=@"}) EXPECT_FALSE(parse_given(wrong)) << wrong;
}

TEST(Inputs, FollowTheTypeOfThePort) {
  EXPECT_EQ(value_of("text", "5"), R"("5")");
  EXPECT_EQ(value_of("bytes", R"({"a":1})"), R"("{\"a\":1}")");
  EXPECT_EQ(value_of("any", "true"), R"("true")");
  EXPECT_EQ(value_of("json", R"({"a": [1, 2.0]})"), R"({"a":[1,2.0]})");
  EXPECT_EQ(value_of("int", "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(value_of("float", "1e3"), "1000.0");
  EXPECT_EQ(value_of("float", "7"), "7.0");
  EXPECT_EQ(value_of("bool", "false"), "false");
  EXPECT_EQ(value_of("optional<int>", "4"), "4");
  EXPECT_EQ(value_of("list<int>", "[4]"), "[4]");
}

TEST(Inputs, OfTheWrongTypeSayWhatIsWanted) {
  EXPECT_EQ(value_of("int", "4.0"), "mistake: '4.0' is not an integer");
  EXPECT_EQ(value_of("int", ""), "mistake: '' is not an integer");
  EXPECT_EQ(value_of("int", "9223372036854775808"),
            "mistake: '9223372036854775808' is not an integer of 64 bits");
  EXPECT_EQ(value_of("float", "nan"), "mistake: 'nan' is not a number");
  EXPECT_EQ(value_of("bool", "yes"), "mistake: 'yes' is not true or false");
  EXPECT_NE(value_of("json", "hello").find("not valid JSON"), std::string::npos);
  EXPECT_NE(value_of("json", "hello").find("with its quotes"), std::string::npos);
  EXPECT_NE(value_of("file", "x").find("NAME=@FILE"), std::string::npos);
  EXPECT_NE(value_of("array", "[1]").find("NAME=@FILE"), std::string::npos);
  EXPECT_EQ(value_of("text", "\xff"), "mistake: the value is not UTF-8");
  EXPECT_EQ(value_of("list<list<int>>", "4"), "mistake: '4' is not a JSON list");
}

TEST(Inputs, GivenSeveralTimesAreAList) {
  EXPECT_EQ(inputs_of({"text=t", "words=b", "words=a"}), R"({"text":"t","words":["b","a"]})");
  EXPECT_EQ(inputs_of({"text=t", "words=b"}), R"({"text":"t","words":["b"]})");
  EXPECT_EQ(inputs_of({"text=t", "numbers=1", "numbers=2"}), R"({"text":"t","numbers":[1,2]})");
  EXPECT_EQ(inputs_of({"text=a", "text=b"}),
            "input 'text' is not a list (bytes), and was given 2 times");
}

TEST(Inputs, TakeAJsonListOfNumbersAsTheWholeList) {
  EXPECT_EQ(inputs_of({"text=t", "numbers=[1, 2]"}), R"({"text":"t","numbers":[1,2]})");
  EXPECT_EQ(inputs_of({"text=t", "data=[1, 2]"}), R"({"text":"t","data":[[1,2]]})");
  EXPECT_EQ(inputs_of({"text=t", "words=[1, 2]"}), R"({"text":"t","words":["[1, 2]"]})");
}

TEST(Inputs, ThatAreMissingOrUnknownAreAllNamed) {
  const std::string mistakes = inputs_of({"prats=4", "parts=x"});
  EXPECT_NE(mistakes.find("no input 'prats': did you mean 'parts'?"), std::string::npos)
      << mistakes;
  EXPECT_NE(mistakes.find("input 'text' (bytes) is missing"), std::string::npos) << mistakes;
  EXPECT_NE(mistakes.find("input 'parts': 'x' is not an integer"), std::string::npos) << mistakes;
  EXPECT_NE(inputs_of({"text=t", "zzzzzz=1"}).find("'words'"), std::string::npos);
}

TEST(Inputs, OfADocumentAreReplacedByThoseOfTheCommandLine) {
  const Json document = parse_json(R"({"text": "d", "parts": 3, "words": null})").value();
  EXPECT_EQ(inputs_of({"parts=4"}, document), R"({"text":"d","parts":4,"words":null})");
  EXPECT_NE(inputs_of({}, Json::list()).find("must be a map"), std::string::npos);
  EXPECT_NE(inputs_of({}, parse_json(R"({"text": "d", "wrods": []})").value())
                .find("did you mean 'words'"),
            std::string::npos);
}

TEST(Inputs, ThatStreamMakeEveryInputAPart) {
  const Json document =
      parse_json(R"({"text": {"$base64": "/wA="}, "data": [{"a": 1}, null], "parts": 3})").value();
  const Result<RunBody> body = body_of({"words=@a/b.txt", "words=typed", "words=@-"}, document);
  ASSERT_TRUE(body) << body.error().message();
  EXPECT_FALSE(body->inputs);
  std::string seen;
  for (const Part& part : body->parts) {
    seen += part.name + ' ' + part.content_type + ' ' + part.file_name + ' ';
    if (const auto* text = std::get_if<std::string>(&part.bytes)) seen += to_text(Json(*text));
    if (const auto* file = std::get_if<FileBytes>(&part.bytes)) seen += '@' + file->path.native();
    if (std::holds_alternative<StdinBytes>(part.bytes)) seen += "@-";
    seen += '\n';
  }
  EXPECT_EQ(seen,
            "text application/octet-stream  \"\xEF\xBF\xBD\\u0000\"\n"
            "parts application/json  \"3\"\n"
            "data application/json  \"{\\\"a\\\":1}\"\n"
            "data application/json  \"null\"\n"
            "words text/plain; charset=utf-8 b.txt @a/b.txt\n"
            "words text/plain; charset=utf-8  \"typed\"\n"
            "words text/plain; charset=utf-8  @-\n");
}

TEST(Inputs, ReadStandardInputOnce) {
  EXPECT_NE(inputs_of({"text=@-", "words=@-"}).find("only one input"), std::string::npos);
}

TEST(Inputs, ThatAreNotTextGoAsBytes) {
  const Result<RunBody> body = body_of({"text=\xff\xfe"});
  ASSERT_TRUE(body) << body.error().message();
  ASSERT_EQ(body->parts.size(), 1U);
  EXPECT_EQ(std::get<std::string>(body->parts[0].bytes), "\xff\xfe");
  EXPECT_NE(inputs_of({"text=t", "words=\xff"}).find("not UTF-8"), std::string::npos);
}

TEST(Inputs, AreReadFromTheWorkflowsDocument) {
  const Json workflow = parse_json(R"({"inputs": [{"name": "a", "type": "list<file>"},
      {"name": "b", "type": "int", "default": null}, {"name": "c", "type": "optional<text>"},
      {"name": "d", "type": "tensor"}, "e", 5]})")
                            .value();
  const std::vector<InputPort> ports = input_ports(workflow);
  ASSERT_EQ(ports.size(), 6U);
  EXPECT_TRUE(ports[0].is_required);
  EXPECT_EQ(ports[0].type, type_of("list<file>"));
  EXPECT_FALSE(ports[1].is_required);
  EXPECT_FALSE(ports[2].is_required);
  EXPECT_EQ(ports[3].type, type_of("any"));
  EXPECT_EQ(ports[4].name, "e");
}

}  // namespace
}  // namespace sluice::cli
