#include "runtime/start_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::runtime {

namespace {

// What the child tells its parent when it does not come to be. Through a pipe and not through the
// memory that vfork shares: thread sanitizer turns vfork into fork.
struct Failure {
  const char* doing = nullptr;  // A literal: the same address in both.
  int error_number = 0;
};

// Nice weighs processes of one session against each other only where the kernel groups sessions
// (sched_autogroup): the group needs the value too. Best effort: not every kernel has it.
void set_nice(int nice) {
  ::setpriority(PRIO_PROCESS, 0, nice);
  const int file = ::open("/proc/self/autogroup", O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  char text[4];
  std::size_t length = 0;
  const int size = nice < 0 ? -nice : nice;
  if (nice < 0) text[length++] = '-';
  if (size >= 10) text[length++] = static_cast<char>('0' + size / 10 % 10);
  text[length++] = static_cast<char>('0' + size % 10);
  [[maybe_unused]] const ssize_t put = ::write(file, text, length);
  ::close(file);
}

// Runs in the child, on the parent's memory: system calls only, and no return.
[[noreturn]] void become(const StartProcess& start, pid_t parent, int failures) {
  const auto give_up = [failures](const char* doing) {
    const Failure failure{.doing = doing, .error_number = errno};
    [[maybe_unused]] const ssize_t put = ::write(failures, &failure, sizeof failure);
    ::_exit(127);
  };
  if (::setsid() < 0) give_up("make a session");
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up("bind its life to the launcher");
  // The launcher may have died before the line above: nobody would kill this child then.
  if (::getppid() != parent) ::_exit(127);

  // Ignored signals survive exec, and the launcher ignores some.
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);

  const rlimit no_core{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core);  // A crash is reported; gigabytes of core help nobody.
  if (start.nice != 0) set_nice(start.nice);

  if (::dup2(start.log.get(), STDOUT_FILENO) < 0 || ::dup2(start.log.get(), STDERR_FILENO) < 0 ||
      ::dup2(start.control.get(), kWorkerControlFd) < 0) {
    give_up("hand over descriptors");
  }
  // Closed by exec, not now: `failures` is among them.
  if (::syscall(SYS_close_range, kWorkerControlFd + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    give_up("close descriptors");
  }
  if (::chdir(start.cwd) != 0) give_up("enter its folder");
  ::execve(start.argv[0], const_cast<char* const*>(start.argv),
           const_cast<char* const*>(start.env));
  give_up("execute");
  ::_exit(127);
}

}  // namespace

Result<pid_t> start_process(const StartProcess& start) {
  const pid_t self = ::getpid();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno, "make a pipe"));
  const Fd failures(ends[0]);
  Fd told(ends[1]);
  // vfork, not fork: the parent sleeps until exec and nothing is copied. The caller has one thread,
  // so that nobody else runs on this memory meanwhile.
  const pid_t pid = ::vfork();
  if (pid == 0) become(start, self, ends[1]);
  if (pid < 0) return fail(system_error(errno, fmt::format("start {}", start.argv[0])));
  told.reset();
  Failure failure;
  ssize_t got = 0;
  do {
    got = ::read(failures.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof failure) return pid;  // Closed by exec.
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return fail(system_error(failure.error_number,
                           fmt::format("start {}: {}", start.argv[0], failure.doing)));
}

}  // namespace sluice::runtime
