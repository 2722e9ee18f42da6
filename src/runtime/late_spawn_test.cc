// A worker that is faster than what the launcher says of it. The launcher is the test: a real one
// is late only where the machine is busy.

#include <linux/sockios.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "runtime/awaited_loop_test.h"
#include "runtime/launcher_protocol.h"
#include "runtime/runtime.h"
#include "wire/frame.h"
#include "wire/frame_stream.h"

namespace sluice::runtime {
namespace {

constexpr pid_t kPid = 1 << 21;  // Of no process: nobody sends it signals but this launcher.

class LateSpawnTest : public testing::Test, protected AwaitedLoop, public WorkerEvents {
 protected:
  LateSpawnTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    launcher_ = Fd(ends[0]);
    limits_.worker_start_timeout = kPatience;
    limits_.grace = kPatience;
    runtime_.emplace(loop, LauncherHandle{.socket = Fd(ends[1]), .pid = -1}, limits_,
                     RuntimeOptions{.scratch = "/nowhere"}, *this);
    pool_ = runtime_->add_pool(
        {.name = "app@1/f", .argv = {"/nothing"}, .env = {}, .setup = R"({"abi":1})"});
  }

  // The next request, with the worker's end of its connection if it is a spawn.
  LaunchRequest next_request() {
    std::optional<LaunchRequest> request;
    run_until([&] { return (request = try_request()).has_value(); });
    return request.value_or(LaunchRequest{});
  }
  std::optional<LaunchRequest> try_request() {
    std::vector<char> packet(kLaunchMessageMax);
    iovec part{.iov_base = packet.data(), .iov_len = packet.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(2 * sizeof(int))> control{};
    msghdr message{.msg_iov = &part,
                   .msg_iovlen = 1,
                   .msg_control = control.data(),
                   .msg_controllen = control.size()};
    LaunchRequest request;
    if (::recvmsg(launcher_.get(), &message, MSG_DONTWAIT) < static_cast<ssize_t>(sizeof request))
      return std::nullopt;
    std::memcpy(&request, packet.data(), sizeof request);
    if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
      std::array<int, 2> numbers{};
      std::memcpy(numbers.data(), CMSG_DATA(header), sizeof numbers);
      worker_ = Fd(numbers[0]);
      log_ = Fd(numbers[1]);
    }
    return request;
  }
  void reply(LaunchReply reply) {
    EXPECT_EQ(::send(launcher_.get(), &reply, sizeof reply, 0), static_cast<ssize_t>(sizeof reply));
  }
  // Returns when the engine has read it, and has had a turn to act on it.
  void say(std::uint8_t type, std::span<const std::byte> payload = {}) {
    wire::FrameWriter writer;
    writer.append({.type = type}, {payload});
    const auto bytes = writer.front().bytes;
    ASSERT_EQ(::send(worker_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    run_until([&] {
      int unread = 0;
      ::ioctl(worker_.get(), SIOCOUTQ, &unread);
      return unread == 0;
    });
    take_turns();
  }
  void take_turns() {
    int turns = 0;
    run_until([&] { return ++turns > 2; });
  }
  void greet_and_load() {
    const sluice_hello hello{.abi = SLUICE_ABI_VERSION};
    say(SLUICE_FRAME_HELLO, wire::encode(hello));
    say(SLUICE_FRAME_READY);
  }

  void on_assigned(std::uint64_t, WorkerId worker) override {
    assigned_ = worker;
    heard();
  }
  void on_unassignable(std::uint64_t, const WorkerEnd&) override { ADD_FAILURE(); }
  void on_short(std::uint64_t, bool) override {}
  void on_frame(WorkerId, const sluice_frame_header&, std::span<const std::byte>) override {}
  void on_output(WorkerId, std::span<const std::byte>) override {}
  void on_worker_ended(WorkerId, const WorkerEnd& end) override {
    end_ = end;
    heard();
  }

  Limits limits_;
  Fd launcher_;
  Fd worker_;
  Fd log_;
  PoolId pool_;
  std::optional<Runtime> runtime_;
  std::optional<WorkerId> assigned_;
  std::optional<WorkerEnd> end_;
};

TEST_F(LateSpawnTest, AWorkerThatNobodyCanSignalYetGetsNoTask) {
  runtime_->request(pool_, 1);
  const LaunchRequest spawn = next_request();
  ASSERT_EQ(spawn.kind, LaunchRequest::Kind::kSpawn);
  greet_and_load();
  EXPECT_FALSE(assigned_);
  EXPECT_EQ(runtime_->workers().at(0).state, "starting");
  reply({.kind = LaunchReply::Kind::kSpawned, .pid = kPid, .worker = spawn.worker});
  run_until([&] { return assigned_.has_value(); });
  // A cancel reaches it, and a gentle end is gentle.
  runtime_->interrupt(*assigned_);
  EXPECT_EQ(next_request().signal, SIGTERM);
  runtime_->end_worker(*assigned_);
  const LaunchRequest end = next_request();
  EXPECT_EQ(end.kind, LaunchRequest::Kind::kSignal);
  EXPECT_EQ(end.signal, SIGTERM);
  reply({.kind = LaunchReply::Kind::kExited, .pid = kPid, .code = 0, .worker = spawn.worker});
  run_until([&] { return end_.has_value(); });
  EXPECT_EQ(end_->cause, WorkerEnd::Cause::kStopped);
  EXPECT_EQ(end_->code, 0);
}

TEST_F(LateSpawnTest, OneThatIsNotWantedAnyMoreIsKilledAsSoonAsItCanBe) {
  runtime_->request(pool_, 1);
  const LaunchRequest spawn = next_request();
  greet_and_load();
  runtime_->withdraw(1);
  runtime_->drop_pool(pool_);
  take_turns();
  reply({.kind = LaunchReply::Kind::kSpawned, .pid = kPid, .worker = spawn.worker});
  EXPECT_EQ(next_request().signal, SIGKILL);
  reply({.kind = LaunchReply::Kind::kExited,
         .pid = kPid,
         .code = SIGKILL,
         .signalled = 1,
         .worker = spawn.worker});
  run_until([&] { return runtime_->workers().empty(); });
  EXPECT_FALSE(assigned_);
}

}  // namespace
}  // namespace sluice::runtime
