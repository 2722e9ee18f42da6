#include "program/process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/process_table.h"

namespace sluice::program {
namespace {

struct Failure {
  bool is_execution = false;  // Else before it.
  int error_number = 0;
};

// Runs in the child, on the parent's memory: system calls only, and no return.
[[noreturn]] void become(const StartProgram& start, const char* const* arguments,
                         const char* const* environment, pid_t parent, int failures) {
  const auto give_up = [failures](bool is_execution) {
    const Failure failure{.is_execution = is_execution, .error_number = errno};
    [[maybe_unused]] const ssize_t put = ::write(failures, &failure, sizeof failure);
    ::_exit(127);
  };
  if (::setpgid(0, 0) != 0) give_up(false);
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(false);
  if (::getppid() != parent) ::_exit(127);  // It died before the line above.
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) ::sigaction(signal, &action, nullptr);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (start.input && ::dup2(start.input.get(), STDIN_FILENO) < 0) give_up(false);
  if (start.output && ::dup2(start.output.get(), STDOUT_FILENO) < 0) give_up(false);
  if (::syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) != 0) give_up(false);
  if (::chdir(start.folder.c_str()) != 0) give_up(false);
  ::execve(start.path.c_str(), const_cast<char* const*>(arguments),
           const_cast<char* const*>(environment));
  give_up(true);
  ::_exit(127);
}

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> all;
  all.reserve(texts.size() + 1);
  for (const std::string& text : texts) all.push_back(text.c_str());
  all.push_back(nullptr);
  return all;
}

Error refusal(const StartProgram& start, const Failure& failure) {
  if (!failure.is_execution) {
    return system_error(failure.error_number, fmt::format("prepare '{}'", start.path));
  }
  switch (failure.error_number) {
    case ENOENT:
      return {ErrorCode::kNotFound,
              fmt::format("the program '{}' does not exist, or what its first line names does not",
                          start.path)};
    case EACCES:
      return {ErrorCode::kPermissionDenied,
              fmt::format("'{}' may not be executed: `chmod +x` makes a program of a file",
                          start.path)};
    case ENOEXEC:
      return {ErrorCode::kInvalidArgument,
              fmt::format("'{}' is no program: a script begins with a line like #!/bin/sh",
                          start.path)};
    case E2BIG:
      return {ErrorCode::kResourceExhausted,
              fmt::format("the arguments and variables of '{}' are larger than the system takes; "
                          "give large values as 'in: {{ stdin: ... }}'",
                          start.path)};
    default:
      return system_error(failure.error_number, fmt::format("execute '{}'", start.path));
  }
}

}  // namespace

Result<pid_t> start_program(StartProgram start) {
  const pid_t self = ::getpid();
  const std::vector<const char*> arguments = pointers(start.arguments);
  const std::vector<const char*> environment = pointers(start.environment);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail(system_error(errno, "make a pipe"));
  const Fd failures(ends[0]);
  Fd told(ends[1]);
  // vfork: the parent sleeps until exec and nothing is copied; this process has one thread.
  const pid_t pid = ::vfork();
  if (pid == 0) become(start, arguments.data(), environment.data(), self, ends[1]);
  if (pid < 0) return fail(system_error(errno, fmt::format("start '{}'", start.path)));
  told.reset();
  Failure failure;
  ssize_t got = 0;
  do {
    got = ::read(failures.get(), &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof failure) return pid;  // Closed by exec.
  while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
  }
  return fail(refusal(start, failure));
}

void Processes::signal(int number) const {
  if (!is_leader_gone_) ::kill(-leader_, number);
}

bool Processes::has_ended() {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) break;
    if (info.si_pid == leader_ && !is_leader_gone_) {
      // The rest of its group, while the number is still taken.
      ::kill(-leader_, SIGKILL);
      is_leader_gone_ = true;
      end_ = {.was_signalled = info.si_code != CLD_EXITED, .code = info.si_status};
    }
    ::waitpid(info.si_pid, nullptr, 0);
  }
  if (!is_leader_gone_) return false;
  // Whatever left the group comes here as its parents die; each generation is one more look.
  const std::vector<pid_t> left = runtime::own_children();
  for (const pid_t child : left) ::kill(child, SIGKILL);  // Not reaped: the number is its own.
  return left.empty();
}

}  // namespace sluice::program
