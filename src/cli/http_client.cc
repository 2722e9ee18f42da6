#include "cli/http_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include <curl/curl.h>

#include "base/file.h"
#include "base/version.h"
#include "cli/file_name.h"
#include "cli/interrupt.h"
#include "cli/problem.h"

namespace sluice::cli {
namespace {

// A document held whole. A run with a list of a million references is about 150 MB of JSON.
constexpr std::size_t kDocumentMax = 256 << 20;
// Documents of the server wrap values of depth 64.
constexpr std::size_t kDocumentDepth = 96;
constexpr std::size_t kProblemMax = 4 << 20;
constexpr auto kProgressInterval = std::chrono::milliseconds(100);

// The bytes of one part, as curl pulls them. A source that has nothing right now (a pipe) pauses
// the transfer instead of blocking it, so that an early answer and a signal are seen meanwhile.
class Source {
 public:
  Source(const Bytes& bytes, std::vector<int>& paused) : bytes_(bytes), paused_(paused) {}

  Status prepare() {
    if (const auto* text = std::get_if<std::string>(&bytes_)) {
      size_ = static_cast<curl_off_t>(text->size());
    } else if (const auto* file = std::get_if<FileBytes>(&bytes_)) {
      struct stat status{};
      if (::stat(file->path.c_str(), &status) != 0) {
        return fail(system_error(errno, fmt::format("read {}", file->path.native())));
      }
      if (S_ISDIR(status.st_mode)) {
        return fail(
            ErrorCode::kInvalidArgument,
            fmt::format("{} is a directory; give its files one by one", file->path.native()));
      }
      if (::access(file->path.c_str(), R_OK) != 0) {
        return fail(system_error(errno, fmt::format("read {}", file->path.native())));
      }
      if (S_ISREG(status.st_mode)) size_ = static_cast<curl_off_t>(status.st_size);
    }
    return {};
  }

  // -1: known only at the end.
  curl_off_t size() const { return size_; }
  const std::optional<Error>& error() const { return error_; }
  bool has_ended() const { return has_ended_; }

  std::size_t read(char* out, std::size_t room) {
    const std::size_t got = read_some(out, room);
    has_ended_ = has_ended_ || got == 0 || (size_ >= 0 && at_ == static_cast<std::size_t>(size_));
    return got;
  }

 private:
  std::size_t read_some(char* out, std::size_t room) {
    if (const auto* text = std::get_if<std::string>(&bytes_)) {
      const std::size_t n = std::min(room, text->size() - at_);
      std::copy_n(text->data() + at_, n, out);
      at_ += n;
      return n;
    }
    if (const auto* file = std::get_if<FileBytes>(&bytes_); file != nullptr && !fd_) {
      Result<Fd> opened = open_file(file->path, O_RDONLY);
      if (!opened) return refuse(std::move(opened).error());
      fd_ = std::move(*opened);
    }
    const int fd = fd_ ? fd_.get() : STDIN_FILENO;
    if (size_ >= 0) room = std::min(room, static_cast<std::size_t>(size_) - at_);
    if (room == 0) return 0;
    if (size_ < 0) {
      struct pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 0) == 0) {
        paused_.push_back(fd);
        return CURL_READFUNC_PAUSE;
      }
    }
    for (;;) {
      const ssize_t got = ::read(fd, out, room);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return refuse(system_error(errno, fmt::format("read {}", name())));
      // Its length was announced: the server would wait for the rest for ever.
      if (got == 0 && size_ >= 0) {
        return refuse(Error(ErrorCode::kDataLoss,
                            fmt::format("{} became shorter while it was being sent", name())));
      }
      if (got == 0) fd_.reset();
      at_ += static_cast<std::size_t>(got);
      if (size_ >= 0 && at_ == static_cast<std::size_t>(size_)) fd_.reset();
      return static_cast<std::size_t>(got);
    }
  }

  std::string name() const {
    const auto* file = std::get_if<FileBytes>(&bytes_);
    return file != nullptr ? file->path.native() : std::string("standard input");
  }
  std::size_t refuse(Error error) {
    error_ = std::move(error);
    return CURL_READFUNC_ABORT;
  }

  const Bytes& bytes_;
  std::vector<int>& paused_;
  Fd fd_;
  curl_off_t size_ = -1;
  std::size_t at_ = 0;
  bool has_ended_ = false;
  std::optional<Error> error_;
};

std::size_t read_source(char* out, std::size_t size, std::size_t count, void* source) {
  return static_cast<Source*>(source)->read(out, size * count);
}

// What the write callback needs, and what it found out.
struct Receiver {
  CURL* easy;
  const Sink* sink;
  Response* response;
  std::optional<Error> error;
};

