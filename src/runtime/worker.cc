#include "runtime/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/check.h"
#include "base/json.h"

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

WorkerEnd end_of(ExitStatus status) {
  if (status.signalled) {
    return {.cause = WorkerEnd::Cause::kSignalled,
            .message = fmt::format("the worker was killed by {}", signal_name(status.code))};
  }
  return {.cause = WorkerEnd::Cause::kExited,
          .message = fmt::format("the worker exited with status {}", status.code)};
}

}  // namespace

Worker::Worker(const WorkerSurroundings& around, WorkerOwner& owner, WorkerId id, PoolId pool)
    : around_(around),
      owner_(owner),
      id_(id),
      pool_(pool),
      timer_(around.loop),
      since_(around.loop.now()) {}

// ---- Start ------------------------------------------------------------------------------------

Status Worker::start(const PoolSpec& spec, std::filesystem::path scratch) {
  scratch_ = std::move(scratch);
  setup_ = spec.setup;
  if (const auto at = setup_.find(kScratchPlace); at != std::string::npos) {
    setup_.replace(at, kScratchPlace.size(), json_inside(scratch_.native()));
  }
  if (setup_.size() > SLUICE_FRAME_MAX) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("the description of the function takes {} bytes, more than a frame ({})",
                    setup_.size(), SLUICE_FRAME_MAX));
  }
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
  channel_.emplace(around_.loop, std::move(ours), std::move(output), around_.buffer, *this);
  timer_.at(around_.loop.now() + around_.limits.worker_start_timeout, [this] {
    end({.cause = WorkerEnd::Cause::kStartTimeout,
         .message = fmt::format("{} was not ready within {}",
                                stage_ == Stage::kStarting ? "the worker" : "the code",
                                to_text(around_.limits.worker_start_timeout))},
        How::kKill);
  });
  around_.launcher.spawn(
      {.argv = spec.argv,
       .env = spec.env,
       .cwd = scratch_,
       .control = std::move(theirs),
       .log = std::move(print),
       .nice = around_.nice},
      [this](Result<pid_t> pid) { handle_spawned(std::move(pid)); },
      [this](ExitStatus status) { handle_exit(status); });
  return {};
}

void Worker::handle_spawned(Result<pid_t> pid) {
  if (pid) {
    pid_ = *pid;
    if (is_kill_due_) {
      around_.launcher.signal(pid_, SIGKILL);
    } else if (has_loaded_) {
      become_idle();
    }
    return;
  }
  if (!end_) {
    end_ = WorkerEnd{.cause = WorkerEnd::Cause::kSpawnFailed, .message = pid.error().message()};
  }
  conclude();
}

void Worker::greet(const wire::Frame& frame) {
  if (frame.header.type != SLUICE_FRAME_HELLO) {
    on_channel_violation(
        fmt::format("it sent `{}` before `hello`", *wire::frame_name(frame.header.type)));
    return;
  }
  const auto hello = wire::decode_hello(frame.payload);
  if (!hello) {
    on_channel_violation(hello.error().message());
    return;
  }
  if (hello->hello.abi != SLUICE_ABI_VERSION) {
    on_channel_violation(
        fmt::format("its SDK ({}) speaks version {} of the worker protocol, this server version {}",
                    hello->sdk, hello->hello.abi, SLUICE_ABI_VERSION));
    return;
  }
  uses_shared_memory_ = hello->hello.mode == SLUICE_HELLO_SHM;
  enter(Stage::kLoading);
  send({.type = SLUICE_FRAME_SETUP}, {std::as_bytes(std::span(setup_))});
  setup_ = {};
}

void Worker::handle_load_frame(const wire::Frame& frame) {
  const std::uint8_t type = frame.header.type;
  if (type == SLUICE_FRAME_READY && !has_loaded_) {
    has_loaded_ = true;
    if (pid_ >= 0) become_idle();
  } else if (type == SLUICE_FRAME_FAILED && frame.header.handle == 0) {
    end({.cause = WorkerEnd::Cause::kLoadFailed,
         .message = std::string(reinterpret_cast<const char*>(frame.payload.data()),
                                frame.payload.size())},
        How::kKill);
  } else {
    on_channel_violation(fmt::format("it sent `{}` {}", *wire::frame_name(type),
                                     has_loaded_ ? "before its first task" : "before `ready`"));
  }
}

void Worker::become_idle() {
  timer_.cancel();
  enter(Stage::kIdle);
  owner_.on_ready(*this);
}

// ---- What it says -----------------------------------------------------------------------------

