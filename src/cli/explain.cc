#include "model/explain.h"

#include "cli/app_folder.h"
#include "cli/document.h"
#include "cli/run_waits.h"
#include "cli/session.h"

namespace sluice::cli {
namespace {

Result<ExitCode> explain_one_run(Session& session, const std::string& id) {
  SLUICE_TRY(const Json run, session.client.json({.path = api_path({"runs", id})}));
  // The version that the run is pinned to: a newer one may have other steps.
  const std::string workflow =
      fmt::format("{}@{}", text_member(run, "workflow"), int_member(run, "version"));
  SLUICE_TRY(const Json graph, session.client.json({.path = api_path({"workflows", workflow})}));
  SLUICE_OK(write_output(explain_run(run, graph)));
  return ExitCode::kOk;
}

}  // namespace

Result<ExitCode> explain(Session& session, const ExplainCommand& command) {
  if (is_run_id(command.name)) return explain_one_run(session, command.name);
  SLUICE_TRY(const auto read, read_app(session.terminal, command.directory));
  if (const ExitCode* code = std::get_if<ExitCode>(&read)) return *code;
  const auto& app = std::get<model::App>(read);
  SLUICE_TRY(const model::Workflow* workflow, find_workflow(app, command.name));
  SLUICE_OK(write_output(model::explain(app, *workflow)));
  return ExitCode::kOk;
}

}  // namespace sluice::cli
