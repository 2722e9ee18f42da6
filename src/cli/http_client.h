#pragma once

// Requests to one server, over one kept-alive connection. Bodies stream: what a file or standard
// input gives goes out as it is read, what comes is handed to a sink, and neither is ever held
// whole. There is no limit on how long an answer may take (waiting for a run is a request), only on
// connecting. libcurl is named in http_client.cc alone.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "base/units.h"

namespace sluice::cli {

// Where requests go. `base` has no trailing slash; `is_default` when the user named none.
struct ServerAddress {
  std::string base = "http://127.0.0.1:7600";
  bool is_default = true;
  std::string token;  // Sent as a bearer token when not empty.
};

struct FileBytes {
  std::filesystem::path
      path;  // Opened when its turn comes, so that thousands of parts need one descriptor.
};
struct StdinBytes {};
using Bytes = std::variant<std::string, FileBytes, StdinBytes>;

struct Part {
  std::string name;
  std::string content_type;
  std::string file_name;  // Empty: none is sent.
  Bytes bytes;
};

struct Request {
  std::string method = "GET";
  std::string path;  // From the root, segments escaped: `/api/v1/runs/…`.
  std::vector<std::pair<std::string, std::string>> query;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string content_type;         // Of `body`.
  std::optional<std::string> body;  // Or `parts`: multipart/form-data.
  std::vector<Part> parts;
  // What a signal does: kStop ends the request with kCancelled; kStopUpload only while the body is
  // being sent (afterwards the answer is wanted: it names what was begun); kIgnore nothing.
  Duration timeout{0};  // Of the whole request; 0: none, as an answer may take as long as a run.
  enum class OnSignal : std::uint8_t { kStop, kStopUpload, kIgnore } on_signal = OnSignal::kStop;
};

struct Response {
  long status = 0;
  std::string content_type;
  std::string file_name;  // From Content-Disposition, as the server wrote it: not to be trusted.
  std::string body;       // Empty when a sink took it.

  bool is_success() const { return status >= 200 && status < 300; }
};

// Takes the next bytes of a successful answer.
using Sink = std::function<Status(std::string_view bytes)>;
// Told at most ten times a second while a body is being sent: bytes so far, and of how many (0:
// unknown).
using UploadProgress = std::function<void(std::uint64_t sent, std::uint64_t total)>;

class HttpClient {
 public:
  static Result<HttpClient> create(ServerAddress address);
  HttpClient(HttpClient&&) noexcept;
  ~HttpClient();

  const ServerAddress& address() const;
  void on_upload(UploadProgress progress);

  // The answer, whatever its status. An error is one of transport: kUnavailable with what to do
  // when there is no server or the connection broke, kCancelled for a signal, or the error of a
  // file or of `sink`.
  Result<Response> send(const Request& request, const Sink& sink = {});
  // The document of a successful answer; any other status as its problem (problem.h).
  Result<Json> json(const Request& request);

 private:
  struct Impl;
  explicit HttpClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// `a b/c` → `a%20b%2Fc`: one segment of a path.
std::string escape_segment(std::string_view text);
// `http://host:port` or https, a path allowed, nothing else; without the trailing slash.
Result<std::string> parse_server_url(std::string_view text);

}  // namespace sluice::cli
