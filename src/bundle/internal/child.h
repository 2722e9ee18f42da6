#pragma once

// Runs a program that reads and writes text, with bounded time and output, and waits for it. Not
// the way workers are started: these belong to the launcher.

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"

namespace sluice::bundle {

struct ChildLimits {
  Duration time;
  ByteCount output;
};

struct ChildProgram {
  std::vector<std::string> argv;  // The first is the path of the program.
  std::vector<std::string> environment{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"};
  std::filesystem::path directory = "/";
  std::string_view input;
  ChildLimits limits;
  bool errors_are_output = false;  // Otherwise what it says on standard error is dropped.
  // Called with what it has written, as it comes.
  std::function<void(std::string_view)> on_output;
  // Called now and then while it runs; an error ends it.
  std::function<Status()> check;
  std::stop_token stop;
};

struct ChildEnd {
  std::string output;
  int status = 0;  // As waitpid says it.
  bool is_good() const { return status == 0; }
};

// The program and what it has started, as long as that stays in its process group, is gone when
// this returns. It has no descriptors but three. kNotFound: no such program; kDeadlineExceeded,
// kResourceExhausted: killed at a limit; kCancelled: stopped.
Result<ChildEnd> run_program(const ChildProgram& program);

// The standard output of a program that succeeds; kInternal: it did not.
Result<std::string> run_child(const std::vector<std::string>& argv, std::string_view input,
                              const ChildLimits& limits);

}  // namespace sluice::bundle
