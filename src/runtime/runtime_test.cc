#include "runtime/runtime.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "runtime/awaited_loop_test.h"
#include "runtime/process_table.h"
#include "runtime/scripted_worker_test.h"

namespace sluice::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Cause = WorkerEnd::Cause;

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A node's place: keeps what it hears, in order.
class RuntimeTest : public testing::Test, protected AwaitedLoop, public WorkerEvents {
 protected:
  struct Seen {
    std::uint8_t type;
    std::uint64_t handle;
    std::string payload;
  };

  RuntimeTest() {
    std::string name = "/tmp/sluice-runtime-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    root = name;
    // So long that only what hangs is killed, however busy the machine; tests of the limits set
    // them.
    limits.worker_start_timeout = kPatience;
    limits.grace = kPatience;
  }
  ~RuntimeTest() override {
    runtime.reset();
    for (const pid_t pid : all_processes()) {
      EXPECT_NE(environment_value(pid, kMarkVariable), root.native()) << pid;
    }
    EXPECT_TRUE(std::filesystem::is_empty(root / "scratch"));
    std::filesystem::remove_all(root);
  }

  // Limits are set before.
  void start(std::uint32_t workers_max = 8) {
    auto handle = start_launcher(root, root / "scratch");
    ASSERT_TRUE(handle) << handle.error().message();
    launcher_pid = handle->pid;
    runtime.emplace(loop, std::move(*handle), limits,
                    RuntimeOptions{.workers_max = workers_max, .scratch = root / "scratch"}, *this);
  }
  PoolId pool(const std::string& behaviour = "good", std::uint32_t workers_max = 0) {
    return runtime->add_pool({.name = "app@1/" + behaviour,
                              .argv = scripted_worker_argv(),
                              .env = scripted_worker_env(behaviour),
                              .setup = R"({"abi":1,"scratch":"@SCRATCH@"})",
                              .workers_max = workers_max});
  }
  WorkerId assigned(PoolId pool) {
    const std::uint64_t ticket = next_ticket_++;
    runtime->request(pool, ticket);
    run_until([&] { return assignments.contains(ticket) || refusals.contains(ticket); });
    EXPECT_TRUE(assignments.contains(ticket));
    return assignments[ticket];
  }
  WorkerEnd refused(PoolId pool) {
    const std::uint64_t ticket = next_ticket_++;
    runtime->request(pool, ticket);
    run_until([&] { return assignments.contains(ticket) || refusals.contains(ticket); });
    EXPECT_TRUE(refusals.contains(ticket));
    return refusals[ticket];
  }
  void command(WorkerId worker, std::uint64_t handle, std::string_view text) {
    runtime->send(worker, SLUICE_FRAME_START, 0, 0, handle, {std::as_bytes(std::span(text))});
  }
  bool has(WorkerId worker, std::uint8_t type, std::uint64_t handle) {
    return std::ranges::any_of(frames[worker], [&](const Seen& seen) {
      return seen.type == type && seen.handle == handle;
    });
  }
  void run_until_done(WorkerId worker, std::uint64_t handle) {
    run_until([&] { return has(worker, SLUICE_FRAME_DONE, handle); });
  }
  WorkerEnd ended(WorkerId worker) {
    run_until([&] { return ends.contains(worker); });
    return ends[worker];
  }
  std::vector<std::string> states() {
    std::vector<std::string> all;
    for (const WorkerView& view : runtime->workers()) all.push_back(view.state);
    std::ranges::sort(all);
    return all;
  }

  void on_assigned(std::uint64_t ticket, WorkerId worker) override {
    EXPECT_TRUE(assignments.emplace(ticket, worker).second);
    order.push_back(ticket);
    heard();
  }
  void on_short(std::uint64_t ticket, bool only_pool) override {
    shortages.emplace_back(ticket, only_pool);
    heard();
  }
  void on_unassignable(std::uint64_t ticket, const WorkerEnd& end) override {
    EXPECT_TRUE(refusals.emplace(ticket, end).second);
    order.push_back(ticket);
    heard();
  }
  void on_frame(WorkerId worker, const sluice_frame_header& header,
                std::span<const std::byte> payload) override {
    frames[worker].push_back({header.type, header.handle, text_of(payload)});
    if (header.type == SLUICE_FRAME_DONE) output_at_done[header.handle] = output[worker];
    heard();
  }
  void on_output(WorkerId worker, std::span<const std::byte> text) override {
    output[worker] += text_of(text);
    heard();
  }
  void on_worker_ended(WorkerId worker, const WorkerEnd& end) override {
    EXPECT_TRUE(ends.emplace(worker, end).second);
    heard();
  }

