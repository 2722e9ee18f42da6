#include "cli/listen_probe.h"

#include <netdb.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "base/fd.h"

namespace sluice::cli {

Status probe_listen(const settings::Address& address) {
  const addrinfo hints{.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const std::string port = fmt::format("{}", address.port);
  if (const int code = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
      code != 0) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: {}", address.host, ::gai_strerror(code)));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  const Fd fd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return fail(system_error(errno, "socket"));
  const int yes = 1;  // As the server does: an address in TIME_WAIT is free.
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(fd.get(), found->ai_addr, found->ai_addrlen) == 0 && ::listen(fd.get(), 1) == 0)
    return {};
  if (errno == EADDRINUSE)
    return fail(ErrorCode::kUnavailable, fmt::format("port {} is taken", address.port));
  return fail(system_error(errno, fmt::format("listen at {}:{}", address.host, address.port)));
}

}  // namespace sluice::cli
