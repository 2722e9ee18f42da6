#pragma once

// A server as a child of this command: `/proc/self/exe serve`, the same program that is running, so
// that cli needs nothing of the engine (docs/decisions/0010-dev-spawns-serve.md). It is in a
// process group of its own, so that Ctrl-C reaches this command alone, which then ends it in order;
// and the kernel ends it when this process is gone, however that came.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::cli {

class ServerProcess {
 public:
  // `arguments` of serve but --ready-file, which is made in `folder`. What the server says goes to
  // standard error. Returns once it serves. kCancelled for a signal; kFailedPrecondition if it
  // ended instead, having said why. Must be called before this process has threads.
  static Result<ServerProcess> start(std::vector<std::string> arguments,
                                     const std::filesystem::path& folder);
  ServerProcess(ServerProcess&&) noexcept = default;
  ServerProcess& operator=(ServerProcess&&) = delete;
  // Kills what was not stopped.
  ~ServerProcess();

  const std::string& url() const { return url_; }
  // Readable once it has ended.
  const Fd& ended() const { return process_; }
  // Asks it to stop, waits, and kills it if it takes longer than half a minute.
  void stop();

 private:
  explicit ServerProcess(Fd process) : process_(std::move(process)) {}
  Status wait_until_ready(const std::filesystem::path& ready_file, const Fd& folder_events);
  void reap();

  Fd process_;  // A pidfd; closed once it was reaped.
  std::string url_;
};

}  // namespace sluice::cli
