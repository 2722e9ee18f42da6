#pragma once

// The launcher: a small single-threaded process, forked before the engine has threads or memory,
// that starts, reaps and kills workers. It is their subreaper and their guardian: when the engine
// is gone (its socket is closed), it kills every worker group, removes the scratch folders and
// exits.

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "aio/loop.h"
#include "base/fd.h"
#include "base/result.h"

namespace sluice::runtime {

// What start_launcher leaves in the engine: the only control channel.
struct LauncherHandle {
  Fd socket;
  pid_t pid = -1;
};

// Forks the launcher. Must be called before any thread exists. `mark` is put into the environment
// of every worker (SLUICE_MARK) and names this data directory: sweep() finds strays by it.
// `scratch` is made; scratch folders of workers must lie directly in it.
Result<LauncherHandle> start_launcher(const std::string& mark,
                                      const std::filesystem::path& scratch);

// What an earlier server that was killed may have left: kills processes that carry `mark` and no
// others, waits until they are gone, removes all that is in `scratch`. Returns how many processes
// it ended. Called once at start, before start_launcher.
Result<std::size_t> sweep(const std::string& mark, const std::filesystem::path& scratch);

struct SpawnRequest {
  std::vector<std::string> argv;  // argv[0] is an absolute path.
  std::vector<std::string>
      env;  // The whole environment, `NAME=value`; the mark and SLUICE_FD are added.
  std::filesystem::path cwd;  // Also the worker's scratch folder: made by the launcher, removed
                              // when its group is gone.
  Fd control;                 // Becomes the descriptor named by SLUICE_FD.
  Fd log;                     // Becomes stdout and stderr.
  int nice = 0;
};

struct ExitStatus {
  bool signalled = false;
  int code = 0;  // Exit status or signal.
};

// The engine's end. Loop only.
class Launcher {
 public:
  Launcher(aio::Loop& loop, LauncherHandle handle);
  // Ends what still runs and waits for the launcher process; no callback comes any more.
  ~Launcher();
  // `on_spawned` with the pid or why not. After a pid, `on_exit` exactly once: when the process,
  // its whole group and what left the group are gone, and the scratch folder too. What the process
  // left running is killed.
  void spawn(SpawnRequest request, std::move_only_function<void(Result<pid_t>)> on_spawned,
             std::move_only_function<void(ExitStatus)> on_exit);
  void signal(pid_t pid,
              int signal);  // To the whole group; SIGKILL also to strays that left the group.
  // Called when the launcher itself is gone, after each worker's on_exit: the engine cannot go on.
  void on_lost(std::move_only_function<void()> callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::runtime
