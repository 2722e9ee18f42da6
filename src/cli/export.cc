#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>

#include "base/fd.h"
#include "base/file.h"
#include "base/limits.h"
#include "bundle/python_sdk.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "cli/temporary_folder.h"

// posix_spawn wants it by hand; the child is the author's own program, with all that the author has
// set.
extern char** environ;

namespace sluice::cli {
namespace {

namespace fs = std::filesystem;

// What the SDK's sluice/export.py says when the author's file has mistakes, which it has printed.
constexpr int kMistakes = 3;
// The SDK of this binary comes before an installed one; nothing of the current directory is
// imported.
constexpr const char* kStart =
    "import sys; sys.path[:1] = [sys.argv[1]]; from sluice.export import main; "
    "sys.exit(main(sys.argv[2]))";

Status check_file(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (!fs::exists(status)) {
    return fail(ErrorCode::kNotFound, fmt::format("there is no file {}", file.native()));
  }
  if (fs::is_directory(status)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is a directory: name the Python file with the workflows in it",
                            file.native()));
  }
  if (file.extension() != ".py") {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is no .py file", file.native()));
  }
  return {};
}

// The interpreter, with the terminal's input and errors, and its output for us.
Result<pid_t> start_python(const ExportCommand& command, const fs::path& sdk, const Fd& output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  ::posix_spawnattr_init(&attributes);
  sigset_t defaults;  // We ignore SIGPIPE; Python decides for itself.
  ::sigemptyset(&defaults);
  ::sigaddset(&defaults, SIGPIPE);
  ::posix_spawnattr_setsigdefault(&attributes, &defaults);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  // -B: a look at somebody's code leaves no __pycache__ beside it.
  std::array<std::string, 6> words{command.python.native(), "-B", "-c", kStart, sdk.native(),
                                   command.file.native()};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int error =
      ::posix_spawnp(&pid, words[0].c_str(), &actions, &attributes, arguments.data(), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    return fail(
        ErrorCode::kFailedPrecondition,
        fmt::format("there is no {}: install python3, or name another with --python", words[0]));
  }
  if (error != 0) return fail(system_error(error, "start " + words[0]));
  return pid;
}

// Everything the child writes, until it ends or has written too much (nothing). A signal that came
// to us alone is passed on once: the child ends and with it the output.
Result<std::optional<std::string>> read_all(const Fd& input, pid_t pid, std::size_t most) {
  std::string text;
  std::array<char, 65536> buffer;
  bool is_passed_on = false;
  while (true) {
    std::array<pollfd, 2> wait{
        {{.fd = input.get(), .events = POLLIN, .revents = 0},
         {.fd = is_passed_on ? -1 : interrupt::descriptor(), .events = POLLIN, .revents = 0}}};
    if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) {
      return fail(system_error(errno, "wait for Python"));
    }
    if (interrupt::signal() != 0 && !is_passed_on) {
      ::kill(pid, SIGTERM);  // A Ctrl-C of the terminal it has seen itself.
      is_passed_on = true;
    }
    if (wait[0].revents == 0) continue;
    const ssize_t count = ::read(input.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(system_error(errno, "read from Python"));
    if (count == 0) return std::optional(std::move(text));
    text.append(buffer.data(), static_cast<std::size_t>(count));
    if (text.size() > most) return std::optional<std::string>();
  }
}

Result<int> reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return fail(system_error(errno, "wait for Python"));
  }
  return status;
}

}  // namespace

Result<ExitCode> export_file(Session& session, const ExportCommand& command) {
  SLUICE_OK(check_file(command.file));
  const Limits limits;
  interrupt::defer();  // The folder is removed in any case.
  SLUICE_TRY(const TemporaryFolder folder, TemporaryFolder::make("export"));
  const fs::path sdk = folder.path() / "sdk";
  SLUICE_OK(bundle::unpack_python_sdk(sdk, limits));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(system_error(errno, "create a pipe"));
  Fd input(ends[0]);
  Fd output(ends[1]);
  SLUICE_TRY(const pid_t pid, start_python(command, sdk, output));
  output.reset();
  const Result<std::optional<std::string>> text = read_all(input, pid, limits.yaml_bytes);
  // Whoever still writes is told that nobody reads.
  input.reset();
  SLUICE_TRY(const int status, reap(pid));
  if (interrupt::signal() != 0) return fail(ErrorCode::kCancelled, "interrupted");
  if (!text) return fail(text.error());
  if (!*text) {
    write_error_line(session.terminal, "error",
                     fmt::format("the sluice.yaml of {} would be larger than {}",
                                 command.file.native(), to_text(ByteCount{limits.yaml_bytes})));
    return ExitCode::kInvalidApp;
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == kMistakes) return ExitCode::kInvalidApp;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    write_error_line(session.terminal, "error",
                     fmt::format("Python ended with {} {} while it looked at {}",
                                 WIFEXITED(status) ? "status" : "signal",
                                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                                 command.file.native()));
    return ExitCode::kInvalidApp;
  }
  if (command.output.empty()) {
    SLUICE_OK(write_output(**text));
    return ExitCode::kOk;
  }
  // Not write_file: it belongs to the user, with the user's umask.
  SLUICE_TRY(const Fd fd, open_file(command.output, O_WRONLY | O_CREAT | O_TRUNC, 0666));
  if (Status written = write_all(fd, **text); !written) {
    return fail(std::move(written).error().wrap(command.output.native()));
  }
  return ExitCode::kOk;
}

}  // namespace sluice::cli
