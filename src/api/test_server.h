#pragma once

// A server on a free port over a FakeControl, with a folder of its own.

#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "api/fake_control.h"
#include "api/raw_client.h"
#include "api/server.h"

namespace sluice::api {

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    std::string path = "/tmp/sluice-http-test-XXXXXX";
    folder_ = ::mkdtemp(path.data());
    options_.port = 0;
    options_.upload_directory = folder_ / "uploads";
  }
  ~ServerTest() override {
    server_.reset();
    EXPECT_TRUE(uploads_left().empty());
    std::filesystem::remove_all(folder_);
  }

  // With options_ and limits_ as they are now.
  void start() {
    auto started = Server::start(options_, limits_, control_);
    ASSERT_TRUE(started) << started.error().message();
    server_ = *std::move(started);
  }
  RawClient client() {
    if (!server_) start();
    return RawClient(server_->port());
  }
  // A request on a connection of its own.
  RawResponse request(const std::string& method, const std::string& target,
                      const std::string& body = "", const std::string& fields = "") {
    return client().request(method, target, body, fields);
  }
  std::string start_echo(const std::string& text = "hello") {
    const auto response =
        request("POST", "/api/v1/workflows/echo/runs", R"({"inputs":{"data":")" + text + "\"}}",
                "Content-Type: application/json\r\n");
    EXPECT_EQ(response.status, 202) << response.body;
    return std::string(*parse_json(response.body).value().find("id")->as_string());
  }
  std::vector<std::filesystem::path> uploads_left() {
    std::vector<std::filesystem::path> left;
    if (!std::filesystem::exists(folder_ / "uploads")) return left;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "uploads"))
      left.push_back(entry.path());
    return left;
  }
  // A condition that another thread makes true.
  static bool eventually(const std::function<bool()>& is_so) {
    for (int i = 0; i < 24'000; ++i) {
      if (is_so()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }

  std::filesystem::path folder_;
  ServerOptions options_;
  Limits limits_;
  FakeControl control_;
  std::unique_ptr<Server> server_;
};

}  // namespace sluice::api
