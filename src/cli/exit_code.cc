#include "cli/exit_code.h"

namespace sluice::cli {

ExitCode exit_code_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kFailedPrecondition:
      return ExitCode::kUsage;
    case ErrorCode::kNotFound:
    case ErrorCode::kGone:
      return ExitCode::kNotFound;
    case ErrorCode::kUnavailable:
    case ErrorCode::kResourceExhausted:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kUnauthenticated:
    case ErrorCode::kPermissionDenied:
      return ExitCode::kUnreachable;
    case ErrorCode::kCancelled:
    case ErrorCode::kDataLoss:
    case ErrorCode::kInternal:
      return ExitCode::kRunFailed;
  }
  return ExitCode::kRunFailed;
}

ExitCode exit_code_of_run(std::string_view state) {
  if (state == "SUCCEEDED") return ExitCode::kOk;
  if (state == "TIMED_OUT") return ExitCode::kTimedOut;
  return ExitCode::kRunFailed;
}

bool has_ended(std::string_view state) { return state != "QUEUED" && state != "RUNNING"; }

ErrorCode error_code_of_status(long status) {
  switch (status) {
    case 400:
    case 405:
    case 411:
    case 413:
    case 414:
    case 415:
    case 416:
    case 422:
    case 431:
      return ErrorCode::kInvalidArgument;
    case 401:
      return ErrorCode::kUnauthenticated;
    case 403:
      return ErrorCode::kPermissionDenied;
    case 404:
    case 410:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kFailedPrecondition;
    case 408:
    case 504:
      return ErrorCode::kDeadlineExceeded;
    case 429:
      return ErrorCode::kResourceExhausted;
    case 499:
      return ErrorCode::kCancelled;
    case 502:
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace sluice::cli
