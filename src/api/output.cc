#include "api/output.h"

#include <fmt/format.h>

#include "api/byte_range.h"
#include "api/header_value.h"
#include "api/problem.h"

namespace sluice::api {
namespace {

std::string field_of(const RequestHead& head, std::string_view name) {
  const std::string* value = head.find(name);
  return value == nullptr ? std::string() : *value;
}

// `*` or a list of tags; weak tags are equal for this purpose (RFC 9110, 13.1.2).
bool has_tag(std::string_view list, std::string_view tag) {
  if (list == "*") return true;
  for (std::size_t at = list.find(tag); at != std::string_view::npos; at = list.find(tag, at + 1)) {
    const std::size_t end = at + tag.size();
    if (end == list.size() || list[end] == ',' || list[end] == ' ') return true;
  }
  return false;
}

void take_range(Response& response, const ByteRange& range) {
  if (auto* text = std::get_if<std::string>(&response.body)) {
    *text = text->substr(range.first, range.size);
  } else if (auto* file = std::get_if<FileRange>(&response.body)) {
    file->offset = range.first;
    file->size = range.size;
  }
}

}  // namespace

OutputConditions conditions_of(const RequestHead& head) {
  const bool is_get = head.method == Method::kGet;
  return OutputConditions{.range = is_get ? field_of(head, "range") : std::string(),
                          .if_range = field_of(head, "if-range"),
                          .if_none_match = field_of(head, "if-none-match")};
}

Response output_response(const OutputConditions& conditions, OutputBytes bytes) {
  const std::uint64_t size = std::holds_alternative<std::string>(bytes.content)
                                 ? std::get<std::string>(bytes.content).size()
                                 : bytes.size;
  const std::string tag = bytes.etag.empty() ? std::string() : fmt::format("\"{}\"", bytes.etag);
  // A range of something else than the client has is worth nothing to it; a date never matches.
  const bool wants_range =
      !conditions.range.empty() &&
      (conditions.if_range.empty() || (!tag.empty() && conditions.if_range == tag));
  const RangeChoice choice =
      wants_range ? choose_range(conditions.range, size) : RangeChoice(WholeContent{});

  Response response;
  if (!tag.empty() && has_tag(conditions.if_none_match, tag)) {
    response.status = 304;
    response.fields.emplace_back("ETag", tag);
    return response;
  }
  if (std::holds_alternative<UnsatisfiableRange>(choice)) {
    response =
        to_response(Problem{.status = 416, .detail = fmt::format("the output has {} bytes", size)});
    response.fields.emplace_back("Content-Range", fmt::format("bytes */{}", size));
    return response;
  }
  response.content_type =
      bytes.content_type.empty() ? "application/octet-stream" : bytes.content_type;
  if (auto* text = std::get_if<std::string>(&bytes.content)) {
    response.body = std::move(*text);
  } else {
    response.body =
        FileRange{.file = std::get<Fd>(std::move(bytes.content)), .offset = 0, .size = size};
  }
  response.fields.emplace_back("Accept-Ranges", "bytes");
  if (!tag.empty()) response.fields.emplace_back("ETag", tag);
  if (!bytes.file_name.empty()) {
    response.fields.emplace_back("Content-Disposition", attachment_of(bytes.file_name));
  }
  // Whatever a function wrote, a browser that is shown it runs nothing of it.
  response.fields.emplace_back("Content-Security-Policy", "sandbox");
  if (const auto* range = std::get_if<ByteRange>(&choice)) {
    response.status = 206;
    response.fields.emplace_back(
        "Content-Range",
        fmt::format("bytes {}-{}/{}", range->first, range->first + range->size - 1, size));
    take_range(response, *range);
  }
  return response;
}

}  // namespace sluice::api
