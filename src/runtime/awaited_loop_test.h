#pragma once

// A loop that runs until what a test waits for has happened.

#include <functional>

#include <gtest/gtest.h>

#include "aio/loop.h"

namespace sluice::runtime {

class AwaitedLoop {
 protected:
  // A test that waits longer hangs, however busy the machine.
  static constexpr std::chrono::seconds kPatience{120};

  // The condition is looked at whenever something was heard, and every few ms.
  void run_until(std::function<bool()> condition) {
    awaited_ = std::move(condition);
    aio::Timer tick(loop);
    const TimePoint deadline = loop.now() + kPatience;
    std::function<void()> again = [&] {
      if (awaited_()) return loop.stop();
      if (loop.now() > deadline) {
        ADD_FAILURE() << "waited for two minutes";
        return loop.stop();
      }
      tick.at(loop.now() + std::chrono::milliseconds(3), again);
    };
    again();
    loop.run();
    awaited_ = [] { return false; };
  }
  void heard() {
    if (awaited_()) loop.stop();
  }

  aio::Loop loop{"test-loop"};

 private:
  std::function<bool()> awaited_ = [] { return false; };
};

}  // namespace sluice::runtime
