// Clients that are slow, many, or gone; and the server's end.

#include "api/test_server.h"

namespace sluice::api {
namespace {

using std::chrono::milliseconds;

class LimitsTest : public ServerTest {
 protected:
  // Short, but long enough for a client of these tests that the machine holds up.
  void shorten() {
    options_.header_deadline = milliseconds(1000);
    options_.pace = {.rate_min = 1 << 20, .grace = milliseconds(1000), .idle = milliseconds(1000)};
    options_.discard_time = milliseconds(100);
  }
};

TEST_F(LimitsTest, EndsAHeadThatTakesTooLong) {
  shorten();
  RawClient one = client();
  one.send("GET /version HTTP/1.1\r\nHost: localhost\r\nX: ");
  EXPECT_EQ(one.response().status, 408);
  EXPECT_TRUE(one.is_closed_by_server());
}

TEST_F(LimitsTest, EndsAHeadThatTrickles) {
  shorten();
  RawClient one = client();
  int sent = 0;
  for (; sent < 20'000 && one.send("G"); ++sent) std::this_thread::sleep_for(milliseconds(5));
  EXPECT_LT(sent, 20'000);
}

TEST_F(LimitsTest, ClosesAnIdleConnectionWithoutAWord) {
  shorten();
  RawClient one = client();
  EXPECT_EQ(one.request("GET", "/version").status, 200);
  EXPECT_EQ(one.read_to_end(), "");
  EXPECT_TRUE(one.is_closed_by_server());
}

TEST_F(LimitsTest, EndsABodyThatTricklesAndItsRun) {
  shorten();
  RawClient one = client();
  one.send(
      "POST /api/v1/workflows/echo/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "text/plain\r\nContent-Length: 1000\r\n\r\nx");
  EXPECT_EQ(one.response().status, 408);
  EXPECT_TRUE(eventually(
      [&] { return control_.runs_now().empty() && control_.seen().aborted.size() == 1; }));
}

TEST_F(LimitsTest, DoesNotCountItsOwnSlownessAgainstTheClient) {
  shorten();
  control_.hold_writes(true);
  RawClient one = client();
  one.send(
      "POST /api/v1/workflows/echo/runs?wait=5 HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "text/plain\r\nContent-Length: 2\r\n\r\nx");
  ASSERT_TRUE(eventually([&] { return control_.seen().pieces == 1; }));
  // Longer than every deadline of the client: one that has come after it has missed them.
  RawClient clock = client();
  clock.send(
      "POST /api/v1/workflows/echo/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "text/plain\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(clock.response().status, 408);
  control_.hold_writes(false);
  one.send("y");
  EXPECT_EQ(one.response().status, 200);
}

TEST_F(LimitsTest, EndsAReaderThatDoesNotRead) {
  shorten();
  options_.connections_max = 1;
  control_.file_content.assign(64 << 20, 'x');
  const std::string output = "/api/v1/runs/" + start_echo() + "/outputs/file";
  ASSERT_TRUE(eventually([&] { return request("GET", "/version").status == 200; }));
  RawClient one = client();
  ASSERT_TRUE(eventually([&] {
    one = client();
    one.send("GET " + output + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return one.wait_for("HTTP/1.1 200");
  }));
  EXPECT_TRUE(eventually([&] { return request("GET", "/version").status == 200; }));
  EXPECT_LT(one.read_to_end().size(), 64U << 20);
}

TEST_F(LimitsTest, RefusesConnectionsBeyondTheLimitWithAnAnswer) {
  options_.connections_max = 3;
  std::vector<RawClient> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(client());
    ASSERT_EQ(held.back().request("GET", "/version").status, 200);
  }
  const auto refused = request("GET", "/version");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("content-type"), "application/problem+json");
  held.pop_back();
  EXPECT_TRUE(eventually([&] { return request("GET", "/version").status == 200; }));
}

TEST_F(LimitsTest, ServesBesideFiveHundredIdleConnections) {
  std::vector<RawClient> idle;
  for (int i = 0; i < 500; ++i) {
    idle.push_back(client());
    ASSERT_TRUE(idle.back().is_connected());
  }
  for (RawClient& one : idle) ASSERT_EQ(one.request("GET", "/version").status, 200);
  EXPECT_EQ(request("GET", "/version").status, 200);
  const auto metrics = request("GET", "/metrics");
  EXPECT_NE(metrics.body.find("sluice_http_connections 501\n"), std::string::npos) << metrics.body;
  for (RawClient& one : idle) ASSERT_EQ(one.request("GET", "/healthz").status, 200);
}

TEST_F(LimitsTest, ForgetsFollowersThatVanish) {
  options_.connections_max = 1;
  const auto opened = request("POST", "/api/v1/workflows/slow/runs", R"({"inputs":{"data":"x"}})",
                              "Content-Type: application/json\r\n");
  const std::string id = control_.runs_now().begin()->first.to_text();
  RawClient one = client();
  ASSERT_TRUE(eventually([&] {
    one = client();
    one.send("GET /api/v1/runs/" + id + "/logs?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return one.wait_for("HTTP/1.1 200");
  }));
  EXPECT_EQ(request("GET", "/version").status, 503);
  one.close();
  EXPECT_TRUE(eventually([&] { return request("GET", "/version").status == 200; }));
}

TEST_F(LimitsTest, AnswersWhenTheNodeDropsAReply) {
  start();
  control_.drops_replies = true;
  EXPECT_EQ(request("GET", "/version").status, 503);
}

TEST_F(LimitsTest, StopsAtOnceWhenAllIsIdle) {
  options_.drain_grace = std::chrono::minutes(1);
  RawClient idle = client();
  EXPECT_EQ(idle.request("GET", "/version").status, 200);
  RawClient silent = client();
  server_->stop();
  EXPECT_TRUE(idle.is_closed_by_server());
  EXPECT_FALSE(RawClient(server_->port()).is_connected());
  server_->stop();
}

TEST_F(LimitsTest, FinishesWhatIsUnderWayWithinTheGrace) {
  options_.drain_grace = std::chrono::minutes(1);
  control_.hold_writes(true);
  RawClient one = client();
  one.send(
      "POST /api/v1/workflows/echo/runs?wait=5 HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "text/plain\r\nContent-Length: 1\r\n\r\nx");
  ASSERT_TRUE(eventually([&] { return control_.seen().pieces == 1; }));
  std::thread stopping([&] { server_->stop(); });
  ASSERT_TRUE(eventually([&] { return !RawClient(server_->port()).is_connected(); }));
  control_.hold_writes(false);
  const auto response = one.response();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("connection"), "close");
  stopping.join();
}

TEST_F(LimitsTest, CutsWhatOutlastsTheGraceAndTakesLateReplies) {
  options_.drain_grace = milliseconds(50);
  RawClient waiting = client();
  waiting.send(
      "POST /api/v1/workflows/slow/runs?wait=60 HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
      "application/json\r\nContent-Length: 23\r\n\r\n{\"inputs\":{\"data\":\"x\"}}");
  ASSERT_TRUE(eventually([&] { return control_.runs_now().size() == 1; }));
  RawClient uploading = client();
  uploading.send("PUT /api/v1/apps/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nx");
  ASSERT_TRUE(eventually([&] { return uploads_left().size() == 1; }));
  server_.reset();
  EXPECT_TRUE(waiting.is_closed_by_server());
  EXPECT_TRUE(uploads_left().empty());
  control_.end_slow();
  EXPECT_TRUE(eventually([&] { return control_.runs_now().begin()->second.state == "SUCCEEDED"; }));
}

TEST_F(LimitsTest, SweepsWhatAKilledServerLeft) {
  std::filesystem::create_directories(options_.upload_directory);
  std::ofstream(options_.upload_directory / "upload-1-1") << "x";
  start();
  EXPECT_TRUE(uploads_left().empty());
}

}  // namespace
}  // namespace sluice::api
