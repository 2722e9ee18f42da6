#pragma once

// The HTTP server: one thread, Beast behind it (server.cc alone names it).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/control.h"
#include "api/pace.h"
#include "api/request_head.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice::api {

struct ServerOptions {
  std::string host = "127.0.0.1";       // Loopback only, until there are TLS and tokens.
  std::uint16_t port = 7600;            // 0: a free one.
  std::vector<std::string> host_names;  // Further names accepted in `Host`.
  std::filesystem::path upload_directory;

  // Beyond, a connection is answered with 503 and closed.
  std::uint32_t connections_max = 1024;
  HeadLimits head;
  Duration header_deadline =
      std::chrono::seconds(10);  // From the first byte to the empty line. Beyond: 408.
  Pace::Rule pace;               // Of bodies, both ways; its idle also between requests.
  // How long stop() lets requests end.
  Duration drain_grace = std::chrono::seconds(2);
  // After an early answer the rest of a body is read and thrown away up to here, so that the client
  // sees the answer and not a reset.
  ByteCount discard_bytes = 16_MiB;
  Duration discard_time = std::chrono::seconds(2);
  // JSON bodies are parsed whole; together they take no more than this. Beyond: 503.
  ByteCount json_in_flight = 256_MiB;
};

class Server {
 public:
  // Binds and listens (kUnavailable names the address when it is in use), then serves on a thread
  // of its own. `control` must outlive the server.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, const Limits& limits,
                                               Control& control);
  ~Server();  // Stops.
  std::uint16_t port() const;
  // Takes no new connections, finishes what is under way (bounded by the grace), joins the thread.
  void stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::api
