#include "program/program_worker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "base/json.h"
#include "base/log.h"
#include "program/task.h"

namespace sluice::program {
namespace {

using Clock = std::chrono::steady_clock;

// A SIGTERM belongs to a cancel, which may come first or last, or else means: stop. So long a
// cancel is waited for, and so long one that came explains a SIGTERM.
constexpr std::chrono::milliseconds kUnexplained{500};
constexpr std::chrono::seconds kTogether{5};

class ProgramWorker {
 public:
  explicit ProgramWorker(Fd socket)
      : connection_(std::move(socket)), uses_shared_memory_(::getenv("SLUICE_COPY") == nullptr) {}

  int run();

 private:
  Status prepare();
  Status on_frame(const wire::Frame& frame);
  Status on_setup(const wire::Frame& frame);
  Status on_start(const wire::Frame& frame);
  void on_cancel(const wire::Frame& frame);
  void hear_signals();
  void end_tasks();
  int timeout(std::vector<pollfd>& watched) const;
  Task* find(std::uint64_t handle) const;

  Connection connection_;
  const bool uses_shared_memory_;
  Fd signals_;
  std::optional<Description> description_;
  std::deque<std::unique_ptr<Task>> tasks_;  // Held, in order; the first may run.
  std::uint64_t folders_ = 0;
  bool is_stopping_ = false;
  std::optional<Clock::time_point> asked_to_end_;  // A SIGTERM that no cancel has explained yet.
  std::optional<Clock::time_point> cancelled_;     // A cancel whose SIGTERM has not come yet.
};

Status ProgramWorker::prepare() {
  ::prctl(PR_SET_NAME, "sluice-program");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) {
    return fail(system_error(errno, "become the reaper of what programs leave behind"));
  }
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  // Ctrl-C in a terminal is for the server; a pipe that is closed is seen where it is written to.
  for (const int signal : {SIGPIPE, SIGINT, SIGHUP}) ::sigaction(signal, &ignore, nullptr);
  sigset_t heard;
  ::sigemptyset(&heard);
  ::sigaddset(&heard, SIGCHLD);
  ::sigaddset(&heard, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &heard, nullptr);
  signals_ = Fd(::signalfd(-1, &heard, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) return fail(system_error(errno, "signalfd"));
  const sluice_hello hello{.abi = SLUICE_ABI_VERSION,
                           .mode = uses_shared_memory_ ? std::uint32_t{SLUICE_HELLO_SHM}
                                                       : std::uint32_t{SLUICE_HELLO_COPY}};
  constexpr std::string_view kName = "program";
  connection_.send(SLUICE_FRAME_HELLO, 0, 0, 0,
                   {wire::encode(hello), std::as_bytes(std::span(kName))});
  return {};
}

Task* ProgramWorker::find(std::uint64_t handle) const {
  const auto found = std::ranges::find(tasks_, handle, &Task::handle);
  return found == tasks_.end() ? nullptr : found->get();
}

Status ProgramWorker::on_setup(const wire::Frame& frame) {
  if (description_) return fail(ErrorCode::kInvalidArgument, "two setups");
  Result<Description> description = parse_description(
      {reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size()});
  if (!description) {
    Json json = Json().set("name", "LoadError").set("message", description.error().message());
    const std::string text = to_text(json);
    connection_.send(SLUICE_FRAME_FAILED, 0, 0, 0, {std::as_bytes(std::span(text))});
    is_stopping_ = true;
    return {};
  }
  description_ = std::move(*description);
  connection_.send(SLUICE_FRAME_READY, 0, 0, 0);
  return {};
}

Status ProgramWorker::on_start(const wire::Frame& frame) {
  if (!description_) return fail(ErrorCode::kInvalidArgument, "a start before setup");
  if (tasks_.size() >= SLUICE_TASKS_HELD_MAX || find(frame.header.handle) != nullptr) {
    return fail(ErrorCode::kInvalidArgument, "a start too many");
  }
  SLUICE_TRY(const Json start, parse_json({reinterpret_cast<const char*>(frame.payload.data()),
                                           frame.payload.size()}));
  const Json* ports = start.find("inputs");
  if (ports == nullptr || ports->as_list() == nullptr) {
    return fail(ErrorCode::kInvalidArgument, "a start without inputs");
  }
  std::vector<std::uint16_t> announced;
  for (const Json& port : *ports->as_list()) {
    const std::int64_t* number = port.as_int();
    if (number == nullptr || *number < 0 ||
        static_cast<std::size_t>(*number) >= description_->inputs.size()) {
      return fail(ErrorCode::kInvalidArgument, "a start with inputs that were not declared");
    }
    announced.push_back(static_cast<std::uint16_t>(*number));
  }
  // What `sluice.context()` is to a function.
  std::vector<std::string> about;
  constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kVariables{
      {{"run", "SLUICE_RUN"},
       {"step", "SLUICE_STEP"},
       {"path", "SLUICE_PATH"},
       {"index", "SLUICE_INDEX"},
       {"attempt", "SLUICE_ATTEMPT"},
       {"token", "SLUICE_TOKEN"}}};
  for (const auto& [key, variable] : kVariables) {
    const Json* value = start.find(key);
    if (value == nullptr) continue;
    about.push_back(fmt::format(
        "{}={}", variable, value->as_string() != nullptr ? *value->as_string() : to_text(*value)));
  }
  tasks_.push_back(std::make_unique<Task>(*description_, connection_, frame.header.handle,
                                          std::move(announced),
                                          fmt::format("{}/{}", description_->scratch, ++folders_),
                                          uses_shared_memory_, std::move(about)));
  return {};
}

void ProgramWorker::on_cancel(const wire::Frame& frame) {
  if (asked_to_end_) {
    asked_to_end_.reset();
  } else {
    cancelled_ = Clock::now();
  }
  Task* task = find(frame.header.handle);
  if (task == nullptr) return;
  task->cancel(
      std::string(reinterpret_cast<const char*>(frame.payload.data()), frame.payload.size()));
}

Status ProgramWorker::on_frame(const wire::Frame& frame) {
  switch (frame.header.type) {
    case SLUICE_FRAME_SETUP:
      return on_setup(frame);
    case SLUICE_FRAME_START:
      return on_start(frame);
    case SLUICE_FRAME_CANCEL:
      on_cancel(frame);
      return {};
    case SLUICE_FRAME_STOP:
      is_stopping_ = true;
      return {};
    default:
      // Of a task that has ended, otherwise: it crossed its end.
      if (Task* task = find(frame.header.handle)) task->on_frame(frame);
      return {};
  }
}

void ProgramWorker::hear_signals() {
  std::array<signalfd_siginfo, 8> seen;
  while (true) {
    const ssize_t got = ::read(signals_.get(), seen.data(), sizeof seen);
    if (got <= 0) return;
    for (std::size_t i = 0; i < static_cast<std::size_t>(got) / sizeof seen[0]; ++i) {
      if (seen[i].ssi_signo == SIGCHLD) {
        for (const auto& task : tasks_) task->on_child_ended();
      } else if (cancelled_ && Clock::now() - *cancelled_ < kTogether) {
        cancelled_.reset();
      } else {
        asked_to_end_ = Clock::now();
      }
    }
  }
}

void ProgramWorker::end_tasks() {
  for (std::size_t i = 0; i < tasks_.size(); ++i) tasks_[i]->advance(i == 0);
  while (true) {
    const auto over =
        std::ranges::find_if(tasks_, [](const auto& task) { return task->is_over(); });
    if (over == tasks_.end()) return;
    // The node hears of it before its folder is removed, which may take a while.
    (void)connection_.flush();
    (*over)->remove_folder();
    tasks_.erase(over);
    if (!tasks_.empty()) tasks_.front()->advance(true);
  }
}

int ProgramWorker::timeout(std::vector<pollfd>& watched) const {
  int least = -1;
  for (const auto& task : tasks_) {
    const int wish = task->wish(watched);
    if (wish >= 0) least = least < 0 ? wish : std::min(least, wish);
  }
  if (asked_to_end_ && tasks_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        *asked_to_end_ + kUnexplained - Clock::now());
    least = std::max<int>(0, static_cast<int>(left.count()) + 1);
  }
  return least;
}

int ProgramWorker::run() {
  if (const Status prepared = prepare(); !prepared) {
    log::error("program worker: {}", prepared.error().message());
    return 70;
  }
  std::vector<pollfd> watched;
  while (true) {
    if (!connection_.flush()) return 0;  // There is nobody to tell, and nothing more to do.
    if (tasks_.empty() && !connection_.has_unsent()) {
      if (is_stopping_) return 0;
      if (asked_to_end_ && Clock::now() - *asked_to_end_ >= kUnexplained) return 0;
    }
    watched.clear();
    const auto socket_events =
        static_cast<short>(connection_.has_unsent() ? POLLIN | POLLOUT : POLLIN);
    watched.push_back({.fd = connection_.fd(), .events = socket_events});
    watched.push_back({.fd = signals_.get(), .events = POLLIN});
    const int wait = timeout(watched);
    if (::poll(watched.data(), watched.size(), wait) < 0 && errno != EINTR) {
      log::error("program worker: poll: {}", std::strerror(errno));
      return 70;
    }
    if (watched[1].revents != 0) hear_signals();
    if (watched[0].revents != 0) {
      const Status received =
          connection_.receive([this](const wire::Frame& frame) { return on_frame(frame); });
      if (!received && received.error().code() == ErrorCode::kUnavailable) return 0;
      if (!received) {
        log::error("program worker: the node broke the protocol: {}", received.error().message());
        return 70;
      }
    }
    end_tasks();
  }
}

}  // namespace

int run_program_worker() {
  const char* text = ::getenv("SLUICE_FD");
  int number = -1;
  if (text != nullptr) std::from_chars(text, text + std::strlen(text), number);
  if (number < 0 || ::fcntl(number, F_SETFD, FD_CLOEXEC) != 0) {
    log::error("program worker: SLUICE_FD names no connection: the server starts this, not people");
    return 2;
  }
  return ProgramWorker(Fd(number)).run();
}

}  // namespace sluice::program
