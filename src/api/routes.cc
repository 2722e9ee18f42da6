#include "api/routes.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "api/handlers.h"

namespace sluice::api {
namespace {

constexpr std::array kRoutes = {
    Route{Method::kPut, "/api/v1/apps/{app}", "", Scope::kDeploy, "deploy_app", Body::kArchive},
    Route{Method::kGet, "/api/v1/apps", "", Scope::kRead, "list_apps", Body::kNone, list_apps},
    Route{Method::kDelete, "/api/v1/apps/{app}", "", Scope::kDeploy, "delete_app", Body::kNone,
          delete_app},
    Route{Method::kGet, "/api/v1/workflows", "", Scope::kRead, "list_workflows", Body::kNone,
          list_workflows},
    Route{Method::kGet, "/api/v1/workflows/{name}", "", Scope::kRead, "show_workflow", Body::kNone,
          show_workflow},
    Route{Method::kPost, "/api/v1/workflows/{name}/runs", "wait timeout durability", Scope::kInvoke,
          "start_run", Body::kInputs},
    Route{Method::kGet, "/api/v1/functions", "", Scope::kRead, "list_functions", Body::kNone,
          list_functions},
    Route{Method::kGet, "/api/v1/functions/{name}", "", Scope::kRead, "show_function", Body::kNone,
          show_function},
    Route{Method::kGet, "/api/v1/runs", "workflow state limit cursor", Scope::kRead, "list_runs",
          Body::kNone, list_runs},
    Route{Method::kGet, "/api/v1/runs/{id}", "wait", Scope::kRead, "show_run", Body::kNone,
          show_run},
    Route{Method::kDelete, "/api/v1/runs/{id}", "", Scope::kInvoke, "delete_run", Body::kNone,
          delete_run},
    Route{Method::kGet, "/api/v1/runs/{id}/tasks", "step state limit cursor", Scope::kRead,
          "list_tasks", Body::kNone, list_tasks},
    Route{Method::kGet, "/api/v1/runs/{id}/outputs/{name}", "limit cursor", Scope::kRead,
          "read_output", Body::kNone, read_output},
    Route{Method::kGet, "/api/v1/runs/{id}/outputs/{name}/{index}", "limit cursor", Scope::kRead,
          "read_output_element", Body::kNone, read_output_element},
    Route{Method::kGet, "/api/v1/runs/{id}/outputs/{name}/{index}/{inner}", "limit cursor",
          Scope::kRead, "read_inner_element", Body::kNone, read_output_element, Last::kRest},
    Route{Method::kGet, "/api/v1/runs/{id}/tasks/{task}/outputs/{name}", "", Scope::kRead,
          "read_task_output", Body::kNone, read_task_output},
    Route{Method::kGet, "/api/v1/runs/{id}/tasks/{task}/outputs/{name}/{index}", "", Scope::kRead,
          "read_task_output_element", Body::kNone, read_task_output},
    Route{Method::kGet, "/api/v1/runs/{id}/logs", "step task follow", Scope::kRead, "read_logs",
          Body::kNone, read_logs},
    Route{Method::kGet, "/api/v1/runs/{id}/trace", "", Scope::kRead, "read_trace", Body::kNone,
          read_trace},
    Route{Method::kGet, "/api/v1/runs/{id}/events", "tasks", Scope::kRead, "follow_run",
          Body::kNone, not_there_yet},
    Route{Method::kPost, "/api/v1/runs/{id}/cancel", "", Scope::kInvoke, "cancel_run", Body::kNone,
          cancel_run},
    Route{Method::kPost, "/api/v1/runs/{id}/rerun", "from", Scope::kInvoke, "rerun_run",
          Body::kNone, not_there_yet},
    Route{Method::kPost, "/api/v1/runs/{id}/steps/{step}/answer", "", Scope::kInvoke, "answer_step",
          Body::kOutputs},
    Route{Method::kGet, "/api/v1/workers", "", Scope::kRead, "list_workers", Body::kNone,
          list_workers},
    Route{Method::kGet, "/api/v1/nodes", "", Scope::kRead, "list_nodes", Body::kNone, list_nodes},
    Route{Method::kGet, "/api/v1/events", "", Scope::kRead, "follow_all", Body::kNone,
          not_there_yet},
    Route{Method::kGet, "/openapi.json", "", Scope::kPublic, "read_openapi", Body::kNone,
          read_openapi},
    Route{Method::kGet, "/healthz", "", Scope::kPublic, "check_health", Body::kNone, check_health},
    Route{Method::kGet, "/readyz", "", Scope::kPublic, "check_ready", Body::kNone, check_ready},
    Route{Method::kGet, "/version", "", Scope::kPublic, "read_version", Body::kNone, read_version},
    Route{Method::kGet, "/metrics", "", Scope::kRead, "read_metrics", Body::kNone, read_metrics},
};
static_assert(
    std::ranges::none_of(kRoutes, [](const Route& one) { return one.scope == Scope::kUndeclared; }),
    "every route declares its scope");
static_assert(std::ranges::all_of(kRoutes,
                                  [](const Route& one) {
                                    return (one.handler == nullptr) == (one.body != Body::kNone);
                                  }),
              "a route has a handler or a streamed body");

// The parameters' values when the segments fit the pattern.
std::optional<std::vector<std::string>> match(const Route& route,
                                              const std::vector<std::string>& segments) {
  std::vector<std::string> values;
  std::string_view rest = route.pattern.substr(1);
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.starts_with('{')) {
      if (segments[i].empty()) return std::nullopt;
      values.push_back(segments[i]);
    } else if (part != segments[i]) {
      return std::nullopt;
    }
    const bool is_last = slash == std::string_view::npos;
    if (is_last && route.last == Last::kRest) continue;
    if (is_last != (i + 1 == segments.size())) return std::nullopt;
    if (!is_last) rest.remove_prefix(slash + 1);
  }
  return values;
}

