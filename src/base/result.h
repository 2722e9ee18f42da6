#pragma once

// The one error type. A function that can fail returns Result<T> or Status; no exception crosses
// our function boundaries. Codes are chosen by what the caller does next (style: errors).

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sluice {

enum class ErrorCode : unsigned char {
  kInvalidArgument,     // fixes the request
  kNotFound,            // decides
  kGone,                // stops asking: it was there and was taken by retention
  kAlreadyExists,       // decides
  kFailedPrecondition,  // waits for somebody to change the state
  kResourceExhausted,   // backs off: a limit was reached
  kUnavailable,         // retries the same call
  kDeadlineExceeded,    // does not know whether it happened
  kUnauthenticated,     // gets credentials
  kPermissionDenied,    // gives up
  kCancelled,           // stops quietly
  kDataLoss,            // treats bytes as gone; recomputes
  kInternal,            // reports a bug
};

// "invalid_argument", "not_found", …: the spelling used in JSON and logs.
std::string_view to_string(ErrorCode code);

class Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }

  // Prepends what was being done: `map spill file run-7/obj-12: no space left`.
  Error wrap(std::string_view doing) && {
    message_ = fmt::format("{}: {}", doing, message_);
    return std::move(*this);
  }

  friend bool operator==(const Error&, const Error&) = default;

 private:
  ErrorCode code_;
  std::string message_;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(ErrorCode code, std::string message) {
  return std::unexpected<Error>(Error(code, std::move(message)));
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// From errno: the code by what the caller can do about it, the text by strerror.
Error system_error(int error_number, std::string_view doing);

}  // namespace sluice

#define SLUICE_INTERNAL_CONCAT2(a, b) a##b
#define SLUICE_INTERNAL_CONCAT(a, b) SLUICE_INTERNAL_CONCAT2(a, b)

// SLUICE_TRY(auto file, open(path)): declares `file`, or returns the error.
#define SLUICE_TRY(declaration, expression)                                                      \
  SLUICE_INTERNAL_TRY(SLUICE_INTERNAL_CONCAT(sluice_result_, __LINE__), declaration, expression, \
                      return)
#define SLUICE_CO_TRY(declaration, expression)                                                   \
  SLUICE_INTERNAL_TRY(SLUICE_INTERNAL_CONCAT(sluice_result_, __LINE__), declaration, expression, \
                      co_return)
#define SLUICE_INTERNAL_TRY(result, declaration, expression, leave)                 \
  auto result = (expression);                                                       \
  if (!result) leave ::std::unexpected<::sluice::Error>(std::move(result).error()); \
  declaration = std::move(result).value()

// SLUICE_OK(write(file)): returns the error if there is one.
#define SLUICE_OK(expression)                                                      \
  do {                                                                             \
    if (auto sluice_status = (expression); !sluice_status)                         \
      return ::std::unexpected<::sluice::Error>(std::move(sluice_status).error()); \
  } while (false)
#define SLUICE_CO_OK(expression)                                                      \
  do {                                                                                \
    if (auto sluice_status = (expression); !sluice_status)                            \
      co_return ::std::unexpected<::sluice::Error>(std::move(sluice_status).error()); \
  } while (false)
