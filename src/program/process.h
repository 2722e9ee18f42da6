#pragma once

// The program of a task as processes: started in a group of its own, and ended with everything that
// it started. This process must be a subreaper, so that what left the group comes here when its
// parents have died; nobody gets away but by being killed with this worker, whose launcher sees to
// it then.

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::program {

struct StartProgram {
  std::string path;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::string folder;
  Fd input;   // Nothing: as this process has it.
  Fd output;  // Nothing: as this process has it, which is the log.
};

// kNotFound, kPermissionDenied, kResourceExhausted (too long for the system), kInvalidArgument (no
// program), or another; a sentence for people.
Result<pid_t> start_program(StartProgram start);

struct ProgramEnd {
  bool was_signalled = false;
  int code = 0;  // Status or signal.
};

class Processes {
 public:
  explicit Processes(pid_t leader) : leader_(leader) {}

  void signal(int number) const;  // To the group, while its leader is there.

  // To be called whenever a child has ended, and now and then. Reaps; once the leader has ended,
  // kills all that is left. True when nothing is.
  bool has_ended();
  bool is_leader_gone() const { return is_leader_gone_; }
  ProgramEnd end() const { return end_; }  // Once the leader is gone.

 private:
  pid_t leader_;
  bool is_leader_gone_ = false;
  ProgramEnd end_;
};

}  // namespace sluice::program
