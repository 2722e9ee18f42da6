#pragma once

// What the server says when it refuses, as text for a person: title and detail, and each mistake as
// `file:line:column: message` with its hint.

#include <string>

#include "base/json.h"
#include "base/result.h"
#include "cli/http_client.h"

namespace sluice::cli {

// An Error whose code follows the status (exit_code.h) and whose message is all of the problem.
Error problem_error(const Response& response);
// The `errors` of a problem, one a line, or nothing.
std::string mistakes_text(const Json& problem);
// The document of a successful answer, within bounds.
Result<Json> parse_document(const Response& response);

}  // namespace sluice::cli
