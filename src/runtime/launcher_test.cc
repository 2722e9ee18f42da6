#include "runtime/launcher.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "runtime/awaited_loop_test.h"
#include "runtime/process_table.h"

namespace sluice::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A folder and a mark of their own for each test: whatever is left behind can be told apart.
struct Place {
  Place() {
    std::string name = "/tmp/sluice-launcher-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root = name;
    scratch = root / "scratch";
    mark = name;
  }
  ~Place() { std::filesystem::remove_all(root); }

  std::vector<pid_t> marked() const {
    std::vector<pid_t> found;
    for (const pid_t pid : all_processes()) {
      if (environment_value(pid, kMarkVariable) == mark) found.push_back(pid);
    }
    return found;
  }
  std::filesystem::path root;
  std::filesystem::path scratch;
  std::string mark;
};

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + seconds(120);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

std::string content(const std::filesystem::path& path) {
  return read_file(path, 1_MiB).value_or(std::string());
}

// A launcher and /bin/sh workers.
class LauncherTest : public testing::Test, protected AwaitedLoop {
 protected:
  struct Worker {
    std::optional<Result<pid_t>> spawned;
    std::optional<ExitStatus> exit;
    Fd control;
    Fd log;
    std::filesystem::path folder;
    std::string output() const {
      std::string text(1 << 16, '\0');
      const ssize_t got = ::read(log.get(), text.data(), text.size());
      text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      return text;
    }
  };

  LauncherTest() : handle_(start_launcher(place.mark, place.scratch).value()) {
    launcher_pid = handle_.pid;
    launcher.emplace(loop, std::move(handle_));
  }
  ~LauncherTest() override {
    launcher.reset();
    EXPECT_TRUE(place.marked().empty());
    EXPECT_TRUE(std::filesystem::is_empty(place.scratch));
  }

  std::unique_ptr<Worker> start(const std::string& script, std::vector<std::string> env = {}) {
    return start_program({"/bin/sh", "-c", script}, std::move(env));
  }

