#include "api/request_head.h"

#include <gtest/gtest.h>

namespace sluice::api {
namespace {

std::string with_fields(const std::string& fields) {
  return "GET /x HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
}

std::uint32_t status_of(const std::string& head) {
  const auto parsed = parse_request_head(head);
  return parsed ? 200 : parsed.error().status;
}

TEST(RequestHead, ReadsLineAndFields) {
  const auto head = parse_request_head(
      "POST /a?b=c HTTP/1.1\r\nHost: h:1\r\nContent-Length:  42 \r\nX-Empty:\r\nConnection: foo, "
      "Close\r\nExpect: 100-Continue\r\n\r\n");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->method, Method::kPost);
  EXPECT_EQ(head->target, "/a?b=c");
  EXPECT_EQ(head->content_length, 42U);
  EXPECT_FALSE(head->keep_alive);
  EXPECT_TRUE(head->expects_continue);
  EXPECT_EQ(*head->find("x-empty"), "");
  EXPECT_EQ(head->find("nothing"), nullptr);
}

TEST(RequestHead, RefusesWhatOthersMightReadDifferently) {
  struct Case {
    const char* what;
    std::string head;
    std::uint32_t status;
  };
  const std::vector<Case> cases = {
      {"plain", with_fields(""), 200},
      {"two lengths that agree", with_fields("Content-Length: 1\r\nContent-Length: 1\r\n"), 400},
      {"two lengths", with_fields("Content-Length: 1\r\nContent-Length: 2\r\n"), 400},
      {"a list of lengths", with_fields("Content-Length: 1, 1\r\n"), 400},
      {"length and coding", with_fields("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
       400},
      {"signed length", with_fields("Content-Length: +1\r\n"), 400},
      {"negative length", with_fields("Content-Length: -1\r\n"), 400},
      {"hexadecimal length", with_fields("Content-Length: 0x1\r\n"), 400},
      {"empty length", with_fields("Content-Length: \r\n"), 400},
      {"length of 20 digits", with_fields("Content-Length: 99999999999999999999\r\n"), 400},
      {"length above 2^62", with_fields("Content-Length: 9223372036854775807\r\n"), 400},
      {"chunked", with_fields("Transfer-Encoding: chunked\r\n"), 200},
      {"another coding", with_fields("Transfer-Encoding: gzip, chunked\r\n"), 400},
      {"identity", with_fields("Transfer-Encoding: identity\r\n"), 400},
      {"chunked twice", with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
       400},
      {"chunked in quotes", with_fields("Transfer-Encoding: \"chunked\"\r\n"), 400},
      {"other case", with_fields("Transfer-Encoding: Chunked\r\n"), 400},
      {"vertical tab before the coding", with_fields("Transfer-Encoding: \vchunked\r\n"), 400},
      {"folded field", with_fields("A: b\r\n c\r\n"), 400},
      {"folded by a tab", with_fields("A: b\r\n\tc\r\n"), 400},
      {"space before the colon", with_fields("A : b\r\n"), 400},
      {"tab before the colon", with_fields("A\t: b\r\n"), 400},
      {"no colon", with_fields("Nothing\r\n"), 400},
      {"no name", with_fields(": b\r\n"), 400},
      {"NUL", with_fields(std::string("A: b\0c\r\n", 8)), 400},
      {"bare LF", "GET /x HTTP/1.1\nHost: h\r\n\r\n", 400},
      {"bare LF in a field", with_fields("A: b\nC: d\r\n"), 400},
      {"bare CR", with_fields("A: b\rC: d\r\n"), 400},
      {"CR CR LF", with_fields("A: b\r\r\n"), 400},
      {"control character", with_fields("A: \x01\r\n"), 400},
      {"DEL", with_fields("A: \x7f\r\n"), 400},
      {"bytes above ASCII in a value", with_fields("A: \xc3\xa9\r\n"), 200},
      {"no host", "GET /x HTTP/1.1\r\nA: b\r\n\r\n", 400},
      {"empty host", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"two hosts", "GET /x HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", 400},
      {"leading empty line", "\r\nGET /x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"leading space", " GET /x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"two spaces", "GET  /x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"no version", "GET /x\r\nHost: h\r\n\r\n", 400},
      {"HTTP/1.0", "GET /x HTTP/1.0\r\nHost: h\r\n\r\n", 505},
      {"HTTP/2.0", "GET /x HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"http in lower case", "GET /x http/1.1\r\nHost: h\r\n\r\n", 400},
      {"absolute form", "GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"raw UTF-8 in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"a method that is no token", "G(T /x HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"two origins", with_fields("Origin: a\r\nOrigin: b\r\n"), 400},
      {"another expectation", with_fields("Expect: 200-ok\r\n"), 417},
      {"bytes after the end", with_fields("") + "x", 400},
      {"no end", "GET /x HTTP/1.1\r\nHost: h\r\n", 400},
  };
  for (const Case& one : cases) EXPECT_EQ(status_of(one.head), one.status) << one.what;
}

TEST(RequestHead, HasLimits) {
  EXPECT_EQ(status_of("GET /" + std::string(8100, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n"), 200U);
  EXPECT_EQ(status_of("GET /" + std::string(8192, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n"), 414U);
  EXPECT_EQ(status_of(with_fields("A: " + std::string(32000, 'x') + "\r\n")), 200U);
  EXPECT_EQ(status_of(with_fields("A: " + std::string(32768, 'x') + "\r\n")), 431U);
  std::string many;
  for (int i = 0; i < 99; ++i) many += "A: b\r\n";
  EXPECT_EQ(status_of(with_fields(many)), 200U);
  EXPECT_EQ(status_of(with_fields(many + "A: b\r\n")), 431U);
}

TEST(HeadScanner, FindsTheEndHoweverTheBytesCome) {
  const std::string head = with_fields("A: b\r\n");
  const std::string bytes = head + "body";
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    HeadScanner scanner;
    std::optional<std::size_t> size;
    for (std::size_t have = step; !size; have += step) {
      const auto scanned = scanner.scan(std::string_view(bytes).substr(0, have));
      ASSERT_TRUE(scanned);
      size = *scanned;
      ASSERT_LE(have, bytes.size() + step);
    }
    EXPECT_EQ(*size, head.size());
  }
}

TEST(HeadScanner, RefusesAtTheFirstWrongByteAndNotAtTheEnd) {
  HeadScanner scanner;
  EXPECT_EQ(scanner.scan("GET / HTTP/1.1\n").error().status, 400U);
  HeadScanner long_line({.line_bytes = 16});
  EXPECT_EQ(long_line.scan("GET /aaaaaaaaaaaaaaaaaaaaaaaa").error().status, 414U);
}

}  // namespace
}  // namespace sluice::api
