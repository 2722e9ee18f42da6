#pragma once

// An answer as a value. Routes make it, server.cc sends it; nothing here knows a socket.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/control.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/units.h"

namespace sluice::api {

// A range of a file, sent in pieces: no more than one piece is in memory.
struct FileRange {
  Fd file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

// Log lines, sent as they come (chunked). `first` has been asked for already, so that a run that
// does not exist is a 404 and not a broken stream.
struct LogStream {
  LogQuery query;
  bool follow = false;
  LogChunk first;
};

struct Response {
  std::uint32_t status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> fields;
  std::variant<std::string, FileRange, LogStream> body;
};

// "Not Found"; an empty text never.
std::string_view status_title(std::uint32_t status);

// 200 with the document and a line's end.
Response json_response(const Json& document);

struct HeadOptions {
  bool keep_alive = true;
  WallTime now{};
};
// The status line and all fields, the empty line included: framing, Date and the fields that every
// answer has. Control characters in a field's value become spaces: no answer can be split by a
// name.
std::string to_head(const Response& response, const HeadOptions& options);
// Bytes after the head; nothing for a stream, which is sent in chunks.
std::uint64_t content_length(const Response& response);

// One chunk of a stream.
std::string to_chunk(std::string_view bytes);
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace sluice::api
