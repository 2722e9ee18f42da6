#include <algorithm>

#include "cli/document.h"
#include "cli/outputs.h"
#include "cli/session.h"
#include "cli/table.h"

namespace sluice::cli {
namespace {

using Rows = std::vector<std::vector<std::string>>;

// `text: bytes, parts: int = 8`
std::string ports_text(const Json& thing, std::string_view key) {
  std::string out;
  for (const Json& port : list_member(thing, key)) {
    if (!out.empty()) out += ", ";
    out += name_of(port);
    if (const std::string_view type = text_member(port, "type"); !type.empty())
      out += fmt::format(": {}", type);
    if (const Json* value = port.find("default")) out += " = " + to_text(*value);
  }
  return out;
}

std::string names_text(const Json& thing, std::string_view key) {
  std::vector<std::string_view> names;
  for (const Json& item : list_member(thing, key)) names.push_back(name_of(item));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string timing(const Json& run, std::string_view key) {
  const Json* timings = run.find("timings");
  return timings != nullptr ? std::string(text_member(*timings, key)) : std::string();
}

std::string run_duration(const Json& run) {
  const std::string started = timing(run, "started");
  return duration_text(started.empty() ? timing(run, "accepted") : started, timing(run, "ended"));
}

std::string runs_table(const Json::List& runs) {
  Rows rows;
  for (const Json& run : runs) {
    rows.push_back({std::string(text_member(run, "id")), std::string(text_member(run, "workflow")),
                    std::string(text_member(run, "state")), timing(run, "accepted"),
                    run_duration(run)});
  }
  return to_table({"RUN", "WORKFLOW", "STATE", "ACCEPTED", "TOOK"}, rows);
}

std::string workflows_table(const Json::List& workflows) {
  Rows rows;
  for (const Json& workflow : workflows) {
    const Json* version = workflow.find("version");
    rows.push_back({std::string(text_member(workflow, "name")),
                    version != nullptr ? cell_text(*version) : "", ports_text(workflow, "inputs"),
                    ports_text(workflow, "outputs"), names_text(workflow, "steps")});
  }
  return to_table({"WORKFLOW", "VERSION", "INPUTS", "OUTPUTS", "STEPS"}, rows);
}

std::string functions_table(const Json::List& functions) {
  Rows rows;
  for (const Json& function : functions) {
    rows.push_back({std::string(text_member(function, "name")),
                    std::string(text_member(function, "runtime")),
                    std::string(text_member(function, "handler")), ports_text(function, "inputs"),
                    ports_text(function, "outputs")});
  }
  return to_table({"FUNCTION", "RUNTIME", "HANDLER", "INPUTS", "OUTPUTS"}, rows);
}

// Things without a layout of their own: the first one's scalar members are the columns.
std::string plain_table(const Json::List& things) {
  std::vector<std::string> keys;
  for (const Json& thing : things) {
    if (thing.as_map() == nullptr) continue;
    for (const auto& [key, value] : *thing.as_map()) {
      if (value.as_map() == nullptr && value.as_list() == nullptr &&
          std::find(keys.begin(), keys.end(), key) == keys.end()) {
        keys.push_back(key);
      }
    }
  }
  std::vector<std::string> headers;
  for (const std::string& key : keys) {
    std::string& header = headers.emplace_back();
    for (const char c : key) header += c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  }
  Rows rows;
  for (const Json& thing : things) {
    auto& row = rows.emplace_back();
    for (const std::string& key : keys) {
      const Json* value = thing.find(key);
      row.push_back(value != nullptr ? cell_text(*value) : "");
    }
  }
  return to_table(headers, rows);
}

std::string table_of(std::string_view kind, const Json::List& things) {
  if (kind == "runs") return runs_table(things);
  if (kind == "workflows") return workflows_table(things);
  if (kind == "functions") return functions_table(things);
  if (kind == "workers" && things.empty())
    return to_table({"ID", "POOL", "PID", "STATE", "TASKS", "IDLE_S"}, {});
  return plain_table(things);
}

std::string run_view(const Json& run) {
  std::string out = runs_table({run});
  Rows rows;
  for (const Json& step : list_member(run, "steps")) {
    std::vector<std::string> row{std::string(text_member(step, "name"))};
    row.push_back(fmt::format("{}{}", int_member(step, "total"),
                              bool_member(step, "total_is_final") ? "" : "+"));
    for (const char* key : {"waiting", "running", "succeeded", "failed", "skipped", "cancelled"}) {
      row.push_back(fmt::format("{}", int_member(step, key)));
    }
    rows.push_back(std::move(row));
  }
  if (!rows.empty()) {
    out += '\n' + to_table({"STEP", "TASKS", "WAITING", "RUNNING", "SUCCEEDED", "FAILED", "SKIPPED",
                            "CANCELLED"},
                           rows);
  }
  if (const Json* error = run.find("error"); error != nullptr && error->as_map() != nullptr) {
    out += fmt::format("\nerror: {}: {}\n", printable_line(text_member(*error, "name")),
                       printable(text_member(*error, "message")));
  }
  return out;
}

std::string one_table(std::string_view kind, const Json& thing) {
  return kind == "runs" ? run_view(thing) : table_of(kind, {thing});
}

std::string_view identity(std::string_view kind, const Json& thing) {
  return kind == "workflows" || kind == "functions" ? name_of(thing) : text_member(thing, "id");
}

Status print(Format format, std::string_view kind, const Json& document, const Json::List& things,
             bool is_one) {
  switch (format) {
    case Format::kJson:
      return write_output(to_pretty_text(document) + '\n');
    case Format::kYaml:
      return write_output(to_yaml(document));
    case Format::kName: {
      std::string names;
      for (const Json& thing : things) {
        const Json* id = thing.find("id");  // Of a worker it may be a number.
        const std::string_view name = identity(kind, thing);
        names += (name.empty() && id != nullptr ? cell_text(*id) : printable_line(name)) + '\n';
      }
      return write_output(names);
    }
    case Format::kTable:
    case Format::kRaw:
      break;
  }
  return write_output(is_one ? one_table(kind, things.front()) : table_of(kind, things));
}

// Pages until there are as many as wanted. `more`: whether the server has further ones.
Result<Json> list_runs(Session& session, const GetCommand& command, bool& more) {
  Json all = Json::list();
  std::string cursor;
  do {
    const std::size_t left = command.limit - all.as_list()->size();
    Request request{.path = api_path({"runs"}),
                    .query = {{"limit", fmt::format("{}", std::min<std::size_t>(left, 100))}}};
    if (!command.workflow.empty()) request.query.emplace_back("workflow", command.workflow);
    if (!command.state.empty()) request.query.emplace_back("state", command.state);
    if (!cursor.empty()) request.query.emplace_back("cursor", cursor);
    SLUICE_TRY(const Json page, session.client.json(request));
    const Json::List& runs = list_member(page, "runs");
    for (const Json& run : runs) all.push(run);
    cursor = runs.empty() ? std::string() : std::string(text_member(page, "cursor"));
  } while (!cursor.empty() && all.as_list()->size() < command.limit);
  more = !cursor.empty();
  Json document = Json::map();
  document.set("runs", std::move(all));
  if (more) document.set("cursor", cursor);
  return document;
}

// Workers and nodes have no address of their own: the one is looked for in the list.
Result<Json> find_in_list(Session& session, const std::string& kind, const std::string& id) {
  SLUICE_TRY(const Json document, session.client.json({.path = api_path({kind})}));
  for (const Json& thing : list_member(document, kind)) {
    const Json* own = thing.find("id");
    if (own != nullptr && cell_text(*own) == id) return thing;
  }
  return fail(ErrorCode::kNotFound,
              fmt::format("no such {}: {}", kind.substr(0, kind.size() - 1), id));
}

}  // namespace

Result<ExitCode> get_things(Session& session, const GetCommand& command) {
  if (!command.task.empty()) {
    SLUICE_OK(write_task_output(session, command.id, command.task, command.output));
    return ExitCode::kOk;
  }
  if (!command.id.empty()) {
    const bool has_address = command.kind != "workers" && command.kind != "nodes";
    Result<Json> one = has_address
                           ? session.client.json({.path = api_path({command.kind, command.id})})
                           : find_in_list(session, command.kind, command.id);
    if (!one) return fail(std::move(one).error());
    SLUICE_OK(print(command.format, command.kind, *one, {*one}, true));
    if (command.kind == "runs" && command.format == Format::kTable &&
        !map_member(*one, "outputs").empty()) {
      SLUICE_OK(write_output("\n"));
      SLUICE_OK(show_outputs(session, *one));
    }
    return ExitCode::kOk;
  }
  bool more = false;
  Result<Json> document = command.kind == "runs"
                              ? list_runs(session, command, more)
                              : session.client.json({.path = api_path({command.kind})});
  if (!document) return fail(std::move(document).error());
  SLUICE_OK(
      print(command.format, command.kind, *document, list_member(*document, command.kind), false));
  if (more && command.format == Format::kTable)
    write_error("there are more: --limit N shows more of them\n");
  return ExitCode::kOk;
}

}  // namespace sluice::cli
