#include "runtime/runtime.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "base/log.h"
#include "runtime/worker_channel.h"
#include "wire/frame.h"

namespace sluice::runtime {

namespace {

// Of what a worker prints while no task is there to own it: enough for a traceback.
constexpr std::size_t kOutputKept = 16 << 10;
constexpr std::string_view kScratchPlace = "@SCRATCH@";

// The path as the inside of a JSON string.
std::string json_inside(const std::string& text) {
  const std::string quoted = to_text(Json(text));
  return quoted.substr(1, quoted.size() - 2);
}

std::string signal_name(int number) {
  const char* name = ::sigabbrev_np(number);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

}  // namespace

struct Runtime::Impl {
  enum class Stage : std::uint8_t {
    kStarting,  // Asked for, or running and not yet greeted.
    kLoading,   // Greeted; it loads the code.
    kIdle,
    kAssigned,
  };

  struct Pool {
    PoolSpec spec;
    bool is_dropped = false;
    std::size_t workers = 0;
  };

  // One process, from the decision to start it until it and its group are gone.
  struct Worker final : WorkerChannelEvents {
    Worker(Impl& owner, WorkerId worker, PoolId of)
        : runtime(owner), id(worker), pool(of), timer(owner.loop) {}

    void on_channel_frame(const wire::Frame& frame) override { runtime.handle_frame(*this, frame); }
    void on_channel_output(wire::Bytes text) override { runtime.handle_output(*this, text); }
    void on_channel_violation(const std::string& what) override {
      runtime.handle_violation(*this, what);
    }
    void on_channel_closed() override { runtime.handle_closed(*this); }
    void on_channel_drained() override {
      if (!drained) return;
      auto callback = std::move(drained);
      drained = nullptr;
      callback();
    }

    Impl& runtime;
    const WorkerId id;
    const PoolId pool;
    Stage stage = Stage::kStarting;
    pid_t pid = -1;
    std::filesystem::path scratch;
    std::optional<WorkerChannel> channel;
    aio::Timer timer;              // The start's deadline, later the grace before SIGKILL.
    std::optional<WorkerEnd> end;  // Decided before the process is gone; set: it is ending.
    int signal_when_spawned = 0;
    bool uses_shared_memory = false;
    bool has_unflushed = false;
    std::string output;  // While no task owns it.
    std::move_only_function<void()> drained;
    std::uint64_t tasks = 0;
    TimePoint since;
  };

  struct Answers {
    std::shared_ptr<const WorkerEnd>
        end;  // Shared by the call that tells it: that may add answers.
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
        policy({.workers_max = options.workers_max, .keep_alive = limits.worker_keep_alive}),
        policy_timer(loop),
        buffer(WorkerChannel::kReceiveSize),
        // Folders of an earlier server may still be in removal when this one begins.
        folder_prefix(
            fmt::format("{:x}", std::chrono::system_clock::now().time_since_epoch().count())),
        launcher(std::in_place, loop, std::move(handle)) {
    launcher->on_lost([this] {
      is_launcher_lost = true;
      if (launcher_lost) launcher_lost();
    });
  }

  ~Impl() {
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
      if (answer_one()) continue;
      const auto action = policy.next(loop.now());
      if (!action) break;
      std::visit([this](const auto& decided) { carry_out(decided); }, *action);
    }
    is_turn_end_wanted = false;
    std::vector<WorkerId> batch;
    batch.swap(unflushed);
    for (const WorkerId id : batch) {
      if (Worker* worker = find(id)) {
        worker->has_unflushed = false;
        worker->channel->flush();
      }
    }
    batch.clear();
    if (unflushed.empty()) unflushed.swap(batch);  // Keeps its memory.
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

  bool answer_one() {
    while (!answers.empty() && answers.front().tickets.empty()) answers.pop_front();
    if (answers.empty()) return false;
    const std::uint64_t ticket = answers.front().tickets.front();
    answers.front().tickets.pop_front();
    const std::shared_ptr<const WorkerEnd> end = answers.front().end;
    events.on_unassignable(ticket, *end);
    return true;
  }

