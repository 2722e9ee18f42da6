#include "aio/loop.h"

#include <atomic>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/check.h"

namespace sluice::aio {

namespace asio = boost::asio;

namespace {

using Work = std::move_only_function<void()>;

// How many handlers run before the end-of-turn work gets its turn: descriptors that are always
// readable (a worker that floods its log) must not keep the frames of all others from leaving.
constexpr int kHandlersPerTurn = 256;

}  // namespace

// ---- Loop -------------------------------------------------------------------------------------

struct Loop::Impl {
  // One thread runs it: Asio then keeps what handlers post in a queue without a lock.
  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{context.get_executor()};
  ThreadRole role;
  std::string thread_name;
  std::size_t posted_max;

  // One of the engine's two mutexes: the queue between the threads and the loop.
  std::mutex posted_mutex;
  std::size_t reserved = 0;  // Places of reservations; those of what is posted are in `posted`.
  std::vector<Work> posted;
  // Loop only. Kept between turns so that a busy queue does not allocate.
  std::vector<Work> batch;
  std::vector<Work> turn_ends;
  std::vector<Work> turn_ends_running;

  bool is_full() const { return posted.size() + reserved >= posted_max; }
  std::unexpected<Error> full() const {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the queue of thread {} is full: {} calls wait (limit posted_max)",
                            thread_name, posted_max));
  }

  // Only the first of a batch wakes the loop; the others are found with it.
  void wake() {
    asio::post(context, [this] { run_posted(); });
  }

  void run_posted() {
    {
      const std::lock_guard lock(posted_mutex);
      batch.swap(posted);
    }
    for (Work& work : batch) {
      work();
      work = nullptr;  // What it owns goes before the next one runs, as callers expect.
    }
    batch.clear();
  }

  void run_turn_ends() {
    turn_ends_running.swap(turn_ends);
    for (Work& work : turn_ends_running) {
      work();
      work = nullptr;
    }
    turn_ends_running.clear();
  }
};

Loop::Loop(const char* thread_name, std::size_t posted_max) : impl_(std::make_unique<Impl>()) {
  impl_->thread_name = thread_name;
  impl_->posted_max = posted_max;
}

Loop::~Loop() = default;

void Loop::run() {
  Impl& self = *impl_;
  self.role.take(self.thread_name.c_str());
  while (!self.context.stopped()) {
    if (self.turn_ends.empty()) {
      self.context.run_one();  // Sleeps where nothing is ready.
      continue;
    }
    for (int handled = 0; handled < kHandlersPerTurn && self.context.poll_one() > 0; ++handled) {
    }
    self.run_turn_ends();  // What this queues in turn belongs to the next turn, before any sleep.
  }
  self.context.restart();  // So that the loop may be run once more.
}

void Loop::stop() { impl_->context.stop(); }

Status Loop::post(Work work) {
  Impl& self = *impl_;
  bool was_empty = false;
  {
    const std::lock_guard lock(self.posted_mutex);
    if (self.is_full()) return self.full();
    was_empty = self.posted.empty();
    self.posted.push_back(std::move(work));
  }
  if (was_empty) self.wake();
  return {};
}

Result<Reservation> Loop::reserve() {
  Impl& self = *impl_;
  const std::lock_guard lock(self.posted_mutex);
  if (self.is_full()) return self.full();
  ++self.reserved;
  return Reservation(self);
}

void Loop::at_end_of_turn(Work work) {
  impl_->role.assert_current();
  impl_->turn_ends.push_back(std::move(work));
}

TimePoint Loop::now() const { return std::chrono::steady_clock::now(); }
ThreadRole& Loop::role() { return impl_->role; }
asio::io_context& Loop::native() { return impl_->context; }

// ---- Reservation ------------------------------------------------------------------------------

Reservation::~Reservation() { release(); }

Reservation::Reservation(Reservation&& other) noexcept
    : loop_(std::exchange(other.loop_, nullptr)) {}

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this != &other) {
    release();
    loop_ = std::exchange(other.loop_, nullptr);
  }
  return *this;
}

void Reservation::release() {
  if (loop_ == nullptr) return;
  const std::lock_guard lock(loop_->posted_mutex);
  --loop_->reserved;
  loop_ = nullptr;
}

