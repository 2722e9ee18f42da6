#include "cli/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace sluice::cli::interrupt {
namespace {

// Lock-free, so a handler may touch them.
std::atomic<int> g_signal{0};
std::atomic<bool> g_deferred{false};
std::atomic<int> g_descriptor{-1};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void on_signal(int number) {
  const int saved_errno = errno;
  const int before = g_signal.exchange(number);
  if (before != 0 || !g_deferred.load()) ::_exit(128 + number);
  const std::uint64_t one = 1;
  // An eventfd takes this write whatever its count; there is nobody to tell if not.
  [[maybe_unused]] const ssize_t put = ::write(g_descriptor.load(), &one, sizeof one);
  errno = saved_errno;
}

}  // namespace

Status install() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return fail(system_error(errno, "eventfd"));
  g_descriptor.store(fd);
  struct sigaction action{};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  // No SA_RESTART: a blocked read or write returns, and its loop sees the flag.
  for (const int number : {SIGINT, SIGTERM}) {
    struct sigaction old{};
    // What a parent chose to ignore (nohup, a background job of a script) stays ignored.
    if (::sigaction(number, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) continue;
    if (::sigaction(number, &action, nullptr) != 0) return fail(system_error(errno, "sigaction"));
  }
  ::signal(SIGPIPE, SIG_IGN);
  return {};
}

void defer() { g_deferred.store(true); }
int signal() { return g_signal.load(); }
int exit_code() { return 128 + g_signal.load(); }
int descriptor() { return g_descriptor.load(); }

bool sleep(Duration duration) {
  struct pollfd wait{.fd = descriptor(), .events = POLLIN, .revents = 0};
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  // A handler that ran before poll left the descriptor readable: nothing is missed. Interrupted
  // early by another signal, the sleep is merely shorter.
  if (signal() == 0) ::poll(&wait, 1, static_cast<int>(ms));
  return signal() != 0;
}

}  // namespace sluice::cli::interrupt