bool takes(const Route& one, std::string_view parameter) {
  std::string_view rest = one.query;
  while (!rest.empty()) {
    const std::size_t space = rest.find(' ');
    if (rest.substr(0, space) == parameter) return true;
    rest = space == std::string_view::npos ? std::string_view() : rest.substr(space + 1);
  }
  return false;
}

void add_allowed(std::string& allow, Method method) {
  if (!allow.empty()) allow += ", ";
  allow += to_string(method);
  if (method == Method::kGet) allow += ", HEAD";
}

}  // namespace

std::span<const Route> routes() { return kRoutes; }

std::expected<Request, Unrouted> route(RequestHead head) {
  auto target = parse_target(head.target);
  if (!target) return std::unexpected(Unrouted{.problem = target.error()});
  const Method wanted = head.method == Method::kHead ? Method::kGet : head.method;
  std::string allow;
  for (const Route& one : kRoutes) {
    auto values = match(one, target->segments);
    if (!values) continue;
    if (one.method != wanted) {
      add_allowed(allow, one.method);
      continue;
    }
    for (const auto& [name, value] : target->query) {
      if (takes(one, name)) continue;
      const std::string known = one.query.empty() ? "none" : std::string(one.query);
      return std::unexpected(
          Unrouted{.problem = {.status = 400,
                               .detail = fmt::format("unknown query parameter '{}'; there are: {}",
                                                     name, known)}});
    }
    return Request{.head = std::move(head),
                   .target = *std::move(target),
                   .route = &one,
                   .path = *std::move(values)};
  }
  if (!allow.empty()) {
    return std::unexpected(Unrouted{
        .problem = {.status = 405, .detail = fmt::format("this path has the methods {}", allow)},
        .allow = allow});
  }
  const std::string_view path = std::string_view(head.target).substr(0, head.target.find('?'));
  return std::unexpected(Unrouted{
      .problem = {.status = 404,
                  .detail = fmt::format("there is nothing at {}; /openapi.json lists what there is",
                                        path)}});
}

}  // namespace sluice::api
