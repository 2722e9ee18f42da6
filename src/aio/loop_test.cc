#include "aio/loop.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/fd.h"

namespace sluice::aio {
namespace {

using std::chrono::milliseconds;

struct Pipe {
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
    out = Fd(ends[0]);
    in = Fd(ends[1]);
  }
  void write(std::string_view text) const {
    ASSERT_EQ(::write(in.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::string read(std::size_t max) const {
    std::string text(max, '\0');
    const ssize_t got = ::read(out.get(), text.data(), max);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }
  Fd out;
  Fd in;
};

TEST(Loop, RunsPostedWorkInTheOrderOfEachOfManyCallers) {
  constexpr int kCallers = 4;
  constexpr int kCalls = 5000;
  Loop loop("test-loop", kCallers * kCalls);
  std::vector<std::vector<int>> seen(kCallers);
  int left = kCallers * kCalls;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int call = 0; call < kCalls; ++call) {
        const Status posted = loop.post([&, caller, call] {
          seen[static_cast<std::size_t>(caller)].push_back(call);
          if (--left == 0) loop.stop();
        });
        ASSERT_TRUE(posted);
      }
    });
  }
  loop.run();
  for (std::thread& caller : callers) caller.join();
  for (const std::vector<int>& calls : seen) {
    ASSERT_EQ(calls.size(), static_cast<std::size_t>(kCalls));
    for (int call = 0; call < kCalls; ++call)
      EXPECT_EQ(calls[static_cast<std::size_t>(call)], call);
  }
}

TEST(Loop, TakesAReservedCallThoughTheQueueIsFull) {
  Loop loop("test-loop", 3);
  std::vector<int> ran;
  Reservation last = loop.reserve().value();
  {
    const Reservation unused = loop.reserve().value();
    EXPECT_TRUE(loop.post([&] { ran.push_back(1); }));
    EXPECT_FALSE(loop.post([&] { ran.push_back(100); }));
    EXPECT_EQ(loop.reserve().error().code(), ErrorCode::kResourceExhausted);
  }
  EXPECT_TRUE(loop.post([&] { ran.push_back(2); }));
  EXPECT_FALSE(loop.post([&] { ran.push_back(100); }));
  std::thread caller([&, place = std::move(last)]() mutable {
    place.post([&] {
      ran.push_back(3);
      loop.stop();
    });
    EXPECT_TRUE(place.is_empty());
  });
  caller.join();
  EXPECT_FALSE(loop.post([&] { ran.push_back(100); }));
  loop.run();
  EXPECT_EQ(ran, (std::vector<int>{1, 2, 3}));
}

TEST(Loop, WakesForAReservedCall) {
  Loop loop("test-loop", 1);
  Reservation place = loop.reserve().value();
  Timer deadline(loop);
  deadline.at(loop.now() + std::chrono::seconds(120), [&] {
    ADD_FAILURE() << "the call did not come";
    loop.stop();
  });
  std::thread caller([&] { place.post([&] { loop.stop(); }); });
  loop.run();
  caller.join();
}

