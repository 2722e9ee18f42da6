#pragma once

// What every command works with: the server and the user's terminal. Made once, by run().

#include <string_view>

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "cli/http_client.h"
#include "cli/terminal.h"

namespace sluice::cli {

struct Session {
  HttpClient client;
  Terminal terminal;
};

// One function per command, each in a file of its own name. An Error is printed by run(); a command
// that has told the user all there is to tell returns the code alone.
Result<ExitCode> deploy_app(Session& session, const DeployCommand& command);
Result<ExitCode> develop(const Terminal& terminal, const DevCommand& command);
Result<ExitCode> examine(const DoctorCommand& command);
Result<ExitCode> validate_app(Session& session, const ValidateCommand& command);
Result<ExitCode> export_file(Session& session, const ExportCommand& command);
Result<ExitCode> evaluate(const Terminal& terminal, const EvalCommand& command);
Result<ExitCode> draw_graph(Session& session, const GraphCommand& command);
Result<ExitCode> explain(Session& session, const ExplainCommand& command);
Result<ExitCode> init_app(Session& session, const InitCommand& command);
Result<ExitCode> run_workflow(Session& session, const RunCommand& command);
Result<ExitCode> get_things(Session& session, const GetCommand& command);
Result<ExitCode> print_logs(Session& session, const LogsCommand& command);
Result<ExitCode> print_trace(Session& session, const TraceCommand& command);
Result<ExitCode> answer_step(Session& session, const AnswerCommand& command);
Result<ExitCode> cancel_run(Session& session, const CancelCommand& command);
Result<ExitCode> delete_thing(Session& session, const DeleteCommand& command);
Result<ExitCode> print_versions(Session& session, const VersionCommand& command);

// `/api/v1/runs/ID`, …
std::string api_path(std::initializer_list<std::string_view> segments);

}  // namespace sluice::cli
