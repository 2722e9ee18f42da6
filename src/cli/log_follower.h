#pragma once

// Prints what the functions of all runs print, while they run, and how each run ended. One thread
// finds new runs, a few follow one run each; each has a connection of its own, because a followed
// log is one endless answer. They share a queue and nothing else.

#include <memory>

#include "cli/http_client.h"
#include "cli/terminal.h"

namespace sluice::cli {

class LogFollower {
 public:
  // Runs that the server has already are not followed.
  static Result<std::unique_ptr<LogFollower>> start(const ServerAddress& address,
                                                    const Terminal& terminal);
  virtual ~LogFollower() = default;
  // Waits for the threads. They end when a signal came or their connections broke: the server has
  // been stopped.
  virtual void finish() = 0;
};

}  // namespace sluice::cli