void Worker::on_channel_frame(const wire::Frame& frame) {
  const std::uint8_t type = frame.header.type;
  if (is_ready()) [[likely]] {
    if (type == SLUICE_FRAME_HELLO || type == SLUICE_FRAME_READY) {
      on_channel_violation(fmt::format("it sent `{}` twice", *wire::frame_name(type)));
    } else if (stage_ == Stage::kAssigned) {
      owner_.on_frame(*this, frame);
    }
    // Else the late words of a task that has ended (they crossed `cancel`): dropped, no error.
    return;
  }
  if (is_ending()) return;
  if (type == SLUICE_FRAME_LOG) {
    on_channel_output(frame.payload);
  } else if (stage_ == Stage::kStarting) {
    greet(frame);
  } else {
    handle_load_frame(frame);
  }
}

void Worker::on_channel_output(wire::Bytes text) {
  if (stage_ == Stage::kAssigned) {
    owner_.on_output(*this, text);
    return;
  }
  output_.append(reinterpret_cast<const char*>(text.data()), text.size());
  if (output_.size() > kOutputKept) output_.erase(0, output_.size() - kOutputKept);
}

void Worker::on_channel_violation(const std::string& what) {
  if (channel_) channel_->stop_receiving();
  end({.cause = WorkerEnd::Cause::kProtocol, .message = what}, How::kKill);
}

// It closed its end. Usually because it exits, which the launcher will tell; otherwise it is of no
// use any more.
void Worker::on_channel_closed() {
  if (is_ending()) return;
  owner_.on_unfit(*this);
  timer_.at(around_.loop.now() + around_.limits.grace, [this] {
    end({.cause = WorkerEnd::Cause::kProtocol, .message = "it closed its connection and went on"},
        How::kKill);
  });
}

void Worker::on_channel_drained() {
  if (!drained_) return;
  auto callback = std::move(drained_);
  drained_ = nullptr;
  callback();
}

// ---- Work -------------------------------------------------------------------------------------

void Worker::assign() {
  SLUICE_ASSERT(stage_ == Stage::kIdle, "stage {}", static_cast<int>(stage_));
  enter(Stage::kAssigned);
  ++tasks_;
  output_.clear();
}

void Worker::give_back() {
  SLUICE_ASSERT(stage_ == Stage::kAssigned, "stage {}", static_cast<int>(stage_));
  enter(Stage::kIdle);
}

void Worker::send(const sluice_frame_header& header, std::initializer_list<wire::Bytes> parts) {
  channel_->writer().append(header, parts);
  want_flush();
}

void Worker::send_map(std::uint32_t region, const sluice_map& map, Fd descriptor) {
  channel_->writer().append_map(region, map, std::move(descriptor));
  want_flush();
}

void Worker::once_drained(std::move_only_function<void()> callback) {
  drained_ = std::move(callback);
  want_flush();  // Which calls it where nothing waits.
}

void Worker::want_flush() {
  if (std::exchange(has_unflushed_, true)) return;
  owner_.on_unflushed(*this);
}

void Worker::flush() {
  has_unflushed_ = false;
  channel_->flush();
  if (unsent() < WorkerChannel::kDrainedBelow) on_channel_drained();
}

// ---- End --------------------------------------------------------------------------------------

void Worker::interrupt() {
  if (stage_ != Stage::kAssigned || is_ending()) return;
  channel_->flush();  // The `cancel` that says why must be there when the signal is.
  around_.launcher.signal(pid_, SIGTERM);
}

void Worker::end(WorkerEnd why, How how) {
  if (!end_) end_ = std::move(why);
  owner_.on_unfit(*this);
  // Without a pid yet it has no task that could want to clean up.
  if (how == How::kKill || pid_ < 0) {
    timer_.cancel();
    is_kill_due_ = true;
    if (pid_ >= 0) around_.launcher.signal(pid_, SIGKILL);
    return;
  }
  if (how == How::kTerminate) {
    around_.launcher.signal(pid_, SIGTERM);
  } else {
    send({.type = SLUICE_FRAME_STOP}, {});
  }
  timer_.at(around_.loop.now() + around_.limits.grace,
            [this] { around_.launcher.signal(pid_, SIGKILL); });
}

void Worker::handle_exit(ExitStatus status) {
  // Nobody writes any more: what is read now is all there is.
  channel_->receive_rest();
  if (!end_) end_ = end_of(status);
  end_->code = status.code;
  conclude();
}

void Worker::conclude() {
  timer_.cancel();
  WorkerEnd end = std::move(*end_);
  if (!is_ready()) {
    end.output = std::move(output_);
    if (end.cause != WorkerEnd::Cause::kLoadFailed && !end.output.empty()) {
      end.message =
          fmt::format("{}{}{}", end.output, end.output.ends_with('\n') ? "" : "\n", end.message);
    }
  }
  owner_.on_over(*this, std::move(end));
}

void Worker::enter(Stage stage) {
  stage_ = stage;
  since_ = around_.loop.now();
}

}  // namespace sluice::runtime
