#include <fcntl.h>

#include "base/file.h"
#include "cli/app_folder.h"
#include "cli/session.h"
#include "model/graph_text.h"

namespace sluice::cli {

Result<ExitCode> draw_graph(Session& session, const GraphCommand& command) {
  SLUICE_TRY(const auto read, read_app(session.terminal, command.directory));
  if (const ExitCode* code = std::get_if<ExitCode>(&read)) return *code;
  const auto& app = std::get<model::App>(read);
  SLUICE_TRY(const model::Workflow* workflow, find_workflow(app, command.workflow));
  const model::Graph graph = model::graph_of(app, *workflow, model::kGraphInsideMax);
  const std::string name = fmt::format("{}.{}", app.name, workflow->name);
  const std::string text =
      command.format == "dot" ? model::to_dot(graph, name) : model::to_svg(graph, name);
  if (command.output.empty()) {
    SLUICE_OK(write_output(text));
    return ExitCode::kOk;
  }
  // It belongs to the user, with the user's umask.
  SLUICE_TRY(const Fd fd, open_file(command.output, O_WRONLY | O_CREAT | O_TRUNC, 0666));
  if (Status written = write_all(fd, text); !written)
    return fail(std::move(written).error().wrap(command.output.native()));
  return ExitCode::kOk;
}

}  // namespace sluice::cli
