#include "api/problem.h"

#include <cstdlib>

#include "base/json.h"

namespace sluice::api {
namespace {

std::uint32_t status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kGone:
      return 410;
    case ErrorCode::kAlreadyExists:
      return 409;
    case ErrorCode::kFailedPrecondition:
      return 409;
    case ErrorCode::kResourceExhausted:
      return 429;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kDeadlineExceeded:
      return 504;
    case ErrorCode::kUnauthenticated:
      return 401;
    case ErrorCode::kPermissionDenied:
      return 403;
    case ErrorCode::kCancelled:
      return 499;
    case ErrorCode::kDataLoss:
      return 500;
    case ErrorCode::kInternal:
      return 500;
  }
  std::abort();  // Every code is named above.
}

std::uint32_t status_of(ErrorCode code, Asked asked) {
  if (asked != Asked::kAnything && code == ErrorCode::kInvalidArgument) return 422;
  if (asked == Asked::kUploadInput) {
    if (code == ErrorCode::kNotFound || code == ErrorCode::kAlreadyExists) return 422;
    if (code == ErrorCode::kResourceExhausted) return 413;
  }
  return status_of(code);
}

}  // namespace

Problem to_problem(const Error& error, Asked asked) {
  return Problem{.status = status_of(error.code(), asked), .detail = error.message()};
}

Response to_response(const Problem& problem) {
  Json document = Json::map();
  // No page describes our problems one by one, so the type is the one that RFC 9457 has for this.
  document.set("type", "about:blank");
  document.set("title", status_title(problem.status));
  document.set("status", Json(problem.status));
  document.set("detail", problem.detail);
  if (!problem.errors.empty()) {
    Json errors = Json::list();
    for (const model::Mistake& mistake : problem.errors) {
      Json item = Json::map();
      item.set("file", mistake.file);
      item.set("line", Json(mistake.line));
      item.set("column", Json(mistake.column));
      item.set("message", mistake.message);
      if (!mistake.hint.empty()) item.set("hint", mistake.hint);
      errors.push(std::move(item));
    }
    document.set("errors", std::move(errors));
  }
  Response response;
  response.status = problem.status;
  response.content_type = "application/problem+json";
  response.body = to_text(document) + "\n";
  return response;
}

Response to_response(const Error& error, Asked asked) {
  return to_response(to_problem(error, asked));
}

}  // namespace sluice::api