TEST(Loop, RefusesAPostWhenTheQueueIsFullAndTakesItAgainLater) {
  Loop loop("test-loop", 2);
  int ran = 0;
  EXPECT_TRUE(loop.post([&] { ++ran; }));
  EXPECT_TRUE(loop.post([&] { loop.stop(); }));
  const Status refused = loop.post([&] { ran += 100; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  loop.run();
  EXPECT_EQ(ran, 1);
  EXPECT_TRUE(loop.post([&] {
    ++ran;
    loop.stop();
  }));
  loop.run();
  EXPECT_EQ(ran, 2);
}

TEST(Loop, StopsWhenAnotherThreadSaysSo) {
  Loop loop("test-loop");
  std::atomic<bool> is_running = false;
  ASSERT_TRUE(loop.post([&] { is_running = true; }));
  std::thread stopper([&] {
    while (!is_running) std::this_thread::yield();
    loop.stop();
  });
  loop.run();
  stopper.join();
}

TEST(Loop, UsesNoProcessorWhileNothingHappens) {
  Loop loop("test-loop");
  Timer timer(loop);
  timer.at(loop.now() + milliseconds(200), [&] { loop.stop(); });
  rusage before{};
  rusage after{};
  ::getrusage(RUSAGE_THREAD, &before);
  loop.run();
  ::getrusage(RUSAGE_THREAD, &after);
  EXPECT_LE(after.ru_nvcsw - before.ru_nvcsw, 5);  // It slept once, not in steps.
}

TEST(Loop, RunsEndOfTurnWorkOncePerTurnAfterAllThatIsReady) {
  Loop loop("test-loop");
  std::vector<std::string> order;
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_TRUE(loop.post([&, name] {
      order.emplace_back(name);
      if (name == std::string("a")) loop.at_end_of_turn([&] { order.emplace_back("end"); });
    }));
  }
  Pipe pipe;
  pipe.write("x");
  FdWatch watch(loop, pipe.out.get());
  watch.on_readable([&] {
    order.emplace_back("pipe" + pipe.read(8));
    loop.at_end_of_turn([&] {
      order.emplace_back("end");
      // Queued from an end of turn: runs in the next, without anything else happening.
      loop.at_end_of_turn([&] {
        order.emplace_back("next");
        loop.stop();
      });
    });
  });
  loop.run();
  EXPECT_EQ(order, (std::vector<std::string>{"a", "b", "c", "pipex", "end", "end", "next"}));
}

TEST(Loop, GivesTheEndOfTurnItsChanceWhileADescriptorNeverRunsDry) {
  Loop loop("test-loop");
  Pipe pipe;
  pipe.write("x");
  FdWatch watch(loop, pipe.out.get());
  int calls = 0;
  watch.on_readable([&] {  // Never reads: the pipe stays readable.
    if (++calls == 1) loop.at_end_of_turn([&] { loop.stop(); });
  });
  loop.run();
  EXPECT_GE(calls, 1);
  EXPECT_LT(calls, 10000);
}

TEST(Timer, RunInTheOrderOfTheirTimes) {
  Loop loop("test-loop");
  std::vector<int> order;
  std::vector<Timer> timers;
  const TimePoint start = loop.now();
  for (const int delay : {30, 10, 20}) {
    timers.emplace_back(loop).at(start + milliseconds(delay), [&, delay] {
      EXPECT_GE(loop.now(), start + milliseconds(delay));
      order.push_back(delay);
      if (order.size() == 3) loop.stop();
    });
  }
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{10, 20, 30}));
}

TEST(Timer, ForgetsWhatWasReplacedCancelledOrDestroyed) {
  Loop loop("test-loop");
  int wrong = 0;
  bool is_right = false;
  Timer replaced(loop);
  Timer cancelled(loop);
  std::optional<Timer> destroyed(loop);
  Timer last(loop);
  const TimePoint past = loop.now();
  // All are due already: their completions are queued when they are replaced or cancelled below.
  replaced.at(past, [&] { ++wrong; });
  cancelled.at(past, [&] { ++wrong; });
  destroyed->at(past, [&] { ++wrong; });
  ASSERT_TRUE(loop.post([&] {
    replaced.at(loop.now() + milliseconds(5), [&] {
      is_right = true;
      last.at(loop.now(), [&] { loop.stop(); });
    });
    cancelled.cancel();
    destroyed.reset();
  }));
  loop.run();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(is_right);
}

TEST(Timer, MayBeSetAnewOrDestroyedByItsOwnCallback) {
  Loop loop("test-loop");
  auto timer = std::make_unique<Timer>(loop);
  int ticks = 0;
  std::function<void()> arm = [&] {
    timer->at(loop.now(), [&] {
      if (++ticks < 3) {
        arm();
      } else {
        timer.reset();
        loop.stop();
      }
    });
  };
  arm();
  loop.run();
  EXPECT_EQ(ticks, 3);
}

TEST(FdWatch, CallsAgainWhileThereIsSomethingToRead) {
  Loop loop("test-loop");
  Pipe pipe;
  pipe.write("abc");
  FdWatch watch(loop, pipe.out.get());
  std::string seen;
  watch.on_readable([&] {
    seen += pipe.read(1);
    if (seen.size() == 3) pipe.write("d");
    if (seen.size() == 4) loop.stop();
  });
  loop.run();
  EXPECT_EQ(seen, "abcd");
}

