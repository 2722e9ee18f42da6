#include "cli/cli.h"

#include <algorithm>
#include <variant>

#include "cli/command_line.h"
#include "cli/interrupt.h"
#include "cli/session.h"
#include "settings/read.h"

namespace sluice::cli {
namespace {

using settings::SettingId;

template <class... Handlers>
struct Match : Handlers... {
  using Handlers::operator()...;
};

// `http://127.0.0.1:7600/path`. What stands before an @ is no host.
bool is_on_this_machine(std::string_view url) {
  std::string_view host = url.substr(std::min(url.find("://") + 3, url.size()));
  host = host.substr(0, host.find('/'));
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  return url.find('@') == std::string_view::npos && settings::is_loopback(host);
}

// A folder from elsewhere may bring a sluice.toml that names any server: it gets no token of ours.
Status check_token(const settings::Values& values, const ServerAddress& address) {
  const std::string& file = values.file(SettingId::kUrl);
  if (address.token.empty() || is_on_this_machine(address.base) || file != "sluice.toml" ||
      file == values.file(SettingId::kToken)) {
    return {};
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} names the server {}, and the token is from {}: it is not sent there. "
                          "If you trust that server, name it with --url or SLUICE_URL",
                          file, address.base, values.place(SettingId::kToken)));
}

Result<ServerAddress> server_address(const std::string& flag) {
  std::vector<settings::FlagWords> flags;
  if (!flag.empty()) flags.push_back({.id = SettingId::kUrl, .words = {flag}});
  SLUICE_TRY(const settings::Values values,
             settings::read_settings(settings::Side::kClient, flags, settings::process_variable));
  ServerAddress address;
  address.token = values.text(SettingId::kToken);
  if (!values.is_given(SettingId::kUrl)) return address;
  SLUICE_TRY(address.base, parse_server_url(values.text(SettingId::kUrl)));
  address.is_default = false;
  SLUICE_OK(check_token(values, address));
  return address;
}

Result<ExitCode> execute(const CommandLine& line, const Terminal& terminal) {
  if (const auto* show = std::get_if<ShowText>(&line.command)) {
    SLUICE_OK(write_output(show->text));
    return ExitCode::kOk;
  }
  if (const auto* eval = std::get_if<EvalCommand>(&line.command)) return evaluate(terminal, *eval);
  if (const auto* dev = std::get_if<DevCommand>(&line.command)) return develop(terminal, *dev);
  if (const auto* doctor = std::get_if<DoctorCommand>(&line.command)) return examine(*doctor);
  SLUICE_TRY(ServerAddress address, server_address(line.url));
  SLUICE_TRY(HttpClient client, HttpClient::create(std::move(address)));
  Session session{.client = std::move(client), .terminal = terminal};
  return std::visit(
      Match{
          [&](const DeployCommand& command) { return deploy_app(session, command); },
          [&](const ValidateCommand& command) { return validate_app(session, command); },
          [&](const ExportCommand& command) { return export_file(session, command); },
          [&](const GraphCommand& command) { return draw_graph(session, command); },
          [&](const ExplainCommand& command) { return explain(session, command); },
          [&](const InitCommand& command) { return init_app(session, command); },
          [&](const RunCommand& command) { return run_workflow(session, command); },
          [&](const GetCommand& command) { return get_things(session, command); },
          [&](const LogsCommand& command) { return print_logs(session, command); },
          [&](const TraceCommand& command) { return print_trace(session, command); },
          [&](const AnswerCommand& command) { return answer_step(session, command); },
          [&](const CancelCommand& command) { return cancel_run(session, command); },
          [&](const DeleteCommand& command) { return delete_thing(session, command); },
          [&](const VersionCommand& command) { return print_versions(session, command); },
          [&](const EvalCommand& command) { return evaluate(terminal, command); },
          [&](const DevCommand& command) { return develop(terminal, command); },
          [](const DoctorCommand& command) { return examine(command); },
          [](const ShowText&) { return Result<ExitCode>(ExitCode::kOk); },
      },
      line.command);
}

}  // namespace

int run(int argc, char** argv) {
  const Terminal terminal =
      inspect_terminal(settings::process_variable("TERM"), settings::process_variable("NO_COLOR"));
  const auto explain = [&](const Error& error) {
    write_error_line(terminal, "error", error.message());
    return static_cast<int>(exit_code_of(error));
  };
  if (const Status installed = interrupt::install(); !installed) return explain(installed.error());
  const Result<CommandLine> line = parse_command_line(argc, argv);
  if (!line) return explain(line.error());
  const Result<ExitCode> code = execute(*line, terminal);
  if (code) return static_cast<int>(*code);
  // Cancelled: by a signal, or because the reader of our output has what it wanted.
  if (code.error().code() == ErrorCode::kCancelled)
    return interrupt::signal() != 0 ? interrupt::exit_code() : 0;
  return explain(code.error());
}

std::string api_path(std::initializer_list<std::string_view> segments) {
  std::string path = "/api/v1";
  for (const std::string_view segment : segments) path += '/' + escape_segment(segment);
  return path;
}

}  // namespace sluice::cli
