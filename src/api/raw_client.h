#pragma once

// A client of raw bytes for tests of the HTTP server: it sends what it is told, also nonsense.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "base/fd.h"

namespace sluice::api {

struct RawResponse {
  int status = 0;                             // 0: the connection ended before a whole response.
  std::map<std::string, std::string> fields;  // Names in lower case.
  std::string body;

  std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  }
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port)
      : port_(port), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // The socket API's own cast.
    is_connected_ =
        ::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  bool is_connected() const { return is_connected_; }
  int fd() const { return fd_.get(); }
  void close() { fd_.reset(); }
  void close_sending() { ::shutdown(fd_.get(), SHUT_WR); }

  // Whether all was taken; false when the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

  // A request with Host and, with a body, Content-Length.
  RawResponse request(const std::string& method, const std::string& target,
                      const std::string& body = "", const std::string& fields = "") {
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: " + host() + "\r\n" + fields;
    if (!body.empty() || method == "POST" || method == "PUT") {
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    send(text + "\r\n" + body);
    return response(method == "HEAD");
  }

  RawResponse response(bool is_head = false) {
    RawResponse result;
    std::size_t end = 0;
    while ((end = input_.find("\r\n\r\n")) == std::string::npos) {
      if (!receive()) return result;
    }
    const std::string head = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    parse_head(head, result);
    if (is_head || result.status == 204 || result.status == 304 || result.status / 100 == 1)
      return result;
    const bool is_whole =
        result.field("transfer-encoding") == "chunked" ? read_chunks(result) : read_sized(result);
    if (!is_whole) result.status = 0;
    return result;
  }

  // Everything until the server closes; also what it had sent before.
  std::string read_to_end() {
    while (receive()) {
    }
    return std::exchange(input_, {});
  }
  // Whether the server closes within the time, whatever it sends before.
  bool is_closed_by_server() {
    while (receive()) {
    }
    return is_at_end_;
  }
  // Whether `text` comes.
  bool wait_for(const std::string& text) {
    while (input_.find(text) == std::string::npos) {
      if (!receive()) return false;
    }
    return true;
  }

 private:
  static void parse_head(const std::string& head, RawResponse& result) {
    result.status = std::atoi(head.substr(std::min<std::size_t>(9, head.size())).c_str());
    std::size_t at = head.find("\r\n") + 2;
    while (at < head.size()) {
      const std::size_t end = head.find("\r\n", at);
      const std::string line = head.substr(at, end - at);
      const std::size_t colon = line.find(": ");
      std::string name = line.substr(0, colon);
      for (char& c : name) c = static_cast<char>(::tolower(c));
      result.fields[name] = colon == std::string::npos ? "" : line.substr(colon + 2);
      at = end + 2;
    }
  }
  bool read_sized(RawResponse& result) {
    const std::size_t size = std::strtoull(result.field("content-length").c_str(), nullptr, 10);
    while (input_.size() < size) {
      if (!receive()) return false;
    }
    result.body = input_.substr(0, size);
    input_.erase(0, size);
    return true;
  }
  bool read_chunks(RawResponse& result) {
    while (true) {
      std::size_t line = 0;
      while ((line = input_.find("\r\n")) == std::string::npos) {
        if (!receive()) return false;
      }
      const std::size_t size = std::strtoull(input_.c_str(), nullptr, 16);
      while (input_.size() < line + 2 + size + 2) {
        if (!receive()) return false;
      }
      result.body += input_.substr(line + 2, size);
      input_.erase(0, line + 2 + size + 2);
      if (size == 0) return true;
    }
  }
  // No test waits longer than this for anything.
  bool receive() {
    pollfd waiting{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 120'000) <= 0) return false;
    char bytes[65536];
    const ssize_t got = ::recv(fd_.get(), bytes, sizeof bytes, 0);
    if (got <= 0) is_at_end_ = true;
    if (got <= 0) return false;
    input_.append(bytes, static_cast<std::size_t>(got));
    return true;
  }

  std::uint16_t port_;
  Fd fd_;
  bool is_connected_ = false;
  bool is_at_end_ = false;
  std::string input_;
};

}  // namespace sluice::api
