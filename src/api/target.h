#pragma once

// The target of a request, taken apart: path segments and query parameters, percent-decoded once
// and only after splitting, so that an encoded slash never makes a segment. Pure; fuzzed by
// tests/fuzz/http_target.cc.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/problem.h"

namespace sluice::api {

struct Target {
  std::vector<std::string> segments;                       // Of `/a/b`: "a", "b".
  std::vector<std::pair<std::string, std::string>> query;  // Each name at most once.

  // The parameter's value; null where there is none.
  const std::string* find(std::string_view name) const;
};

// `%41` is `A`; `+` is itself. Refused: a broken escape, NUL, bytes that are not UTF-8.
OrProblem<std::string> percent_decoded(std::string_view text);
// Everything but RFC 3986's unreserved characters becomes an escape.
std::string percent_encoded(std::string_view text);

// `text` is in origin form. A parameter that comes twice is refused.
OrProblem<Target> parse_target(std::string_view text);

}  // namespace sluice::api
