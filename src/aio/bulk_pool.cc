#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "aio/loop.h"

namespace sluice::aio {

namespace {

using Work = std::move_only_function<void()>;

struct Job {
  Work work;
  Work done;
};

}  // namespace

// Results do not travel through Loop::post: its limit is for strangers, and a result that was
// refused would be lost. Here there are never more of them than queue_max and the threads allow.
struct BulkPool::Impl {
  // Outlives the pool where the loop still holds a call that was to run `done`s.
  struct Shared {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Job> waiting;
    std::vector<Work> finished;
    bool is_stopping = false;
  };

  Impl(Loop& on_loop, std::size_t threads_wanted, std::size_t limit)
      : loop(on_loop), queue_max(limit) {
    for (std::size_t index = 0; index < threads_wanted; ++index) {
      threads.emplace_back([this, index] { serve(index); });
    }
  }

  ~Impl() {
    std::deque<Job> dropped;
    std::vector<Work> unheard;
    {
      const std::lock_guard lock(shared->mutex);
      shared->is_stopping = true;
      dropped.swap(shared->waiting);
    }
    shared->changed.notify_all();
    for (std::thread& thread : threads) thread.join();
    // Destroyed after the lock is gone: what they own may do anything.
    const std::lock_guard lock(shared->mutex);
    unheard.swap(shared->finished);
  }

  void serve(std::size_t index) {
    const std::string name = fmt::format("sluice-bulk-{}", index);
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    while (true) {
      Job job;
      {
        std::unique_lock lock(shared->mutex);
        shared->changed.wait(lock,
                             [this] { return shared->is_stopping || !shared->waiting.empty(); });
        if (shared->is_stopping) return;
        job = std::move(shared->waiting.front());
        shared->waiting.pop_front();
      }
      job.work();
      job.work = nullptr;  // Frees what it owns here, not on the loop.
      bool was_empty = false;
      {
        const std::lock_guard lock(shared->mutex);
        was_empty = shared->finished.empty();
        shared->finished.push_back(std::move(job.done));
      }
      if (was_empty) {
        boost::asio::post(loop.native(), [shared = shared] { run_finished(*shared); });
      }
    }
  }

  static void run_finished(Shared& shared) {
    std::vector<Work> batch;
    {
      const std::lock_guard lock(shared.mutex);
      batch.swap(shared.finished);
    }
    for (Work& done : batch) {
      {
        const std::lock_guard lock(shared.mutex);
        if (shared.is_stopping) return;  // An earlier `done` destroyed the pool.
      }
      if (done) done();
      done = nullptr;
    }
  }

  Loop& loop;
  const std::size_t queue_max;
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::vector<std::thread> threads;
};

BulkPool::BulkPool(Loop& loop, std::size_t threads, std::size_t queue_max)
    : impl_(std::make_unique<Impl>(loop, threads, queue_max)) {}

BulkPool::~BulkPool() = default;

Status BulkPool::submit(Work work, Work done) {
  impl_->loop.role().assert_current();
  {
    const std::lock_guard lock(impl_->shared->mutex);
    if (impl_->shared->waiting.size() >= impl_->queue_max) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("{} pieces of bulk work wait (limit queue_max)", impl_->queue_max));
    }
    impl_->shared->waiting.push_back(Job{std::move(work), std::move(done)});
  }
  impl_->shared->changed.notify_one();
  return {};
}

}  // namespace sluice::aio
