#include "runtime/launcher_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "runtime/launcher_protocol.h"
#include "runtime/process_table.h"
#include "runtime/scratch.h"
#include "runtime/start_process.h"

namespace sluice::runtime {

namespace {

constexpr int kSocketFd = 3;
// While workers end: how often the hunt is repeated though no child has ended. A net below the
// reasoning in hunt(), not a part of it.
constexpr int kHuntAgainMs = 200;

// How a worker's processes are found and ended:
// - its *group* (it leads a session and group of its own): killed while the dead leader is not yet
//   reaped, so that its number cannot be somebody else's; a fork that races with the signal fails.
// - *strays* that left the group: as the launcher is their subreaper, each becomes its child once
//   its parents have died. Its session, or SLUICE_WORKER in its environment, says whose it was. One
//   that scrubbed both has escaped from a worker on purpose and is killed at the next hunt.
class LauncherProcess {
 public:
  LauncherProcess(std::string mark, std::filesystem::path scratch)
      : mark_(std::move(mark)), scratch_(std::move(scratch)) {}

  [[noreturn]] void run() {
    prepare();
    while (!(engine_is_gone_ && workers_.empty() && own_children().empty())) {
      std::array<pollfd, 2> watched{{{.fd = engine_is_gone_ ? -1 : kSocketFd, .events = POLLIN},
                                     {.fd = signals_.get(), .events = POLLIN}}};
      const bool is_hunting = engine_is_gone_ || ending_ > 0;
      if (::poll(watched.data(), watched.size(), is_hunting ? kHuntAgainMs : -1) < 0 &&
          errno != EINTR) {
        log::error("launcher: poll: {}", std::strerror(errno));
        ::_exit(1);  // The workers die with their parent.
      }
      if (watched[1].revents != 0) clear_signals();
      reap();
      if (watched[0].revents != 0) serve_engine();
      if (engine_is_gone_ || ending_ > 0) hunt();
    }
    ::_exit(0);
  }

 private:
  struct Worker {
    pid_t pid = -1;
    std::filesystem::path scratch;
    bool is_reaped = false;
    bool signalled = false;
    int code = 0;
  };

  void prepare() {
    ::prctl(PR_SET_NAME, "sluice-launcher");
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    // A session of its own: what is sent to the engine's group or terminal is the engine's to
    // decide.
    ::setsid();
    struct sigaction action{};
    action.sa_handler = SIG_IGN;
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2}) {
      ::sigaction(signal, &action, nullptr);
    }
    sigset_t children;
    ::sigemptyset(&children);
    ::sigaddset(&children, SIGCHLD);
    ::sigprocmask(SIG_SETMASK, &children, nullptr);
    signals_ = Fd(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    SLUICE_ASSERT(signals_, "signalfd: {}", std::strerror(errno));
  }

  void clear_signals() {
    std::array<signalfd_siginfo, 16> seen;
    while (::read(signals_.get(), seen.data(), sizeof seen) > 0) {
    }
  }

  // ---- Requests of the engine ----

  void serve_engine() {
    while (true) {
      iovec part{.iov_base = packet_.data(), .iov_len = packet_.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
      msghdr message{.msg_iov = &part,
                     .msg_iovlen = 1,
                     .msg_control = control.data(),
                     .msg_controllen = control.size()};
      const ssize_t got = ::recvmsg(kSocketFd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (got <= 0) {
        lose_engine();
        return;
      }
      std::array<Fd, 2> descriptors;
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message);
          header != nullptr && header->cmsg_type == SCM_RIGHTS) {
        std::array<int, 2> numbers{-1, -1};
        std::memcpy(numbers.data(), CMSG_DATA(header),
                    std::min<std::size_t>(header->cmsg_len - CMSG_LEN(0), sizeof numbers));
        descriptors = {Fd(numbers[0]), Fd(numbers[1])};
      }
      const auto size = static_cast<std::size_t>(got);
      LaunchRequest request;
      if (size < sizeof request) continue;  // Not from our engine.
      std::memcpy(&request, packet_.data(), sizeof request);
      if (request.kind == LaunchRequest::Kind::kSpawn) {
        spawn(request, std::span(packet_).first(size), descriptors);
      } else {
        signal(request);
      }
    }
  }

  void spawn(const LaunchRequest& request, std::span<const char> packet,
             const std::array<Fd, 2>& descriptors) {
    std::filesystem::path folder;
    Result<pid_t> started = start_worker(request, packet, descriptors, folder);
    if (!started) {
      if (!folder.empty()) remove(folder);
      const LaunchReply reply{.kind = LaunchReply::Kind::kRefused,
                              .code = static_cast<std::int32_t>(started.error().code()),
                              .worker = request.worker};
      answer(reply, started.error().message());
      return;
    }
    workers_[request.worker] = Worker{.pid = *started, .scratch = std::move(folder)};
    answer({.kind = LaunchReply::Kind::kSpawned, .pid = *started, .worker = request.worker});
  }

