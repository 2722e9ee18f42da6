#pragma once

// One event loop per thread. This module is the only place (with one file of api/) that names Asio;
// everybody else sees timers, descriptors and posted functions. Callbacks run on the loop's thread,
// never inside the call that registered them.

#include <cstddef>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/thread_role.h"
#include "base/units.h"

namespace boost::asio {
class io_context;
}

namespace sluice::aio {

class Reservation;

class Loop {
 public:
  // `posted_max`: how many posted functions may wait; beyond, post() says kResourceExhausted.
  explicit Loop(const char* thread_name, std::size_t posted_max = 1 << 16);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Runs on the calling thread, which takes the role, until stop().
  void run();
  void stop();                                        // Any thread.
  Status post(std::move_only_function<void()> work);  // Any thread; in order per caller.
  // Any thread: a place in the queue for a call that must not be lost once it is due.
  // kResourceExhausted while there is none.
  Result<Reservation> reserve();
  // Loop only: after everything that is ready now was handled (once per turn, before sleeping). For
  // batching writes.
  void at_end_of_turn(std::move_only_function<void()> work);
  TimePoint now() const;
  ThreadRole& role();
  boost::asio::io_context& native();

 private:
  friend class Reservation;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A place in a loop's queue, taken from its `posted_max` ahead of the call. Any thread, one at a
// time; not after the loop. Destroying it gives the place back.
class Reservation {
 public:
  Reservation() = default;
  ~Reservation();
  Reservation(Reservation&& other) noexcept;
  Reservation& operator=(Reservation&& other) noexcept;
  // Once, and never refused: the reservation is empty afterwards.
  void post(std::move_only_function<void()> work);
  bool is_empty() const { return loop_ == nullptr; }

 private:
  friend class Loop;
  explicit Reservation(Loop::Impl& loop) : loop_(&loop) {}
  void release();

  Loop::Impl* loop_ = nullptr;
};

// One pending call. Destroying it cancels.
class Timer {
 public:
  explicit Timer(Loop& loop);
  ~Timer();
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;
  void at(TimePoint when, std::move_only_function<void()> callback);  // Replaces what was pending.
  void cancel();

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Readiness of a descriptor that somebody else owns (and closes after this is destroyed). Level
// semantics: on_readable is called again while there is something to read.
class FdWatch {
 public:
  FdWatch(Loop& loop, int fd);
  ~FdWatch();
  FdWatch(FdWatch&&) noexcept;
  FdWatch& operator=(FdWatch&&) noexcept;
  void on_readable(std::move_only_function<void()> callback);  // Stays until replaced by nullptr.
  void once_writable(std::move_only_function<void()> callback);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Threads for copying, hashing, spilling, unpacking: `work` runs on one of them and touches only
// what it owns, then `done` on the loop. submit() is loop only; at most `queue_max` wait.
class BulkPool {
 public:
  BulkPool(Loop& loop, std::size_t threads, std::size_t queue_max = 4096);
  ~BulkPool();  // Waits for what runs; drops what has not begun.
  Status submit(std::move_only_function<void()> work, std::move_only_function<void()> done);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sluice::aio
