#pragma once

// The HTTP server: one thread, Beast behind it (server.cc alone names it).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "api/control.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice::api {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 7600;             // 0: a free one.
  std::vector<std::string> host_names;   // Further names accepted in `Host`.
  std::filesystem::path upload_directory;
};

class Server {
 public:
  // Binds and listens (kUnavailable names the address when it is in use), then serves on a thread of its own.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, const Limits& limits, Control& control);
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
