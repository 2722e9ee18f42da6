#include "runtime/pool_policy.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::runtime {

namespace {

// The first failure may be chance, and a start of Python takes 20 ms anyway; at 5 s a pool that
// cannot start costs next to nothing, and one that can again is noticed soon enough.
constexpr Duration kBackOffMin = std::chrono::milliseconds(100);
constexpr Duration kBackOffMax = std::chrono::seconds(5);
constexpr std::uint32_t kFailuresForAll = 3;

Duration back_off(std::uint32_t failures) {
  const std::uint32_t doublings = std::min<std::uint32_t>(failures - 1, 10);
  return std::min(kBackOffMin * (1 << doublings), kBackOffMax);
}

}  // namespace

PoolId PoolPolicy::add_pool(std::uint32_t workers_max) {
  std::size_t index = 0;
  while (index < pools_.size() && pools_[index]) ++index;
  if (index == pools_.size()) {
    pools_.emplace_back();
    pool_generations_.push_back(0);
  }
  const PoolId id = PoolId::make(static_cast<std::uint32_t>(index), ++pool_generations_[index]);
  pools_[index] = std::make_unique<Pool>(Pool{.id = id, .workers_max = workers_max});
  return id;
}

PoolPolicy::Tickets PoolPolicy::drop_pool(PoolId id) {
  Pool* pool = find(id);
  if (pool == nullptr) return {};
  pool->is_dropped = true;
  Tickets tickets = take_all(*pool);
  to_end_.push_back(id);
  forget_if_empty(*pool);
  return tickets;
}

void PoolPolicy::request(PoolId id, std::uint64_t ticket) {
  Pool* pool = find(id);
  SLUICE_ASSERT(pool != nullptr, "ticket {} for pool {:x}", ticket, id.value);
  const std::uint64_t number = next_number_++;
  const bool is_new = tickets_.emplace(ticket, Ticket{.pool = id, .number = number}).second;
  SLUICE_ASSERT(is_new, "ticket {} asked twice", ticket);
  pool->waiting.emplace(number, ticket);
  if (!pool->idle.empty()) assignable_.push_back(id);
}

void PoolPolicy::withdraw(std::uint64_t ticket) {
  const auto found = tickets_.find(ticket);
  if (found == tickets_.end()) return;
  if (Pool* pool = find(found->second.pool)) pool->waiting.erase(found->second.number);
  tickets_.erase(found);
}

void PoolPolicy::ready(WorkerId id, TimePoint now) {
  const auto found = workers_.find(id);
  if (found == workers_.end() || found->second.state != State::kStarting) return;
  Pool& pool = pool_of(found->second);
  pool.failures = 0;
  pool.start_not_before = {};
  end_start(found->second);
  make_idle(id, found->second, now);
}

void PoolPolicy::give_back(WorkerId id, TimePoint now) {
  const auto found = workers_.find(id);
  if (found == workers_.end() || found->second.state != State::kAssigned) return;
  make_idle(id, found->second, now);
}

void PoolPolicy::ending(WorkerId id) {
  const auto found = workers_.find(id);
  if (found == workers_.end() || found->second.state == State::kEnding) return;
  leave_state(id, found->second);
  found->second.state = State::kEnding;
  ++ending_;
}

void PoolPolicy::gone(WorkerId id) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return;
  ending(id);
  --ending_;
  Pool& pool = pool_of(found->second);
  --pool.workers;
  end_start(found->second);
  workers_.erase(found);
  forget_if_empty(pool);
}

PoolPolicy::Tickets PoolPolicy::start_failed(WorkerId id, StartFailure failure, TimePoint now) {
  const auto found = workers_.find(id);
  if (found == workers_.end()) return {};
  Pool& pool = pool_of(found->second);
  ending(id);
  end_start(found->second);
  ++pool.failures;
  pool.start_not_before = now + back_off(pool.failures);
  if (failure == StartFailure::kLoad || pool.failures >= kFailuresForAll) return take_all(pool);
  if (pool.waiting.empty()) return {};
  const std::uint64_t ticket = pool.waiting.begin()->second;
  withdraw(ticket);
  return {ticket};
}

std::optional<PoolPolicy::Action> PoolPolicy::next(TimePoint now) {
  if (auto action = next_assignment()) return action;
  while (!to_end_.empty()) {
    const Pool* pool = find(to_end_.back());
    if (pool != nullptr && !pool->idle.empty()) return end(pool->idle.back());
    if (pool != nullptr && pool->starts > 0) {
      for (const auto& [id, worker] : workers_) {
        if (worker.pool == pool->id && worker.state == State::kStarting) return end(id);
      }
    }
    to_end_.pop_back();
  }
  if (auto action = next_expiry(now)) return action;
  if (auto action = next_start(now)) return action;
  return next_shortage(now);
}

