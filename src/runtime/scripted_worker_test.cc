#include "runtime/scripted_worker_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "wire/frame_stream.h"

namespace sluice::runtime {

namespace {

using wire::Bytes;

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

class ScriptedWorker {
 public:
  [[noreturn]] void run(const std::string& behaviour) {
    socket_ = std::atoi(std::getenv("SLUICE_FD"));
    if (behaviour == "silent") sleep_forever();
    if (behaviour == "deaf") {
      ::signal(SIGTERM, SIG_IGN);
      sleep_forever();
    }
    if (behaviour == "crash") {
      print("no module named x\n");
      ::_exit(3);
    }
    if (behaviour == "garbage") send_raw(std::string(64, 'G'));
    if (behaviour == "early") send(SLUICE_FRAME_READY, 0);
    if (behaviour == "chatty") print(std::string(100'000, '.') + "last words\n");
    const sluice_hello hello{.abi = behaviour == "wrong_abi" ? 9U : SLUICE_ABI_VERSION,
                             .mode = behaviour == "copy" ? SLUICE_HELLO_COPY : SLUICE_HELLO_SHM};
    send(SLUICE_FRAME_HELLO, 0, {wire::encode(hello), bytes_of("scripted 1")});
    const auto setup = next();
    if (setup.header.type != SLUICE_FRAME_SETUP) ::_exit(90);
    setup_ = text_of(setup.payload);
    if (behaviour == "load_error") {
      print("Traceback: line 1\n");
      send(SLUICE_FRAME_FAILED, 0, {bytes_of(R"({"name":"LoadError"})")});
      sleep_forever();
    }
    if (behaviour == "chatty") {
      print("really\n");
      ::_exit(4);
    }
    send(SLUICE_FRAME_READY, 0);
    while (true) {
      const auto frame = next();
      if (frame.header.type == SLUICE_FRAME_STOP) ::_exit(0);
      if (frame.header.type == SLUICE_FRAME_START)
        obey(frame.header.handle, text_of(frame.payload));
    }
  }

 private:
  void obey(std::uint64_t handle, const std::string& command) {
    if (command == "done") {
      print(fmt::format("out {}\n", handle));
    } else if (command == "setup") {
      send(SLUICE_FRAME_LOG, handle, {bytes_of(setup_)});
    } else if (command == "where") {
      send(SLUICE_FRAME_LOG, handle, {bytes_of(std::filesystem::current_path().native())});
    } else if (command == "crash") {
      ::signal(SIGABRT, SIG_DFL);
      ::kill(::getpid(), SIGABRT);
    } else if (command.starts_with("exit ")) {
      print("dying\n");
      send(SLUICE_FRAME_LOG, handle, {bytes_of("last frame")});
      ::_exit(std::atoi(command.c_str() + 5));
    } else if (command == "garbage") {
      send_raw(std::string(64, 'G'));
      sleep_forever();
    } else if (command == "hello") {
      send(SLUICE_FRAME_HELLO, 0, {wire::encode(sluice_hello{.abi = 1})});
      sleep_forever();
    } else if (command == "descriptor") {
      send_descriptor();
      sleep_forever();
    } else if (command == "close") {
      ::close(socket_);
      sleep_forever();
    } else if (command == "ignore") {
      ::signal(SIGTERM, SIG_IGN);
      send(SLUICE_FRAME_STARTED, handle);
      sleep_forever();
    } else if (command == "term") {
      ::signal(SIGTERM, [](int) { ::_exit(0); });
      send(SLUICE_FRAME_STARTED, handle);
      sleep_forever();
    } else if (command == "interruptible") {
      static volatile sig_atomic_t is_interrupted = 0;
      // Blocked but while it sleeps, so that the signal cannot come in between.
      sigset_t term;
      sigset_t before;
      ::sigemptyset(&term);
      ::sigaddset(&term, SIGTERM);
      ::sigprocmask(SIG_BLOCK, &term, &before);
      ::signal(SIGTERM, [](int) { is_interrupted = 1; });
      send(SLUICE_FRAME_STARTED, handle);
      while (is_interrupted == 0) ::sigsuspend(&before);
      ::sigprocmask(SIG_SETMASK, &before, nullptr);
      // The frame was sent before the signal: it is there already.
      std::array<std::byte, SLUICE_HEADER_SIZE> head{};
      const ssize_t got = ::recv(socket_, head.data(), head.size(), MSG_DONTWAIT);
      const bool is_cancel = got == static_cast<ssize_t>(head.size()) &&
                             static_cast<int>(head[4]) == SLUICE_FRAME_CANCEL;
      send(SLUICE_FRAME_LOG, handle, {bytes_of(is_cancel ? "cancelled" : "why?")});
    } else if (command == "flood") {
      for (int line = 0; line < 2000; ++line) print(std::string(999, 'x') + "\n");
    } else if (command == "frames") {
      const std::string text(60'000, 'f');
      for (int count = 0; count < 200; ++count) send(SLUICE_FRAME_GROW, handle, {bytes_of(text)});
    } else if (command == "map") {
      const auto frame = next();
      if (frame.header.type != SLUICE_FRAME_MAP || descriptors_.empty()) ::_exit(91);
      std::array<char, 64> text{};
      const ssize_t got = ::pread(descriptors_.front(), text.data(), text.size(), 0);
      ::close(descriptors_.front());
      descriptors_.pop_front();
      const auto map = wire::decode_map(frame.payload).value();
      const std::string said = fmt::format("{} {} {}", frame.header.handle, map.size,
                                           std::string(text.data(), static_cast<std::size_t>(got)));
      send(SLUICE_FRAME_LOG, handle, {bytes_of(said)});
    } else if (command == "daemon") {
      if (::fork() == 0) {
        ::setsid();
        if (::fork() != 0) ::_exit(0);
        ::signal(SIGTERM, SIG_IGN);
        print("daemon\n");
        sleep_forever();
      }
    } else if (command == "slow reader") {
      // Takes nothing until it is told to by a file.
      while (::access("go", F_OK) != 0) ::usleep(1000);
      std::size_t received = 0;
      while (true) {
        const auto frame = next();
        if (frame.header.type == SLUICE_FRAME_END) break;
        received += frame.payload.size();
      }
      send(SLUICE_FRAME_LOG, handle, {bytes_of(fmt::format("{}", received))});
    }
    send(SLUICE_FRAME_DONE, handle);
  }

  struct Received {
    sluice_frame_header header;
    std::vector<std::byte> payload;
  };

  static std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  Received next() {
    while (true) {
      auto frame = reader_.next();
      if (!frame) ::_exit(92);
      if (*frame)
        return {.header = (*frame)->header,
                .payload = {(*frame)->payload.begin(), (*frame)->payload.end()}};
      iovec part{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
      msghdr message{.msg_iov = &part,
                     .msg_iovlen = 1,
                     .msg_control = control.data(),
                     .msg_controllen = control.size()};
      const ssize_t got = ::recvmsg(socket_, &message, 0);
      if (got <= 0) ::_exit(93);
      if (const cmsghdr* header = CMSG_FIRSTHDR(&message)) {
        int number = -1;
        std::memcpy(&number, CMSG_DATA(header), sizeof number);
        descriptors_.push_back(number);
      }
      reader_.feed(Bytes(buffer_).first(static_cast<std::size_t>(got)));
    }
  }

  void send(std::uint8_t type, std::uint64_t handle,
            std::initializer_list<Bytes> parts = {}) const {
    wire::FrameWriter writer;
    writer.append({.type = type, .handle = handle}, parts);
    const Bytes all = writer.front().bytes;
    send_raw({reinterpret_cast<const char*>(all.data()), all.size()});
  }

  void send_raw(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t put = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put <= 0) ::_exit(94);
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  void send_descriptor() const {
    char byte = 0;
    iovec part{.iov_base = &byte, .iov_len = 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    const msghdr message{.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.data(),
                         .msg_controllen = control.size()};
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = STDOUT_FILENO;
    std::memcpy(CMSG_DATA(header), &number, sizeof number);
    ::sendmsg(socket_, &message, 0);
  }

  static void print(std::string_view text) {
    while (!text.empty()) {
      const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
      if (put <= 0) ::_exit(95);
      text.remove_prefix(static_cast<std::size_t>(put));
    }
  }

  [[noreturn]] static void sleep_forever() {
    while (true) ::pause();
  }

  int socket_ = -1;
  std::string setup_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(1 << 17);
  wire::FrameReader reader_{wire::Sender::kNode};
  std::deque<int> descriptors_;
};

// Before main, which is GoogleTest's.
const bool kIsNoWorker = [] {
  const char* behaviour = std::getenv("SLUICE_TEST_WORKER");
  if (behaviour == nullptr) return true;
  ScriptedWorker().run(behaviour);
}();

}  // namespace

std::vector<std::string> scripted_worker_argv() {
  return {std::filesystem::read_symlink("/proc/self/exe").native()};
}

std::vector<std::string> scripted_worker_env(const std::string& behaviour) {
  (void)kIsNoWorker;
  return {"SLUICE_TEST_WORKER=" + behaviour, "LSAN_OPTIONS=detect_leaks=0",
          "ASAN_OPTIONS=detect_leaks=0"};
}

}  // namespace sluice::runtime
