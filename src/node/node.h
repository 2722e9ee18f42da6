#pragma once

// One node: the only place where core, store, runtime, journal and api meet. Events in, actions
// out. Made and run on the loop's thread; control() is what the HTTP interface talks to.

#include <memory>
#include <string>

#include "aio/loop.h"
#include "api/control.h"
#include "base/limits.h"
#include "node/data_directory.h"
#include "runtime/launcher.h"

namespace sluice::node {

struct NodeOptions {
  ByteCount memory = 2_GiB;     // The store's budget.
  std::uint32_t slots = 1;      // Tasks that compute at a time.
  std::uint32_t processes = 0;  // Of workers, at most; 0: in proportion to `slots`.
  std::string python = "/usr/bin/python3";
  // This binary, for workers that run programs (program/program_worker.h).
  std::string program_worker;
  std::string search_path;         // Where `node` is looked for: PATH of the server.
  ByteCount task_disk = 16_GiB;    // What the folder of a task may hold.
  double cache_disk_share = 0.05;  // Of the disk: what results that may be reused may take of it.
  int worker_nice = 10;            // Engine before functions: p99 under load needs it.
};

class Node {
 public:
  // Blocking: reads the deployed apps. The launcher was started before any thread.
  static Result<std::unique_ptr<Node>> make(aio::Loop& loop, const Limits& limits,
                                            NodeOptions options, const DataDirectory& data,
                                            runtime::LauncherHandle launcher);
  ~Node();

  // Any thread may call its methods; they work on the loop. Lives as long as the node.
  api::Control& control();
  // Ends all workers; `done` when none is left.
  void stop(std::move_only_function<void()> done);
  void on_launcher_lost(std::move_only_function<void()> callback);

 private:
  struct Impl;
  explicit Node(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::node
