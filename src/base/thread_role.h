#pragma once

// "Which thread is this?" answered by the compiler: a capability with no lock behind it, checked by
// -Wthread-safety at compile time and by the thread id in debug builds. See docs/threads.md.

#include <atomic>
#include <thread>

#include "base/check.h"

#define SLUICE_CAPABILITY(name) __attribute__((capability(name)))
#define SLUICE_REQUIRES(...) __attribute__((requires_capability(__VA_ARGS__)))
#define SLUICE_GUARDED_BY(...) __attribute__((guarded_by(__VA_ARGS__)))
#define SLUICE_ASSERT_CAPABILITY(...) __attribute__((assert_capability(__VA_ARGS__)))

namespace sluice {

class SLUICE_CAPABILITY("thread role") ThreadRole {
 public:
  // Called once by the thread that takes the role on. Names the thread in `top -H`.
  void take(const char* thread_name);
  // Any thread may call it; aborts in a debug build when the caller does not have the role.
  void assert_current() const SLUICE_ASSERT_CAPABILITY(this) {
    SLUICE_DEBUG_ASSERT(owner_.load() == std::thread::id{} ||
                        owner_.load() == std::this_thread::get_id());
  }

 private:
  std::atomic<std::thread::id> owner_{};
};

}  // namespace sluice
