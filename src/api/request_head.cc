#include "api/request_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "api/token.h"

namespace sluice::api {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t'; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

Method method_of(std::string_view text) {
  if (text == "GET") return Method::kGet;
  if (text == "HEAD") return Method::kHead;
  if (text == "POST") return Method::kPost;
  if (text == "PUT") return Method::kPut;
  if (text == "DELETE") return Method::kDelete;
  return Method::kOther;
}

OrProblem<void> parse_request_line(std::string_view line, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) {
    return refuse(400, "the request line is not 'METHOD TARGET HTTP/1.1'");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!is_token(method)) return refuse(400, "the method is not a token");
  if (!target.starts_with('/')) return refuse(400, "the request's target is not an absolute path");
  for (const char c : target) {
    if (c <= ' ' || c >= 0x7f) {
      return refuse(400, "the request's target has a byte that must be percent-encoded");
    }
  }
  if (version != "HTTP/1.1") {
    const bool is_version = version.size() == 8 && version.starts_with("HTTP/");
    return refuse(is_version ? 505 : 400, "only HTTP/1.1 is spoken here");
  }
  head.method = method_of(method);
  head.target = std::string(target);
  return {};
}

OrProblem<void> parse_field(std::string_view line, RequestHead& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse(400, "a header field has no colon");
  const std::string_view name = line.substr(0, colon);
  // A space before the colon is no token either.
  if (!is_token(name)) return refuse(400, "a header field's name is not a token");
  std::string lower(name);
  std::ranges::transform(lower, lower.begin(), to_lower);
  head.fields.emplace_back(std::move(lower), std::string(trimmed(line.substr(colon + 1))));
  return {};
}

OrProblem<void> check_single_fields(const RequestHead& head) {
  static constexpr std::array<std::string_view, 12> kSingle = {"host",
                                                               "content-length",
                                                               "transfer-encoding",
                                                               "content-type",
                                                               "content-disposition",
                                                               "origin",
                                                               "idempotency-key",
                                                               "range",
                                                               "if-range",
                                                               "if-none-match",
                                                               "expect",
                                                               "authorization"};
  for (const std::string_view name : kSingle) {
    const auto count =
        std::ranges::count(head.fields, name, &std::pair<std::string, std::string>::first);
    if (count > 1)
      return refuse(400, fmt::format("the header field '{}' is there {} times", name, count));
  }
  return {};
}

OrProblem<void> read_framing(RequestHead& head) {
  const std::string* length = head.find("content-length");
  const std::string* coding = head.find("transfer-encoding");
  if (length != nullptr && coding != nullptr) {
    return refuse(400, "Content-Length and Transfer-Encoding exclude each other");
  }
  if (coding != nullptr) {
    if (*coding != "chunked") return refuse(400, "Transfer-Encoding may only be 'chunked'");
    head.is_chunked = true;
  }
  if (length != nullptr) {
    std::uint64_t value = 0;
    const char* end = length->data() + length->size();
    const bool is_digits = !length->empty() && std::ranges::all_of(*length, [](char c) {
      return c >= '0' && c <= '9';
    });
    const auto [stop, failure] = std::from_chars(length->data(), end, value);
    // 2^62 leaves room for sums; no disk holds that.
    if (!is_digits || failure != std::errc() || stop != end || value >> 62 != 0) {
      return refuse(400, "Content-Length is not a number of bytes");
    }
    head.content_length = value;
  }
  return {};
}

OrProblem<void> read_connection(RequestHead& head) {
  for (const auto& [name, value] : head.fields) {
    if (name != "connection") continue;
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      if (equals_ignoring_case(trimmed(rest.substr(0, comma)), "close")) head.keep_alive = false;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  }
  if (const std::string* expect = head.find("expect")) {
    if (!equals_ignoring_case(*expect, "100-continue")) {
      return refuse(417, "the only expectation that is met is '100-continue'");
    }
    head.expects_continue = true;
  }
  return {};
}

}  // namespace

OrProblem<std::optional<std::size_t>> HeadScanner::scan(std::string_view bytes) {
  for (; scanned_ < bytes.size(); ++scanned_) {
    const auto c = static_cast<unsigned char>(bytes[scanned_]);
    const bool after_return = scanned_ > 0 && bytes[scanned_ - 1] == '\r';
    if (after_return && c != '\n')
      return refuse(400, "a carriage return stands alone in the header");
    if (c == '\n') {
      if (!after_return) return refuse(400, "a line of the header ends without a carriage return");
      const bool is_empty = scanned_ - line_start_ == 1;
      if (is_empty && lines_ == 0) return refuse(400, "the request begins with an empty line");
      if (is_empty) return std::optional(++scanned_);
      line_start_ = scanned_ + 1;
      if (lines_++ == 0) first_line_end_ = line_start_;
      if (lines_ > limits_.fields + 1) {
        return refuse(431, fmt::format("more than {} header fields", limits_.fields));
      }
      continue;
    }
    if ((c < 0x20 && c != '\t' && c != '\r') || c == 0x7f) {
      return refuse(400, "the header has a control character");
    }
    if (scanned_ == line_start_ && (c == ' ' || c == '\t')) {
      return refuse(400, "a line of the header begins with a space");
    }
    if (lines_ == 0 && scanned_ >= limits_.line_bytes) {
      return refuse(414,
                    fmt::format("the request line is longer than {} bytes", limits_.line_bytes));
    }
    if (lines_ > 0 && scanned_ - first_line_end_ >= limits_.field_bytes) {
      return refuse(431, fmt::format("the header is larger than {} bytes", limits_.field_bytes));
    }
  }
  return std::nullopt;
}

const std::string* RequestHead::find(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (field == name) return &value;
  }
  return nullptr;
}

OrProblem<RequestHead> parse_request_head(std::string_view head, const HeadLimits& limits) {
  HeadScanner scanner(limits);
  const auto size = scanner.scan(head);
  if (!size) return std::unexpected(size.error());
  if (*size != head.size()) return refuse(400, "the header does not end with an empty line");

  RequestHead result;
  bool is_first = true;
  for (std::string_view rest = head; rest != "\r\n";) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    const auto read = is_first ? parse_request_line(line, result) : parse_field(line, result);
    if (!read) return std::unexpected(read.error());
    is_first = false;
    rest.remove_prefix(end + 2);
  }
  for (const auto& step :
       {check_single_fields(result), read_framing(result), read_connection(result)}) {
    if (!step) return std::unexpected(step.error());
  }
  const std::string* host = result.find("host");
  if (host == nullptr || host->empty()) return refuse(400, "the request has no Host");
  return result;
}

std::string_view to_string(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kDelete:
      return "DELETE";
    case Method::kOther:
      return "OTHER";
  }
  return "OTHER";
}

}  // namespace sluice::api