void Reservation::post(Work work) {
  SLUICE_ASSERT(loop_ != nullptr, "a reservation serves one call");
  Loop::Impl& loop = *std::exchange(loop_, nullptr);
  bool was_empty = false;
  {
    const std::lock_guard lock(loop.posted_mutex);
    --loop.reserved;
    was_empty = loop.posted.empty();
    loop.posted.push_back(std::move(work));
  }
  if (was_empty) loop.wake();
}

// ---- Timer ------------------------------------------------------------------------------------

// Shared by the handle and the handler that Asio holds: a cancelled wait still completes, later.
struct Timer::Impl {
  explicit Impl(Loop& loop) : timer(loop.native()) {}

  void cancel() {
    ++generation;
    callback = nullptr;
    if (is_pending) timer.cancel();
  }

  asio::steady_timer timer;
  Work callback;
  std::uint64_t generation = 0;  // Of the wait that counts; completions of older ones are ignored.
  bool is_pending = false;
};

Timer::Timer(Loop& loop) : impl_(std::make_shared<Impl>(loop)) {}

Timer::~Timer() {
  if (impl_) impl_->cancel();
}

Timer::Timer(Timer&&) noexcept = default;

Timer& Timer::operator=(Timer&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->cancel();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

void Timer::at(TimePoint when, Work callback) {
  impl_->callback = std::move(callback);
  impl_->is_pending = true;
  const std::uint64_t generation = ++impl_->generation;
  impl_->timer.expires_at(when);  // Cancels the wait before.
  impl_->timer.async_wait([impl = impl_, generation](const boost::system::error_code&) {
    if (impl->generation != generation) return;
    impl->is_pending = false;
    // Moved out: the callback may set this timer anew, or destroy it.
    Work due = std::move(impl->callback);
    impl->callback = nullptr;
    due();
  });
}

void Timer::cancel() { impl_->cancel(); }

// ---- FdWatch ----------------------------------------------------------------------------------

struct FdWatch::Impl : std::enable_shared_from_this<FdWatch::Impl> {
  Impl(Loop& loop, int fd) : descriptor(loop.native()) {
    boost::system::error_code error;
    descriptor.assign(fd, error);
    SLUICE_ASSERT(!error, "watch descriptor {}: {}", fd, error.message());
  }

  // enable_shared_from_this is for the handlers only: Asio completes them after close() as well.
  void wait_readable() {
    is_waiting_readable = true;
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code&) {
                            self->is_waiting_readable = false;
                            self->handle_readable();
                          });
  }

  void handle_readable() {
    if (is_closed || !readable) return;
    // Moved out while it runs: it may replace itself, or destroy this watch.
    Work callback = std::move(readable);
    readable = nullptr;
    const std::uint64_t before = readable_generation;
    callback();
    if (is_closed) return;
    if (readable_generation == before) readable = std::move(callback);
    if (readable && !is_waiting_readable) wait_readable();
  }

  void wait_writable() {
    is_waiting_writable = true;
    descriptor.async_wait(asio::posix::stream_descriptor::wait_write,
                          [self = shared_from_this()](const boost::system::error_code&) {
                            self->is_waiting_writable = false;
                            if (self->is_closed || !self->writable) return;
                            Work callback = std::move(self->writable);
                            self->writable = nullptr;
                            callback();
                          });
  }

  void close() {
    is_closed = true;
    readable = nullptr;
    writable = nullptr;
    descriptor.release();  // The descriptor is somebody else's; release() forgets it, not closes.
  }

  asio::posix::stream_descriptor descriptor;
  Work readable;
  Work writable;
  std::uint64_t readable_generation = 0;
  bool is_waiting_readable = false;
  bool is_waiting_writable = false;
  bool is_closed = false;
};

FdWatch::FdWatch(Loop& loop, int fd) : impl_(std::make_shared<Impl>(loop, fd)) {}

FdWatch::~FdWatch() {
  if (impl_) impl_->close();
}

FdWatch::FdWatch(FdWatch&&) noexcept = default;

FdWatch& FdWatch::operator=(FdWatch&& other) noexcept {
  if (this != &other) {
    if (impl_) impl_->close();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

void FdWatch::on_readable(Work callback) {
  ++impl_->readable_generation;
  impl_->readable = std::move(callback);
  if (impl_->readable && !impl_->is_waiting_readable) impl_->wait_readable();
}

void FdWatch::once_writable(Work callback) {
  impl_->writable = std::move(callback);
  if (impl_->writable && !impl_->is_waiting_writable) impl_->wait_writable();
}

}  // namespace sluice::aio
