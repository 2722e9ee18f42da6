#include "runtime/launcher.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <deque>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/log.h"
#include "runtime/launcher_process.h"
#include "runtime/launcher_protocol.h"

namespace sluice::runtime {

namespace {

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr std::ptrdiff_t kThreadsAtStart = 2;  // Its runtime has one of its own.
#else
constexpr std::ptrdiff_t kThreadsAtStart = 1;
#endif
#else
constexpr std::ptrdiff_t kThreadsAtStart = 1;
#endif

// How long ~Launcher waits for the launcher to have ended everything.
constexpr int kLauncherEndsWithinMs = 10'000;

}  // namespace

Result<LauncherHandle> start_launcher(const std::string& mark,
                                      const std::filesystem::path& scratch) {
  if (mark.empty() || mark.find('\0') != std::string::npos) {
    return fail(ErrorCode::kInvalidArgument, "start launcher: the mark must be text");
  }
  SLUICE_OK(make_directory(scratch));
  std::error_code error;
  std::filesystem::path folder = std::filesystem::canonical(scratch, error);
  if (error) return fail(system_error(error.value(), fmt::format("find {}", scratch.native())));
  // A fork has only the calling thread; whatever lock another one held would stay locked there.
  const auto threads =
      std::distance(std::filesystem::directory_iterator("/proc/self/task", error), {});
  if (!error && threads > kThreadsAtStart) {
    return fail(ErrorCode::kFailedPrecondition,
                fmt::format("start launcher: {} threads exist already", threads));
  }
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return fail(system_error(errno, "start launcher: make a socket pair"));
  }
  Fd ours(ends[0]);
  Fd theirs(ends[1]);
  // Blocked until the launcher has said which it ignores: a Ctrl-C in between must not end it.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  const int fork_error = errno;
  if (pid == 0) {
    ours.reset();
    run_launcher(std::move(theirs), mark, std::move(folder));
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return fail(system_error(fork_error, "start launcher: fork"));
  return LauncherHandle{.socket = std::move(ours), .pid = pid};
}

// ---- The engine's end -------------------------------------------------------------------------

struct Launcher::Impl {
  struct Process {
    pid_t pid = -1;  // -1 until it is spawned.
    std::move_only_function<void(Result<pid_t>)> on_spawned;
    std::move_only_function<void(ExitStatus)> on_exit;
  };
  struct Packet {
    std::string bytes;
    Fd control;
    Fd log;
  };

  Impl(aio::Loop& on_loop, LauncherHandle launcher)
      : loop(on_loop),
        handle(std::move(launcher)),
        watch(std::in_place, loop, handle.socket.get()) {
    watch->on_readable([this] { read_replies(); });
  }

