// Commands that change what is on the server, one request each; and the two versions.

#include "base/version.h"
#include "cli/document.h"
#include "cli/problem.h"
#include "cli/session.h"

namespace sluice::cli {

Result<ExitCode> cancel_run(Session& session, const CancelCommand& command) {
  SLUICE_TRY(
      const Json run,
      session.client.json({.method = "POST", .path = api_path({"runs", command.run, "cancel"})}));
  const std::string_view state = text_member(run, "state");
  // CANCELLED comes when its tasks have stopped, which takes up to their grace.
  write_error(fmt::format("run {} {}\n", command.run,
                          state.empty() || !has_ended(state) ? std::string("is being cancelled")
                                                             : printable_line(state)));
  return ExitCode::kOk;
}

Result<ExitCode> answer_step(Session& session, const AnswerCommand& command) {
  Json outputs = Json::map();
  for (const std::string& given : command.inputs) {
    const std::size_t equals = given.find('=');
    if (equals == std::string::npos || equals == 0) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("-i {}: write -i NAME=VALUE", printable_line(given)));
    }
    const std::string name = given.substr(0, equals);
    const std::string value = given.substr(equals + 1);
    // The server knows the types; `"5"` is the text 5.
    Result<Json> json = parse_json(value);
    outputs.set(name, json ? std::move(*json) : Json(value));
  }
  const std::string path =
      command.index ? fmt::format("{}.{}", command.step, *command.index) : command.step;
  Json body;
  body.set("outputs", std::move(outputs));
  const Result<Json> run =
      session.client.json({.method = "POST",
                           .path = api_path({"runs", command.run, "steps", path, "answer"}),
                           .content_type = "application/json",
                           .body = to_text(body)});
  if (!run) return fail(run.error());
  write_error(fmt::format("answered {} of run {}\n", printable_line(path), command.run));
  return ExitCode::kOk;
}

Result<ExitCode> delete_thing(Session& session, const DeleteCommand& command) {
  const std::string path = api_path({command.kind == "app" ? "apps" : "runs", command.name});
  SLUICE_TRY(const Response response, session.client.send({.method = "DELETE", .path = path}));
  if (!response.is_success()) return fail(problem_error(response));
  write_error(fmt::format("deleted {} {}\n", command.kind, command.name));
  return ExitCode::kOk;
}

Result<ExitCode> print_versions(Session& session, const VersionCommand& command) {
  const Result<Json> server = session.client.json({.path = "/version"});
  // The version of this program is asked for by people without a server, too.
  const bool is_away = !server && server.error().code() == ErrorCode::kUnavailable;
  if (!server && !is_away) return fail(server.error());
  if (command.format == Format::kJson) {
    Json document = Json::map();
    document.set("client", version());
    if (server) document.set("server", *server);
    SLUICE_OK(write_output(to_pretty_text(document) + '\n'));
    return ExitCode::kOk;
  }
  std::string text = fmt::format("sluice {}\n", version());
  if (server)
    text += fmt::format("server {} at {}\n", printable_line(text_member(*server, "version")),
                        session.client.address().base);
  SLUICE_OK(write_output(text));
  if (is_away) write_error(fmt::format("no server at {}\n", session.client.address().base));
  return ExitCode::kOk;
}

}  // namespace sluice::cli
