#include "model/explain.h"

#include "cli/app_folder.h"
#include "cli/document.h"
#include "cli/run_waits.h"
#include "cli/session.h"

namespace sluice::cli {
namespace {

// Of a run with a thousand open steps nobody reads the paths of all tasks.
constexpr std::size_t kListsFetched = 100;

// Of the version that the run is pinned to: a newer one may have other steps.
Result<Json> fetch_workflow(Session& session, const Json& run, std::string_view name) {
  return session.client.json(
      {.path = api_path({"workflows", fmt::format("{}@{}", name, int_member(run, "version"))})});
}

// The workflow that the step at this path is, and those around it. A loop around a call has none.
Status add_workflow(Session& session, RunPicture& picture, const std::string& path) {
  if (picture.workflows.contains(path)) return {};
  const std::string around(step_around(path));
  SLUICE_OK(add_workflow(session, picture, around));
  const auto found = picture.workflows.find(around);
  if (found == picture.workflows.end()) return {};
  const std::string_view name =
      std::string_view(path).substr(around.empty() ? 0 : around.size() + 1);
  for (const Json& step : list_member(found->second, "steps")) {
    const std::string_view target = text_member(step, "flow");
    if (text_member(step, "name") != name || target.empty()) continue;
    SLUICE_TRY(picture.workflows[path],
               fetch_workflow(session, picture.run,
                              fmt::format("{}.{}", text_member(found->second, "app"), target)));
    break;
  }
  return {};
}

Status add_tasks(Session& session, RunPicture& picture, const std::string& id) {
  std::size_t fetched = 0;
  for (const std::string& step : open_steps(picture.run)) {
    for (const std::string& state : states_of_tasks(picture.run, step)) {
      if (++fetched > kListsFetched) return {};
      Request request{.path = api_path({"runs", id, "tasks"})};
      request.query = {
          {"step", step}, {"state", state}, {"limit", fmt::format("{}", kPathsShown + 1)}};
      SLUICE_TRY(const Json page, session.client.json(request));
      for (const Json& task : list_member(page, "tasks"))
        picture.tasks[step][state].emplace_back(text_member(task, "path"));
    }
  }
  return {};
}

Result<ExitCode> explain_one_run(Session& session, const std::string& id) {
  RunPicture picture;
  SLUICE_TRY(picture.run, session.client.json({.path = api_path({"runs", id})}));
  SLUICE_TRY(picture.workflows[""],
             fetch_workflow(session, picture.run, text_member(picture.run, "workflow")));
  if (!has_ended(text_member(picture.run, "state"))) {
    for (const std::string& step : open_steps(picture.run))
      SLUICE_OK(add_workflow(session, picture, std::string(step_around(step))));
    SLUICE_OK(add_tasks(session, picture, id));
  }
  SLUICE_OK(write_output(explain_run(picture)));
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