  // Blocks until the launcher has ended all that is left: "stopped" then means that nothing is
  // left.
  ~Impl() {
    watch.reset();
    handle.socket.reset();
    const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, handle.pid, 0)));
    pollfd gone{.fd = process.get(), .events = POLLIN};
    if (process && ::poll(&gone, 1, kLauncherEndsWithinMs) == 0) {
      log::warning("the launcher still waits for processes that do not end{}",
                   log::field("pid", fmt::format("{}", handle.pid)));
    }
    ::waitpid(handle.pid, nullptr, WNOHANG);
  }

  // False when the socket takes nothing now.
  bool try_send(const Packet& packet) {
    iovec part{.iov_base = const_cast<char*>(packet.bytes.data()), .iov_len = packet.bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
    msghdr message{.msg_iov = &part, .msg_iovlen = 1};
    if (packet.control) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(2 * sizeof(int));
      const std::array<int, 2> numbers{packet.control.get(), packet.log.get()};
      std::memcpy(CMSG_DATA(header), numbers.data(), sizeof numbers);
    }
    while (true) {
      if (::sendmsg(handle.socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return true;
      if (errno == EINTR) continue;
      // EAGAIN is waited out. Where the launcher is gone, the next read of the socket says so.
      return errno != EAGAIN && errno != EWOULDBLOCK;
    }
  }

  void send(Packet packet) {
    if (is_lost) return;
    if (unsent.empty() && try_send(packet)) return;
    unsent.push_back(std::move(packet));
    wait_writable();
  }

  void wait_writable() {
    watch->once_writable([this] {
      while (!unsent.empty() && try_send(unsent.front())) unsent.pop_front();
      if (!unsent.empty()) wait_writable();
    });
  }

  void read_replies() {
    std::array<char, 4096> packet;
    const std::weak_ptr<bool> alive = life;
    while (!alive.expired() && !is_lost) {
      const ssize_t got = ::recv(handle.socket.get(), packet.data(), packet.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got <= 0) {
        lose();
        return;
      }
      const auto size = static_cast<std::size_t>(got);
      LaunchReply reply;
      if (size < sizeof reply) continue;
      std::memcpy(&reply, packet.data(), sizeof reply);
      handle_reply(reply, {packet.data() + sizeof reply, size - sizeof reply});
    }
  }

  void handle_reply(const LaunchReply& reply, std::string_view text) {
    const auto found = processes.find(reply.worker);
    if (found == processes.end()) return;
    switch (reply.kind) {
      case LaunchReply::Kind::kSpawned: {
        found->second.pid = reply.pid;
        by_pid[reply.pid] = reply.worker;
        auto on_spawned = std::move(found->second.on_spawned);
        on_spawned(reply.pid);
        return;
      }
      case LaunchReply::Kind::kRefused: {
        auto on_spawned = std::move(found->second.on_spawned);
        processes.erase(found);
        on_spawned(fail(static_cast<ErrorCode>(reply.code), std::string(text)));
        return;
      }
      case LaunchReply::Kind::kExited: {
        auto on_exit = std::move(found->second.on_exit);
        by_pid.erase(found->second.pid);
        processes.erase(found);
        on_exit({.signalled = reply.signalled != 0, .code = reply.code});
        return;
      }
    }
  }

  // The launcher has died, and its workers with it: the kernel kills them (PDEATHSIG).
  void lose() {
    is_lost = true;
    watch->on_readable(nullptr);
    unsent.clear();
    const std::weak_ptr<bool> alive = life;
    while (!alive.expired() && !processes.empty()) {
      Process process = std::move(processes.begin()->second);
      processes.erase(processes.begin());
      if (process.pid < 0) {
        process.on_spawned(fail(ErrorCode::kUnavailable, "the launcher process is gone"));
      } else {
        process.on_exit({.signalled = true, .code = SIGKILL});
      }
    }
    if (!alive.expired() && on_lost) std::exchange(on_lost, nullptr)();
  }

  aio::Loop& loop;
  LauncherHandle handle;
  std::optional<aio::FdWatch> watch;
  std::map<std::uint64_t, Process> processes;  // By the number that requests and replies carry.
  std::map<pid_t, std::uint64_t> by_pid;
  std::deque<Packet> unsent;
  std::uint64_t next_worker = 1;
  std::move_only_function<void()> on_lost;
  bool is_lost = false;
  // Expires with this object: a callback may destroy it.
  std::shared_ptr<bool> life = std::make_shared<bool>();
};

Launcher::Launcher(aio::Loop& loop, LauncherHandle handle)
    : impl_(std::make_unique<Impl>(loop, std::move(handle))) {}

Launcher::~Launcher() = default;

void Launcher::spawn(SpawnRequest request, std::move_only_function<void(Result<pid_t>)> on_spawned,
                     std::move_only_function<void(ExitStatus)> on_exit) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  const std::uint64_t worker = self.next_worker++;
  const auto refuse = [&](Error error) {
    // Never from inside the call; not at all where this object is gone by then.
    self.loop.at_end_of_turn([alive = std::weak_ptr<bool>(self.life), heard = std::move(on_spawned),
                              error = std::move(error)]() mutable {
      if (!alive.expired()) heard(fail(std::move(error)));
    });
  };
  if (self.is_lost) {
    refuse(Error(ErrorCode::kUnavailable, "the launcher process is gone"));
    return;
  }
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  bool is_text = !request.argv.empty() && !has_nul(request.cwd.native());
  for (const auto* list : {&request.argv, &request.env}) {
    for (const std::string& text : *list) is_text = is_text && !has_nul(text);
  }
  if (!is_text || !request.control || !request.log) {
    refuse(Error(ErrorCode::kInvalidArgument, "start a worker: no program, or a NUL in a string"));
    return;
  }
  const LaunchRequest head{.kind = LaunchRequest::Kind::kSpawn,
                           .nice = request.nice,
                           .arguments = static_cast<std::uint32_t>(request.argv.size()),
                           .worker = worker};
  std::string bytes = encode_spawn(head, request.cwd.native(), request.argv, request.env);
  if (bytes.size() > kLaunchMessageMax) {
    refuse(Error(ErrorCode::kInvalidArgument,
                 fmt::format("start {}: arguments and environment take {} bytes, more than {}",
                             request.argv[0], bytes.size(), kLaunchMessageMax)));
    return;
  }
  self.processes[worker] =
      Impl::Process{.on_spawned = std::move(on_spawned), .on_exit = std::move(on_exit)};
  self.send({.bytes = std::move(bytes),
             .control = std::move(request.control),
             .log = std::move(request.log)});
}

void Launcher::signal(pid_t pid, int signal) {
  Impl& self = *impl_;
  self.loop.role().assert_current();
  const auto found = self.by_pid.find(pid);
  if (found == self.by_pid.end()) return;  // Its end has been told.
  const LaunchRequest request{
      .kind = LaunchRequest::Kind::kSignal, .signal = signal, .worker = found->second};
  std::string bytes(sizeof request, '\0');
  std::memcpy(bytes.data(), &request, sizeof request);
  self.send({.bytes = std::move(bytes)});
}

void Launcher::on_lost(std::move_only_function<void()> callback) {
  impl_->on_lost = std::move(callback);
}

}  // namespace sluice::runtime