  // `folder` is set once it exists.
  Result<pid_t> start_worker(const LaunchRequest& request, std::span<const char> packet,
                             const std::array<Fd, 2>& descriptors, std::filesystem::path& folder) {
    SLUICE_TRY(SpawnStrings strings, decode_spawn_strings(packet));
    const std::filesystem::path wanted(strings.cwd);
    // The folder will be removed with all that is in it: never one that is not ours.
    std::error_code error;
    if (std::filesystem::canonical(wanted.parent_path(), error) != scratch_ || error ||
        !wanted.has_filename() || wanted.filename() == "." || wanted.filename() == "..") {
      return fail(ErrorCode::kInvalidArgument, fmt::format("the scratch folder {} is not in {}",
                                                           strings.cwd, scratch_.native()));
    }
    if (::mkdir(strings.cwd, 0700) != 0) {
      return fail(system_error(errno, fmt::format("create scratch folder {}", strings.cwd)));
    }
    folder = wanted;
    const std::string mark = fmt::format("{}={}", kMarkVariable, mark_);
    const std::string worker = fmt::format("{}={}", kWorkerVariable, request.worker);
    const std::string control = fmt::format("SLUICE_FD={}", kWorkerControlFd);
    strings.env.back() = mark.c_str();
    strings.env.push_back(worker.c_str());
    strings.env.push_back(control.c_str());
    strings.env.push_back(nullptr);
    return start_process({.argv = strings.argv.data(),
                          .env = strings.env.data(),
                          .cwd = strings.cwd,
                          .control = descriptors[0],
                          .log = descriptors[1],
                          .nice = request.nice});
  }

  void signal(const LaunchRequest& request) {
    const auto found = workers_.find(request.worker);
    // Once the leader is reaped the number of its group may be somebody else's; the hunt is on
    // anyway.
    if (found == workers_.end() || found->second.is_reaped) return;
    ::kill(-found->second.pid, request.signal);
  }

  void lose_engine() {
    engine_is_gone_ = true;
    for (const auto& [id, worker] : workers_) {
      if (!worker.is_reaped) ::kill(-worker.pid, SIGKILL);
    }
  }

  void answer(const LaunchReply& reply, std::string_view text = {}) {
    if (engine_is_gone_) return;
    std::array<iovec, 2> parts{
        {{.iov_base = const_cast<LaunchReply*>(&reply), .iov_len = sizeof reply},
         {.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()}}};
    const msghdr message{.msg_iov = parts.data(), .msg_iovlen = parts.size()};
    // Blocks while the engine is slow to read. It never waits for the launcher, so that ends; and
    // where it died, the next packet read says so.
    while (::sendmsg(kSocketFd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
  }

  // ---- Ends ----

  void reap() {
    while (true) {
      siginfo_t info{};
      if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
      const pid_t pid = info.si_pid;
      if (Worker* worker = live_worker(pid)) {
        ::kill(-pid, SIGKILL);  // The rest of its group, while the number is still taken.
        worker->is_reaped = true;
        worker->signalled = info.si_code != CLD_EXITED;
        worker->code = info.si_status;
        ++ending_;
      }
      ::waitpid(pid, nullptr, 0);
    }
  }

  // Kills strays. When no child is left that could have been of a worker whose leader is dead,
  // nothing of that worker is left: every descendant has an ancestor among the launcher's children,
  // and a child only becomes ours by the death of its parent, which SIGCHLD tells, or which lies
  // below a child that is still counted here. The list is complete because nobody reaps meanwhile.
  void hunt() {
    bool is_clear = true;
    for (const pid_t child : own_children()) {
      if (!engine_is_gone_ && belongs_to_live_worker(child)) continue;
      is_clear = false;
      ::kill(child, SIGKILL);  // Our child, not reaped: the number is its own.
    }
    if (!is_clear) return;
    for (auto at = workers_.begin(); at != workers_.end();) {
      if (!at->second.is_reaped) {
        ++at;
        continue;
      }
      const Worker& worker = at->second;
      remove(worker.scratch);
      answer({.kind = LaunchReply::Kind::kExited,
              .pid = worker.pid,
              .code = worker.code,
              .signalled = worker.signalled ? 1U : 0U,
              .worker = at->first});
      at = workers_.erase(at);
      --ending_;
    }
  }

  bool belongs_to_live_worker(pid_t child) {
    if (live_worker(child) != nullptr) return true;
    if (live_worker(::getsid(child)) != nullptr) return true;
    const auto text = environment_value(child, kWorkerVariable);
    if (!text) return false;
    std::uint64_t id = 0;
    std::from_chars(text->data(), text->data() + text->size(), id);
    const auto found = workers_.find(id);
    return found != workers_.end() && !found->second.is_reaped;
  }

  Worker* live_worker(pid_t pid) {
    for (auto& [id, worker] : workers_) {
      if (worker.pid == pid && !worker.is_reaped) return &worker;
    }
    return nullptr;
  }

  void remove(const std::filesystem::path& folder) {
    if (const Status removed = remove_scratch(folder); !removed) {
      log::warning("a scratch folder stays until the next start{}",
                   log::field("error", removed.error().message()));
    }
  }

  const std::string mark_;
  const std::filesystem::path scratch_;
  Fd signals_;
  std::map<std::uint64_t, Worker> workers_;
  std::size_t ending_ = 0;  // Workers whose leader is dead and whose end is not yet told.
  bool engine_is_gone_ = false;
  std::array<char, kLaunchMessageMax> packet_;
};

}  // namespace

void run_launcher(Fd socket, std::string mark, std::filesystem::path scratch) {
  // Everything that the engine had open is none of the launcher's business; a copy of somebody's
  // socket kept here would hide its end from the other side.
  const int null = ::open("/dev/null", O_RDONLY);
  const int kept = ::fcntl(socket.release(), F_DUPFD, 10);  // Out of the way of what comes now.
  SLUICE_ASSERT(null >= 0 && kept >= 0, "prepare the launcher: {}", std::strerror(errno));
  ::dup2(null, STDIN_FILENO);
  ::dup3(kept, kSocketFd, O_CLOEXEC);
  ::syscall(SYS_close_range, kSocketFd + 1, ~0U, 0);
  static LauncherProcess process(std::move(mark), std::move(scratch));
  process.run();
}

}  // namespace sluice::runtime