std::size_t receive(char* data, std::size_t size, std::size_t count, void* user) {
  auto& receiver = *static_cast<Receiver*>(user);
  const std::string_view bytes(data, size * count);
  long status = 0;
  curl_easy_getinfo(receiver.easy, CURLINFO_RESPONSE_CODE, &status);
  const bool is_success = status >= 200 && status < 300;
  if (is_success && *receiver.sink) {
    Status taken = (*receiver.sink)(bytes);
    if (taken) return bytes.size();
    receiver.error = std::move(taken).error();
    return 0;
  }
  std::string& body = receiver.response->body;
  if (body.size() + bytes.size() > (is_success ? kDocumentMax : kProblemMax)) {
    receiver.error =
        Error(ErrorCode::kInternal,
              fmt::format("the server's answer is larger than {} MiB", kDocumentMax >> 20));
    return 0;
  }
  body.append(bytes);
  return bytes.size();
}

std::size_t receive_header(char* data, std::size_t size, std::size_t count, void* user) {
  constexpr std::string_view kName = "content-disposition:";
  const std::string_view line(data, size * count);
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  if (line.size() > kName.size() && std::equal(kName.begin(), kName.end(), line.begin(),
                                               [&](char b, char a) { return same(a, b); })) {
    static_cast<Response*>(user)->file_name = disposition_file_name(line.substr(kName.size()));
  }
  return line.size();
}

bool is_loopback(std::string_view base) {
  const std::size_t start = base.find("://") + 3;
  const std::string_view host = base.substr(start, base.find_first_of("/", start) - start);
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
}

}  // namespace

struct HttpClient::Impl {
  explicit Impl(ServerAddress server)
      : address(std::move(server)), multi(curl_multi_init()), easy(curl_easy_init()) {}
  ~Impl() {
    if (easy != nullptr) curl_easy_cleanup(easy);
    if (multi != nullptr) curl_multi_cleanup(multi);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Error transport_error(CURLcode code) const;
  // `is_sent` says whether the whole body is out.
  Status perform(const Request& request, std::vector<int>& paused,
                 const std::function<bool()>& is_sent, CURLcode& outcome);
  void tell_progress();

  ServerAddress address;
  CURLM* multi;
  CURL* easy;
  UploadProgress progress;
  std::chrono::steady_clock::time_point told_at;
  std::array<char, CURL_ERROR_SIZE> reason{};
};

Error HttpClient::Impl::transport_error(CURLcode code) const {
  const std::string why = reason[0] != '\0' ? reason.data() : curl_easy_strerror(code);
  if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
    // The address that nobody configured: most likely there is no server yet.
    const std::string advice =
        address.is_default
            ? std::string("start one with `sluice serve`")
            : fmt::format("is that the right address? `sluice serve` starts a server\n  {}", why);
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot reach {} - {}", address.base, advice));
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Error(ErrorCode::kUnavailable,
                 fmt::format("cannot reach {}: no connection within 5 s", address.base));
  }
  return Error(ErrorCode::kUnavailable,
               fmt::format("the connection to {} broke: {}", address.base, why));
}

void HttpClient::Impl::tell_progress() {
  if (!progress) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - told_at < kProgressInterval) return;
  told_at = now;
  curl_off_t sent = 0;
  curl_off_t total = 0;
  curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_UPLOAD_T, &total);
  progress(static_cast<std::uint64_t>(sent),
           static_cast<std::uint64_t>(std::max<curl_off_t>(total, 0)));
}

Status HttpClient::Impl::perform(const Request& request, std::vector<int>& paused,
                                 const std::function<bool()>& is_sent, CURLcode& outcome) {
  const bool is_upload = request.body.has_value() || !request.parts.empty();
  for (;;) {
    int running = 0;
    if (const CURLMcode code = curl_multi_perform(multi, &running); code != CURLM_OK) {
      return fail(ErrorCode::kInternal, fmt::format("http: {}", curl_multi_strerror(code)));
    }
    if (running == 0) break;
    if (interrupt::signal() != 0 && request.on_signal != Request::OnSignal::kIgnore) {
      if (request.on_signal == Request::OnSignal::kStop || !is_sent()) {
        return fail(ErrorCode::kCancelled, "interrupted");
      }
    }
    std::vector<curl_waitfd> also;
    if (interrupt::signal() == 0 && interrupt::descriptor() >= 0) {
      also.push_back({.fd = interrupt::descriptor(), .events = CURL_WAIT_POLLIN, .revents = 0});
    }
    for (const int fd : paused)
      also.push_back({.fd = fd, .events = CURL_WAIT_POLLIN, .revents = 0});
    curl_multi_poll(multi, also.data(), static_cast<unsigned>(also.size()), 1000, nullptr);
    if (!paused.empty()) {
      // Whether or not it is readable: a source that still has nothing pauses again.
      paused.clear();
      curl_easy_pause(easy, CURLPAUSE_CONT);
    }
    if (is_upload) tell_progress();
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) outcome = message->data.result;
  }
  return {};
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;
const ServerAddress& HttpClient::address() const { return impl_->address; }
void HttpClient::on_upload(UploadProgress progress) { impl_->progress = std::move(progress); }

Result<HttpClient> HttpClient::create(ServerAddress address) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  auto impl = std::make_unique<Impl>(std::move(address));
  if (impl->multi == nullptr || impl->easy == nullptr)
    return fail(ErrorCode::kInternal, "start libcurl");
  return HttpClient(std::move(impl));
}