  std::unique_ptr<Worker> start_program(std::vector<std::string> argv,
                                        std::vector<std::string> env = {}) {
    auto worker = std::make_unique<Worker>();
    int control[2];
    int log[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
    EXPECT_EQ(::pipe2(log, O_CLOEXEC), 0);
    worker->control = Fd(control[0]);
    worker->log = Fd(log[0]);
    worker->folder = place.scratch / fmt::format("w{}", ++count_);
    launcher->spawn(
        {.argv = std::move(argv),
         .env = std::move(env),
         .cwd = worker->folder,
         .control = Fd(control[1]),
         .log = Fd(log[1])},
        [this, worker = worker.get()](Result<pid_t> pid) {
          worker->spawned = std::move(pid);
          heard();
        },
        [this, worker = worker.get()](ExitStatus status) {
          worker->exit = status;
          heard();
        });
    return worker;
  }

  void run_until_exit(const Worker& worker) {
    run_until([&] { return worker.exit.has_value(); });
    ASSERT_TRUE(worker.exit.has_value());
    EXPECT_FALSE(std::filesystem::exists(worker.folder));
  }

  Place place;
  std::optional<Launcher> launcher;
  pid_t launcher_pid = -1;

 private:
  LauncherHandle handle_;
  int count_ = 0;
};

TEST_F(LauncherTest, ReportsTheExitStatusOfAWorker) {
  const auto worker = start("exit 7");
  run_until_exit(*worker);
  EXPECT_GT(worker->spawned->value(), 0);
  EXPECT_FALSE(worker->exit->signalled);
  EXPECT_EQ(worker->exit->code, 7);
}

TEST_F(LauncherTest, ReportsTheSignalThatEndedAWorker) {
  const auto worker = start("kill -SEGV $$");
  run_until_exit(*worker);
  EXPECT_TRUE(worker->exit->signalled);
  EXPECT_EQ(worker->exit->code, SIGSEGV);
}

TEST_F(LauncherTest, SaysWhyAProgramCannotBeStarted) {
  const auto worker = start_program({"/nowhere/python3"});
  run_until([&] { return worker->spawned.has_value(); });
  ASSERT_FALSE(*worker->spawned);
  EXPECT_EQ(worker->spawned->error().code(), ErrorCode::kNotFound);
  EXPECT_NE(worker->spawned->error().message().find("/nowhere/python3"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(worker->folder));
}

TEST_F(LauncherTest, RefusesAFolderOutsideOfScratchAndTooManyArguments) {
  const auto precious = place.root / "precious";
  ASSERT_TRUE(make_directory(precious));
  for (const auto& folder :
       {precious, place.scratch / "a" / "b", place.scratch / "..", place.scratch}) {
    std::optional<Result<pid_t>> spawned;
    int control[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
    launcher->spawn(
        {.argv = {"/bin/true"}, .cwd = folder, .control = Fd(control[0]), .log = Fd(control[1])},
        [&](Result<pid_t> pid) { spawned = std::move(pid); }, [](ExitStatus) {});
    run_until([&] { return spawned.has_value(); });
    EXPECT_FALSE(*spawned) << folder;
  }
  EXPECT_TRUE(std::filesystem::exists(precious));
  const auto worker = start_program({"/bin/true", std::string(100 << 10, 'x')});
  run_until([&] { return worker->spawned.has_value(); });
  ASSERT_FALSE(*worker->spawned);
  EXPECT_EQ(worker->spawned->error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(LauncherTest, GivesAWorkerItsDescriptorsAndNoOthers) {
  // One that could leak: in this process without close-on-exec.
  const Fd leaky(::open("/dev/null", O_RDONLY));
  const auto other = start("read wait <&3");
  const auto worker = start("ls /proc/self/fd; exec 3>&-");
  run_until_exit(*worker);
  // 0 1 2 and the control socket; `ls` has its own for the folder that it reads.
  EXPECT_EQ(worker->output(), "0\n1\n2\n3\n4\n");
  other->control.reset();
  run_until_exit(*other);
}

TEST_F(LauncherTest, GivesAWorkerACleanEnvironmentDefaultSignalsAndItsFolder) {
  const auto worker = start(
      "env | grep -v -e ^PWD -e ^_ -e ^SHLVL -e ^OLDPWD | sort; pwd; stat -c %a .;"
      "grep -E 'SigBlk|SigIgn' /proc/self/status; echo to-stderr >&2",
      {"COLOUR=green"});
  run_until_exit(*worker);
  EXPECT_EQ(worker->output(),
            fmt::format("COLOUR=green\nSLUICE_FD=3\nSLUICE_MARK={}\nSLUICE_WORKER=1\n{}\n700\n"
                        "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nto-stderr\n",
                        place.mark, worker->folder.native()));
}

TEST_F(LauncherTest, PassesBytesOverTheControlSocket) {
  const auto worker = start("read line <&3; echo \"got $line\" >&3");
  ASSERT_EQ(::write(worker->control.get(), "hello\n", 6), 6);
  run_until_exit(*worker);
  char text[32];
  const ssize_t got = ::read(worker->control.get(), text, sizeof text);
  EXPECT_EQ(std::string(text, got > 0 ? static_cast<std::size_t>(got) : 0), "got hello\n");
}

TEST_F(LauncherTest, SignalsTheWholeGroup) {
  const auto worker = start("trap 'exit 3' TERM; sleep 1000 & echo up; wait");
  run_until([&] { return worker->spawned.has_value(); });
  ASSERT_EQ(worker->output(), "up\n");
  launcher->signal(worker->spawned->value(), SIGTERM);
  run_until_exit(*worker);
  EXPECT_EQ(worker->exit->code, 3);
  EXPECT_TRUE(place.marked().empty());
}

TEST_F(LauncherTest, KillsGrandchildrenThatLeftTheGroupAndIgnoreSigterm) {
  const auto bystander = start("trap '' TERM; echo up; read wait <&3");
  const auto worker = start(
      "(setsid sh -c 'trap \"\" TERM; (setsid sh -c \"trap \\\"\\\" TERM; echo deep; sleep 1000\" "
      "&);"
      " sleep 1000' &) ; trap '' TERM; sleep 1000");
  run_until([&] { return worker->spawned.has_value() && bystander->spawned.has_value(); });
  ASSERT_EQ(bystander->output(), "up\n");
  ASSERT_EQ(worker->output(), "deep\n");
  EXPECT_GE(place.marked().size(), 4U);
  launcher->signal(worker->spawned->value(), SIGKILL);
  run_until_exit(*worker);
  EXPECT_TRUE(worker->exit->signalled);
  EXPECT_EQ(worker->exit->code, SIGKILL);
  // Nothing of the killed one, all of the other.
  EXPECT_EQ(place.marked(), std::vector<pid_t>{bystander->spawned->value()});
  EXPECT_FALSE(bystander->exit.has_value());
  bystander->control.reset();
  run_until_exit(*bystander);
}

TEST_F(LauncherTest, KillsWhatScrubbedItsEnvironmentAndLeftTheSession) {
  const auto worker = start(
      "(env -i /usr/bin/setsid /bin/sh -c 'echo $$ > pid; sleep 1000' &); "
      "while ! [ -s pid ]; do sleep 0.01; done; cat pid; exit 0");
  run_until_exit(*worker);
  const std::string pid = worker->output();
  ASSERT_FALSE(pid.empty());
  EXPECT_EQ(::kill(std::stoi(pid), 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(LauncherTest, RemovesAFolderThatTheWorkerMadeHardToRemove) {
  const auto worker =
      start("mkdir -p a/b && touch a/b/c && ln -s / a/root && chmod 0 a/b a . && exit 0");
  run_until_exit(*worker);
  EXPECT_TRUE(std::filesystem::exists("/tmp"));
}

TEST_F(LauncherTest, StartsAndEndsManyAtOnce) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (int index = 0; index < 64; ++index) workers.push_back(start(fmt::format("exit {}", index)));
  run_until([&] {
    return std::ranges::all_of(workers,
                               [](const auto& worker) { return worker->exit.has_value(); });
  });
  for (std::size_t index = 0; index < workers.size(); ++index) {
    ASSERT_TRUE(workers[index]->exit.has_value());
    EXPECT_EQ(workers[index]->exit->code, static_cast<int>(index));
  }
}

TEST_F(LauncherTest, IgnoresTheSignalsOfATerminal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) ::kill(launcher_pid, signal);
  const auto worker = start("exit 0");
  run_until_exit(*worker);
  EXPECT_EQ(content(fmt::format("/proc/{}/comm", launcher_pid)), "sluice-launcher\n");
}

TEST_F(LauncherTest, TellsWhenTheLauncherItselfIsGoneAndItsWorkersGoWithIt) {
  const auto worker = start("trap '' TERM; sleep 1000");
  run_until([&] { return worker->spawned.has_value(); });
  bool is_lost = false;
  launcher->on_lost([&] { is_lost = true; });
  ::kill(launcher_pid, SIGKILL);
  run_until([&] { return is_lost; });
  ASSERT_TRUE(worker->exit.has_value());
  EXPECT_TRUE(eventually([&] { return ::kill(worker->spawned->value(), 0) != 0; }));
  const auto late = start("exit 0");
  run_until([&] { return late->spawned.has_value(); });
  EXPECT_FALSE(*late->spawned);
  // What the worker had started is not bound to the launcher's life: that is for the sweep.
  ASSERT_TRUE(sweep(place.mark, place.scratch));
}

// A small engine in a process of its own: starts a launcher and one worker, says so, and hangs.
pid_t start_engine(const Place& place, const std::string& script, const Fd& ready) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  auto handle = start_launcher(place.mark, place.scratch);
  if (!handle) ::_exit(1);
  aio::Loop loop("engine");
  Launcher launcher(loop, std::move(*handle));
  int control[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) ::_exit(1);
  launcher.spawn(
      {.argv = {"/bin/sh", "-c", script},
       .env = {},
       .cwd = place.scratch / "w1",
       .control = Fd(control[0]),
       .log = Fd(::dup(ready.get()))},
      [](Result<pid_t> spawned) {
        if (!spawned) ::_exit(1);
      },
      [](ExitStatus) {});
  loop.run();
  ::_exit(0);
}

TEST(LauncherAlone, LeavesNothingWhenTheEngineIsKilled) {
  const Place place;
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd output(ends[0]);
  Fd ready(ends[1]);
  const pid_t engine = start_engine(place,
                                    "trap '' TERM INT HUP; touch file; (setsid sh -c 'trap \"\" "
                                    "TERM HUP; echo up; sleep 1000' &);"
                                    " sleep 1000",
                                    ready);
  ready.reset();
  char text[8];
  ASSERT_EQ(::read(output.get(), text, sizeof text), 3);
  EXPECT_TRUE(std::filesystem::exists(place.scratch / "w1" / "file"));
  EXPECT_GE(place.marked().size(), 2U);
  ::kill(engine, SIGKILL);
  ::waitpid(engine, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return place.marked().empty(); }));
  EXPECT_TRUE(eventually([&] { return std::filesystem::is_empty(place.scratch); }));
  // The end of the pipe: nobody has it open any more, not even a process without a mark.
  EXPECT_EQ(::read(output.get(), text, sizeof text), 0);
}

TEST(Sweep, EndsWhatCarriesTheMarkAndNothingElse) {
  const Place place;
  const Place other;
  ASSERT_TRUE(make_directory(place.scratch / "w1"));
  ASSERT_TRUE(write_file(place.scratch / "w1" / "file", "x", Sync::kNo));
  const auto start = [](const std::string& mark) {
    const std::string entry = fmt::format("SLUICE_MARK={}", mark);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
      const char* argv[] = {"/bin/sh", "-c", "trap '' TERM; sleep 1000", nullptr};
      const char* env[] = {entry.c_str(), nullptr};
      ::execve(argv[0], const_cast<char**>(argv), const_cast<char**>(env));
      ::_exit(1);
    }
    ::close(ends[1]);  // The read ends when exec has closed the child's copy.
    char byte = 0;
    EXPECT_EQ(::read(ends[0], &byte, 1), 0);
    ::close(ends[0]);
    return pid;
  };
  const pid_t marked = start(place.mark);
  const pid_t longer = start(place.mark + "2");
  const pid_t foreign = start(other.mark);
  const auto ended = sweep(place.mark, place.scratch);
  ASSERT_TRUE(ended);
  EXPECT_GE(*ended, 1U);  // And the `sleep` if it had come so far.
  int status = 0;
  EXPECT_EQ(::waitpid(marked, &status, WNOHANG), marked);
  EXPECT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(std::filesystem::is_empty(place.scratch));
  for (const pid_t pid : {longer, foreign}) {
    EXPECT_EQ(::waitpid(pid, &status, WNOHANG), 0);
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  EXPECT_EQ(sweep(place.mark, place.scratch).value(), 0U);
  EXPECT_EQ(sweep(place.mark, place.root / "missing").value(), 0U);
  EXPECT_FALSE(sweep("", place.scratch));
  EXPECT_TRUE(sweep(place.mark + "2", place.root / "missing"));  // The `sleep` of the other one.
  EXPECT_TRUE(sweep(other.mark, place.root / "missing"));
}

}  // namespace
}  // namespace sluice::runtime