TEST(FdWatch, TellsOfTheEndOfTheOtherSide) {
  Loop loop("test-loop");
  Pipe pipe;
  FdWatch watch(loop, pipe.out.get());
  watch.on_readable([&] {
    char byte = 0;
    EXPECT_EQ(::read(pipe.out.get(), &byte, 1), 0);
    watch.on_readable(nullptr);
    loop.stop();
  });
  ASSERT_TRUE(loop.post([&] { pipe.in.reset(); }));
  loop.run();
}

TEST(FdWatch, WaitsUntilThereIsRoomToWrite) {
  Loop loop("test-loop");
  Pipe pipe;
  const std::string block(4096, 'x');
  while (::write(pipe.in.get(), block.data(), block.size()) > 0) {
  }
  FdWatch reader(loop, pipe.out.get());
  FdWatch writer(loop, pipe.in.get());
  bool is_drained = false;
  writer.once_writable([&] {
    EXPECT_TRUE(is_drained);
    loop.stop();
  });
  ASSERT_TRUE(loop.post([&] {
    while (!pipe.read(1 << 16).empty()) {
    }
    is_drained = true;
  }));
  loop.run();
}

TEST(FdWatch, MayBeReplacedOrDestroyedByItsOwnCallback) {
  Loop loop("test-loop");
  Pipe pipe;
  pipe.write("ab");
  auto watch = std::make_unique<FdWatch>(loop, pipe.out.get());
  std::string seen;
  watch->on_readable([&] {
    seen += pipe.read(1);
    watch->on_readable([&] {
      seen += "-" + pipe.read(1);
      watch.reset();
      ASSERT_TRUE(loop.post([&] { loop.stop(); }));
      pipe.write("c");  // Nobody watches any more.
    });
  });
  loop.run();
  EXPECT_EQ(seen, "a-b");
  // The descriptor was not closed with the watch.
  EXPECT_EQ(pipe.read(1), "c");
}

TEST(BulkPool, WorksOffTheLoopInOrderAndAnswersOnIt) {
  Loop loop("test-loop");
  BulkPool pool(loop, 1);
  std::vector<int> worked;
  std::vector<int> done;
  const std::thread::id here = std::this_thread::get_id();
  for (int job = 0; job < 100; ++job) {
    ASSERT_TRUE(pool.submit(
        [&, job] {
          EXPECT_NE(std::this_thread::get_id(), here);
          worked.push_back(job);
        },
        [&, job] {
          EXPECT_EQ(std::this_thread::get_id(), here);
          done.push_back(job);
          if (done.size() == 100) loop.stop();
        }));
  }
  loop.run();
  EXPECT_EQ(worked, done);
  for (int job = 0; job < 100; ++job) EXPECT_EQ(done[static_cast<std::size_t>(job)], job);
}

TEST(BulkPool, RefusesMoreThanItsQueueHolds) {
  Loop loop("test-loop");
  std::atomic<bool> may_end = false;
  std::atomic<bool> is_busy = false;
  BulkPool pool(loop, 1, 1);
  int done = 0;
  ASSERT_TRUE(pool.submit(
      [&] {
        is_busy = true;
        while (!may_end) std::this_thread::yield();
      },
      [&] { ++done; }));
  while (!is_busy) std::this_thread::yield();
  ASSERT_TRUE(pool.submit([] {},
                          [&] {
                            ++done;
                            loop.stop();
                          }));
  const Status refused = pool.submit([] {}, [] {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  may_end = true;
  loop.run();
  EXPECT_EQ(done, 2);
}

TEST(BulkPool, WaitsForWhatRunsAndDropsTheRestWhenItGoes) {
  Loop loop("test-loop");
  std::atomic<bool> is_busy = false;
  std::atomic<int> worked = 0;
  int done = 0;
  {
    BulkPool pool(loop, 1);
    ASSERT_TRUE(pool.submit(
        [&] {
          is_busy = true;
          std::this_thread::sleep_for(milliseconds(20));  // Work that takes its time.
          ++worked;
        },
        [&] { ++done; }));
    while (!is_busy) std::this_thread::yield();
    ASSERT_TRUE(pool.submit([&] { worked += 100; }, [&] { done += 100; }));
  }
  EXPECT_EQ(worked, 1);
  ASSERT_TRUE(loop.post([&] { loop.stop(); }));
  loop.run();
  EXPECT_EQ(done, 0);
}

}  // namespace
}  // namespace sluice::aio
