#include "api/handlers.h"

#include <span>

#include <fmt/format.h>

#include "api/openapi.h"
#include "api/output.h"
#include "api/parameters.h"
#include "api/routes.h"

namespace sluice::api {
namespace {

Response json_ok(Json document) { return json_response(document); }
Response no_content() {
  Response response;
  response.status = 204;
  return response;
}
Response status_ok() { return json_response(Json(Json::Map{{"status", "ok"}})); }

Reply<OutputBytes> output_reply(const Request& request, Answer answer) {
  return std::move(answer).from<OutputBytes>(
      [conditions = conditions_of(request.head)](OutputBytes bytes) {
        return output_response(conditions, std::move(bytes));
      });
}

// An output, or a part of it: its bytes, or a page of a list.
void read_part(const Request& request, Control& control, OutputPath path, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  const auto page = read_list_page(request.target);
  if (!run) return std::move(answer).with(to_response(run.error()));
  if (!page) return std::move(answer).with(to_response(page.error()));
  const std::string& name = request.path[1];
  if (*page) {
    control.output_page(*run, name, std::move(path), **page, std::move(answer).from<Json>(json_ok));
  } else {
    control.output(*run, name, std::move(path), output_reply(request, std::move(answer)));
  }
}

}  // namespace

void list_apps(const Request&, Control& control, Answer answer) {
  control.apps(std::move(answer).from<Json>(json_ok));
}

void delete_app(const Request& request, Control& control, Answer answer) {
  control.delete_app(request.path[0], std::move(answer).from<void>(no_content));
}

void list_workflows(const Request&, Control& control, Answer answer) {
  control.workflows(std::move(answer).from<Json>(json_ok));
}

void show_workflow(const Request& request, Control& control, Answer answer) {
  control.workflow(request.path[0], std::move(answer).from<Json>(json_ok));
}

void list_functions(const Request&, Control& control, Answer answer) {
  control.functions(std::move(answer).from<Json>(json_ok));
}

void show_function(const Request& request, Control& control, Answer answer) {
  control.function(request.path[0], std::move(answer).from<Json>(json_ok));
}

void list_runs(const Request& request, Control& control, Answer answer) {
  auto filter = read_run_filter(request.target);
  if (!filter) return std::move(answer).with(to_response(filter.error()));
  control.runs(*std::move(filter), std::move(answer).from<Json>(json_ok));
}

void show_run(const Request& request, Control& control, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  const auto wait = read_seconds(request.target, "wait");
  if (!run) return std::move(answer).with(to_response(run.error()));
  if (!wait) return std::move(answer).with(to_response(wait.error()));
  control.run(*run, *wait, std::move(answer).from<Json>(json_ok));
}

void delete_run(const Request& request, Control& control, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  if (!run) return std::move(answer).with(to_response(run.error()));
  control.delete_run(*run, std::move(answer).from<void>(no_content));
}

void list_tasks(const Request& request, Control& control, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  auto filter = read_task_filter(request.target);
  if (!run) return std::move(answer).with(to_response(run.error()));
  if (!filter) return std::move(answer).with(to_response(filter.error()));
  control.tasks(*run, *std::move(filter), std::move(answer).from<Json>(json_ok));
}

void read_output(const Request& request, Control& control, Answer answer) {
  read_part(request, control, {}, std::move(answer));
}

void read_output_element(const Request& request, Control& control, Answer answer) {
  auto path = parse_output_path(std::span(request.path).subspan(2));
  if (!path) return std::move(answer).with(to_response(path.error()));
  read_part(request, control, *std::move(path), std::move(answer));
}

void read_task_output(const Request& request, Control& control, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  auto path = parse_output_path(std::span(request.path).subspan(3));
  if (!run) return std::move(answer).with(to_response(run.error()));
  if (!path) return std::move(answer).with(to_response(path.error()));
  control.task_output(*run, request.path[1], request.path[2], *std::move(path),
                      output_reply(request, std::move(answer)));
}

void read_logs(const Request& request, Control& control, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  const auto follow = read_flag(request.target, "follow");
  if (!run) return std::move(answer).with(to_response(run.error()));
  if (!follow) return std::move(answer).with(to_response(follow.error()));
  LogQuery query{.run = *run};
  if (const std::string* step = request.target.find("step")) query.step = *step;
  if (const std::string* task = request.target.find("task")) query.task = *task;
  auto reply = std::move(answer).from<LogChunk>([query, follows = *follow](LogChunk first) {
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = LogStream{.query = query, .follow = follows, .first = std::move(first)};
    return response;
  });
  control.logs(std::move(query), std::move(reply));
}

void read_trace(const Request& request, Control& control, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  if (!run) return std::move(answer).with(to_response(run.error()));
  control.trace(*run, std::move(answer).from<Json>(json_ok));
}

void cancel_run(const Request& request, Control& control, Answer answer) {
  const auto run = parse_run_id(request.path[0]);
  if (!run) return std::move(answer).with(to_response(run.error()));
  control.cancel(*run, std::move(answer).from<Json>(json_ok));
}

void list_workers(const Request&, Control& control, Answer answer) {
  control.workers(std::move(answer).from<Json>(json_ok));
}

void list_nodes(const Request&, Control& control, Answer answer) {
  control.nodes(std::move(answer).from<Json>(json_ok));
}

void read_openapi(const Request&, Control&, Answer answer) {
  Response response;
  response.body = std::string(openapi_text());
  std::move(answer).with(std::move(response));
}

// That this thread answers is all that it says; whether the node takes work is /readyz.
void check_health(const Request&, Control&, Answer answer) { std::move(answer).with(status_ok()); }

void check_ready(const Request&, Control& control, Answer answer) {
  control.ready(std::move(answer).from<void>(status_ok));
}

void read_version(const Request&, Control& control, Answer answer) {
  control.version(std::move(answer).from<Json>(json_ok));
}

void read_metrics(const Request&, Control& control, Answer answer) {
  control.metrics(std::move(answer).from<std::string>([](std::string text) {
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.body = std::move(text);
    return response;
  }));
}

void not_there_yet(const Request& request, Control&, Answer answer) {
  const std::string detail = fmt::format("{} is not there yet", request.route->operation);
  std::move(answer).with(to_response(Problem{.status = 501, .detail = detail}));
}

}  // namespace sluice::api
