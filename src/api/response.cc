#include "api/response.h"

#include <ctime>

#include <fmt/format.h>

namespace sluice::api {
namespace {

std::string http_date(WallTime now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[parts.tm_wday],
                     parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                     parts.tm_min, parts.tm_sec);
}

void append_field(std::string& head, std::string_view name, std::string_view value) {
  head.append(name).append(": ");
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    head += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  head += "\r\n";
}

bool has_body(std::uint32_t status) { return status != 204 && status != 304; }

}  // namespace

std::string_view status_title(std::uint32_t status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Cancelled";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return status < 400 ? "OK" : "Error";
  }
}

Response json_response(const Json& document) {
  Response response;
  response.body = to_text(document) + "\n";
  return response;
}

std::uint64_t content_length(const Response& response) {
  if (const auto* text = std::get_if<std::string>(&response.body)) return text->size();
  if (const auto* range = std::get_if<FileRange>(&response.body)) return range->size;
  return 0;
}

std::string to_head(const Response& response, const HeadOptions& options) {
  std::string head =
      fmt::format("HTTP/1.1 {} {}\r\n", response.status, status_title(response.status));
  append_field(head, "Date", http_date(options.now));
  if (has_body(response.status)) append_field(head, "Content-Type", response.content_type);
  append_field(head, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.fields) append_field(head, name, value);
  if (std::holds_alternative<LogStream>(response.body)) {
    append_field(head, "Transfer-Encoding", "chunked");
  } else if (has_body(response.status)) {
    append_field(head, "Content-Length", fmt::to_string(content_length(response)));
  }
  if (!options.keep_alive) append_field(head, "Connection", "close");
  head += "\r\n";
  return head;
}

std::string to_chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace sluice::api
