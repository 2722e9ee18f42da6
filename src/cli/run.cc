#include "cli/document.h"
#include "cli/input_folder.h"
#include "cli/inputs.h"
#include "cli/interrupt.h"
#include "cli/json_file.h"
#include "cli/outputs.h"
#include "cli/problem.h"
#include "cli/progress.h"
#include "cli/run_document.h"
#include "cli/session.h"
#include "model/names.h"

namespace sluice::cli {
namespace {

using OnSignal = Request::OnSignal;

constexpr Duration kRefresh = std::chrono::milliseconds(100);
// A server that restarts is back within seconds; one that is not is gone.
constexpr int kReconnects = 6;
constexpr Duration kReconnectDelay = std::chrono::milliseconds(100);

Result<Json> find_workflow(Session& session, const std::string& name) {
  Result<Json> workflow = session.client.json({.path = api_path({"workflows", name})});
  if (workflow || workflow.error().code() != ErrorCode::kNotFound) return workflow;
  std::string text = workflow.error().message();
  // The list is only for a better message; without it the server's own has to do.
  if (const Result<Json> all = session.client.json({.path = api_path({"workflows"})})) {
    std::vector<std::string> names;
    for (const Json& one : list_member(*all, "workflows")) {
      names.emplace_back(name_of(one));
      if (const std::size_t dot = names.back().find('.');
          dot != std::string::npos && !name.contains('.')) {
        names.back().erase(0, dot + 1);
      }
    }
    // What there is, the server has said.
    const std::string guess = model::did_you_mean(name, std::span<const std::string>(names));
    if (!guess.empty()) text += "\n  " + guess;
  }
  return fail(ErrorCode::kNotFound, std::move(text));
}

// Sends the inputs; the run's document comes back. `wait`: how long the answer may wait for the
// end.
Result<Json> start_run(Session& session, const RunCommand& command, RunBody body,
                       Progress& progress) {
  Request request{.method = "POST",
                  .path = api_path({"workflows", command.workflow, "runs"}),
                  .content_type = "application/json",
                  .on_signal = OnSignal::kStopUpload};
  // A short run costs one request. Not more than a second, because until the answer the run has no
  // name here, and could not be cancelled.
  if (!command.detach) request.query.emplace_back("wait", "1");
  if (!command.timeout.empty()) request.query.emplace_back("timeout", command.timeout);
  if (!command.key.empty()) request.headers.emplace_back("Idempotency-Key", command.key);
  if (body.inputs) {
    Json document = Json::map();
    document.set("inputs", std::move(*body.inputs));
    request.body = to_text(document);
  } else {
    request.parts = std::move(body.parts);
    session.client.on_upload([&](std::uint64_t sent, std::uint64_t total) {
      const std::string of = total > 0 ? " of " + to_text(ByteCount{total}) : std::string();
      progress.show_line(fmt::format("sending {}{}", to_text(ByteCount{sent}), of));
    });
  }
  Result<Json> run = session.client.json(request);
  session.client.on_upload({});
  return run;
}

Status cancel(Session& session, const std::string& id) {
  write_error(fmt::format("cancelling run {} (again to leave at once)\n", id));
  const Result<Response> response = session.client.send(
      {.method = "POST", .path = api_path({"runs", id, "cancel"}), .on_signal = OnSignal::kIgnore});
  if (!response) return fail(response.error());
  // 409: it has just ended by itself.
  if (!response->is_success() && response->status != 409) return fail(problem_error(*response));
  return {};
}

bool is_lost_connection(const Error& error) { return error.code() == ErrorCode::kUnavailable; }

// Follows the run to its end, cancelling it when a signal comes.
Result<Json> wait_for_end(Session& session, Json run, Progress& progress) {
  const std::string id(text_member(run, "id"));
  const bool is_live = session.terminal.can_redraw;
  bool is_cancelling = false;
  int failures = 0;
  while (!has_ended(text_member(run, "state"))) {
    if (is_live && !is_cancelling) progress.show(run);
    if (interrupt::signal() != 0 && !is_cancelling) {
      is_cancelling = true;
      progress.clear();
      SLUICE_OK(cancel(session, id));
    }
    Request request{.path = api_path({"runs", id}),
                    .on_signal = is_cancelling ? OnSignal::kIgnore : OnSignal::kStop};
    const bool draws = is_live && !is_cancelling;
    request.query.emplace_back("wait", draws ? "0.1" : "30");
    const auto asked_at = std::chrono::steady_clock::now();
    Result<Json> next = session.client.json(request);
    // A server that does not wait for fractions of a second is not asked more often for that.
    const auto took = std::chrono::steady_clock::now() - asked_at;
    if (draws && next && !has_ended(text_member(*next, "state")) && took < kRefresh)
      interrupt::sleep(kRefresh - took);
    if (next) {
      run = std::move(*next);
      failures = 0;
      continue;
    }
    if (next.error().code() == ErrorCode::kCancelled) continue;
    if (!is_lost_connection(next.error()) || failures == kReconnects) {
      progress.clear();
      return fail(std::move(next).error().wrap(fmt::format("waiting for run {}", id)));
    }
    // The run goes on without us; only the way to it broke.
    if (interrupt::sleep(kReconnectDelay * (1 << failures++)) && is_cancelling) {
      return fail(std::move(next).error().wrap(fmt::format("cancelling run {}", id)));
    }
  }
  progress.clear();
  return run;
}

std::string run_duration(const Json& run) {
  const Json* timings = run.find("timings");
  if (timings == nullptr) return {};
  const std::string took =
      duration_text(text_member(*timings, "accepted"), text_member(*timings, "ended"));
  return took.empty() ? took : " after " + took;
}

// Error name, message, task and its last log lines.
void explain_failure(const Session& session, const Json& run) {
  std::string text = fmt::format("run {} {}{}", text_member(run, "id"), text_member(run, "state"),
                                 run_duration(run));
  const Json* error = run.find("error");
  if (error != nullptr && error->as_map() != nullptr) {
    const std::string_view name = text_member(*error, "name");
    const std::string_view message = text_member(*error, "message");
    text += fmt::format("\n  {}{}{}", name, name.empty() || message.empty() ? "" : ": ", message);
    if (const std::string_view task = text_member(*error, "task"); !task.empty())
      text += fmt::format("\n  task {}", task);
    std::string log(text_member(*error, "log"));
    for (const Json& line : list_member(*error, "log")) log += cell_text(line) + '\n';
    while (log.ends_with('\n')) log.pop_back();
    if (!log.empty()) {
      text += "\n  its last log lines:\n  | ";
      for (const char c : log) text += c == '\n' ? std::string("\n  | ") : std::string(1, c);
    }
  }
  write_error_line(session.terminal, "error", text);
}

Status report_success(Session& session, const RunCommand& command, const Json& run,
                      const std::vector<OutputPort>& ports, const std::string& raw_output) {
  std::vector<std::filesystem::path> saved;
  if (!command.out_directory.empty()) {
    SLUICE_TRY(saved, save_outputs(session, run, ports, command.out_directory));
  }
  if (command.format == Format::kRaw) return write_raw_output(session, run, raw_output);
  if (command.format == Format::kJson) return write_run_document(session, run);
  if (command.out_directory.empty()) {
    SLUICE_OK(show_outputs(session, run));
  } else {
    std::string text;
    for (const std::filesystem::path& path : saved) text += path.native() + '\n';
    SLUICE_OK(write_output(session.terminal.output_is_terminal ? printable(text) : text));
  }
  if (session.terminal.error_is_terminal) {
    write_error(fmt::format("run {} {}{}\n", text_member(run, "id"), text_member(run, "state"),
                            run_duration(run)));
  }
  return {};
}

}  // namespace

Result<ExitCode> run_workflow(Session& session, const RunCommand& command) {
  SLUICE_TRY(const Json workflow, find_workflow(session, command.workflow));
  const std::vector<OutputPort> outputs = output_ports(workflow);
  std::string raw_output;
  if (command.format == Format::kRaw) {
    // Before the run starts: it may take hours.
    SLUICE_TRY(raw_output, choose_raw_output(outputs, command.output));
  }
  SLUICE_TRY(Json document, read_json_file(command.json_path));
  const std::vector<InputPort> inputs = input_ports(workflow);
  std::vector<Given> given = command.inputs;
  SLUICE_OK(expand_folders(inputs, given, document));
  SLUICE_TRY(RunBody body, to_run_body(inputs, given, document));

  interrupt::defer();
  Progress progress(session.terminal);
  Result<Json> run = start_run(session, command, std::move(body), progress);
  progress.clear();
  if (!run) return fail(std::move(run).error());
  if (text_member(*run, "id").empty())
    return fail(ErrorCode::kInternal, "the server's answer names no run");
  if (command.detach) {
    SLUICE_OK(command.format == Format::kJson
                  ? write_run_document(session, *run)
                  : write_output(fmt::format("{}\n", text_member(*run, "id"))));
    return ExitCode::kOk;
  }
  const Result<Json> waited = wait_for_end(session, std::move(*run), progress);
  if (interrupt::signal() != 0) {
    // Whatever came of it, the user asked to stop: the exit code says so.
    if (!waited) write_error_line(session.terminal, "error", waited.error().message());
    if (waited)
      write_error(
          fmt::format("run {} {}\n", text_member(*waited, "id"), text_member(*waited, "state")));
    return fail(ErrorCode::kCancelled, "interrupted");
  }
  if (!waited) return fail(waited.error());
  const Json& ended = *waited;
  const std::string_view state = text_member(ended, "state");
  if (state == "SUCCEEDED") {
    SLUICE_OK(report_success(session, command, ended, outputs, raw_output));
    return ExitCode::kOk;
  }
  if (command.format == Format::kJson) SLUICE_OK(write_run_document(session, ended));
  explain_failure(session, ended);
  return exit_code_of_run(state);
}

}  // namespace sluice::cli