std::optional<TimePoint> PoolPolicy::next_deadline() const {
  const TimePoint earliest = std::min(expiry_, retry_);
  if (earliest == TimePoint::max()) return std::nullopt;
  return earliest;
}

std::optional<PoolPolicy::Action> PoolPolicy::next_assignment() {
  while (!assignable_.empty()) {
    Pool* pool = find(assignable_.back());
    if (pool == nullptr || pool->waiting.empty() || pool->idle.empty()) {
      assignable_.pop_back();
      continue;
    }
    const std::uint64_t ticket = pool->waiting.begin()->second;
    const WorkerId worker = pool->idle.back();
    pool->idle.pop_back();
    workers_.at(worker).state = State::kAssigned;
    ++answers_;
    withdraw(ticket);
    return Assign{.ticket = ticket, .worker = worker};
  }
  return std::nullopt;
}

std::optional<PoolPolicy::Action> PoolPolicy::next_expiry(TimePoint now) {
  if (now < expiry_) return std::nullopt;
  if (const auto oldest = longest_idle()) {
    expiry_ = workers_.at(*oldest).idle_since + options_.keep_alive;
    if (now >= expiry_) return end(*oldest);  // Looked at again: the next one may be as old.
    return std::nullopt;
  }
  expiry_ = TimePoint::max();
  return std::nullopt;
}

std::optional<PoolPolicy::Action> PoolPolicy::next_start(TimePoint now) {
  retry_ = TimePoint::max();
  if (tickets_.empty()) return std::nullopt;  // The usual case of a busy node.
  Pool* first = nullptr;                      // The one with the oldest ticket.
  std::size_t in_need = 0;
  for (const auto& pool : pools_) {
    if (!pool || !wants_start(*pool)) continue;
    if (pool->start_not_before > now) {
      retry_ = std::min(retry_, pool->start_not_before);
      continue;
    }
    in_need += pool->waiting.size() - pool->starts;
    if (first == nullptr || pool->waiting.begin()->first < first->waiting.begin()->first) {
      first = pool.get();
    }
  }
  if (first == nullptr) return std::nullopt;
  if (options_.workers_max == 0 || workers_.size() < options_.workers_max) {
    const WorkerId id = WorkerId::make(next_worker_++, 1);
    workers_.emplace(id, Worker{.pool = first->id});
    ++first->workers;
    ++first->starts;
    return Start{.pool = first->id, .worker = id};
  }
  if (ending_ >= in_need) return std::nullopt;
  // A pool in need has no idle worker, so that this is one of another pool.
  if (const auto oldest = longest_idle()) return end(*oldest);
  return std::nullopt;
}

std::optional<PoolPolicy::Action> PoolPolicy::next_shortage(TimePoint now) {
  if (tickets_.empty()) return std::nullopt;
  const bool is_full = options_.workers_max != 0 && workers_.size() >= options_.workers_max;
  std::size_t coming = is_full ? ending_ : 0;  // Places of workers that end.
  for (const auto& pool : pools_) {
    if (!pool || pool->is_dropped || pool->start_not_before > now) continue;
    const bool pool_is_full = pool->workers_max != 0 && pool->workers >= pool->workers_max;
    if (!is_full && !pool_is_full) continue;
    std::size_t served = pool->starts + pool->idle.size();
    for (const auto& [number, ticket] : pool->waiting) {
      if (served > 0) {
        --served;
        continue;
      }
      if (coming > 0) {
        --coming;
        continue;
      }
      Ticket& waiting = tickets_.at(ticket);
      if (waiting.told_at == answers_) continue;
      waiting.told_at = answers_;
      return Short{.ticket = ticket, .only_pool = pool_is_full && !is_full};
    }
  }
  return std::nullopt;
}

bool PoolPolicy::wants_start(const Pool& pool) {
  if (pool.waiting.size() <= pool.starts || !pool.idle.empty()) return false;
  // After a failure one start at a time shows whether it works again.
  if (pool.failures > 0 && pool.starts > 0) return false;
  return pool.workers_max == 0 || pool.workers < pool.workers_max;
}

std::optional<WorkerId> PoolPolicy::longest_idle() const {
  std::optional<WorkerId> oldest;
  for (const auto& pool : pools_) {
    if (!pool || pool->idle.empty()) continue;
    const WorkerId candidate = pool->idle.front();
    if (!oldest || workers_.at(candidate).idle_since < workers_.at(*oldest).idle_since) {
      oldest = candidate;
    }
  }
  return oldest;
}

