#include "cli/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "base/file.h"
#include "base/units.h"
#include "cli/interrupt.h"

namespace sluice::cli {
namespace {

// A server that stops ends its workers first, which have a grace of their own.
constexpr int kStopMs = 30'000;

// The child between fork and exec: only what a signal handler might call.
[[noreturn]] void become_server(const std::vector<char*>& arguments, pid_t parent) {
  ::setpgid(0, 0);
  // The pair catches a parent that died before the kernel knew our wish.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (::getppid() != parent) ::_exit(1);
  ::signal(SIGPIPE, SIG_DFL);
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);  // Our standard output is for data.
  ::execv("/proc/self/exe", arguments.data());
  constexpr std::string_view kProblem =
      "error: /proc/self/exe cannot be started; is /proc mounted?\n";
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, kProblem.data(), kProblem.size());
  ::_exit(1);
}

Result<Fd> watch_folder(const std::filesystem::path& folder) {
  Fd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events) return fail(system_error(errno, "inotify"));
  if (::inotify_add_watch(events.get(), folder.c_str(), IN_MOVED_TO | IN_CLOSE_WRITE) < 0)
    return fail(system_error(errno, fmt::format("watch {}", folder.native())));
  return events;
}

void drain(const Fd& events) {
  std::array<char, 4096> buffer;
  while (::read(events.get(), buffer.data(), buffer.size()) > 0) continue;
}

}  // namespace

Result<ServerProcess> ServerProcess::start(std::vector<std::string> arguments,
                                           const std::filesystem::path& folder) {
  const std::filesystem::path ready_file = folder / "url";
  SLUICE_TRY(const Fd events, watch_folder(folder));
  arguments.insert(arguments.begin(), {"sluice", "serve"});
  arguments.insert(arguments.end(), {"--ready-file", ready_file.native()});
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail(system_error(errno, "start a server"));
  if (pid == 0) become_server(words, parent);
  // No race: the child is ours to reap, so its number is not given to another process before.
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    const Error error = system_error(errno, "watch the server's process");
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    return fail(error);
  }
  ServerProcess server(std::move(process));
  if (Status ready = server.wait_until_ready(ready_file, events); !ready) {
    server.stop();
    return fail(std::move(ready).error());
  }
  return server;
}

Status ServerProcess::wait_until_ready(const std::filesystem::path& ready_file,
                                       const Fd& folder_events) {
  while (true) {
    std::error_code error;
    if (std::filesystem::exists(ready_file, error)) {
      SLUICE_TRY(url_, read_file(ready_file, 4_KiB));
      while (url_.ends_with('\n')) url_.pop_back();
      return {};
    }
    std::array<pollfd, 3> wait{{{.fd = folder_events.get(), .events = POLLIN, .revents = 0},
                                {.fd = process_.get(), .events = POLLIN, .revents = 0},
                                {.fd = interrupt::descriptor(), .events = POLLIN, .revents = 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR)
      return fail(system_error(errno, "wait for the server"));
    if (interrupt::signal() != 0) return fail(ErrorCode::kCancelled, "interrupted");
    if (wait[1].revents != 0) {
      return fail(ErrorCode::kUnavailable,
                  "the server ended before it served; what it said is above");
    }
    drain(folder_events);
  }
}

void ServerProcess::reap() {
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process_.get()), &info, WEXITED) < 0 &&
         errno == EINTR) {
  }
  process_.reset();
}

void ServerProcess::stop() {
  if (!process_) return;
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGTERM, nullptr, 0);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(kStopMs);
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{.fd = process_.get(), .events = POLLIN, .revents = 0};
    const int ready = left.count() > 0 ? ::poll(&wait, 1, static_cast<int>(left.count())) : 0;
    if (ready < 0 && errno == EINTR) continue;
    // Its launcher ends the workers when it is gone.
    if (ready <= 0) ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
    break;
  }
  reap();
}

ServerProcess::~ServerProcess() {
  if (!process_) return;
  ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
  reap();
}

}  // namespace sluice::cli