  Limits limits;
  std::optional<Runtime> runtime;
  pid_t launcher_pid = -1;
  std::map<std::uint64_t, WorkerId> assignments;
  std::map<std::uint64_t, WorkerEnd> refusals;
  std::vector<std::uint64_t> order;
  std::map<WorkerId, std::vector<Seen>> frames;
  std::map<WorkerId, std::string> output;
  std::map<std::uint64_t, std::string> output_at_done;
  std::map<WorkerId, WorkerEnd> ends;
  std::vector<std::pair<std::uint64_t, bool>> shortages;
  std::filesystem::path root;

 private:
  std::uint64_t next_ticket_ = 1000;
};

TEST_F(RuntimeTest, SaysThatATicketWaitsForAWorkerThatSomebodyKeeps) {
  start(1);
  const WorkerId kept = assigned(pool());
  runtime->request(pool(), 7);
  run_until([&] { return !shortages.empty(); });
  EXPECT_EQ(shortages, (std::vector<std::pair<std::uint64_t, bool>>{{7, false}}));
  runtime->give_back(kept);
  run_until([&] { return assignments.contains(7); });
}

TEST_F(RuntimeTest, StartsAWorkerForATicketAndGivesTheSameOneAgain) {
  start();
  const PoolId good = pool();
  const WorkerId first = assigned(good);
  EXPECT_EQ(runtime->pool_of(first), good);
  EXPECT_TRUE(runtime->uses_shared_memory(first));
  EXPECT_EQ(states(), std::vector<std::string>{"busy"});
  command(first, 1, "setup");
  run_until_done(first, 1);
  command(first, 2, "where");
  run_until_done(first, 2);
  EXPECT_EQ(frames[first][0].payload,
            R"({"abi":1,"scratch":")" + frames[first][2].payload + R"("})");
  runtime->give_back(first);
  EXPECT_EQ(states(), std::vector<std::string>{"idle"});
  EXPECT_EQ(assigned(good), first);
  const auto views = runtime->workers();
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].tasks, 2U);
  EXPECT_EQ(views[0].pool_name, "app@1/good");
  EXPECT_FALSE(runtime->uses_shared_memory(assigned(pool("copy"))));
}

TEST_F(RuntimeTest, GivesWhatWasPrintedBeforeTheFrameThatEndsTheTask) {
  start();
  const WorkerId worker = assigned(pool());
  for (std::uint64_t handle = 1; handle <= 50; ++handle) {
    command(worker, handle, "done");
    run_until_done(worker, handle);
    EXPECT_TRUE(output_at_done[handle].ends_with(fmt::format("out {}\n", handle)));
  }
}

