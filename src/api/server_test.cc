#include "api/server.h"

#include "api/test_server.h"

namespace sluice::api {
namespace {

const std::string kJson = "Content-Type: application/json\r\n";

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
  EXPECT_EQ(parse_json(shown.body).value(), document);
  EXPECT_EQ(request("GET", "/api/v1/runs/" + id + "/outputs/data").body, "hello");
}

TEST_F(ServerTest, AnswersWith200WhenTheRunEndsWithinTheWait) {
  const auto response =
      request("POST", "/api/v1/workflows/echo/runs?wait=10", R"({"inputs":{"data":"x"}})", kJson);
  EXPECT_EQ(response.status, 200);
  const auto late =
      request("POST", "/api/v1/workflows/slow/runs?wait=0.01", R"({"inputs":{"data":"x"}})", kJson);
  EXPECT_EQ(late.status, 202);
}

}  // namespace
}  // namespace sluice::api
