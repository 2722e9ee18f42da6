#pragma once

// The exit codes that scripts rely on, and which of them an outcome is. Nothing else in cli decides
// on a number.

#include <string_view>

#include "base/result.h"

namespace sluice::cli {

enum class ExitCode : int {
  kOk = 0,
  kRunFailed = 1,   // The run failed or was cancelled; also anything that has no code of its own.
  kUsage = 2,       // Wrong usage: command line, inputs, a request that the server refuses as such.
  kInvalidApp = 3,  // Mistakes in an app or workflow.
  kNotFound = 4,    // No such app, workflow, run, file.
  kUnreachable = 5,  // No server, or it does not allow this.
  kTimedOut = 124,   // The run's deadline passed.
};

ExitCode exit_code_of(const Error& error);
// Of a run that has ended: SUCCEEDED, FAILED, CANCELLED, TIMED_OUT, ….
ExitCode exit_code_of_run(std::string_view state);
// Whether a run in this state changes no more.
bool has_ended(std::string_view state);

// What the caller of the server can do about an answer with this status.
ErrorCode error_code_of_status(long status);

}  // namespace sluice::cli