  void answer(const PoolPolicy::Tickets& tickets, WorkerEnd end) {
    if (tickets.empty()) return;
    answers.push_back({.end = std::make_shared<const WorkerEnd>(std::move(end)),
                       .tickets = {tickets.begin(), tickets.end()}});
    want_turn_end();
  }

  void carry_out(const PoolPolicy::Assign& decided) {
    Worker& worker = *find(decided.worker);
    worker.stage = Stage::kAssigned;
    worker.since = loop.now();
    ++worker.tasks;
    worker.output.clear();
    events.on_assigned(decided.ticket, decided.worker);
  }

  void carry_out(const PoolPolicy::EndWorker& decided) {
    Worker& worker = *find(decided.worker);
    if (worker.stage == Stage::kIdle) {
      ask_to_stop(worker);
    } else {
      begin_end(worker, {.cause = WorkerEnd::Cause::kStopped}, SIGKILL);
    }
  }

  // ---- Start ----

  void carry_out(const PoolPolicy::Start& decided) {
    auto made = std::make_unique<Worker>(*this, decided.worker, decided.pool);
    Worker& worker = *made;
    workers.emplace(decided.worker, std::move(made));
    Pool& pool = pools.at(decided.pool);
    ++pool.workers;
    worker.since = loop.now();
    worker.scratch = options.scratch / fmt::format("{}-{}", folder_prefix, decided.worker.index());
    if (Status opened = open_and_spawn(worker, pool.spec); !opened) {
      // As if the launcher had said so; not from inside this decision.
      loop.at_end_of_turn(
          [life = life, id = worker.id, error = std::move(opened).error()]() mutable {
            if (life->runtime != nullptr) life->runtime->handle_spawned(id, fail(std::move(error)));
          });
    }
  }

  Status open_and_spawn(Worker& worker, const PoolSpec& spec) {
    int control[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) {
      return fail(system_error(errno, "make a worker's socket pair"));
    }
    Fd ours(control[0]);
    Fd theirs(control[1]);
    int log[2];
    if (::pipe2(log, O_CLOEXEC) != 0) return fail(system_error(errno, "make a worker's pipe"));
    Fd output(log[0]);
    Fd print(log[1]);
    // Our end only: programs do not expect a standard output that says "try again".
    if (::fcntl(output.get(), F_SETFL, O_NONBLOCK) != 0) {
      return fail(system_error(errno, "set up a worker's pipe"));
    }
    worker.channel.emplace(loop, std::move(ours), std::move(output), buffer, worker);
    worker.timer.at(loop.now() + limits.worker_start_timeout, [this, &worker] {
      begin_end(
          worker,
          {.cause = WorkerEnd::Cause::kStartTimeout,
           .message = fmt::format("{} was not ready within {}",
                                  worker.stage == Stage::kStarting ? "the worker" : "the code",
                                  to_text(limits.worker_start_timeout))},
          SIGKILL);
    });
    launcher->spawn(
        {.argv = spec.argv,
         .env = spec.env,
         .cwd = worker.scratch,
         .control = std::move(theirs),
         .log = std::move(print),
         .nice = options.nice},
        [this, id = worker.id](Result<pid_t> pid) { handle_spawned(id, std::move(pid)); },
        [this, id = worker.id](ExitStatus status) { handle_exit(id, status); });
    return {};
  }

  void handle_spawned(WorkerId id, Result<pid_t> pid) {
    Worker* worker = find(id);
    if (worker == nullptr) return;
    if (!pid) {
      if (!worker->end) {
        worker->end =
            WorkerEnd{.cause = WorkerEnd::Cause::kSpawnFailed, .message = pid.error().message()};
      }
      conclude(*worker);
      return;
    }
    worker->pid = *pid;
    if (worker->signal_when_spawned != 0) launcher->signal(*pid, worker->signal_when_spawned);
  }

  // ---- What workers say ----

