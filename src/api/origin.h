#pragma once

// No web page may drive a server on loopback (interface.md, HTTP): a page can make a browser send
// requests here, but it cannot choose their Host (DNS rebinding) nor leave out their Origin. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/problem.h"
#include "api/request_head.h"

namespace sluice::api {

class OriginCheck {
 public:
  // `host` is the listen address; `names` are further ones, with a port (only that one) or without
  // (any).
  OriginCheck(std::string_view host, std::uint16_t port, std::vector<std::string> names);

  // 400 when Host is no host, 403 when Host or Origin are not ours.
  OrProblem<void> check(const RequestHead& head) const;

 private:
  std::vector<std::string> hosts_;  // Lower case, `name` (with any port) or `name:port`.
};

}  // namespace sluice::api
