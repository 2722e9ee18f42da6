#pragma once

// What a client is told when a request is not answered as it wished: RFC 9457 problem+json. This is
// the one place where an Error becomes a status (style: errors). Parsers of this module answer with
// a Problem themselves where HTTP has a status that no other module needs (414, 416, 431, …).

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "api/response.h"
#include "base/result.h"
#include "model/mistake.h"

namespace sluice::api {

struct Problem {
  std::uint32_t status = 500;
  std::string detail;
  model::Mistakes errors;  // Validation of an app only.

  friend bool operator==(const Problem&, const Problem&) = default;
};

template <class T>
using OrProblem = std::expected<T, Problem>;

inline std::unexpected<Problem> refuse(std::uint32_t status, std::string detail) {
  return std::unexpected<Problem>(Problem{.status = status, .detail = std::move(detail)});
}

// What the engine was asked to do. The same code means another status when the request's body is
// what does not fit: an input that the workflow does not have is 422 and not 404, too much is 413.
enum class Asked : unsigned char {
  kAnything,
  kStartRun,     // kInvalidArgument: the inputs or the key do not fit, 422.
  kUploadInput,  // Everything about the body: 422, 413.
};

Problem to_problem(const Error& error, Asked asked = Asked::kAnything);
Response to_response(const Problem& problem);
Response to_response(const Error& error, Asked asked = Asked::kAnything);

}  // namespace sluice::api