  void handle_frame(Worker& worker, const wire::Frame& frame) {
    const std::uint8_t type = frame.header.type;
    if (worker.stage == Stage::kAssigned) [[likely]] {
      if (type == SLUICE_FRAME_HELLO || type == SLUICE_FRAME_READY) {
        handle_violation(worker, "it said hello or ready twice");
        return;
      }
      events.on_frame(worker.id, frame.header, frame.payload);
      return;
    }
    if (worker.stage == Stage::kIdle) {
      // Late words of a task that has ended (they crossed `cancel`): dropped, not an error.
      if (type == SLUICE_FRAME_HELLO || type == SLUICE_FRAME_READY) {
        handle_violation(worker, "it said hello or ready twice");
      }
      return;
    }
    if (worker.end) return;
    if (type == SLUICE_FRAME_LOG) {
      handle_output(worker, frame.payload);
    } else if (worker.stage == Stage::kStarting) {
      greet(worker, frame);
    } else if (type == SLUICE_FRAME_READY) {
      worker.timer.cancel();
      worker.stage = Stage::kIdle;
      worker.since = loop.now();
      policy.ready(worker.id, worker.since);
      want_turn_end();
    } else if (type == SLUICE_FRAME_FAILED && frame.header.handle == 0) {
      begin_end(worker,
                {.cause = WorkerEnd::Cause::kLoadFailed,
                 .message = std::string(reinterpret_cast<const char*>(frame.payload.data()),
                                        frame.payload.size())},
                SIGKILL);
    } else {
      handle_violation(worker, fmt::format("it sent `{}` before `ready`", *wire::frame_name(type)));
    }
  }

  void greet(Worker& worker, const wire::Frame& frame) {
    if (frame.header.type != SLUICE_FRAME_HELLO) {
      handle_violation(
          worker, fmt::format("it sent `{}` before `hello`", *wire::frame_name(frame.header.type)));
      return;
    }
    const auto hello = wire::decode_hello(frame.payload);
    if (!hello) {
      handle_violation(worker, hello.error().message());
      return;
    }
    if (hello->hello.abi != SLUICE_ABI_VERSION) {
      handle_violation(
          worker,
          fmt::format(
              "its SDK ({}) speaks version {} of the worker protocol, this server version {}",
              hello->sdk, hello->hello.abi, SLUICE_ABI_VERSION));
      return;
    }
    std::string setup = pools.at(worker.pool).spec.setup;
    if (const auto at = setup.find(kScratchPlace); at != std::string::npos) {
      setup.replace(at, kScratchPlace.size(), json_inside(worker.scratch.native()));
    }
    if (setup.size() > SLUICE_FRAME_MAX) {
      begin_end(worker,
                {.cause = WorkerEnd::Cause::kSpawnFailed,
                 .message = fmt::format(
                     "the description of the function takes {} bytes, more than a frame ({})",
                     setup.size(), SLUICE_FRAME_MAX)},
                SIGKILL);
      return;
    }
    worker.uses_shared_memory = hello->hello.mode == SLUICE_HELLO_SHM;
    worker.stage = Stage::kLoading;
    append(worker, {.type = SLUICE_FRAME_SETUP}, {std::as_bytes(std::span(setup))});
  }

  void handle_output(Worker& worker, wire::Bytes text) {
    if (worker.stage == Stage::kAssigned) {
      events.on_output(worker.id, text);
      return;
    }
    worker.output.append(reinterpret_cast<const char*>(text.data()), text.size());
    if (worker.output.size() > kOutputKept)
      worker.output.erase(0, worker.output.size() - kOutputKept);
  }

  void handle_violation(Worker& worker, const std::string& what) {
    begin_end(worker,
              {.cause = WorkerEnd::Cause::kProtocol,
               .message = fmt::format("the worker broke the protocol: {}", what)},
              SIGKILL);
  }

  // It closed its end. Usually because it exits, which the launcher will tell; otherwise it is of
  // no use any more.
  void handle_closed(Worker& worker) {
    if (worker.end) return;
    policy.ending(worker.id);
    worker.timer.at(loop.now() + limits.grace, [this, &worker] {
      begin_end(worker,
                {.cause = WorkerEnd::Cause::kProtocol,
                 .message = "the worker closed its connection and went on"},
                SIGKILL);
    });
  }

  // ---- End ----

  // The first reason counts; a stronger signal is sent all the same.
  void begin_end(Worker& worker, WorkerEnd end, int signal_number) {
    if (!worker.end) worker.end = std::move(end);
    policy.ending(worker.id);
    if (signal_number == SIGKILL) {
      worker.timer.cancel();
      if (worker.channel && worker.end->cause == WorkerEnd::Cause::kProtocol)
        worker.channel->stop_receiving();
    } else {
      arm_grace(worker);
    }
    if (worker.pid < 0) {
      worker.signal_when_spawned = SIGKILL;  // It has no task yet that could want to clean up.
    } else {
      launcher->signal(worker.pid, signal_number);
    }
    want_turn_end();
  }

