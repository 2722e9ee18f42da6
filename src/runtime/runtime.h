#pragma once

// Workers: processes that execute tasks of one function version. Runtime starts them when they are
// asked for, keeps them warm, ends them when they are idle too long or in the way, and moves
// frames. It does not know what a task is: node asks for a worker with a ticket and speaks to it in
// frames. The deciding half (whom to give, when to start or end one) is pool_policy.h. Loop only.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aio/loop.h"
#include "base/ids.h"
#include "base/limits.h"
#include "runtime/launcher.h"
#include "runtime/pool_policy.h"
#include "wire/abi.h"

namespace sluice::runtime {

struct PoolSpec {
  std::string name;  // `app@3/count`, for people.
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string setup;              // JSON payload of the `setup` frame, with `"scratch":"@SCRATCH@"`
                                  // where the worker's own folder is to be put.
  std::uint32_t workers_max = 0;  // 0: no limit but the runtime's.
};

// Why a worker is gone, or never came to be.
struct WorkerEnd {
  enum class Cause : std::uint8_t {
    kExited,
    kSignalled,
    kSpawnFailed,
    kLoadFailed,
    kStartTimeout,
    kProtocol,
    kStopped
  };
  Cause cause = Cause::kExited;
  int code = 0;  // Exit status or signal, where the process has ended.
  // kLoadFailed: the payload of `failed`. Else a sentence for people; of a start that failed,
  // behind what the process printed.
  std::string message;
  std::string output;  // The last 16 KiB that a worker printed which never came to be ready.
};

// What node hears. All on the loop, never from inside a call into Runtime. None of them may destroy
// the Runtime.
class WorkerEvents {
 public:
  virtual ~WorkerEvents() = default;
  virtual void on_assigned(std::uint64_t ticket, WorkerId worker) = 0;
  // No worker will come: its start failed (a load error repeats for everybody who asks).
  virtual void on_unassignable(std::uint64_t ticket, const WorkerEnd& end) = 0;
  // No worker can be had for the ticket as long as all others keep theirs: as many run as may.
  // `only_pool`: as many of its own pool. Said once, and again when another ticket got a worker.
  virtual void on_short(std::uint64_t ticket, bool only_pool) = 0;
  // A frame other than hello and ready. Valid header; the payload is node's to parse. What the
  // process printed before it sent `done` or `failed` has been given to on_output before. Frames of
  // a worker that is being ended still come.
  virtual void on_frame(WorkerId worker, const sluice_frame_header& header,
                        std::span<const std::byte> payload) = 0;
  virtual void on_output(WorkerId worker,
                         std::span<const std::byte> text) = 0;  // stdout and stderr
  // The process and its group are gone. For every worker that was ever assigned, idle or not.
  virtual void on_worker_ended(WorkerId worker, const WorkerEnd& end) = 0;
};

struct WorkerView {
  WorkerId id;
  PoolId pool;
  std::string pool_name;
  pid_t pid = -1;
  std::string state;  // starting, idle, busy, stopping
  std::uint64_t tasks = 0;
  TimePoint since;
};

struct RuntimeOptions {
  std::uint32_t workers_max = 0;  // Processes in all; idle ones of other pools make room.
  std::filesystem::path
      scratch;  // Scratch folders are made in it: the one start_launcher was given.
  int nice = 0;
};

class Runtime {
 public:
  Runtime(aio::Loop& loop, LauncherHandle launcher, const Limits& limits, RuntimeOptions options,
          WorkerEvents& events);
  // Kills what still runs and waits until it is gone; nobody hears of it. stop() is the gentle way.
  ~Runtime();

  PoolId add_pool(PoolSpec spec);
  // The pool's workers end as they become idle; its waiting tickets are unassignable (kStopped).
  void drop_pool(PoolId pool);

  // Asks for a worker; answered by on_assigned or on_unassignable, in order of asking per pool.
  void request(PoolId pool, std::uint64_t ticket);
  void withdraw(std::uint64_t ticket);  // Not wanted any more; no answer will come.
  // The worker has no task any more: it is idle again, or goes to the next ticket.
  void give_back(WorkerId worker);
  // SIGTERM and nothing more: the worker's function is asked to stop (a `cancel` frame says why),
  // the worker lives on.
  void interrupt(WorkerId worker);
  // SIGTERM now, SIGKILL of the group after the grace; on_worker_ended (kStopped) follows.
  void end_worker(WorkerId worker);
  void kill_worker(WorkerId worker);  // SIGKILL now.

  // Frames to an assigned worker, batched per turn of the loop. `parts` are concatenated. Frames to
  // a worker that is gone, or about to, are dropped.
  void send(WorkerId worker, std::uint8_t type, std::uint8_t flags, std::uint16_t port,
            std::uint64_t handle, std::initializer_list<std::span<const std::byte>> parts = {});
  void send_map(WorkerId worker, std::uint32_t region, const sluice_map& map, Fd descriptor);
  // Bytes queued for the worker that its socket has not taken: what feeds it waits while this is
  // large.
  std::size_t unsent(WorkerId worker) const;
  // Called once when unsent() has fallen below 64 KiB.
  void once_drained(WorkerId worker, std::move_only_function<void()> callback);
  bool uses_shared_memory(WorkerId worker) const;  // From its hello.
  PoolId pool_of(WorkerId worker) const;
  std::filesystem::path scratch_of(WorkerId worker) const;  // Empty where there is none.

  std::vector<WorkerView> workers() const;
  // Ends all workers; `done` when none is left. Tickets, also later ones, are unassignable
  // (kStopped).
  void stop(std::move_only_function<void()> done);
  void on_launcher_lost(std::move_only_function<void()> callback);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::runtime
