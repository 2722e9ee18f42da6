// What a run has left behind for a person to read: its log and its timeline.

#include "cli/download.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/session.h"

namespace sluice::cli {

Result<ExitCode> print_logs(Session& session, const LogsCommand& command) {
  Request request{.path = api_path({"runs", command.run, "logs"})};
  if (!command.step.empty()) request.query.emplace_back("step", command.step);
  if (command.follow) request.query.emplace_back("follow", "true");
  TerminalText harmless;
  const bool is_terminal = session.terminal.output_is_terminal;
  SLUICE_TRY(const Response response, session.client.send(request, [&](std::string_view bytes) {
    return write_output(is_terminal ? harmless.filter(bytes) : std::string(bytes));
  }));
  if (!response.is_success()) return fail(problem_error(response));
  if (is_terminal) SLUICE_OK(write_output(harmless.finish()));
  return ExitCode::kOk;
}

Result<ExitCode> print_trace(Session& session, const TraceCommand& command) {
  const Request request{.path = api_path({"runs", command.run, "trace"})};
  if (command.file.empty() || command.file == "-") {
    SLUICE_TRY(const Response response, session.client.send(request, write_output));
    if (!response.is_success()) return fail(problem_error(response));
    return ExitCode::kOk;
  }
  if (!command.file.has_filename()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} is not the name of a file", command.file.native()));
  }
  interrupt::defer();  // So that no half-written file stays.
  const std::filesystem::path directory =
      command.file.has_parent_path() ? command.file.parent_path() : ".";
  SLUICE_TRY(const Download done,
             download(session.client, request, directory,
                      [&](const Response&) { return command.file.filename().native(); }));
  if (done.status == 404)
    return fail(ErrorCode::kNotFound, fmt::format("no such run: {}", command.run));
  return ExitCode::kOk;
}

}  // namespace sluice::cli