  void arm_grace(Worker& worker) {
    worker.timer.at(loop.now() + limits.grace, [this, &worker] {
      if (worker.pid >= 0) launcher->signal(worker.pid, SIGKILL);
    });
  }

  // An idle worker: it exits by itself, or is killed after the grace.
  void ask_to_stop(Worker& worker) {
    worker.end = WorkerEnd{.cause = WorkerEnd::Cause::kStopped};
    policy.ending(worker.id);
    append(worker, {.type = SLUICE_FRAME_STOP});
    arm_grace(worker);
  }

  void handle_exit(WorkerId id, ExitStatus status) {
    Worker* worker = find(id);
    if (worker == nullptr) return;
    // Nobody writes any more: what is read now is all there is.
    worker->channel->receive_rest();
    if (!worker->end) {
      worker->end = WorkerEnd{
          .cause = status.signalled ? WorkerEnd::Cause::kSignalled : WorkerEnd::Cause::kExited,
          .message = status.signalled
                         ? fmt::format("the worker was killed by {}", signal_name(status.code))
                         : fmt::format("the worker exited with status {}", status.code)};
    }
    worker->end->code = status.code;
    conclude(*worker);
  }

  // The worker is gone, or never came to be: tells who waited for it and forgets it.
  void conclude(Worker& worker) {
    const WorkerId id = worker.id;
    WorkerEnd end = std::move(*worker.end);
    worker.timer.cancel();
    switch (worker.stage) {
      case Stage::kStarting:
      case Stage::kLoading: {
        if (end.cause == WorkerEnd::Cause::kStopped) break;
        end.output = worker.output;
        const bool is_load = end.cause == WorkerEnd::Cause::kLoadFailed;
        if (!is_load && !end.output.empty()) {
          end.message = fmt::format("{}{}{}", end.output, end.output.ends_with('\n') ? "" : "\n",
                                    end.message);
        }
        answer(policy.start_failed(
                   id, is_load ? PoolPolicy::StartFailure::kLoad : PoolPolicy::StartFailure::kOther,
                   loop.now()),
               std::move(end));
        break;
      }
      case Stage::kIdle:
        break;
      case Stage::kAssigned:
        events.on_worker_ended(id, end);
        break;
    }
    policy.gone(id);
    const PoolId pool = worker.pool;
    workers.erase(id);
    const auto found = pools.find(pool);
    if (--found->second.workers == 0 && found->second.is_dropped) pools.erase(found);
    want_turn_end();
  }

  // ---- Sending ----

  void append(Worker& worker, const sluice_frame_header& header,
              std::initializer_list<wire::Bytes> parts = {}) {
    worker.channel->writer().append(header, parts);
    want_flush(worker);
  }

  void want_flush(Worker& worker) {
    if (worker.has_unflushed) return;
    worker.has_unflushed = true;
    unflushed.push_back(worker.id);
    want_turn_end();
  }

  aio::Loop& loop;
  const Limits limits;
  const RuntimeOptions options;
  WorkerEvents& events;
  PoolPolicy policy;
  aio::Timer policy_timer;
  TimePoint armed = TimePoint::max();
  std::vector<std::byte> buffer;  // Lent to the channel that receives.
  const std::string folder_prefix;
  std::unordered_map<PoolId, Pool> pools;
  std::unordered_map<WorkerId, std::unique_ptr<Worker>> workers;
  std::vector<WorkerId> unflushed;  // Workers with frames of this turn.
  std::deque<Answers> answers;
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
  self.answer(self.policy.drop_pool(pool),
              {.cause = WorkerEnd::Cause::kStopped, .message = "the function version is dropped"});
  found->second.is_dropped = true;
  if (found->second.workers == 0) self.pools.erase(found);
  self.want_turn_end();
}

void Runtime::request(PoolId pool, std::uint64_t ticket) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  const auto found = self.pools.find(pool);
  if (self.is_stopping || self.is_launcher_lost || found == self.pools.end() ||
      found->second.is_dropped) {
    self.answer({ticket}, {.cause = WorkerEnd::Cause::kStopped,
                           .message = self.is_stopping ? "the server is stopping"
                                                       : "the function version is dropped"});
    return;
  }
  self.policy.request(pool, ticket);
  self.want_turn_end();
}

void Runtime::withdraw(std::uint64_t ticket) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  self.policy.withdraw(ticket);
  for (Impl::Answers& waiting : self.answers) std::erase(waiting.tickets, ticket);
}

void Runtime::give_back(WorkerId id) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  Impl::Worker* worker = self.find(id);
  if (worker == nullptr || worker->stage != Impl::Stage::kAssigned) return;
  worker->stage = Impl::Stage::kIdle;
  worker->since = self.loop.now();
  self.policy.give_back(id, worker->since);
  self.want_turn_end();
}

