#include "api/server.h"

#include "api/openapi.h"
#include "api/test_server.h"

namespace sluice::api {
namespace {

const std::string kJson = "Content-Type: application/json\r\n";

std::string status_of(const Json& document) { return *document.find("state")->as_string(); }

TEST_F(ServerTest, StartsARunFromJsonAndShowsIt) {
  const auto response =
      request("POST", "/api/v1/workflows/echo/runs", R"({"inputs":{"data":"hello"}})", kJson);
  EXPECT_EQ(response.status, 202);
  EXPECT_EQ(response.field("run-durability"), "express");
  const Json document = parse_json(response.body).value();
  const std::string id = *document.find("id")->as_string();
  EXPECT_EQ(response.field("location"), "/api/v1/runs/" + id);
  const auto shown = request("GET", "/api/v1/runs/" + id);
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(shown.field("content-type"), "application/json");
  EXPECT_EQ(shown.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(parse_json(shown.body).value(), document);
  EXPECT_EQ(request("GET", "/api/v1/runs/" + id + "/outputs/data").body, "hello");
}

TEST_F(ServerTest, AnswersWith200WhenTheRunEndsWithinTheWait) {
  const std::string body = R"({"inputs":{"data":"x"}})";
  EXPECT_EQ(request("POST", "/api/v1/workflows/echo/runs?wait=10", body, kJson).status, 200);
  const auto early = request("POST", "/api/v1/workflows/slow/runs?wait=0.01", body, kJson);
  EXPECT_EQ(early.status, 202);
  const std::string id = *parse_json(early.body).value().find("id")->as_string();
  RawClient waiting = client();
  waiting.send("GET /api/v1/runs/" + id + "?wait=30s HTTP/1.1\r\nHost: localhost\r\n\r\n");
  control_.end_slow("FAILED");
  const auto ended = waiting.response();
  EXPECT_EQ(ended.status, 200);
  EXPECT_EQ(status_of(parse_json(ended.body).value()), "FAILED");
}

TEST_F(ServerTest, PassesTheOptionsOfARun) {
  const auto response =
      request("POST", "/api/v1/workflows/echo/runs?timeout=1m30s&durability=durable",
              R"({"inputs":{"data":"x"}})", kJson + "Idempotency-Key: k-1\r\n");
  ASSERT_EQ(response.status, 202);
  const auto runs = control_.runs_now();
  const OpenRun& open = runs.begin()->second.open;
  EXPECT_EQ(open.timeout, std::chrono::seconds(90));
  EXPECT_EQ(open.durability, "durable");
  EXPECT_EQ(open.idempotency_key, "k-1");
  EXPECT_EQ(request("POST", "/api/v1/workflows/none/runs").status, 202);
  EXPECT_EQ(request("POST", "/api/v1/workflows/none/runs", "{}", kJson).status, 202);
}

TEST_F(ServerTest, RefusesRunsThatCannotBe) {
  struct Case {
    std::string target;
    std::string body;
    std::string fields;
    int status;
  };
  const std::string echo = "/api/v1/workflows/echo/runs";
  const std::string good = R"({"inputs":{"data":"x"}})";
  const std::vector<Case> cases = {
      {"/api/v1/workflows/nothing/runs", good, kJson, 404},
      {echo, "{", kJson, 400},
      {echo, "[]", kJson, 400},
      {echo, R"({"input":{}})", kJson, 400},
      {echo, R"({"inputs":{},"more":1})", kJson, 400},
      {echo, R"({"inputs":[]})", kJson, 400},
      {echo, R"({"inputs":{"data":1,"data":2}})", kJson, 400},
      {echo, R"({"inputs":{"data":)" + std::string(70, '[') + std::string(70, ']') + "}}", kJson,
       400},
      {echo, R"({"inputs":{"colour":"x"}})", kJson, 422},
      {echo + "?wait=soon", good, kJson, 400},
      {echo + "?wait=-1", good, kJson, 400},
      {echo + "?wait=nan", good, kJson, 400},
      {echo + "?wait=1e99", good, kJson, 400},
      {echo + "?durability=maybe", good, kJson, 400},
      {echo + "?colour=red", good, kJson, 400},
      {echo, good, kJson + "Idempotency-Key: taken\r\n", 422},
      {echo, good, kJson + "Idempotency-Key: busy\r\n", 429},
      {echo, good, kJson + "Idempotency-Key: " + std::string(256, 'k') + "\r\n", 400},
      {echo, good, kJson + "Idempotency-Key:\r\n", 400},
      {echo, good, "Content-Type: multipart/mixed; boundary=b\r\n", 415},
      {echo, good, "Content-Type: multipart/form-data\r\n", 400},
      {echo, good, "Content-Type: nonsense nonsense\r\n", 415},
  };
  for (const Case& one : cases) {
    const auto response = request("POST", one.target, one.body, one.fields);
    EXPECT_EQ(response.status, one.status) << one.target << one.body << one.fields << response.body;
    EXPECT_EQ(response.field("content-type"), "application/problem+json");
    const auto problem = parse_json(response.body);
    ASSERT_TRUE(problem);
    EXPECT_EQ(*problem->find("status")->as_int(), one.status);
    EXPECT_FALSE(problem->find("detail")->as_string()->empty());
  }
  EXPECT_TRUE(control_.runs_now().empty());
}

TEST_F(ServerTest, ServesEveryOtherRoute) {
  const std::string id = start_echo();
  const std::string run = "/api/v1/runs/" + id;
  for (const std::string& target :
       {std::string("/api/v1/apps"), std::string("/api/v1/workflows"),
        std::string("/api/v1/workflows/app.x@3").replace(18, 7, "echo"),
        std::string("/api/v1/functions"), std::string("/api/v1/functions/f"),
        std::string("/api/v1/runs"), run + "/tasks?step=a&state=RUNNING&limit=5", run + "/trace",
        std::string("/api/v1/workers"), std::string("/api/v1/nodes"), std::string("/healthz"),
        std::string("/readyz"), std::string("/version")}) {
    const auto response = request("GET", target);
    EXPECT_EQ(response.status, 200) << target << response.body;
    EXPECT_TRUE(parse_json(response.body)) << target;
    const auto head = request("HEAD", target);
    EXPECT_EQ(head.status, 200) << target;
    EXPECT_EQ(head.field("content-length"), response.field("content-length")) << target;
  }
  EXPECT_EQ(request("GET", "/openapi.json").body, openapi_text());
  const auto metrics = request("GET", "/metrics");
  EXPECT_NE(metrics.body.find("sluice_runs_total 1\n"), std::string::npos);
  EXPECT_NE(metrics.body.find("sluice_http_connections 1\n"), std::string::npos);
  EXPECT_EQ(request("GET", run + "/tasks/a.1/outputs/o").body, "a.1/o");
  EXPECT_EQ(request("GET", run + "/tasks/a.1/outputs/o/7").body, "a.1/o/7");
  EXPECT_EQ(request("GET", run + "/tasks/a.1/outputs/o/x").status, 400);
  EXPECT_EQ(request("POST", run + "/cancel").status, 200);
  EXPECT_EQ(request("POST", run + "/cancel", "{}", kJson).status, 200);
  EXPECT_EQ(request("DELETE", run).status, 204);
  EXPECT_EQ(request("DELETE", run).status, 404);
  EXPECT_EQ(request("GET", run).status, 404);
  EXPECT_EQ(request("DELETE", "/api/v1/apps/nothing").status, 404);
  EXPECT_EQ(request("GET", "/api/v1/workflows/ambiguous").status, 409);
}

TEST_F(ServerTest, AddressesElementsOfListsInLists) {
  const std::string output = "/api/v1/runs/" + start_echo() + "/outputs/nested";
  EXPECT_EQ(request("GET", output).body, "");
  EXPECT_EQ(request("GET", output + "/4").body, "4");
  EXPECT_EQ(request("GET", output + "/4/0/17").body, "4-0-17");
  EXPECT_EQ(request("GET", output + "/4/0%2F17").body, "4-0-17");
}

TEST_F(ServerTest, GivesPagesOfLists) {
  const std::string output = "/api/v1/runs/" + start_echo() + "/outputs/nested";
  const auto page = [&](const std::string& target) {
    return to_text(parse_json(request("GET", output + target).body).value());
  };
  EXPECT_EQ(page("?limit=7"), R"({"of":"nested/","limit":7,"first":0})");
  EXPECT_EQ(page("/4?limit=7&cursor=12"), R"({"of":"nested/4","limit":7,"first":12})");
  EXPECT_EQ(page("/4/0?cursor=12"), R"({"of":"nested/4/0","limit":100,"first":12})");
  for (const std::string query : {"limit=0", "limit=1001", "cursor=x", "cursor=-1", "cursor="}) {
    EXPECT_EQ(request("GET", output + "?" + query).status, 400) << query;
  }
}

TEST_F(ServerTest, EndsTheRunWhenItsUploadCannotBeFinished) {
  const auto response = request("POST", "/api/v1/workflows/echo/runs?wait=10", "busy",
                                "Content-Type: text/plain\r\n");
  EXPECT_EQ(response.status, 503);
  EXPECT_TRUE(eventually([&] { return control_.runs_now().empty(); }));
  EXPECT_EQ(control_.seen().aborted, (std::vector<std::string>{"the node is busy"}));
}

TEST_F(ServerTest, SaysWhatIsNotThere) {
  EXPECT_EQ(request("GET", "/nothing").status, 404);
  EXPECT_EQ(request("GET", "/api/v1/runs/short").status, 404);
  EXPECT_EQ(request("GET", "/api/v1/runs?limit=0").status, 400);
  EXPECT_EQ(request("GET", "/api/v1/runs?limit=1001").status, 400);
  EXPECT_EQ(request("GET", "/api/v1/runs?state=HAPPY").status, 400);
  EXPECT_EQ(request("GET", "/api/v1/runs/%zz").status, 400);
  const auto method = request("PUT", "/api/v1/runs", "x");
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.field("allow"), "GET, HEAD");
  const std::string run = "/api/v1/runs/" + start_echo();
  EXPECT_EQ(request("GET", run + "/outputs/nothing").status, 404);
  EXPECT_EQ(request("GET", run + "/outputs/data/x").status, 400);
  EXPECT_EQ(request("GET", run + "/outputs/data/5").status, 409);
  EXPECT_EQ(request("GET", run + "/outputs/data/5/x").status, 400);
  EXPECT_EQ(request("GET", run + "/outputs/data/5/-1").status, 400);
  for (const auto& [verb, target] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/api/v1/events"}, {"GET", run + "/events"}, {"POST", run + "/rerun"}}) {
    EXPECT_EQ(request(verb, target).status, 501) << target;
  }
  control_.set_ready(false);
  EXPECT_EQ(request("GET", "/readyz").status, 503);
  EXPECT_EQ(request("GET", "/healthz").status, 200);
}

TEST_F(ServerTest, BringsTheAnswerOfAStepToItsRun) {
  const std::string run = "/api/v1/runs/" + start_echo();
  const std::string good = R"({"outputs":{"approved":true}})";
  EXPECT_EQ(request("POST", run + "/steps/s/answer", good).status, 200);
  EXPECT_EQ(request("POST", run + "/steps/s.1/answer", good).status, 409);
  EXPECT_EQ(request("POST", run + "/steps/s/answer", R"({"outputs":{}})").status, 422);
  EXPECT_EQ(request("POST", run + "/steps/s/answer", R"({"approved":true})").status, 400);
  EXPECT_EQ(request("POST", run + "/steps/s/answer", "{").status, 400);
  EXPECT_EQ(request("POST", "/api/v1/runs/short/steps/s/answer", good).status, 404);
}

TEST_F(ServerTest, KeepsAConnectionAndAnswersPipelinedRequestsInOrder) {
  const std::string run = "/api/v1/runs/" + start_echo();
  RawClient one = client();
  std::string requests;
  for (int i = 0; i < 20; ++i) {
    requests += i % 2 == 0 ? "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n"
                           : "POST " + run +
                                 "/cancel HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: "
                                 "chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nTrailer: dropped\r\n\r\n";
  }
  one.send(requests);
  for (int i = 0; i < 20; ++i) {
    const auto response = one.response();
    ASSERT_EQ(response.status, 200) << i << response.body;
    EXPECT_EQ(response.body.find("version") != std::string::npos, i % 2 == 0) << i;
  }
  const auto last = one.request("GET", "/version", "", "Connection: close\r\n");
  EXPECT_EQ(last.status, 200);
  EXPECT_EQ(last.field("connection"), "close");
  EXPECT_TRUE(one.is_closed_by_server());
}

TEST_F(ServerTest, ChecksHostAndOriginBeforeAnythingElse) {
  const std::string port = std::to_string(client().host().empty() ? 0 : server_->port());
  const auto with = [this](const std::string& host, const std::string& fields) {
    RawClient one = client();
    one.send("GET /version HTTP/1.1\r\nHost: " + host + "\r\n" + fields + "\r\n");
    return one.response().status;
  };
  EXPECT_EQ(with("127.0.0.1:" + port, ""), 200);
  EXPECT_EQ(with("localhost:" + port, "Origin: http://localhost:" + port + "\r\n"), 200);
  EXPECT_EQ(with("evil.example:" + port, ""), 403);
  EXPECT_EQ(with("localhost:" + port, "Origin: http://evil.example\r\n"), 403);
  EXPECT_EQ(with("localhost:" + port, "Origin: null\r\n"), 403);
  RawClient page = client();
  page.send(
      "POST /api/v1/workflows/echo/runs HTTP/1.1\r\nHost: localhost:" + port +
      "\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx");
  EXPECT_EQ(page.response().status, 403);
  EXPECT_TRUE(control_.runs_now().empty());
}

TEST_F(ServerTest, ServesFilesWholeAndInRanges) {
  control_.file_content.clear();
  for (int i = 0; i < 300'000; ++i) control_.file_content += static_cast<char>('a' + i % 26);
  const std::string& content = control_.file_content;
  const std::string output = "/api/v1/runs/" + start_echo() + "/outputs/file";
  RawClient one = client();
  const auto whole = one.request("GET", output);
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, content);
  EXPECT_EQ(whole.field("content-type"), "application/octet-stream");
  EXPECT_EQ(whole.field("etag"), "\"f1\"");
  EXPECT_EQ(whole.field("accept-ranges"), "bytes");
  EXPECT_EQ(
      whole.field("content-disposition"),
      "attachment; filename=\"r__sum__ _1_.txt\"; filename*=UTF-8''r%C3%A9sum%C3%A9%20%221%22.txt");
  const auto head = one.request("HEAD", output, "", "Range: bytes=0-1\r\n");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), "300000");
  const auto part = one.request("GET", output, "", "Range: bytes=262140-262150\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, content.substr(262140, 11));
  EXPECT_EQ(part.field("content-range"), "bytes 262140-262150/300000");
  EXPECT_EQ(one.request("GET", output, "", "Range: bytes=-5\r\n").body, content.substr(299'995));
  const auto beyond = one.request("GET", output, "", "Range: bytes=300000-\r\n");
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.field("content-range"), "bytes */300000");
  EXPECT_EQ(one.request("GET", output, "", "Range: bytes=0-1\r\nIf-Range: \"other\"\r\n").status,
            200);
  EXPECT_EQ(one.request("GET", output, "", "If-None-Match: \"f1\"\r\n").status, 304);
  EXPECT_EQ(one.request("GET", "/version").status, 200);
}

TEST_F(ServerTest, FollowsALogUntilTheRunHasEnded) {
  const auto opened =
      request("POST", "/api/v1/workflows/slow/runs", R"({"inputs":{"data":"x"}})", kJson);
  const RunId id = control_.runs_now().begin()->first;
  const std::string logs = "/api/v1/runs/" + id.to_text() + "/logs";
  const std::string first = "split | a line that is longer than one chunk of the fake\n";
  control_.add_log(id, first);
  EXPECT_EQ(request("GET", logs).body, first);
  RawClient following = client();
  following.send("GET " + logs + "?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ASSERT_TRUE(following.wait_for("the fake\n"));
  control_.add_log(id, "split | later\n");
  ASSERT_TRUE(following.wait_for("later\n"));
  control_.end_slow();
  const auto whole = following.response();
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.field("content-type"), "text/plain; charset=utf-8");
  EXPECT_EQ(whole.body, first + "split | later\n");
  EXPECT_EQ(following.request("GET", "/version").status, 200);
  EXPECT_EQ(request("GET", "/api/v1/runs/" + std::string(26, '0') + "/logs?follow=true").status,
            404);
  EXPECT_EQ(request("GET", logs + "?follow=perhaps").status, 400);
}

TEST_F(ServerTest, DeploysAnAppAndLeavesNoFile) {
  EXPECT_EQ(request("PUT", "/api/v1/apps/one", "a tar").status, 200);
  const auto broken = request("PUT", "/api/v1/apps/two", "broken");
  EXPECT_EQ(broken.status, 422);
  const Json problem = parse_json(broken.body).value();
  const Json& mistake = problem.find("errors")->as_list()->front();
  EXPECT_EQ(*mistake.find("file")->as_string(), "sluice.yaml");
  EXPECT_EQ(*mistake.find("line")->as_int(), 3);
  EXPECT_EQ(*mistake.find("hint")->as_string(), "did you mean 'split'?");
  EXPECT_EQ(request("PUT", "/api/v1/apps/three", "full").status, 503);
  EXPECT_EQ(request("PUT", "/api/v1/apps/bad%20name", "x").status, 400);
  EXPECT_EQ(request("PUT", "/api/v1/apps/four").status, 400);
  EXPECT_EQ(control_.seen().archives.size(), 3U);
  EXPECT_TRUE(eventually([&] { return uploads_left().empty(); }));
  EXPECT_EQ(parse_json(request("GET", "/api/v1/apps").body).value().find("apps")->as_list()->size(),
            1U);
}

TEST_F(ServerTest, RefusesAnArchiveThatIsTooLarge) {
  limits_.bundle_bytes = 100_KiB;
  EXPECT_EQ(request("PUT", "/api/v1/apps/one", std::string(100 << 10, 'x')).status, 200);
  EXPECT_EQ(request("PUT", "/api/v1/apps/one", std::string((100 << 10) + 1, 'x')).status, 413);
  RawClient chunked = client();
  chunked.send(
      "PUT /api/v1/apps/one HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(65536, 'x') + "\r\n";
  chunked.send(chunk + chunk);
  EXPECT_EQ(chunked.response().status, 413);
  EXPECT_EQ(control_.seen().archives.size(), 1U);
}

TEST_F(ServerTest, RefusesAddressesThatOthersReach) {
  for (const auto* host : {"0.0.0.0", "192.0.2.1", "::", "example.org", ""}) {
    options_.host = host;
    const auto started = Server::start(options_, limits_, control_);
    ASSERT_FALSE(started) << host;
    EXPECT_EQ(started.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST_F(ServerTest, SaysThatAPortIsInUse) {
  start();
  options_.port = server_->port();
  const auto second = Server::start(options_, limits_, control_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kUnavailable);
  EXPECT_NE(second.error().message().find(std::to_string(server_->port())), std::string::npos);
}

}  // namespace
}  // namespace sluice::api
