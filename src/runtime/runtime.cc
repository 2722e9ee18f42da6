#include "runtime/runtime.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "runtime/worker.h"

namespace sluice::runtime {

struct Runtime::Impl final : public WorkerOwner {
  struct Pool {
    PoolSpec spec;
    bool is_dropped = false;
    std::size_t workers = 0;
  };

  // Tickets that no worker will come for, and why.
  struct Refusals {
    std::shared_ptr<const WorkerEnd> end;  // Shared by the call that tells it: that may add some.
    std::deque<std::uint64_t> tickets;
  };

  // What outlives the runtime in the loop's queue: points to it, or to nothing once it is gone.
  struct Life {
    Impl* runtime;
  };

  Impl(aio::Loop& on_loop, LauncherHandle handle, const Limits& with_limits, RuntimeOptions with,
       WorkerEvents& listener)
      : loop(on_loop),
        limits(with_limits),
        options(std::move(with)),
        events(listener),
        // Folders of an earlier server may still be in removal when this one begins.
        folder_prefix(
            fmt::format("{:x}", std::chrono::system_clock::now().time_since_epoch().count())),
        policy({.workers_max = options.workers_max, .keep_alive = limits.worker_keep_alive}),
        policy_timer(loop),
        buffer(WorkerChannel::kReceiveSize),
        launcher(std::in_place, loop, std::move(handle)) {
    launcher->on_lost([this] {
      is_launcher_lost = true;
      if (launcher_lost) launcher_lost();
    });
  }

  ~Impl() override {
    life->runtime = nullptr;
    launcher.reset();  // First: no callback of it may find half of this object.
  }

  Worker* find(WorkerId id) {
    const auto found = workers.find(id);
    return found == workers.end() ? nullptr : found->second.get();
  }

  // ---- The end of a turn: decisions, then one send per worker ----

  void want_turn_end() {
    if (is_turn_end_wanted) return;
    is_turn_end_wanted = true;
    loop.at_end_of_turn([life = life] {
      if (life->runtime != nullptr) life->runtime->end_turn();
    });
  }

  void end_turn() {
    while (true) {
      if (refuse_one()) continue;
      const auto action = policy.next(loop.now());
      if (!action) break;
      std::visit([this](const auto& decided) { carry_out(decided); }, *action);
    }
    is_turn_end_wanted = false;
    flushing.swap(unflushed);
    for (const WorkerId id : flushing) {
      if (Worker* worker = find(id)) worker->flush();
    }
    flushing.clear();
    arm_policy_timer();
    if (is_stopping && workers.empty() && stopped) std::exchange(stopped, nullptr)();
  }

  void arm_policy_timer() {
    const auto deadline = policy.next_deadline();
    // A timer that is early does nothing but look; moving it at every hop would cost system calls.
    if (!deadline || *deadline >= armed) return;
    armed = *deadline;
    policy_timer.at(armed, [this] {
      armed = TimePoint::max();
      want_turn_end();
    });
  }

  bool refuse_one() {
    while (!refusals.empty() && refusals.front().tickets.empty()) refusals.pop_front();
    if (refusals.empty()) return false;
    const std::uint64_t ticket = refusals.front().tickets.front();
    refusals.front().tickets.pop_front();
    const std::shared_ptr<const WorkerEnd> end = refusals.front().end;
    events.on_unassignable(ticket, *end);
    return true;
  }

  void refuse(const PoolPolicy::Tickets& tickets, WorkerEnd end) {
    if (tickets.empty()) return;
    refusals.push_back({.end = std::make_shared<const WorkerEnd>(std::move(end)),
                        .tickets = {tickets.begin(), tickets.end()}});
    want_turn_end();
  }

  void carry_out(const PoolPolicy::Assign& decided) {
    find(decided.worker)->assign();
    events.on_assigned(decided.ticket, decided.worker);
  }

  void carry_out(const PoolPolicy::Short& decided) {
    events.on_short(decided.ticket, decided.only_pool);
  }

  void carry_out(const PoolPolicy::EndWorker& decided) {
    Worker& worker = *find(decided.worker);
    worker.end({.cause = WorkerEnd::Cause::kStopped},
               worker.is_ready() ? Worker::How::kAsk : Worker::How::kKill);
  }

