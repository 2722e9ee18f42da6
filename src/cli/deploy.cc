#include "base/limits.h"
#include "bundle/bundle.h"
#include "cli/app_folder.h"
#include "cli/document.h"
#include "cli/problem.h"
#include "cli/session.h"

namespace sluice::cli {
namespace {

Json to_json(const model::Mistakes& mistakes) {
  Json list = Json::list();
  for (const model::Mistake& mistake : mistakes) {
    Json one = Json::map();
    one.set("file", mistake.file).set("line", mistake.line).set("column", mistake.column);
    one.set("message", mistake.message).set("hint", mistake.hint);
    list.push(std::move(one));
  }
  return list;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

template <class T>
Json names_of(const std::vector<T>& things) {
  Json names = Json::list();
  for (const T& thing : things) names.push(thing.name);
  return names;
}

// How its inputs would be given, for the line that tells what to do next.
std::string example_of(const model::App& app) {
  const model::Workflow& workflow = app.workflows.front();
  std::string line = fmt::format("sluice run {}.{}", app.name, workflow.name);
  for (const model::WorkflowInput& input : workflow.inputs) {
    if (input.default_value || input.type.optional) continue;
    line += fmt::format(" -i {}={}", input.name,
                        input.type.kind == model::Kind::kBytes ||
                                input.type.kind == model::Kind::kFile ||
                                input.type.kind == model::Kind::kArray
                            ? "@FILE"
                            : "…");
  }
  return line;
}

}  // namespace

Result<ExitCode> validate_app(Session& session, const ValidateCommand& command) {
  Result<bundle::Checked> checked = bundle::check(command.directory, Limits{});
  if (!checked) return bundle_failure(session.terminal, std::move(checked).error());
  // What deploy would refuse although every line is right: links, sizes, names.
  const Result<std::vector<bundle::File>> files = bundle::list_files(command.directory, Limits{});
  if (command.format == Format::kJson) {
    Json document = Json::map();
    if (checked->app) {
      document.set("app", checked->app->name).set("workflows", names_of(checked->app->workflows));
      document.set("functions", names_of(checked->app->functions));
    }
    document.set("errors", to_json(checked->mistakes));
    SLUICE_OK(write_output(to_pretty_text(document) + '\n'));
  }
  if (!checked->app) {
    print_mistakes(session.terminal, checked->mistakes);
    return ExitCode::kInvalidApp;
  }
  if (!files) return bundle_failure(session.terminal, files.error());
  if (command.format != Format::kJson) {
    const model::App& app = *checked->app;
    SLUICE_OK(write_output(fmt::format("{}: {}, {}, no mistakes\n", app.name,
                                       counted(app.workflows.size(), "workflow"),
                                       counted(app.functions.size(), "function"))));
  }
  return ExitCode::kOk;
}

Result<ExitCode> deploy_app(Session& session, const DeployCommand& command) {
  const Limits limits;
  Result<bundle::Checked> checked = bundle::check(command.directory, limits);
  if (!checked) return bundle_failure(session.terminal, std::move(checked).error());
  if (!checked->app) {
    print_mistakes(session.terminal, checked->mistakes);
    return ExitCode::kInvalidApp;
  }
  const model::App& app = *checked->app;
  Result<std::vector<bundle::File>> files = bundle::list_files(command.directory, limits);
  if (!files) return bundle_failure(session.terminal, std::move(files).error());
  Request request{
      .method = "PUT", .path = api_path({"apps", app.name}), .content_type = "application/zstd"};
  Status packed = bundle::pack(command.directory, *files, request.body.emplace(), limits);
  if (!packed) return bundle_failure(session.terminal, std::move(packed).error());

  SLUICE_TRY(const Response response, session.client.send(request));
  if (!response.is_success()) {
    const Error problem = problem_error(response);
    // The server's check is the one that counts; it differs from ours only if the versions do.
    if (response.status != 422 && response.status != 413) return fail(problem);
    write_error_line(session.terminal, "error", problem.message());
    return ExitCode::kInvalidApp;
  }
  SLUICE_TRY(const Json document, parse_document(response));
  if (command.format == Format::kJson) {
    SLUICE_OK(write_output(to_pretty_text(document) + '\n'));
    return ExitCode::kOk;
  }
  std::string text =
      fmt::format("{} version {}\n", text_member(document, "app"), int_member(document, "version"));
  for (const Json& workflow : list_member(document, "workflows")) {
    text += fmt::format("  workflow {}\n", printable_line(name_of(workflow)));
  }
  SLUICE_OK(write_output(text));
  if (session.terminal.error_is_terminal && !app.workflows.empty()) {
    write_error(fmt::format("run it: {}\n", example_of(app)));
  }
  return ExitCode::kOk;
}

}  // namespace sluice::cli
