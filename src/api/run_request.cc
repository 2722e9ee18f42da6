#include "api/run_request.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/header_value.h"
#include "api/multipart.h"
#include "api/parameters.h"

namespace sluice::api {
namespace {

constexpr std::size_t kKeyMax = 255;

OrProblem<std::string> read_key(const RequestHead& head) {
  const std::string* key = head.find("idempotency-key");
  if (key == nullptr) return std::string();
  const bool is_visible = std::ranges::all_of(*key, [](char c) { return c >= ' ' && c < 0x7f; });
  if (key->empty() || key->size() > kKeyMax || !is_visible) {
    return refuse(400, fmt::format("Idempotency-Key is 1 to {} visible ASCII characters", kKeyMax));
  }
  return *key;
}

OrProblem<void> read_body_kind(const RequestHead& head, RunRequest& run) {
  const std::string* field = head.find("content-type");
  if (field == nullptr) {
    run.inputs = head.has_body() ? RunRequest::Inputs::kRaw : RunRequest::Inputs::kJson;
  } else {
    const auto type = parse_header_value(*field);
    if (!type) return refuse(415, "the Content-Type is not a media type");
    run.inputs = RunRequest::Inputs::kRaw;
    if (type->value == "application/json") run.inputs = RunRequest::Inputs::kJson;
    if (type->value == "multipart/form-data") {
      run.inputs = RunRequest::Inputs::kMultipart;
      auto boundary = boundary_of(*field);
      if (!boundary) return std::unexpected(boundary.error());
      run.boundary = *std::move(boundary);
    } else if (type->value.starts_with("multipart/")) {
      return refuse(415, "of the multipart types only multipart/form-data is read");
    }
  }
  if (const std::string* text = head.find("content-disposition"); text != nullptr) {
    const auto disposition = parse_header_value(*text);
    if (!disposition) return std::unexpected(disposition.error());
    auto name = file_name_of(*disposition);
    if (!name) return std::unexpected(name.error());
    run.file_name = *std::move(name);
  }
  return {};
}

// `{"MEMBER":{…}}` and nothing else; an empty body has none.
OrProblem<Json> parse_member(std::string_view body, std::string_view member,
                             const JsonLimits& limits) {
  if (body.empty()) return Json::map();
  auto document = parse_json(body, limits);
  if (!document) return refuse(400, "the body is not JSON: " + document.error().message());
  const Json::Map* members = document->as_map();
  if (members == nullptr)
    return refuse(400, fmt::format("the body is not an object {{\"{}\":{{…}}}}", member));
  for (const auto& [name, value] : *members) {
    if (name != member) {
      return refuse(400,
                    fmt::format("unknown member '{}'; the body is {{\"{}\":{{…}}}}", name, member));
    }
  }
  Json value = members->empty() ? Json::map() : std::move(document->as_map()->front().second);
  if (value.as_map() == nullptr) return refuse(400, fmt::format("'{}' is not an object", member));
  return value;
}

bool has_ended(const Json& document) {
  const Json* state = document.find("state");
  const std::string* text = state == nullptr ? nullptr : state->as_string();
  return text != nullptr && *text != "QUEUED" && *text != "RUNNING";
}

}  // namespace

OrProblem<RunRequest> parse_run_request(const Request& request) {
  RunRequest run;
  run.open.workflow = request.path[0];
  const auto wait = read_seconds(request.target, "wait");
  if (!wait) return std::unexpected(wait.error());
  run.wait = *wait;
  const auto timeout = read_seconds(request.target, "timeout");
  if (!timeout) return std::unexpected(timeout.error());
  run.open.timeout = *timeout;
  if (const std::string* durability = request.target.find("durability")) {
    if (*durability != "durable" && *durability != "express") {
      return refuse(400, "'durability' is durable or express");
    }
    run.open.durability = *durability;
  }
  auto key = read_key(request.head);
  if (!key) return std::unexpected(key.error());
  run.open.idempotency_key = *std::move(key);
  const auto kind = read_body_kind(request.head, run);
  if (!kind) return std::unexpected(kind.error());
  return run;
}

OrProblem<Json> parse_run_inputs(std::string_view body, const JsonLimits& limits) {
  return parse_member(body, "inputs", limits);
}

OrProblem<Json> parse_answer(std::string_view body, const JsonLimits& limits) {
  return parse_member(body, "outputs", limits);
}

Response run_response(const RunOpened& opened, const Json& document, bool waited) {
  Response response = json_response(document);
  response.status = waited && has_ended(document) ? 200 : 202;
  response.fields.emplace_back("Location", "/api/v1/runs/" + opened.run.to_text());
  response.fields.emplace_back("Run-Durability", opened.durability);
  return response;
}

}  // namespace sluice::api
