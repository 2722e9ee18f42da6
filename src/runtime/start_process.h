#pragma once

// The few system calls between "a new process" and "the worker's program": everything that a worker
// inherits is decided here and nowhere else.

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::runtime {

inline constexpr int kWorkerControlFd = 3;  // Named to the worker by SLUICE_FD.

struct StartProcess {
  const char* const* argv = nullptr;  // Both end with nullptr.
  const char* const* env = nullptr;
  const char* cwd = nullptr;
  const Fd& control;
  const Fd& log;
  int nice = 0;
};

// The child of the calling thread: leader of a session and process group of its own, killed when
// that thread dies, default signals, descriptors 0 to 3 and no other. Returns once its program
// runs, or with the reason why it does not (nothing is left to reap then). Needs a single-threaded
// caller whose standard input is fit for workers (/dev/null).
Result<pid_t> start_process(const StartProcess& start);

}  // namespace sluice::runtime
