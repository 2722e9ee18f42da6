#pragma once

// The one table of routes: what is routed, described (openapi.json is compared with it by a test)
// and, once there are tokens, permitted. Handlers are three lines: parse to values, call Control,
// map the result. Bodies that stream are conversations, and those are server.cc's.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/answer.h"
#include "api/control.h"
#include "api/request_head.h"
#include "api/target.h"

namespace sluice::api {

// What a token must permit. 0 is none: a route without a scope does not compile.
enum class Scope : unsigned char { kUndeclared, kPublic, kInvoke, kRead, kDeploy, kAdmin };

enum class Body : unsigned char {
  kNone,     // At most a little, which is thrown away.
  kInputs,   // Of a run: JSON, multipart or raw.
  kArchive,  // Of an app.
  kOutputs,  // Of a step that waits for them: JSON.
};

// What a pattern's last parameter takes.
enum class Last : unsigned char {
  kSegment,
  kRest,  // All segments that are left, at least one: each is a value.
};

struct Route;

struct Request {
  RequestHead head;
  Target target;
  const Route* route = nullptr;
  std::vector<std::string> path;  // Values of the pattern's parameters, in its order.
};

using Handler = void (*)(const Request&, Control&, Answer);

struct Route {
  Method method = Method::kGet;
  std::string_view pattern;  // `/api/v1/runs/{id}`.
  std::string_view query;    // Names of the parameters it takes, spaces between them.
  Scope scope = Scope::kUndeclared;
  std::string_view operation;  // Its operationId.
  Body body = Body::kNone;
  Handler handler = nullptr;  // Null for streamed bodies.
  Last last = Last::kSegment;
};

std::span<const Route> routes();

// The request with its route: 404 for no such path, 405 with the methods that it has (in `allow`),
// 400 for a query parameter that the route does not take. HEAD is served wherever GET is.
struct Unrouted {
  Problem problem;
  std::string allow;
};
std::expected<Request, Unrouted> route(RequestHead head);

}  // namespace sluice::api
