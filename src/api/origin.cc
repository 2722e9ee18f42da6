#include "api/origin.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/token.h"

namespace sluice::api {
namespace {

std::string lower_case(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), to_lower);
  return result;
}

struct HostAndPort {
  std::string host;  // An IPv6 address with its brackets.
  std::string port;  // Empty: none.
};

OrProblem<HostAndPort> split(std::string_view text) {
  const std::size_t end = text.starts_with('[') ? text.find(']') : std::string_view::npos;
  const std::size_t colon = text.find(':', end == std::string_view::npos ? 0 : end);
  const std::string_view host = text.substr(0, colon);
  const std::string_view port =
      colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  const std::string_view inside = is_bracketed ? host.substr(1, host.size() - 2) : host;
  const bool is_host = !inside.empty() && std::ranges::all_of(inside, [&](char c) {
    return (is_token_char(c) && c != '%' && c != '*') || (is_bracketed && c == ':');
  });
  const bool is_port = port.size() <= 5 && (colon == std::string_view::npos || !port.empty()) &&
                       std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_host || !is_port) return refuse(400, "Host is not 'name' or 'name:port'");
  return HostAndPort{.host = lower_case(host), .port = std::string(port)};
}

}  // namespace

OriginCheck::OriginCheck(std::string_view host, std::uint16_t port,
                         std::vector<std::string> names) {
  const std::string own =
      host.find(':') != std::string_view::npos ? fmt::format("[{}]", host) : std::string(host);
  for (const std::string_view name : {std::string_view(own), std::string_view("localhost")}) {
    hosts_.push_back(lower_case(fmt::format("{}:{}", name, port)));
    // Without a port a client means 80; as the name alone it is harmless, and common in scripts.
    hosts_.push_back(lower_case(fmt::format("{}:", name)));
  }
  for (const std::string& name : names) hosts_.push_back(lower_case(name));
}

OrProblem<void> OriginCheck::check(const RequestHead& head) const {
  const std::string* field = head.find("host");
  const auto host = split(field == nullptr ? std::string_view() : std::string_view(*field));
  if (!host) return std::unexpected(host.error());
  const std::string exact = host->host + ":" + host->port;
  const bool is_ours = std::ranges::any_of(
      hosts_, [&](const std::string& known) { return known == exact || known == host->host; });
  if (!is_ours) {
    return refuse(403, fmt::format("'{}' is not a name of this server; add it to the configured "
                                   "host names if it should be",
                                   *field));
  }
  const std::string* origin = head.find("origin");
  if (origin == nullptr) return {};
  const bool is_default_port = host->port.empty() || host->port == "80";
  const std::string bare = "http://" + host->host;
  const std::string sent = lower_case(*origin);
  if (sent == bare + ":" + host->port ||
      (is_default_port && (sent == bare || sent == bare + ":80")))
    return {};
  return refuse(403, fmt::format("requests from pages of '{}' are not served", *origin));
}

}  // namespace sluice::api
