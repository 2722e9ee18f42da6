// Feeds bytes to the scanner and the parser of request heads: cutting the bytes elsewhere must not
// change the answer, and what passes must be unambiguous.

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "api/origin.h"
#include "api/parameters.h"
#include "api/request_head.h"
#include "api/routes.h"
#include "api/run_request.h"
#include "api/token.h"

namespace {

using namespace sluice::api;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const RequestHead& head) {
  int hosts = 0;
  for (const auto& [name, value] : head.fields) {
    require(is_token(name));
    require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    hosts += name == "host" ? 1 : 0;
  }
  require(hosts == 1);
  require(!(head.is_chunked && head.content_length));
  require(head.target.starts_with('/'));
  require(head.target.find_first_of(" \t\r\n") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadScanner at_once;
  const auto whole = at_once.scan(bytes);
  HeadScanner piecewise;
  for (std::size_t have = 0; have <= size; ++have) {
    const auto scanned = piecewise.scan(bytes.substr(0, have));
    if (scanned && !*scanned) {
      require(have < size || (whole && !*whole));
      continue;
    }
    require(scanned.has_value() == whole.has_value());
    if (scanned) require(**scanned == have && **whole == have);
    if (!scanned) require(scanned.error() == whole.error());
    break;
  }
  if (!whole || !*whole) return 0;
  auto head = parse_request_head(bytes.substr(0, **whole));
  if (!head) return 0;
  check(*head);
  static const OriginCheck origins("127.0.0.1", 7600, {"front.test"});
  (void)origins.check(*head);
  const auto request = route(*std::move(head));
  if (!request) return 0;
  (void)read_run_filter(request->target);
  (void)read_task_filter(request->target);
  if (request->route->body == Body::kInputs) (void)parse_run_request(*request);
  return 0;
}
