#pragma once

// Field values of the form `value; name=token; name="quoted"`: Content-Type, Content-Disposition.
// Pure; fuzzed with the multipart parser.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/problem.h"

namespace sluice::api {

struct HeaderValue {
  std::string value;                                            // Lower case.
  std::vector<std::pair<std::string, std::string>> parameters;  // Names in lower case, each once.

  const std::string* find(std::string_view name) const;
};

OrProblem<HeaderValue> parse_header_value(std::string_view text);

// The file's name in a Content-Disposition: `filename*` (RFC 8187, UTF-8 only), else `filename`
// with the `%22`, `%0D`, `%0A` of browsers; only its last path component, by / and by \. Empty
// where there is none. Refused: `.`, `..`, control characters, what is not UTF-8, more than 255
// bytes.
OrProblem<std::string> file_name_of(const HeaderValue& disposition);

// `attachment; filename="plain"; filename*=UTF-8''…` (RFC 6266): whatever the name has in it, the
// value is plain ASCII without quotes or controls of its own.
std::string attachment_of(std::string_view file_name);

}  // namespace sluice::api
