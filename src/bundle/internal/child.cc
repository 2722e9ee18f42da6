#include "bundle/internal/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>

#include "base/fd.h"
#include "base/file.h"

namespace sluice::bundle {
namespace {

class FileActions {
 public:
  FileActions() { ::posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

class Attributes {
 public:
  Attributes() { ::posix_spawnattr_init(&attributes_); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { ::posix_spawnattr_destroy(&attributes_); }
  posix_spawnattr_t* get() { return &attributes_; }

 private:
  posix_spawnattr_t attributes_;
};

// A child that is killed and reaped when it is let go.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    static_cast<void>(reap());
  }
  // Waits for its end, which must be near; the status, or nothing if somebody else reaped it.
  std::optional<int> reap() {
    int status = 0;
    pid_t done = 0;
    do {
      done = ::waitpid(pid_, &status, 0);
    } while (done < 0 && errno == EINTR);
    pid_ = 0;
    return done < 0 ? std::nullopt : std::optional(status);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

// A file in memory instead of a pipe: the child reads when it likes, and nobody can block.
Result<Fd> input_file(std::string_view input) {
  Fd fd(::memfd_create("sluice-input", MFD_CLOEXEC));
  if (!fd) return fail(system_error(errno, "create an input file"));
  SLUICE_OK(write_all(fd, input));
  if (::lseek(fd.get(), 0, SEEK_SET) != 0) return fail(system_error(errno, "rewind an input file"));
  return fd;
}

Result<pid_t> spawn(const std::vector<std::string>& argv, const Fd& input, const Fd& output) {
  FileActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), input.get(), 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), output.get(), 1);
  ::posix_spawn_file_actions_addopen(actions.get(), 2, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), 3);
  ::posix_spawn_file_actions_addchdir_np(actions.get(), "/");
  Attributes attributes;
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(attributes.get(), &none);
  ::posix_spawnattr_setsigdefault(attributes.get(), &all);
  ::posix_spawnattr_setflags(attributes.get(), POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> arguments;
  // posix_spawn takes them as `char*` for historical reasons and does not write to them.
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::string locale = "LC_ALL=C.UTF-8";
  std::string path = "PATH=/usr/bin:/bin";
  std::array<char*, 3> environment{locale.data(), path.data(), nullptr};
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, argv[0].c_str(), actions.get(), attributes.get(),
                                  arguments.data(), environment.data());
  if (error != 0) return fail(system_error(error, "start " + argv[0]));
  return pid;
}

int milliseconds_left(TimePoint deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  return ms < 0 ? 0 : static_cast<int>(ms);
}

// Waits until `fd` is readable; false at the deadline.
Result<bool> wait_readable(const Fd& fd, TimePoint deadline) {
  while (true) {
    pollfd poll_fd{fd.get(), POLLIN, 0};
    const int ready = ::poll(&poll_fd, 1, milliseconds_left(deadline));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return fail(system_error(errno, "wait for a program"));
  }
}

}  // namespace

Result<std::string> run_child(const std::vector<std::string>& argv, std::string_view input,
                              const ChildLimits& limits) {
  const TimePoint deadline = std::chrono::steady_clock::now() + limits.time;
  SLUICE_TRY(const Fd in, input_file(input));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error(errno, "create a pipe"));
  const Fd out(ends[0]);
  Fd child_out(ends[1]);
  SLUICE_TRY(const pid_t pid, spawn(argv, in, child_out));
  Child child(pid);
  child_out.reset();
  const Fd exited(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!exited) return fail(system_error(errno, "watch " + argv[0]));

  const auto too_slow = [&] {
    return fail(ErrorCode::kDeadlineExceeded,
                fmt::format("{} did not end within {}", argv[0], to_text(limits.time)));
  };
  std::string output;
  std::array<char, 65536> buffer{};
  while (true) {
    SLUICE_TRY(const bool is_readable, wait_readable(out, deadline));
    if (!is_readable) return too_slow();
    const ssize_t size = ::read(out.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(system_error(errno, "read from " + argv[0]));
    if (size == 0) break;
    output.append(buffer.data(), static_cast<std::size_t>(size));
    if (output.size() > limits.output.value) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("{} wrote more than {}", argv[0], to_text(limits.output)));
    }
  }
  SLUICE_TRY(const bool has_ended, wait_readable(exited, deadline));
  if (!has_ended) return too_slow();
  const std::optional<int> status = child.reap();
  if (!status || !WIFEXITED(*status) || WEXITSTATUS(*status) != 0) {
    return fail(ErrorCode::kInternal,
                fmt::format("{} ended with wait status {}", argv[0], status.value_or(-1)));
  }
  return output;
}

}  // namespace sluice::bundle
