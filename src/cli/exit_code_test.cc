#include "cli/exit_code.h"

#include <gtest/gtest.h>

#include "cli/problem.h"

namespace sluice::cli {
namespace {

ExitCode code_of_status(long status) {
  return exit_code_of(Error(error_code_of_status(status), ""));
}

TEST(ExitCodes, OfAnswersAreThoseOfTheInterface) {
  for (const long status : {400L, 409L, 413L, 415L, 422L})
    EXPECT_EQ(code_of_status(status), ExitCode::kUsage) << status;
  for (const long status : {404L, 410L})
    EXPECT_EQ(code_of_status(status), ExitCode::kNotFound) << status;
  for (const long status : {401L, 403L, 429L, 502L, 503L, 504L}) {
    EXPECT_EQ(code_of_status(status), ExitCode::kUnreachable) << status;
  }
  for (const long status : {302L, 500L, 599L, 0L})
    EXPECT_EQ(code_of_status(status), ExitCode::kRunFailed) << status;
}

TEST(ExitCodes, OfRunsAreThoseOfTheInterface) {
  EXPECT_EQ(exit_code_of_run("SUCCEEDED"), ExitCode::kOk);
  EXPECT_EQ(exit_code_of_run("FAILED"), ExitCode::kRunFailed);
  EXPECT_EQ(exit_code_of_run("CANCELLED"), ExitCode::kRunFailed);
  EXPECT_EQ(exit_code_of_run("TIMED_OUT"), ExitCode::kTimedOut);
  EXPECT_FALSE(has_ended("QUEUED"));
  EXPECT_FALSE(has_ended("RUNNING"));
  EXPECT_TRUE(has_ended("QUARANTINED"));
}

Error problem_of(long status, std::string body, std::string type = "application/problem+json") {
  return problem_error({.status = status,
                        .content_type = std::move(type),
                        .file_name = {},
                        .body = std::move(body)});
}

TEST(Problems, SayTitleDetailAndEachMistakeWithItsHint) {
  const Error error = problem_of(422, R"({"title": "Invalid", "detail": "2 mistakes", "errors": [
      {"file": "a.yaml", "line": 3, "column": 5, "message": "m", "hint": "h"}, {"message": "input 'x' is missing"}]})");
  EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(error.message(),
            "Invalid: 2 mistakes\na.yaml:3:5: m\n    hint: h\ninput 'x' is missing");
}

TEST(Problems, ThatAreNoneStillSayTheStatus) {
  EXPECT_EQ(problem_of(500, "").message(), "the server answered 500");
  EXPECT_EQ(problem_of(502, "bad gateway", "text/plain").message(),
            "the server answered 502: bad gateway");
  EXPECT_EQ(problem_of(404, R"({"detail": "no such run"})").message(), "no such run");
  EXPECT_EQ(problem_of(404, R"({"title": 5, "detail": [], "errors": 3})").message(),
            "the server answered 404");
}

}  // namespace
}  // namespace sluice::cli
