// What attackers and broken clients send, byte by byte over a socket.

#include "api/test_server.h"

namespace sluice::api {
namespace {

class FramingTest : public ServerTest {
 protected:
  // Sends the bytes on a connection of their own; the status of the first answer. Refusals close.
  int status_of(const std::string& bytes) {
    RawClient one = client();
    one.send(bytes);
    const auto response = one.response();
    if (response.status >= 400 && response.status != 404) {
      EXPECT_EQ(response.field("connection"), "close") << bytes;
      EXPECT_TRUE(one.is_closed_by_server()) << bytes;
    }
    return response.status;
  }
};

const std::string kHost = "Host: localhost\r\n";

TEST_F(FramingTest, RefusesAmbiguousHeadsAndCloses) {
  const std::string post = "POST /api/v1/workflows/echo/runs HTTP/1.1\r\n" + kHost;
  for (const std::string& bytes : {
           post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
           post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
           post + "Content-Length: 1\r\ncontent-length: 1\r\n\r\nx",
           post + "Content-Length: 1,1\r\n\r\nx",
           post + "Content-Length: 1a\r\n\r\nx",
           post + "Content-Length: -1\r\n\r\nx",
           post + "Content-Length: 0x1\r\n\r\nx",
           post + "Transfer-Encoding: gzip\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
           post + "X: a\r\n b\r\n\r\n",
           post + "X : a\r\n\r\n",
           post + "X: a\nY: b\r\n\r\n",
           post + "X: a\rY: b\r\n\r\n",
           post + std::string("X: a\0b\r\n\r\n", 10),
           post + "\n",
           std::string("GET / HTTP/1.1\nHost: localhost\n\n"),
           std::string("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\n\r\n"),
           std::string("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
           std::string("\r\n\r\n"),
           std::string("\x16\x03\x01\x02"),
           std::string("nonsense\r\n\r\n"),
       }) {
    EXPECT_EQ(status_of(bytes), 400) << bytes;
  }
  EXPECT_EQ(status_of("GET / HTTP/1.0\r\n" + kHost + "\r\n"), 505);
  EXPECT_EQ(status_of("GET /version HTTP/1.1\r\n" + kHost + "Expect: magic\r\n\r\n"), 417);
  EXPECT_TRUE(control_.runs_now().empty());
}

// What a proxy in front might read as one request, and this server as two, or the other way round.
TEST_F(FramingTest, ReadsNoSecondRequestOutOfOneThatOthersReadDifferently) {
  const std::string hidden = "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const std::string post = "POST /api/v1/workflows/echo/runs HTTP/1.1\r\n" + kHost;
  for (const std::string& head : {
           std::string("Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n"),
           std::string("Transfer-Encoding: Chunked\r\nContent-Length: 4\r\n"),
           std::string("Transfer-Encoding : chunked\r\nContent-Length: 4\r\n"),
           std::string("Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n"),
           std::string("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"),
           std::string("Transfer-Encoding: \"chunked\"\r\n"),
           std::string("Transfer-Encoding: chunked;q=1\r\n"),
           std::string("Transfer-Encoding: , chunked\r\n"),
           std::string("Transfer-Encoding: \x0b"
                       "chunked\r\n"),
           std::string("Transfer\r-Encoding: chunked\r\n"),
           std::string("X: y\r\n Transfer-Encoding: chunked\r\n"),
           std::string("\tContent-Length: 4\r\n"),
           std::string("Content-Length: +4\r\n"),
           std::string("Content-Length: 4 4\r\n"),
           std::string("Content-Length: 18446744073709551620\r\n"),
           std::string("Content-Length:\r\n"),
           std::string("Content-Length: 4\r\nContent-Length: 4, 4\r\n"),
       }) {
    RawClient one = client();
    one.send(post + head + "\r\n0\r\n\r\n" + hidden);
    const std::string answers = one.read_to_end();
    EXPECT_TRUE(answers.starts_with("HTTP/1.1 400 ")) << head << answers;
    EXPECT_EQ(answers.find("HTTP/1.1", 1), std::string::npos) << head << answers;
  }
  // Where both agree the second is a request of its own.
  RawClient good = client();
  good.send("GET /healthz HTTP/1.1\r\n" + kHost + "Content-Length: 0\r\n\r\n" + hidden);
  EXPECT_EQ(good.response().status, 200);
  EXPECT_EQ(good.response().status, 200);
  EXPECT_TRUE(control_.runs_now().empty());
}

TEST_F(FramingTest, ABodyEndsWhereItsChunksEnd) {
  const std::string post = "POST /api/v1/workflows/echo/runs HTTP/1.1\r\n" + kHost +
                           "Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n";
  RawClient one = client();
  // Trailers are dropped; one that says how a body is framed is refused.
  EXPECT_EQ(status_of(post + "3\r\nabc\r\n0\r\nContent-Length: 100\r\n\r\n"), 400);
  ASSERT_TRUE(eventually([&] { return control_.runs_now().empty(); }));
  one.send(post + "3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n" + "GET /version HTTP/1.1\r\n" + kHost +
           "\r\n");
  EXPECT_EQ(one.response().status, 202);
  EXPECT_EQ(one.response().status, 200);
  const auto runs = control_.runs_now();
  ASSERT_EQ(runs.size(), 1U);
  EXPECT_EQ(runs.begin()->second.inputs.at("data")[0].content, "abc");
}

TEST_F(FramingTest, RefusesBrokenChunksAndLeavesNoRun) {
  const std::string post = "POST /api/v1/workflows/echo/runs HTTP/1.1\r\n" + kHost +
                           "Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n";
  for (const std::string& body :
       {std::string("zz\r\nx\r\n0\r\n\r\n"), std::string("0x1\r\nx\r\n0\r\n\r\n"),
        std::string("-1\r\nx\r\n0\r\n\r\n"), std::string("1\nx\r\n0\r\n\r\n"),
        std::string("1\r\nxy\r\n0\r\n\r\n"), std::string("11111111111111111\r\nx"),
        std::string("\r\nx\r\n0\r\n\r\n"), "1;" + std::string(300, 'e') + "\r\nx\r\n0\r\n\r\n",
        " 1\r\nx\r\n0\r\n\r\n" + std::string()}) {
    EXPECT_EQ(status_of(post + body), 400) << body;
  }
  EXPECT_TRUE(eventually([&] { return control_.runs_now().empty(); }));
}

TEST_F(FramingTest, HoldsNoChunkHeaderOrTrailerWithoutAnEnd) {
  const std::string post = "POST /api/v1/workflows/echo/runs HTTP/1.1\r\n" + kHost +
                           "Transfer-Encoding: chunked\r\nContent-Type: text/plain\r\n\r\n";
  EXPECT_EQ(status_of(post + "1;" + std::string(400'000, 'e')), 400);
  std::string trailer;
  for (int i = 0; i < 40'000; ++i) trailer += "X: yyyyyy\r\n";
  EXPECT_EQ(status_of(post + "1\r\nx\r\n0\r\n" + trailer), 400);
  EXPECT_EQ(status_of(post + "1\r\nx\r\n0\r\n" + std::string(400'000, 'X')), 400);
  EXPECT_TRUE(eventually([&] { return control_.runs_now().empty(); }));
}

TEST_F(FramingTest, HasLimitsForLineAndHeader) {
  EXPECT_EQ(status_of("GET /" + std::string(9000, 'x')), 414);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + kHost + "X: " + std::string(33'000, 'x')), 431);
  std::string many;
  for (int i = 0; i < 101; ++i) many += "X: y\r\n";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + kHost + many), 431);
}

TEST_F(FramingTest, TakesAHeadByteByByte) {
  RawClient one = client();
  for (const char c : "GET /version HTTP/1.1\r\n" + kHost + "\r\n") one.send(std::string(1, c));
  EXPECT_EQ(one.response().status, 200);
}

TEST_F(FramingTest, DoesNotTakeABodyForARequest) {
  // A body that is not read closes the connection: its bytes must never be read as the next
  // request.
  RawClient one = client();
  const std::string inner = "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n";
  one.send("POST /nothing HTTP/1.1\r\n" + kHost +
           "Content-Length: " + std::to_string(inner.size()) + "\r\n\r\n" + inner);
  const auto response = one.response();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.field("connection"), "close");
  EXPECT_EQ(one.read_to_end(), "");
}

TEST_F(FramingTest, HonoursExpectContinueOnlyWhenItWantsTheBody) {
  RawClient one = client();
  one.send("POST /api/v1/workflows/echo/runs HTTP/1.1\r\n" + kHost +
           "Content-Type: text/plain\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(one.response().status, 100);
  one.send("hello");
  EXPECT_EQ(one.response().status, 202);
  one.send("POST /api/v1/workflows/nothing/runs HTTP/1.1\r\n" + kHost +
           "Content-Type: text/plain\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(one.response().status, 404);
}

TEST_F(FramingTest, TakesNoLargeBodyWhereNoneBelongs) {
  EXPECT_EQ(request("DELETE", "/api/v1/apps/x", std::string(1000, 'x')).status, 404);
  EXPECT_EQ(request("DELETE", "/api/v1/apps/x", std::string(100'000, 'x')).status, 413);
}

}  // namespace
}  // namespace sluice::api