  void carry_out(const PoolPolicy::Start& decided) {
    Pool& pool = pools.at(decided.pool);
    const WorkerSurroundings around{.loop = loop,
                                    .launcher = *launcher,
                                    .limits = limits,
                                    .buffer = buffer,
                                    .nice = options.nice};
    Worker& worker = *workers
                          .emplace(decided.worker, std::make_unique<Worker>(
                                                       around, *this, decided.worker, decided.pool))
                          .first->second;
    ++pool.workers;
    const Status started = worker.start(
        pool.spec, options.scratch / fmt::format("{}-{}", folder_prefix, decided.worker.index()));
    if (!started) {
      on_over(worker,
              {.cause = WorkerEnd::Cause::kSpawnFailed, .message = started.error().message()});
    }
  }

  // ---- What workers do ----

  void on_ready(Worker& worker) override {
    policy.ready(worker.id(), worker.since());
    want_turn_end();
  }
  void on_unfit(Worker& worker) override {
    policy.ending(worker.id());
    want_turn_end();
  }
  void on_frame(Worker& worker, const wire::Frame& frame) override {
    events.on_frame(worker.id(), frame.header, frame.payload);
  }
  void on_output(Worker& worker, wire::Bytes text) override { events.on_output(worker.id(), text); }
  void on_unflushed(Worker& worker) override {
    unflushed.push_back(worker.id());
    want_turn_end();
  }

  void on_over(Worker& worker, WorkerEnd end) override {
    const WorkerId id = worker.id();
    const PoolId pool = worker.pool();
    if (worker.stage() == Worker::Stage::kAssigned || worker.tasks() > 0) {
      events.on_worker_ended(id, end);
    } else if (!worker.is_ready() && end.cause != WorkerEnd::Cause::kStopped) {
      const auto failure = end.cause == WorkerEnd::Cause::kLoadFailed
                               ? PoolPolicy::StartFailure::kLoad
                               : PoolPolicy::StartFailure::kOther;
      refuse(policy.start_failed(id, failure, loop.now()), std::move(end));
    }
    policy.gone(id);
    workers.erase(id);
    const auto found = pools.find(pool);
    if (--found->second.workers == 0 && found->second.is_dropped) pools.erase(found);
    want_turn_end();
  }

  aio::Loop& loop;
  const Limits limits;
  const RuntimeOptions options;
  WorkerEvents& events;
  const std::string folder_prefix;
  PoolPolicy policy;
  aio::Timer policy_timer;
  TimePoint armed = TimePoint::max();  // When policy_timer is due.
  std::vector<std::byte> buffer;       // Lent to the channel that receives.
  std::unordered_map<PoolId, Pool> pools;
  std::unordered_map<WorkerId, std::unique_ptr<Worker>> workers;
  std::vector<WorkerId> unflushed;  // Workers with frames of this turn.
  std::vector<WorkerId> flushing;   // Those of the turn that ends. Kept for its memory.
  std::deque<Refusals> refusals;
  bool is_turn_end_wanted = false;
  bool is_stopping = false;
  bool is_launcher_lost = false;
  std::move_only_function<void()> stopped;
  std::move_only_function<void()> launcher_lost;
  std::shared_ptr<Life> life = std::make_shared<Life>(this);
  std::optional<Launcher> launcher;
};

Runtime::Runtime(aio::Loop& loop, LauncherHandle launcher, const Limits& limits,
                 RuntimeOptions options, WorkerEvents& events)
    : impl_(std::make_unique<Impl>(loop, std::move(launcher), limits, std::move(options), events)) {
}

Runtime::~Runtime() = default;

PoolId Runtime::add_pool(PoolSpec spec) {
  impl_->loop.role().assert_current();
  const PoolId pool = impl_->policy.add_pool(spec.workers_max);
  impl_->pools.emplace(pool, Impl::Pool{.spec = std::move(spec)});
  return pool;
}

void Runtime::drop_pool(PoolId pool) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  const auto found = self.pools.find(pool);
  if (found == self.pools.end()) return;
  self.refuse(self.policy.drop_pool(pool),
              {.cause = WorkerEnd::Cause::kStopped, .message = "the function version is dropped"});
  found->second.is_dropped = true;
  if (found->second.workers == 0) self.pools.erase(found);
  self.want_turn_end();
}

void Runtime::request(PoolId pool, std::uint64_t ticket) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  const auto found = self.pools.find(pool);
  if (self.is_stopping || found == self.pools.end() || found->second.is_dropped) {
    self.refuse({ticket}, {.cause = WorkerEnd::Cause::kStopped,
                           .message = self.is_stopping ? "the server is stopping"
                                                       : "the function version is dropped"});
    return;
  }
  if (self.is_launcher_lost) {
    self.refuse({ticket}, {.cause = WorkerEnd::Cause::kSpawnFailed,
                           .message = "the launcher process is gone"});
    return;
  }
  self.policy.request(pool, ticket);
  self.want_turn_end();
}

