#include "bundle/internal/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

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
    static_cast<void>(reap());
  }
  // The status; nothing if somebody else reaped it. What it left behind in its group goes, too,
  // while its pid is still its own.
  std::optional<int> reap() {
    ::kill(-pid_, SIGKILL);
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

// posix_spawn takes words as `char*` for historical reasons and does not write to them.
std::vector<char*> words(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

Result<pid_t> spawn(const ChildProgram& program, const Fd& input, const Fd& output) {
  FileActions actions;
  ::posix_spawn_file_actions_adddup2(actions.get(), input.get(), 0);
  ::posix_spawn_file_actions_adddup2(actions.get(), output.get(), 1);
  if (program.errors_are_output) {
    ::posix_spawn_file_actions_adddup2(actions.get(), output.get(), 2);
  } else {
    ::posix_spawn_file_actions_addopen(actions.get(), 2, "/dev/null", O_WRONLY, 0);
  }
  ::posix_spawn_file_actions_addclosefrom_np(actions.get(), 3);
  ::posix_spawn_file_actions_addchdir_np(actions.get(), program.directory.c_str());
  Attributes attributes;
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setsigmask(attributes.get(), &none);
  ::posix_spawnattr_setsigdefault(attributes.get(), &all);
  ::posix_spawnattr_setpgroup(attributes.get(), 0);
  ::posix_spawnattr_setflags(
      attributes.get(), POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments = words(program.argv);
  std::vector<char*> environment = words(program.environment);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, program.argv[0].c_str(), actions.get(), attributes.get(),
                                  arguments.data(), environment.data());
  if (error != 0) return fail(system_error(error, "start " + program.argv[0]));
  return pid;
}

// How often ChildProgram::check is asked.
constexpr Duration kCheckEvery = std::chrono::seconds(2);

// What somebody waits for while a program runs.
class Watch {
 public:
  static Result<std::unique_ptr<Watch>> create(const ChildProgram& program) {
    Fd stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stopped) return fail(system_error(errno, "create an eventfd"));
    return std::unique_ptr<Watch>(new Watch(program, std::move(stopped)));
  }

  // Until `fd` is readable.
  Status wait(const Fd& fd) {
    while (true) {
      const TimePoint now = std::chrono::steady_clock::now();
      if (now >= deadline_) {
        return fail(ErrorCode::kDeadlineExceeded,
                    fmt::format("{} did not end within {}", program_.argv[0],
                                to_text(program_.limits.time)));
      }
      TimePoint until = deadline_;
      if (program_.check != nullptr) {
        if (now >= next_check_) {
          SLUICE_OK(program_.check());
          next_check_ = now + kCheckEvery;
        }
        until = std::min(until, next_check_);
      }
      std::array<pollfd, 2> waiting{pollfd{fd.get(), POLLIN, 0}, pollfd{stopped_.get(), POLLIN, 0}};
      const int ready = ::poll(waiting.data(), waiting.size(), milliseconds_until(until));
      if (ready < 0 && errno != EINTR) return fail(system_error(errno, "wait for a program"));
      if (ready <= 0) continue;
      if (waiting[1].revents != 0)
        return fail(ErrorCode::kCancelled, fmt::format("{} was stopped", program_.argv[0]));
      return {};
    }
  }

 private:
  Watch(const ChildProgram& program, Fd stopped)
      : program_(program),
        stopped_(std::move(stopped)),
        deadline_(std::chrono::steady_clock::now() + program.limits.time),
        next_check_(std::chrono::steady_clock::now() + kCheckEvery),
        on_stop_(program.stop, Signal{stopped_.get()}) {}

  static int milliseconds_until(TimePoint when) {
    const auto left = when - std::chrono::steady_clock::now();
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    return ms < 0 ? 0 : static_cast<int>(ms);
  }

  struct Signal {
    int fd;
    void operator()() const {
      const std::uint64_t one = 1;
      // Cannot fail: the counter is far from its end, and nothing else writes.
      static_cast<void>(::write(fd, &one, sizeof one));
    }
  };

  const ChildProgram& program_;
  Fd stopped_;
  TimePoint deadline_;
  TimePoint next_check_;
  std::stop_callback<Signal> on_stop_;
};

}  // namespace

Result<ChildEnd> run_program(const ChildProgram& program) {
  SLUICE_TRY(const std::unique_ptr<Watch> watch, Watch::create(program));
  SLUICE_TRY(const Fd in, input_file(program.input));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error(errno, "create a pipe"));
  const Fd out(ends[0]);
  Fd child_out(ends[1]);
  SLUICE_TRY(const pid_t pid, spawn(program, in, child_out));
  Child child(pid);
  child_out.reset();
  const Fd exited(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!exited) return fail(system_error(errno, "watch " + program.argv[0]));

  ChildEnd end;
  std::array<char, 65536> buffer{};
  while (true) {
    SLUICE_OK(watch->wait(out));
    const ssize_t size = ::read(out.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(system_error(errno, "read from " + program.argv[0]));
    if (size == 0) break;
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(size));
    end.output += piece;
    if (end.output.size() > program.limits.output.value) {
      return fail(
          ErrorCode::kResourceExhausted,
          fmt::format("{} wrote more than {}", program.argv[0], to_text(program.limits.output)));
    }
    if (program.on_output != nullptr) program.on_output(piece);
  }
  SLUICE_OK(watch->wait(exited));
  end.status = child.reap().value_or(-1);
  return end;
}

Result<std::string> run_child(const std::vector<std::string>& argv, std::string_view input,
                              const ChildLimits& limits) {
  ChildProgram program;
  program.argv = argv;
  program.input = input;
  program.limits = limits;
  SLUICE_TRY(ChildEnd end, run_program(program));
  if (!end.is_good()) {
    return fail(ErrorCode::kInternal,
                fmt::format("{} ended with wait status {}", argv[0], end.status));
  }
  return std::move(end.output);
}

}  // namespace sluice::bundle
