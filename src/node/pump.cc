#include "node/pump.h"

namespace sluice::node {

Pump::Pump(aio::Loop& loop, const Limits& limits, Random random)
    : loop_(loop), scheduler_(limits, NodeId{1}, random), timer_(loop) {}

void Pump::push(core::Event event) {
  events_.push_back(std::move(event));
  if (!running_) run();
}

void Pump::run() {
  running_ = true;
  while (!events_.empty()) {
    const core::Event event = std::move(events_.front());
    events_.pop_front();
    actions_.clear();
    scheduler_.apply(event, loop_.now(), actions_);
    for (const core::Action& action : actions_.list) handler_(action, actions_);
  }
  running_ = false;
  const std::optional<TimePoint> deadline = scheduler_.next_deadline();
  if (deadline == timer_at_) return;
  timer_at_ = deadline;
  if (!deadline) {
    timer_.cancel();
  } else {
    timer_.at(*deadline, [this] {
      timer_at_.reset();
      push(core::DeadlineReached{});
    });
  }
}

}  // namespace sluice::node