Result<Response> HttpClient::send(const Request& request, const Sink& sink) {
  CURL* easy = impl_->easy;
  curl_easy_reset(easy);  // Keeps the connection.
  impl_->reason[0] = '\0';

  std::string url = impl_->address.base + request.path;
  char separator = '?';
  for (const auto& [name, value] : request.query) {
    url += separator + name + '=' + escape_segment(value);
    separator = '&';
  }
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 5L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(request.timeout / std::chrono::milliseconds(1)));
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, impl_->reason.data());
  const std::string agent = fmt::format("sluice/{}", version());
  curl_easy_setopt(easy, CURLOPT_USERAGENT, agent.c_str());
  // A proxy of the environment is for the world outside.
  if (is_loopback(impl_->address.base)) curl_easy_setopt(easy, CURLOPT_PROXY, "");

  curl_slist* headers = nullptr;
  const auto add_header = [&](const std::string& line) {
    headers = curl_slist_append(headers, line.c_str());
  };
  // A server that does not know `Expect` would cost a second; an early refusal is seen without it.
  add_header("Expect:");
  if (!impl_->address.token.empty()) add_header("Authorization: Bearer " + impl_->address.token);
  for (const auto& [name, value] : request.headers) add_header(name + ": " + value);

  std::vector<int> paused;
  std::vector<std::unique_ptr<Source>> sources;
  curl_mime* mime = nullptr;
  if (request.body) {
    add_header("Content-Type: " + request.content_type);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body->size()));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body->data());
  } else if (!request.parts.empty()) {
    mime = curl_mime_init(easy);
    Status prepared;
    for (const Part& part : request.parts) {
      sources.push_back(std::make_unique<Source>(part.bytes, paused));
      if (prepared = sources.back()->prepare(); !prepared) break;
      curl_mimepart* to = curl_mime_addpart(mime);
      curl_mime_name(to, part.name.c_str());
      curl_mime_type(to, part.content_type.c_str());
      if (!part.file_name.empty()) curl_mime_filename(to, part.file_name.c_str());
      curl_mime_data_cb(to, sources.back()->size(), read_source, nullptr, nullptr,
                        sources.back().get());
    }
    if (!prepared) {
      curl_mime_free(mime);
      curl_slist_free_all(headers);
      return fail(std::move(prepared).error());
    }
    curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime);
  } else if (request.method == "POST" || request.method == "PUT") {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
    add_header("Content-Type:");
  }
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);

  Response response;
  Receiver receiver{.easy = easy, .sink = &sink, .response = &response, .error = {}};
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &receiver);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, receive_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &response);

  curl_multi_add_handle(impl_->multi, easy);
  CURLcode outcome = CURLE_OK;
  const auto is_sent = [&] {
    if (!sources.empty()) return sources.back()->has_ended();
    // A document goes out at once when the connection is there.
    curl_off_t until_sending = 0;
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &until_sending);
    return until_sending > 0;
  };
  Status performed = impl_->perform(request, paused, is_sent, outcome);
  char* type = nullptr;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response.status);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
  if (type != nullptr) response.content_type = type;
  curl_multi_remove_handle(impl_->multi, easy);
  curl_mime_free(mime);
  curl_slist_free_all(headers);

  if (!performed) return fail(std::move(performed).error());
  if (receiver.error) return fail(std::move(*receiver.error));
  for (const auto& source : sources) {
    if (source->error()) return fail(*source->error());
  }
  // An answer that came before the upload was over (a refusal) ends the upload: that is no error.
  const bool has_answer = response.status >= 300 && outcome == CURLE_SEND_ERROR;
  if (outcome != CURLE_OK && !has_answer) return fail(impl_->transport_error(outcome));
  return response;
}

Result<Json> HttpClient::json(const Request& request) {
  SLUICE_TRY(const Response response, send(request));
  if (!response.is_success()) return fail(problem_error(response));
  return parse_document(response);
}

Result<Json> parse_document(const Response& response) {
  if (response.body.empty()) return Json();
  Result<Json> parsed = parse_json(response.body, {.bytes = kDocumentMax, .depth = kDocumentDepth});
  if (!parsed) {
    return fail(ErrorCode::kInternal,
                fmt::format("the server's answer is {}", parsed.error().message()));
  }
  return parsed;
}

std::string escape_segment(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~' ||
                          c == '@';
    if (is_plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  // `.` and `..` would be resolved away before the request is made.
  if (out == "." || out == "..") return out == "." ? "%2E" : "%2E%2E";
  return out;
}

Result<std::string> parse_server_url(std::string_view text) {
  const auto refuse = [&] {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format("'{}' is not the address of a server: write it like http://127.0.0.1:7600",
                    text));
  };
  const bool is_http = text.starts_with("http://");
  if (!is_http && !text.starts_with("https://")) return refuse();
  const std::string_view rest = text.substr(is_http ? 7 : 8);
  if (rest.empty() || rest.front() == '/' || rest.front() == ':') return refuse();
  for (const char c : rest) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '?' || c == '#' || c == 0x7f) return refuse();
  }
  while (text.ends_with('/')) text.remove_suffix(1);
  return std::string(text);
}

}  // namespace sluice::cli
