#pragma once

// The head of a request: request line and fields, read strictly. What is not exactly HTTP/1.1 is
// refused, never repaired, because two readers that repair differently are how requests are
// smuggled (bare line ends, folded fields, a space before the colon, two lengths). Beast, which
// frames the body, sees only heads that passed here. Pure; fuzzed by tests/fuzz/http_head.cc.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/problem.h"

namespace sluice::api {

struct HeadLimits {
  std::size_t line_bytes = 8 << 10;    // The request line. Beyond: 414.
  std::size_t field_bytes = 32 << 10;  // All fields together. Beyond: 431.
  std::size_t fields = 100;            // Beyond: 431.
};

// Looks for the end of a head in bytes that come in pieces, and stops at the first byte that no
// head may have: a client that never sends a proper end is refused at once and not at the deadline.
class HeadScanner {
 public:
  explicit HeadScanner(HeadLimits limits = {}) : limits_(limits) {}

  // `bytes` is everything that came of this request so far, at each call more of the same. The size
  // of the head with its empty line once that is there.
  OrProblem<std::optional<std::size_t>> scan(std::string_view bytes);

 private:
  HeadLimits limits_;
  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;
  std::size_t first_line_end_ = 0;
};

enum class Method : unsigned char { kGet, kHead, kPost, kPut, kDelete, kOther };

struct RequestHead {
  Method method = Method::kOther;
  std::string target;  // Origin form: `/path?query`.
  bool keep_alive = true;
  bool expects_continue = false;
  bool is_chunked = false;
  std::optional<std::uint64_t> content_length;
  std::vector<std::pair<std::string, std::string>> fields;  // Names in lower case.

  bool has_body() const { return is_chunked || content_length.value_or(0) > 0; }
  // The field's value; null where there is none. `name` in lower case.
  const std::string* find(std::string_view name) const;
};

// `head` ends with the empty line. Fields that may come once are there at most once afterwards.
OrProblem<RequestHead> parse_request_head(std::string_view head, const HeadLimits& limits = {});

std::string_view to_string(Method method);

}  // namespace sluice::api
