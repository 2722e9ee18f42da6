#include "core/timers.h"

#include "base/check.h"

namespace sluice::core {

std::uint32_t Timers::set(TimePoint at, Kind kind, RunKey run, std::uint32_t step,
                          std::uint32_t index, std::uint32_t scope) {
  std::uint32_t timer;
  if (free_.empty()) {
    timer = static_cast<std::uint32_t>(timers_.size());
    timers_.emplace_back();
  } else {
    timer = free_.back();
    free_.pop_back();
  }
  timers_[timer] = Timer{.at = at,
                         .order = next_order_++,
                         .run = run,
                         .step = step,
                         .index = index,
                         .scope = scope,
                         .kind = kind};
  heap_.push_back(timer);
  timers_[timer].position = static_cast<std::uint32_t>(heap_.size() - 1);
  rise(heap_.size() - 1);
  return timer;
}

std::optional<TimePoint> Timers::next() const {
  if (heap_.empty()) return std::nullopt;
  return timers_[heap_.front()].at;
}

std::optional<Timers::Timer> Timers::pop_due(TimePoint now) {
  if (heap_.empty() || timers_[heap_.front()].at > now) return std::nullopt;
  const Timer timer = timers_[heap_.front()];
  remove(heap_.front());
  return timer;
}

std::size_t Timers::heap_bytes() const {
  return timers_.capacity() * sizeof(Timer) +
         (heap_.capacity() + free_.capacity()) * sizeof(std::uint32_t);
}

void Timers::check_invariants() const {
  SLUICE_ASSERT(heap_.size() + free_.size() == timers_.size());
  for (std::size_t i = 0; i < heap_.size(); ++i) {
    SLUICE_ASSERT(timers_[heap_[i]].position == i);
    if (i > 0) SLUICE_ASSERT(!before(heap_[i], heap_[(i - 1) / 2]));
  }
}

void Timers::place(std::size_t position, std::uint32_t timer) {
  heap_[position] = timer;
  timers_[timer].position = static_cast<std::uint32_t>(position);
}

void Timers::rise(std::size_t position) {
  const std::uint32_t timer = heap_[position];
  while (position > 0) {
    const std::size_t parent = (position - 1) / 2;
    if (!before(timer, heap_[parent])) break;
    place(position, heap_[parent]);
    position = parent;
  }
  place(position, timer);
}

void Timers::sink(std::size_t position) {
  const std::uint32_t timer = heap_[position];
  while (true) {
    std::size_t child = 2 * position + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], timer)) break;
    place(position, heap_[child]);
    position = child;
  }
  place(position, timer);
}

void Timers::remove(std::uint32_t timer) {
  const std::size_t position = timers_[timer].position;
  const std::uint32_t last = heap_.back();
  heap_.pop_back();
  free_.push_back(timer);
  if (last == timer) return;
  place(position, last);
  rise(position);
  sink(timers_[last].position);
}

}  // namespace sluice::core