TEST_F(RuntimeTest, TakesFloodsOfOutputAndOfFramesFromSeveralWorkersAtOnce) {
  start();
  const PoolId good = pool();
  const WorkerId printer = assigned(good);
  const WorkerId sender = assigned(good);
  command(printer, 1, "flood");
  command(sender, 2, "frames");
  run_until(
      [&] { return has(printer, SLUICE_FRAME_DONE, 1) && has(sender, SLUICE_FRAME_DONE, 2); });
  EXPECT_EQ(output_at_done[1].size(), 2'000'000U);
  EXPECT_EQ(frames[sender].size(), 201U);
  EXPECT_EQ(frames[sender][199].payload, std::string(60'000, 'f'));
}

TEST_F(RuntimeTest, PassesADescriptorWithItsMapFrame) {
  start();
  const WorkerId worker = assigned(pool());
  for (const std::uint32_t region : {7U, 8U}) {
    const Fd memory(::memfd_create("region", MFD_CLOEXEC));
    ASSERT_TRUE(write_all(memory, fmt::format("content of {}", region)));
    command(worker, region, "map");
    runtime->send_map(worker, region, {.size = 12}, Fd(::dup(memory.get())));
  }
  run_until_done(worker, 8);
  EXPECT_EQ(frames[worker][0].payload, "7 12 content of 7");
  EXPECT_EQ(frames[worker][2].payload, "8 12 content of 8");
}

TEST_F(RuntimeTest, HoldsBackWhatAWorkerDoesNotReadAndTellsWhenItHas) {
  start();
  const WorkerId worker = assigned(pool());
  command(worker, 1, "where");
  run_until_done(worker, 1);
  const std::filesystem::path folder = frames[worker][0].payload;
  command(worker, 2, "slow reader");
  const std::string chunk(60'000, 'c');
  std::size_t sent = 0;
  std::function<void()> feed = [&] {
    while (sent < 100) {
      if (runtime->unsent(worker) > 256 << 10) {
        runtime->once_drained(worker, [&] {
          EXPECT_LT(runtime->unsent(worker), 64U << 10);
          feed();
        });
        return;
      }
      runtime->send(worker, SLUICE_FRAME_CHUNK, 0, 0, 2, {std::as_bytes(std::span(chunk))});
      ++sent;
    }
    runtime->send(worker, SLUICE_FRAME_END, SLUICE_FLAG_VALUE, 0, 2);
  };
  feed();
  run_until([&] { return runtime->unsent(worker) > 0; });
  EXPECT_LT(sent, 100U);
  ASSERT_TRUE(write_file(folder / "go", "", Sync::kNo));
  run_until_done(worker, 2);
  EXPECT_EQ(frames[worker].at(frames[worker].size() - 2).payload, "6000000");
  bool is_told = false;
  runtime->once_drained(worker,
                        [&] { is_told = true; });  // Nothing waits: at once, but not inside.
  EXPECT_FALSE(is_told);
  run_until([&] { return is_told; });
}

TEST_F(RuntimeTest, NamesTheWayAWorkerEnded) {
  start();
  const PoolId good = pool();
  struct Case {
    const char* command;
    Cause cause;
    int code;
    const char* message;
  };
  const std::vector<Case> cases{
      {"crash", Cause::kSignalled, SIGABRT, "SIGABRT"},
      {"exit 7", Cause::kExited, 7, "status 7"},
      {"exit 0", Cause::kExited, 0, "status 0"},
      {"garbage", Cause::kProtocol, SIGKILL, "a frame of type"},
      {"hello", Cause::kProtocol, SIGKILL, "twice"},
      {"descriptor", Cause::kProtocol, SIGKILL, "descriptor"},
  };
  for (const Case& expected : cases) {
    const WorkerId worker = assigned(good);
    command(worker, 1, expected.command);
    const WorkerEnd end = ended(worker);
    EXPECT_EQ(end.cause, expected.cause) << expected.command;
    EXPECT_EQ(end.code, expected.code) << expected.command;
    EXPECT_NE(end.message.find(expected.message), std::string::npos)
        << expected.command << ": " << end.message;
  }
}

TEST_F(RuntimeTest, KillsAWorkerThatClosesItsConnectionAndGoesOn) {
  limits.grace = milliseconds(100);
  start();
  const WorkerId worker = assigned(pool());
  command(worker, 1, "close");
  const WorkerEnd end = ended(worker);
  EXPECT_EQ(end.cause, Cause::kProtocol);
  EXPECT_EQ(end.code, SIGKILL);
  EXPECT_NE(end.message.find("closed its connection"), std::string::npos) << end.message;
}

TEST_F(RuntimeTest, HearsTheLastFramesAndWordsOfAWorkerThatExits) {
  start();
  const WorkerId worker = assigned(pool());
  command(worker, 1, "exit 5");
  ended(worker);
  EXPECT_EQ(output[worker], "dying\n");
  ASSERT_EQ(frames[worker].size(), 1U);
  EXPECT_EQ(frames[worker][0].payload, "last frame");
}

TEST_F(RuntimeTest, EndsAWorkerGently) {
  start();
  const WorkerId gentle = assigned(pool());
  command(gentle, 1, "term");
  run_until([&] { return !frames[gentle].empty(); });
  runtime->end_worker(gentle);
  EXPECT_EQ(states(), std::vector<std::string>{"stopping"});
  const WorkerEnd gentle_end = ended(gentle);
  EXPECT_EQ(gentle_end.cause, Cause::kStopped);
  EXPECT_EQ(gentle_end.code, 0);
}

TEST_F(RuntimeTest, KillsAWorkerAtOnceAndOneThatIgnoresItsEndAfterTheGrace) {
  limits.grace = milliseconds(100);
  start();
  const PoolId good = pool();
  const WorkerId stubborn = assigned(good);
  const WorkerId killed = assigned(good);
  command(stubborn, 2, "ignore");
  command(killed, 3, "ignore");
  run_until([&] { return !frames[stubborn].empty() && !frames[killed].empty(); });
  const TimePoint before = loop.now();
  runtime->end_worker(stubborn);
  runtime->kill_worker(killed);
  EXPECT_EQ(states(), (std::vector<std::string>{"stopping", "stopping"}));
  EXPECT_EQ(ended(killed).cause, Cause::kStopped);
  const WorkerEnd stubborn_end = ended(stubborn);
  EXPECT_EQ(stubborn_end.code, SIGKILL);
  EXPECT_GE(loop.now() - before, limits.grace);
}

TEST_F(RuntimeTest, InterruptsAWorkerAfterTheFrameThatSaysWhy) {
  start();
  const WorkerId worker = assigned(pool());
  command(worker, 1, "interruptible");
  run_until([&] { return !frames[worker].empty(); });
  runtime->send(worker, SLUICE_FRAME_CANCEL, 0, 0, 1);
  runtime->interrupt(worker);
  run_until_done(worker, 1);
  EXPECT_EQ(frames[worker][1].payload, "cancelled");
  EXPECT_EQ(states(), std::vector<std::string>{"busy"});  // It lives on.
}

TEST_F(RuntimeTest, LeavesNoDaemonOfAWorkerBehind) {
  start();
  const WorkerId worker = assigned(pool());
  command(worker, 1, "daemon");
  run_until_done(worker, 1);
  run_until([&] { return output[worker] == "daemon\n"; });
  runtime->end_worker(worker);
  ended(worker);
  for (const pid_t pid : all_processes())
    EXPECT_FALSE(environment_value(pid, "SLUICE_TEST_WORKER")) << pid;
}

TEST_F(RuntimeTest, EndsAStartThatTakesTooLong) {
  limits.worker_start_timeout = milliseconds(300);
  limits.grace = milliseconds(100);
  start();
  for (const char* behaviour : {"silent", "deaf"}) {
    const WorkerEnd end = refused(pool(behaviour));
    EXPECT_EQ(end.cause, Cause::kStartTimeout) << behaviour;
    EXPECT_NE(end.message.find("the worker was not ready within 300 ms"), std::string::npos)
        << behaviour << ": " << end.message;
  }
}

TEST_F(RuntimeTest, NamesTheWayAStartFailed) {
  start();
  struct Case {
    const char* behaviour;
    Cause cause;
    const char* message;
  };
  const std::vector<Case> cases{
      {"crash", Cause::kExited, "no module named x\nthe worker exited with status 3"},
      {"wrong_abi", Cause::kProtocol, "its SDK (scripted 1) speaks version 9"},
      {"early", Cause::kProtocol, "it sent `ready` before `hello`"},
      {"garbage", Cause::kProtocol, "a frame of type"},
      {"load_error", Cause::kLoadFailed, R"({"name":"LoadError"})"},
      {"chatty", Cause::kExited, "last words\nreally\nthe worker exited with status 4"},
  };
  for (const Case& expected : cases) {
    const WorkerEnd end = refused(pool(expected.behaviour));
    EXPECT_EQ(end.cause, expected.cause) << expected.behaviour;
    EXPECT_NE(end.message.find(expected.message), std::string::npos)
        << expected.behaviour << ": " << end.message;
    EXPECT_LE(end.output.size(), 16U << 10);
    if (end.cause == Cause::kLoadFailed) {
      EXPECT_EQ(end.message, expected.message);
      EXPECT_EQ(end.output, "Traceback: line 1\n");
    }
  }
  const PoolId missing = runtime->add_pool({.name = "missing", .argv = {"/nowhere/program"}});
  const WorkerEnd end = refused(missing);
  EXPECT_EQ(end.cause, Cause::kSpawnFailed);
  EXPECT_NE(end.message.find("/nowhere/program"), std::string::npos);
  EXPECT_TRUE(ends.empty());
}

TEST_F(RuntimeTest, FailsEveryWaitingTicketWhenTheCodeDoesNotLoad) {
  start();
  const PoolId broken = pool("load_error");
  for (std::uint64_t ticket = 1; ticket <= 20; ++ticket) runtime->request(broken, ticket);
  runtime->withdraw(5);
  run_until([&] { return refusals.size() == 19; });
  EXPECT_FALSE(refusals.contains(5));
  EXPECT_TRUE(std::ranges::is_sorted(order));
}

TEST_F(RuntimeTest, DoesNotSpinOnAPoolThatCannotStart) {
  start();
  const PoolId broken = pool("crash");
  const TimePoint before = loop.now();
  refused(broken);
  refused(broken);
  refused(broken);
  EXPECT_GE(loop.now() - before, milliseconds(300));  // 100 ms, then 200 ms of back-off.
}

TEST_F(RuntimeTest, EndsAnIdleWorkerOfAnotherPoolWhenThereIsNoRoom) {
  start(2);
  const PoolId one = pool("good");
  const PoolId two = pool("copy");
  const WorkerId first = assigned(one);
  const WorkerId second = assigned(one);
  runtime->give_back(first);
  const WorkerId other = assigned(two);
  EXPECT_EQ(runtime->pool_of(other), two);
  EXPECT_EQ(runtime->workers().size(), 2U);
  EXPECT_EQ(runtime->pool_of(first), PoolId{});  // It made room.
  EXPECT_EQ(runtime->pool_of(second), one);
  runtime->request(one, 1);
  loop.at_end_of_turn([&] { runtime->give_back(second); });
  run_until([&] { return assignments.contains(1); });
  EXPECT_EQ(assignments[1], second);
}

TEST_F(RuntimeTest, EndsWorkersThatWereIdleForTooLong) {
  limits.worker_keep_alive = milliseconds(50);
  start();
  const WorkerId worker = assigned(pool());
  runtime->give_back(worker);
  run_until([&] { return runtime->workers().empty(); });
  EXPECT_EQ(ends[worker].cause, Cause::kStopped);  // Node may keep something for it.
  EXPECT_EQ(ends[worker].code, 0);                 // It was asked, not killed.
}

TEST_F(RuntimeTest, DropsAPoolWhenItsWorkersHaveEnded) {
  start();
  const PoolId old = pool();
  const WorkerId idle = assigned(old);
  const WorkerId busy = assigned(old);
  runtime->give_back(idle);
  runtime->drop_pool(old);
  run_until([&] { return runtime->workers().size() == 1; });
  command(busy, 1, "done");
  run_until_done(busy, 1);
  EXPECT_EQ(refused(old).cause, Cause::kStopped);
  runtime->give_back(busy);
  run_until([&] { return runtime->workers().empty(); });
  EXPECT_EQ(ends[idle].code, 0);
  EXPECT_EQ(ends[busy].code, 0);
}

TEST_F(RuntimeTest, StopsWithWorkersInEveryState) {
  limits.grace = milliseconds(100);
  start(3);
  const PoolId good = pool();
  const WorkerId idle = assigned(good);
  const WorkerId busy = assigned(good);
  command(busy, 1, "ignore");
  run_until([&] { return !frames[busy].empty(); });
  runtime->request(pool("silent"), 1);
  run_until([&] { return runtime->workers().size() == 3; });
  runtime->request(pool("load_error"), 2);
  runtime->give_back(idle);
  bool is_stopped = false;
  runtime->stop([&] {
    is_stopped = true;
    loop.stop();
  });
  runtime->request(good, 3);
  run_until([&] { return is_stopped; });
  EXPECT_EQ(ends[busy].cause, Cause::kStopped);
  for (const std::uint64_t ticket : {1U, 2U, 3U})
    EXPECT_EQ(refusals[ticket].cause, Cause::kStopped);
  EXPECT_TRUE(runtime->workers().empty());
}

TEST_F(RuntimeTest, TellsOfEveryWorkerWhenTheLauncherIsKilled) {
  start();
  const WorkerId worker = assigned(pool());
  bool is_lost = false;
  runtime->on_launcher_lost([&] { is_lost = true; });
  ::kill(launcher_pid, SIGKILL);
  run_until([&] { return is_lost; });
  EXPECT_TRUE(ends.contains(worker));
  EXPECT_NE(refused(pool("copy")).message, "");
  // Bound to the launcher's life; its folder is for the next start.
  ASSERT_TRUE(sweep(root, root / "scratch"));
}

TEST_F(RuntimeTest, MayBeDestroyedWhileAllIsInMotion) {
  start();
  const WorkerId worker = assigned(pool());
  command(worker, 1, "flood");
  runtime->request(pool("silent"), 1);
  runtime->request(pool("good"), 2);
  runtime->add_pool({.name = "x", .argv = {}});
  runtime->request(runtime->add_pool({.name = "x", .argv = {}}), 3);
  run_until([&] { return output[worker].size() > 100'000; });
  runtime->request(pool("good"), 4);
  runtime.reset();
  ASSERT_TRUE(loop.post([&] { loop.stop(); }));
  loop.run();
}

}  // namespace
}  // namespace sluice::runtime
