#pragma once

// `POST workflows/{name}/runs` as values: how the run is opened, how its body is read, how the
// answer looks. Pure; server.cc drives it.

#include <optional>
#include <string>
#include <string_view>

#include "api/control.h"
#include "api/problem.h"
#include "api/routes.h"

namespace sluice::api {

struct RunRequest {
  enum class Inputs : unsigned char { kJson, kMultipart, kRaw };

  OpenRun open;
  std::optional<Duration> wait;
  Inputs inputs = Inputs::kJson;
  std::string boundary;   // kMultipart.
  std::string file_name;  // kRaw: of a Content-Disposition, if there is one.
};

OrProblem<RunRequest> parse_run_request(const Request& request);

// `{"inputs":{…}}`; an empty body is a run without inputs.
OrProblem<Json> parse_run_inputs(std::string_view body, const JsonLimits& limits);

// `{"outputs":{…}}` of an answer; an empty body has none.
OrProblem<Json> parse_answer(std::string_view body, const JsonLimits& limits);

// 202, or 200 when the client waited and the run has ended.
Response run_response(const RunOpened& opened, const Json& document, bool waited);

}  // namespace sluice::api