void Runtime::withdraw(std::uint64_t ticket) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  self.policy.withdraw(ticket);
  for (Impl::Refusals& waiting : self.refusals) std::erase(waiting.tickets, ticket);
}

void Runtime::give_back(WorkerId id) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  Worker* worker = self.find(id);
  if (worker == nullptr || worker->stage() != Worker::Stage::kAssigned) return;
  worker->give_back();
  self.policy.give_back(id, worker->since());
  self.want_turn_end();
}

void Runtime::interrupt(WorkerId id) {
  impl_->loop.role().assert_current();
  if (Worker* worker = impl_->find(id)) worker->interrupt();
}

void Runtime::end_worker(WorkerId id) {
  impl_->loop.role().assert_current();
  if (Worker* worker = impl_->find(id); worker != nullptr && !worker->is_ending()) {
    worker->end({.cause = WorkerEnd::Cause::kStopped}, Worker::How::kTerminate);
  }
}

void Runtime::kill_worker(WorkerId id) {
  impl_->loop.role().assert_current();
  if (Worker* worker = impl_->find(id)) {
    worker->end({.cause = WorkerEnd::Cause::kStopped}, Worker::How::kKill);
  }
}

void Runtime::send(WorkerId id, std::uint8_t type, std::uint8_t flags, std::uint16_t port,
                   std::uint64_t handle, std::initializer_list<std::span<const std::byte>> parts) {
  impl_->loop.role().assert_current();
  Worker* worker = impl_->find(id);
  if (worker == nullptr || !worker->is_ready()) return;
  worker->send({.type = type, .flags = flags, .port = port, .handle = handle}, parts);
}

void Runtime::send_map(WorkerId id, std::uint32_t region, const sluice_map& map, Fd descriptor) {
  impl_->loop.role().assert_current();
  Worker* worker = impl_->find(id);
  if (worker == nullptr || !worker->is_ready()) return;
  worker->send_map(region, map, std::move(descriptor));
}

std::size_t Runtime::unsent(WorkerId id) const {
  const Worker* worker = impl_->find(id);
  return worker != nullptr ? worker->unsent() : 0;
}

void Runtime::once_drained(WorkerId id, std::move_only_function<void()> callback) {
  impl_->loop.role().assert_current();
  Worker* worker = impl_->find(id);
  if (worker == nullptr || !worker->is_ready()) return;
  worker->once_drained(std::move(callback));
}

bool Runtime::uses_shared_memory(WorkerId id) const {
  const Worker* worker = impl_->find(id);
  return worker != nullptr && worker->uses_shared_memory();
}

std::filesystem::path Runtime::scratch_of(WorkerId id) const {
  const Worker* worker = impl_->find(id);
  return worker != nullptr ? worker->scratch() : std::filesystem::path{};
}

PoolId Runtime::pool_of(WorkerId id) const {
  const Worker* worker = impl_->find(id);
  return worker != nullptr ? worker->pool() : PoolId{};
}

namespace {

std::string state_of(const Worker& worker) {
  if (worker.is_ending()) return "stopping";
  switch (worker.stage()) {
    case Worker::Stage::kStarting:
    case Worker::Stage::kLoading:
      return "starting";
    case Worker::Stage::kIdle:
      return "idle";
    case Worker::Stage::kAssigned:
      return "busy";
  }
  std::abort();
}

}  // namespace

std::vector<WorkerView> Runtime::workers() const {
  std::vector<WorkerView> views;
  views.reserve(impl_->workers.size());
  for (const auto& [id, worker] : impl_->workers) {
    views.push_back({.id = id,
                     .pool = worker->pool(),
                     .pool_name = impl_->pools.at(worker->pool()).spec.name,
                     .pid = worker->pid(),
                     .state = state_of(*worker),
                     .tasks = worker->tasks(),
                     .since = worker->since()});
  }
  std::ranges::sort(views, {}, &WorkerView::id);
  return views;
}

void Runtime::stop(std::move_only_function<void()> done) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  self.is_stopping = true;
  self.stopped = std::move(done);
  std::vector<PoolId> pools;
  for (const auto& [id, pool] : self.pools) pools.push_back(id);
  std::ranges::sort(pools);
  for (const PoolId pool : pools) drop_pool(pool);
  for (const auto& [id, worker] : self.workers) {
    if (worker->stage() == Worker::Stage::kAssigned) end_worker(id);
  }
  self.want_turn_end();
}

void Runtime::on_launcher_lost(std::move_only_function<void()> callback) {
  impl_->launcher_lost = std::move(callback);
}

}  // namespace sluice::runtime