void Runtime::end_worker(WorkerId id) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  if (Impl::Worker* worker = self.find(id); worker != nullptr && !worker->end) {
    self.begin_end(*worker, {.cause = WorkerEnd::Cause::kStopped}, SIGTERM);
  }
}

void Runtime::kill_worker(WorkerId id) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  if (Impl::Worker* worker = self.find(id)) {
    self.begin_end(*worker, {.cause = WorkerEnd::Cause::kStopped}, SIGKILL);
  }
}

void Runtime::send(WorkerId id, std::uint8_t type, std::uint8_t flags, std::uint16_t port,
                   std::uint64_t handle, std::initializer_list<std::span<const std::byte>> parts) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  Impl::Worker* worker = self.find(id);
  if (worker == nullptr || worker->stage < Impl::Stage::kIdle) return;
  self.append(*worker, {.type = type, .flags = flags, .port = port, .handle = handle}, parts);
}

void Runtime::send_map(WorkerId id, std::uint32_t region, const sluice_map& map, Fd descriptor) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  Impl::Worker* worker = self.find(id);
  if (worker == nullptr || worker->stage < Impl::Stage::kIdle) return;
  worker->channel->writer().append_map(region, map, std::move(descriptor));
  self.want_flush(*worker);
}

std::size_t Runtime::unsent(WorkerId id) const {
  const Impl::Worker* worker = impl_->find(id);
  return worker != nullptr && worker->channel ? worker->channel->writer().size() : 0;
}

void Runtime::once_drained(WorkerId id, std::move_only_function<void()> callback) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  Impl::Worker* worker = self.find(id);
  if (worker == nullptr || worker->stage < Impl::Stage::kIdle) return;
  worker->drained = std::move(callback);
  self.want_flush(*worker);  // Which calls it where nothing waits.
}

bool Runtime::uses_shared_memory(WorkerId id) const {
  const Impl::Worker* worker = impl_->find(id);
  return worker != nullptr && worker->uses_shared_memory;
}

PoolId Runtime::pool_of(WorkerId id) const {
  const Impl::Worker* worker = impl_->find(id);
  return worker != nullptr ? worker->pool : PoolId{};
}

std::vector<WorkerView> Runtime::workers() const {
  std::vector<WorkerView> views;
  views.reserve(impl_->workers.size());
  for (const auto& [id, worker] : impl_->workers) {
    std::string state = "stopping";
    if (!worker->end) {
      switch (worker->stage) {
        case Impl::Stage::kStarting:
        case Impl::Stage::kLoading:
          state = "starting";
          break;
        case Impl::Stage::kIdle:
          state = "idle";
          break;
        case Impl::Stage::kAssigned:
          state = "busy";
          break;
      }
    }
    views.push_back({.id = id,
                     .pool = worker->pool,
                     .pool_name = impl_->pools.at(worker->pool).spec.name,
                     .pid = worker->pid,
                     .state = std::move(state),
                     .tasks = worker->tasks,
                     .since = worker->since});
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
    if (worker->stage == Impl::Stage::kAssigned) end_worker(id);
  }
  self.want_turn_end();
}

void Runtime::on_launcher_lost(std::move_only_function<void()> callback) {
  impl_->launcher_lost = std::move(callback);
}

}  // namespace sluice::runtime
