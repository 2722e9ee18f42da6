#include "api/output.h"

#include <gtest/gtest.h>

#include "api/byte_range.h"
#include "api/problem.h"

namespace sluice::api {
namespace {

TEST(Ranges, AreChosenAsTheStandardSays) {
  const RangeChoice whole = WholeContent{};
  const RangeChoice none = UnsatisfiableRange{};
  struct Case {
    const char* field;
    RangeChoice choice;
  };
  const std::vector<Case> of_ten = {{"bytes=0-0", ByteRange{0, 1}},
                                    {"bytes=0-9", ByteRange{0, 10}},
                                    {"bytes=2-5", ByteRange{2, 4}},
                                    {"bytes=5-", ByteRange{5, 5}},
                                    {"bytes=5-99", ByteRange{5, 5}},
                                    {"bytes=-3", ByteRange{7, 3}},
                                    {"bytes=-99", ByteRange{0, 10}},
                                    {"bytes=9-", ByteRange{9, 1}},
                                    {"bytes=10-", none},
                                    {"bytes=10-20", none},
                                    {"bytes=-0", none},
                                    {"bytes=99999999999999999999-", none},
                                    {"bytes=0-99999999999999999999", ByteRange{0, 10}},
                                    {"bytes=5-2", whole},
                                    {"bytes=0-1,3-4", whole},
                                    {"bytes=", whole},
                                    {"bytes=-", whole},
                                    {"bytes=a-b", whole},
                                    {"bytes=1", whole},
                                    {"bytes= 1-2", whole},
                                    {"items=0-1", whole},
                                    {"", whole},
                                    {"bytes=+1-2", whole}};
  for (const Case& one : of_ten) EXPECT_EQ(choose_range(one.field, 10), one.choice) << one.field;
  EXPECT_EQ(choose_range("bytes=0-", 0), none);
  EXPECT_EQ(choose_range("bytes=-1", 0), none);
}

Response respond_to(OutputConditions conditions) {
  return output_response(conditions, OutputBytes{.content = std::string("0123456789"),
                                                 .size = 10,
                                                 .content_type = "text/plain",
                                                 .file_name = "",
                                                 .etag = "t"});
}

TEST(Outputs, HonourConditions) {
  EXPECT_EQ(respond_to({}).status, 200U);
  EXPECT_EQ(respond_to({.range = "bytes=1-2"}).status, 206U);
  EXPECT_EQ(std::get<std::string>(respond_to({.range = "bytes=1-2"}).body), "12");
  EXPECT_EQ(respond_to({.range = "bytes=1-2", .if_range = "\"t\""}).status, 206U);
  EXPECT_EQ(respond_to({.range = "bytes=1-2", .if_range = "\"u\""}).status, 200U);
  EXPECT_EQ(respond_to({.range = "bytes=1-2", .if_range = "W/\"t\""}).status, 200U);
  EXPECT_EQ(respond_to({.range = "bytes=1-2", .if_range = "Tue, 01 Jan 2030 00:00:00 GMT"}).status,
            200U);
  EXPECT_EQ(respond_to({.range = "bytes=10-"}).status, 416U);
  EXPECT_EQ(respond_to({.if_none_match = "\"t\""}).status, 304U);
  EXPECT_EQ(respond_to({.if_none_match = "\"u\", W/\"t\""}).status, 304U);
  EXPECT_EQ(respond_to({.if_none_match = "*"}).status, 304U);
  EXPECT_EQ(respond_to({.if_none_match = "\"u\""}).status, 200U);
  EXPECT_EQ(respond_to({.range = "bytes=99-", .if_none_match = "\"t\""}).status, 304U);
}

TEST(Responses, CannotBeSplitByAValue) {
  Response response;
  response.fields.emplace_back("X", "a\r\nSet-Cookie: b");
  const std::string head = to_head(response, {});
  EXPECT_NE(head.find("X: a  Set-Cookie: b\r\n"), std::string::npos);
  EXPECT_NE(head.find("Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"), std::string::npos);
}

TEST(Problems, HaveTheStatusOfTheirCode) {
  const std::vector<std::pair<ErrorCode, std::vector<std::uint32_t>>> table = {
      // Anything, starting a run, uploading an input.
      {ErrorCode::kInvalidArgument, {400, 422, 422}},
      {ErrorCode::kNotFound, {404, 404, 422}},
      {ErrorCode::kAlreadyExists, {409, 409, 422}},
      {ErrorCode::kFailedPrecondition, {409, 409, 409}},
      {ErrorCode::kResourceExhausted, {429, 429, 413}},
      {ErrorCode::kUnavailable, {503, 503, 503}},
      {ErrorCode::kDeadlineExceeded, {504, 504, 504}},
      {ErrorCode::kUnauthenticated, {401, 401, 401}},
      {ErrorCode::kPermissionDenied, {403, 403, 403}},
      {ErrorCode::kCancelled, {499, 499, 499}},
      {ErrorCode::kDataLoss, {500, 500, 500}},
      {ErrorCode::kInternal, {500, 500, 500}}};
  for (const auto& [code, statuses] : table) {
    EXPECT_EQ(to_problem(Error(code, "x")).status, statuses[0]) << to_string(code);
    EXPECT_EQ(to_problem(Error(code, "x"), Asked::kStartRun).status, statuses[1])
        << to_string(code);
    EXPECT_EQ(to_problem(Error(code, "x"), Asked::kUploadInput).status, statuses[2])
        << to_string(code);
    for (const std::uint32_t status : statuses) EXPECT_NE(status_title(status), "Error");
  }
}

TEST(Problems, AreProblemDocuments) {
  const Response response = to_response(
      Problem{.status = 422,
              .detail = "one mistake",
              .errors = {{.file = "f", .line = 2, .column = 3, .message = "m", .hint = "h"}}});
  EXPECT_EQ(response.content_type, "application/problem+json");
  EXPECT_EQ(
      std::get<std::string>(response.body),
      R"({"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"one mistake",)"
      R"("errors":[{"file":"f","line":2,"column":3,"message":"m","hint":"h"}]})"
      "\n");
}

}  // namespace
}  // namespace sluice::api
