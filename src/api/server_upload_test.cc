// Inputs that stream in, and clients that break off.

#include "api/test_server.h"

namespace sluice::api {
namespace {

const std::string kForm = "Content-Type: multipart/form-data; boundary=b\r\n";
const std::string kText = "Content-Type: text/plain\r\n";

std::string part(const std::string& parameters, const std::string& content) {
  return "--b\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\n" + content + "\r\n";
}

class UploadTest : public ServerTest {
 protected:
  void open(RawClient& one, const std::string& workflow, const std::string& fields) {
    one.send("POST /api/v1/workflows/" + workflow +
             "/runs?wait=10 HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n");
  }
  // The only run there is.
  FakeControl::Run run() {
    const auto runs = control_.runs_now();
    EXPECT_EQ(runs.size(), 1U);
    return runs.empty() ? FakeControl::Run{} : runs.begin()->second;
  }
};

TEST_F(UploadTest, TakesARawBodyAsTheOnlyInput) {
  const auto response =
      request("POST", "/api/v1/workflows/echo/runs?wait=10", "the bytes",
              kText + "Content-Disposition: attachment; filename=\"a/b.txt\"\r\n");
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.field("run-durability"), "express");
  const auto input = run().inputs.at("data").at(0);
  EXPECT_EQ(input.content, "the bytes");
  EXPECT_EQ(input.file_name, "b.txt");
  EXPECT_TRUE(input.is_closed);
}

TEST_F(UploadTest, TakesAPartPerInputAndRepeatedPartsAsAList) {
  const std::string body =
      part("name=\"b\"; filename=\"x/y.bin\"", std::string("\0\r\n--\r\n--c", 11)) +
      part("name=\"a\"", "text") + "--b--\r\n";
  EXPECT_EQ(request("POST", "/api/v1/workflows/pair/runs?wait=10", body, kForm).status, 200);
  EXPECT_EQ(run().inputs.at("a").at(0).content, "text");
  EXPECT_EQ(run().inputs.at("b").at(0).content, std::string("\0\r\n--\r\n--c", 11));
  EXPECT_EQ(run().inputs.at("b").at(0).file_name, "y.bin");
}

TEST_F(UploadTest, KeepsTheOrderOfAList) {
  std::string body;
  for (int i = 0; i < 500; ++i) body += part("name=\"items\"", std::to_string(i));
  EXPECT_EQ(request("POST", "/api/v1/workflows/many/runs?wait=10", body + "--b--", kForm).status,
            200);
  const auto elements = run().inputs.at("items");
  ASSERT_EQ(elements.size(), 500U);
  for (std::size_t i = 0; i < elements.size(); ++i)
    EXPECT_EQ(elements[i].content, std::to_string(i));
}

TEST_F(UploadTest, FindsABoundaryThatIsSplitOverReads) {
  const std::string body = part("name=\"a\"", "one\r\n--") + part("name=\"b\"", "two") + "--b--";
  RawClient one = client();
  open(one, "pair", kForm + "Content-Length: " + std::to_string(body.size()) + "\r\n");
  for (const char c : body) one.send(std::string(1, c));
  EXPECT_EQ(one.response().status, 200);
  EXPECT_EQ(run().inputs.at("a").at(0).content, "one\r\n--");
  EXPECT_EQ(run().inputs.at("b").at(0).content, "two");
}

TEST_F(UploadTest, StartsTheRunBeforeTheBodyEnds) {
  RawClient one = client();
  open(one, "echo", kText + "Transfer-Encoding: chunked\r\n");
  EXPECT_TRUE(eventually([&] {
    const auto runs = control_.runs_now();
    return runs.size() == 1 && runs.begin()->second.inputs.contains("data");
  }));
  one.send("5\r\nhello\r\n");
  EXPECT_TRUE(eventually([&] { return run().inputs.at("data").at(0).content == "hello"; }));
  EXPECT_FALSE(run().inputs.at("data").at(0).is_closed);
  one.send("0\r\n\r\n");
  EXPECT_EQ(one.response().status, 200);
}

TEST_F(UploadTest, StreamsAGibibyteInSmallPiecesOneAtATime) {
  constexpr std::uint64_t kSize = 1ULL << 30;
  RawClient one = client();
  open(one, "echo",
       "Content-Type: application/octet-stream\r\nContent-Length: " + std::to_string(kSize) +
           "\r\n");
  const std::string block(1 << 20, 'x');
  for (std::uint64_t sent = 0; sent < kSize; sent += block.size()) ASSERT_TRUE(one.send(block));
  EXPECT_EQ(one.response().status, 200);
  EXPECT_EQ(run().inputs.at("data").at(0).size, kSize);
  const auto seen = control_.seen();
  EXPECT_LE(seen.piece_max, 256U << 10);
  EXPECT_GE(seen.pieces, kSize / (256 << 10));
  EXPECT_EQ(seen.writes_waiting_max, 1U);
}

TEST_F(UploadTest, ReadsTheSocketOnlyWhenThereIsRoom) {
  control_.hold_writes(true);
  RawClient one = client();
  open(one, "echo", "Content-Type: application/octet-stream\r\nContent-Length: 1073741824\r\n");
  // Fills the sockets' buffers and no more: the server holds one piece.
  const std::string block(64 << 10, 'x');
  std::uint64_t sent = 0;
  while (true) {
    pollfd waiting{.fd = one.fd(), .events = POLLOUT, .revents = 0};
    if (::poll(&waiting, 1, 200) <= 0) break;
    const ssize_t taken = ::send(one.fd(), block.data(), block.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (taken > 0) sent += static_cast<std::uint64_t>(taken);
    ASSERT_LT(sent, 64U << 20);
  }
  EXPECT_EQ(control_.seen().pieces, 1U);
  control_.hold_writes(false);
  EXPECT_TRUE(eventually([&] { return control_.seen().pieces > 10; }));
  one.close();
  EXPECT_TRUE(eventually([&] { return control_.runs_now().empty(); }));
}

TEST_F(UploadTest, EndsTheRunOfABrokenUpload) {
  for (const std::string& fields :
       {kText + "Content-Length: 100\r\n", kText + "Transfer-Encoding: chunked\r\n",
        kForm + "Content-Length: 100\r\n"}) {
    RawClient one = client();
    open(one, "echo", fields);
    one.send("--b");
    ASSERT_TRUE(eventually([&] { return control_.runs_now().size() == 1; }));
    one.close();
    EXPECT_TRUE(eventually([&] { return control_.runs_now().empty(); })) << fields;
  }
  EXPECT_EQ(control_.seen().aborted.size(), 3U);
  const std::string missing_end = part("name=\"a\"", "1") + part("name=\"b\"", "2");
  EXPECT_EQ(request("POST", "/api/v1/workflows/pair/runs", missing_end, kForm).status, 400);
  EXPECT_TRUE(eventually([&] { return control_.runs_now().empty(); }));
}

TEST_F(UploadTest, AnswersAtOnceWhenAnInputIsRefused) {
  struct Case {
    std::string workflow;
    std::string body;
    int status;
  };
  for (const Case& one :
       {Case{"pair", part("name=\"colour\"", "x") + "--b--", 422},
        Case{"pair", part("name=\"a\"", "x") + "--b--", 422},
        Case{"pair", part("name=\"a\"", "x") + part("name=\"a\"", "y") + "--b--", 422},
        Case{"echo", part("name=\"data\"", "toolarge") + "--b--", 413},
        Case{"echo", part("filename=\"x\"", "x") + "--b--", 400},
        Case{"nothing", part("name=\"a\"", "x") + "--b--", 404}}) {
    const auto response =
        request("POST", "/api/v1/workflows/" + one.workflow + "/runs", one.body, kForm);
    EXPECT_EQ(response.status, one.status) << one.body << response.body;
    EXPECT_TRUE(eventually([&] { return control_.runs_now().empty(); })) << one.body;
  }
}

TEST_F(UploadTest, LetsTheClientSeeAnEarlyAnswerWhileItStillSends) {
  RawClient one = client();
  open(one, "echo", kText + "Content-Length: 8000000\r\n");
  one.send("toolarge");
  const std::string block(100'000, 'x');
  // The server reads on for a while, so none of these fails and the answer is not lost to a reset.
  for (int i = 0; i < 79; ++i) EXPECT_TRUE(one.send(block)) << i;
  const auto response = one.response();
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(response.field("connection"), "close");
  one.close_sending();
  EXPECT_TRUE(one.is_closed_by_server());
}

TEST_F(UploadTest, RefusesJsonThatIsTooLargeBeforeReadingIt) {
  RawClient one = client();
  open(one, "echo",
       "Content-Type: application/json\r\nContent-Length: 16777217\r\nExpect: 100-continue\r\n");
  EXPECT_EQ(one.response().status, 413);
  limits_.json_bytes = 100'000;
  server_.reset();
  RawClient two = client();
  open(two, "echo", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
  two.send("20000\r\n" + std::string(0x20000, ' ') + "\r\n");
  EXPECT_EQ(two.response().status, 413);
}

TEST_F(UploadTest, BoundsTheJsonOfAllConnectionsTogether) {
  options_.json_in_flight = 1_MiB;
  RawClient one = client();
  open(one, "echo", "Content-Type: application/json\r\nContent-Length: 1000000\r\n");
  one.send(std::string(900'000, ' '));
  ASSERT_TRUE(eventually([&] {
    return request("GET", "/metrics").body.find("sluice_http_json_bytes 900000\n") !=
           std::string::npos;
  }));
  EXPECT_EQ(request("POST", "/api/v1/workflows/none/runs", std::string(300'000, ' ') + "{}",
                    "Content-Type: application/json\r\n")
                .status,
            503);
  one.send(std::string(100'000 - 27, ' ') + R"({"inputs":{"data":"hello"}})");
  EXPECT_EQ(one.response().status, 200);
  EXPECT_EQ(request("POST", "/api/v1/workflows/none/runs", std::string(900'000, ' ') + "{}",
                    "Content-Type: application/json\r\n")
                .status,
            202);
}

TEST_F(UploadTest, ALargeDocumentIsParsedApartWithTheSameAnswers) {
  const std::string fields = "Content-Type: application/json\r\n";
  const std::string target = "/api/v1/workflows/echo/runs?wait=10";
  const std::string text(100'000, 'x');
  const std::string body = R"({"inputs":{"data":")" + text + R"("}})";
  EXPECT_EQ(request("POST", target, body, fields).status, 200);
  EXPECT_EQ(run().inputs.at("data").at(0).content, text);
  EXPECT_EQ(run().open.json_bytes, body.size());
  const auto broken = request("POST", target, body.substr(0, body.size() - 1), fields);
  EXPECT_EQ(broken.status, 400);
  EXPECT_NE(broken.body.find("the body is not JSON"), std::string::npos) << broken.body;
  EXPECT_NE(request("GET", "/metrics").body.find("sluice_http_json_bytes 0\n"), std::string::npos);
}

TEST_F(UploadTest, LetsTheRunGoOnWhenAWaitingClientVanishes) {
  options_.header_deadline = std::chrono::milliseconds(1000);
  RawClient one = client();
  open(one, "slow", kText + "Content-Length: 5\r\n");
  one.send("hello");
  ASSERT_TRUE(eventually([&] {
    const auto runs = control_.runs_now();
    return runs.size() == 1 && !runs.begin()->second.inputs.empty() &&
           runs.begin()->second.inputs.at("data").at(0).is_closed;
  }));
  // The deadline of its request is over when one that has come after it has missed its own; it is
  // still watched.
  RawClient clock = client();
  clock.send("GET ");
  EXPECT_EQ(clock.response().status, 408);
  clock.close();
  const auto has_connections = [&](int count) {
    const std::string line = fmt::format("sluice_http_connections {}\n", count);
    return request("GET", "/metrics").body.find(line) != std::string::npos;
  };
  EXPECT_TRUE(eventually([&] { return has_connections(2); })) << "it, and the one that asks";
  one.close();
  // Its place is free again although its run has not ended.
  EXPECT_TRUE(eventually([&] { return has_connections(1); }));
  EXPECT_EQ(run().state, "RUNNING");
}

}  // namespace
}  // namespace sluice::api
