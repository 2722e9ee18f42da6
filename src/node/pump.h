#pragma once

// The pump between the world and core: events go in one at a time, what core answers is done before
// the next one. Doing an action may bring new events; they queue up here, so core is never entered
// twice. Loop thread.

#include <deque>
#include <functional>

#include "aio/loop.h"
#include "core/scheduler.h"

namespace sluice::node {

class Pump {
 public:
  using Handler = std::move_only_function<void(const core::Action&, const core::Actions&)>;

  Pump(aio::Loop& loop, const Limits& limits, Random random);
  void set_handler(Handler handler) { handler_ = std::move(handler); }

  // Applies the event and everything that follows from it, unless called from inside an action:
  // then it waits for its turn.
  void push(core::Event event);
  const core::Scheduler& scheduler() const { return scheduler_; }

 private:
  void run();

  aio::Loop& loop_;
  core::Scheduler scheduler_;
  aio::Timer timer_;
  std::optional<TimePoint> timer_at_;
  std::deque<core::Event> events_;  // Bounded by what one action can bring: a few per live attempt.
  core::Actions actions_;
  Handler handler_;
  bool running_ = false;
};

}  // namespace sluice::node