PoolPolicy::EndWorker PoolPolicy::end(WorkerId worker) {
  ending(worker);
  return {.worker = worker};
}

void PoolPolicy::end_start(Worker& worker) {
  if (std::exchange(worker.is_start, false)) --pool_of(worker).starts;
}

void PoolPolicy::make_idle(WorkerId id, Worker& worker, TimePoint now) {
  leave_state(id, worker);
  worker.state = State::kIdle;
  worker.idle_since = now;
  Pool& pool = pool_of(worker);
  pool.idle.push_back(id);
  expiry_ = std::min(expiry_, now + options_.keep_alive);
  if (pool.is_dropped) to_end_.push_back(pool.id);
  if (!pool.waiting.empty()) assignable_.push_back(pool.id);
}

void PoolPolicy::leave_state(WorkerId id, Worker& worker) {
  Pool& pool = pool_of(worker);
  if (worker.state == State::kIdle) std::erase(pool.idle, id);
}

void PoolPolicy::forget_if_empty(Pool& pool) {
  if (pool.is_dropped && pool.workers == 0) pools_[pool.id.index()].reset();
}

PoolPolicy::Tickets PoolPolicy::take_all(Pool& pool) {
  Tickets tickets;
  tickets.reserve(pool.waiting.size());
  for (const auto& [number, ticket] : pool.waiting) {
    tickets.push_back(ticket);
    tickets_.erase(ticket);
  }
  pool.waiting.clear();
  return tickets;
}

const PoolPolicy::Pool* PoolPolicy::find(PoolId id) const {
  if (!id || id.index() >= pools_.size()) return nullptr;
  const Pool* pool = pools_[id.index()].get();
  return pool != nullptr && pool->id == id ? pool : nullptr;
}

PoolPolicy::Pool* PoolPolicy::find(PoolId id) {
  return const_cast<Pool*>(std::as_const(*this).find(id));
}

PoolPolicy::Pool& PoolPolicy::pool_of(const Worker& worker) {
  Pool* pool = find(worker.pool);
  SLUICE_ASSERT(pool != nullptr, "a worker of pool {:x}, which is gone", worker.pool.value);
  return *pool;
}

void PoolPolicy::check_invariants() const {
  SLUICE_ASSERT(options_.workers_max == 0 || workers_.size() <= options_.workers_max, "{} workers",
                workers_.size());
  std::size_t waiting = 0;
  std::uint32_t ending_count = 0;
  for (const auto& pool : pools_) {
    if (!pool) continue;
    waiting += pool->waiting.size();
    std::uint32_t workers = 0;
    std::uint32_t starting = 0;
    std::size_t idle = 0;
    for (const auto& [id, worker] : workers_) {
      if (worker.pool != pool->id) continue;
      ++workers;
      starting += worker.is_start ? 1 : 0;
      idle += worker.state == State::kIdle ? 1 : 0;
    }
    SLUICE_ASSERT(workers == pool->workers && starting == pool->starts && idle == pool->idle.size(),
                  "pool {:x}: {} workers, {} starting, {} idle", pool->id.value, workers, starting,
                  idle);
    SLUICE_ASSERT(pool->workers_max == 0 || workers <= pool->workers_max, "{} workers", workers);
    SLUICE_ASSERT(!pool->is_dropped || (pool->waiting.empty() && workers > 0),
                  "a dropped pool with tickets, or without workers");
    for (const auto& [number, ticket] : pool->waiting) {
      const auto found = tickets_.find(ticket);
      SLUICE_ASSERT(found != tickets_.end() && found->second.number == number, "ticket {}", ticket);
    }
    for (std::size_t index = 1; index < pool->idle.size(); ++index) {
      SLUICE_ASSERT(workers_.at(pool->idle[index - 1]).idle_since <=
                        workers_.at(pool->idle[index]).idle_since,
                    "idle workers out of order");
    }
  }
  for (const auto& [id, worker] : workers_) {
    ending_count += worker.state == State::kEnding ? 1 : 0;
    SLUICE_ASSERT(find(worker.pool) != nullptr, "worker {:x} without a pool", id.value);
    SLUICE_ASSERT(
        worker.state != State::kIdle || worker.idle_since + options_.keep_alive >= expiry_,
        "an idle worker that nobody would end");
  }
  SLUICE_ASSERT(waiting == tickets_.size(), "{} wait, {} tickets", waiting, tickets_.size());
  SLUICE_ASSERT(ending_count == ending_, "{} end, {} counted", ending_count, ending_);
}

}  // namespace sluice::runtime
