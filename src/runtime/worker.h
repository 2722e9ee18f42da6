#pragma once

// One worker: a conversation with one process, from its start until it and its group are gone.
//
//   starting -> loading -> idle <-> assigned
//
// and from each of them to its end. What it may do next is its owner's decision; here is what the
// protocol says (hello, setup, ready), what counts as a violation, and how a process is ended.

#include <sys/types.h>

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>

#include "aio/loop.h"
#include "base/ids.h"
#include "base/limits.h"
#include "runtime/launcher.h"
#include "runtime/runtime.h"
#include "runtime/worker_channel.h"

namespace sluice::runtime {

class Worker;

class WorkerOwner {
 public:
  virtual ~WorkerOwner() = default;
  // It has loaded its code and is idle.
  virtual void on_ready(Worker& worker) = 0;
  // It is ending, or of no use any more: not to be given to anybody. May be said more than once.
  virtual void on_unfit(Worker& worker) = 0;
  // While it is assigned.
  virtual void on_frame(Worker& worker, const wire::Frame& frame) = 0;
  virtual void on_output(Worker& worker, wire::Bytes text) = 0;
  // It has frames that flush() is to send at the end of this turn.
  virtual void on_unflushed(Worker& worker) = 0;
  // The process and its group are gone, or never came to be. The owner destroys the worker.
  virtual void on_over(Worker& worker, WorkerEnd end) = 0;
};

// What all workers share.
struct WorkerSurroundings {
  aio::Loop& loop;
  Launcher& launcher;
  const Limits& limits;
  std::span<std::byte> buffer;  // Lent to the channel that receives.
  int nice = 0;
};

// Loop only. Destroyed by its owner: in on_over, or once the launcher is gone.
class Worker final : public WorkerChannelEvents {
 public:
  enum class Stage : std::uint8_t {
    kStarting,  // Asked for, or running and not yet greeted.
    kLoading,   // Greeted; it loads the code.
    kIdle,
    kAssigned,
  };

  Worker(const WorkerSurroundings& around, WorkerOwner& owner, WorkerId id, PoolId pool);

  // Once. Where it fails, there is no process and on_over is not said.
  Status start(const PoolSpec& spec, std::filesystem::path scratch);

  void assign();     // It is idle.
  void give_back();  // It is assigned.
  void send(const sluice_frame_header& header, std::initializer_list<wire::Bytes> parts);
  void send_map(std::uint32_t region, const sluice_map& map, Fd descriptor);
  void once_drained(std::move_only_function<void()> callback);
  void flush();

  enum class How : std::uint8_t {
    kAsk,        // An idle one: a `stop` frame; SIGKILL after the grace.
    kTerminate,  // SIGTERM; SIGKILL after the grace.
    kKill,       // SIGKILL.
  };
  // SIGTERM to the group of an assigned worker, after what was sent to it: it lives on.
  void interrupt();
  // The first reason counts; a stronger way is gone all the same. on_over follows.
  void end(WorkerEnd why, How how);

  WorkerId id() const { return id_; }
  PoolId pool() const { return pool_; }
  const std::filesystem::path& scratch() const { return scratch_; }
  Stage stage() const { return stage_; }
  bool is_ready() const { return stage_ >= Stage::kIdle; }
  bool is_ending() const { return end_.has_value(); }
  bool uses_shared_memory() const { return uses_shared_memory_; }
  pid_t pid() const { return pid_; }
  std::uint64_t tasks() const { return tasks_; }
  TimePoint since() const { return since_; }
  std::size_t unsent() const { return channel_ ? channel_->writer().size() : 0; }

 private:
  void on_channel_frame(const wire::Frame& frame) override;
  void on_channel_output(wire::Bytes text) override;
  void on_channel_violation(const std::string& what) override;
  void on_channel_closed() override;
  void on_channel_drained() override;

  void greet(const wire::Frame& frame);
  void handle_load_frame(const wire::Frame& frame);
  void become_idle();
  void handle_spawned(Result<pid_t> pid);
  void handle_exit(ExitStatus status);
  void conclude();
  void enter(Stage stage);
  void want_flush();

  const WorkerSurroundings around_;
  WorkerOwner& owner_;
  const WorkerId id_;
  const PoolId pool_;
  Stage stage_ = Stage::kStarting;
  // Known from kIdle on. What the worker says may overtake what the launcher says of it, and who
  // has a task must be one that can be interrupted.
  pid_t pid_ = -1;
  bool has_loaded_ = false;  // It said `ready`.
  std::filesystem::path scratch_;
  std::string setup_;  // Until it is sent.
  std::optional<WorkerChannel> channel_;
  aio::Timer timer_;              // The start's deadline, later the grace before SIGKILL.
  std::optional<WorkerEnd> end_;  // Decided before the process is gone; set: it is ending.
  bool is_kill_due_ = false;      // As soon as it has a pid.
  bool uses_shared_memory_ = false;
  bool has_unflushed_ = false;
  std::string output_;  // The last of what it printed while no task owned that.
  std::move_only_function<void()> drained_;
  std::uint64_t tasks_ = 0;
  TimePoint since_;  // In this stage.
};

}  // namespace sluice::runtime
