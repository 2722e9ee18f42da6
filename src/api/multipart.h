#pragma once

// multipart/form-data (RFC 7578), incrementally: bytes in, parts out, nothing kept but a delimiter
// that may just have begun. Strict as the header is: no padding after a boundary, no transfer
// codings, every part has a name. Pure; fuzzed by tests/fuzz/http_multipart.cc.

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/problem.h"

namespace sluice::api {

struct MultipartLimits {
  std::size_t part_header_bytes = 8 << 10;
  std::size_t part_headers = 16;
  std::size_t parts = 1'000'000;         // As many as a list has elements.
  std::size_t outside_bytes = 64 << 10;  // Before the first and after the last boundary.
};

// One event of the body. A part is PartBegin, any number of PartBytes, PartEnd.
struct PartBegin {
  std::string name;
  std::string file_name;  // Empty: none was given.
  friend bool operator==(const PartBegin&, const PartBegin&) = default;
};
struct PartBytes {
  std::string bytes;  // Never empty.
  friend bool operator==(const PartBytes&, const PartBytes&) = default;
};
struct PartEnd {
  friend bool operator==(const PartEnd&, const PartEnd&) = default;
};
using PartEvent = std::variant<PartBegin, PartBytes, PartEnd>;

class MultipartParser {
 public:
  // `boundary` as boundary_of() gave it.
  explicit MultipartParser(std::string_view boundary, MultipartLimits limits = {});

  // Appends what the bytes complete. After a problem the parser must not be fed again.
  OrProblem<void> feed(std::string_view bytes, std::vector<PartEvent>& out);
  // The body has ended: whether it was whole.
  OrProblem<void> finish() const;

 private:
  enum class State : unsigned char { kPreamble, kAfterBoundary, kHeaders, kContent, kEpilogue };

  bool take_preamble();
  OrProblem<bool> take_boundary_end();
  OrProblem<bool> take_headers(std::vector<PartEvent>& out);
  bool take_content(std::vector<PartEvent>& out);
  OrProblem<PartBegin> parse_part_headers(std::string_view block) const;
  // How many bytes at the end of `held_` may be the beginning of a delimiter.
  std::size_t possible_delimiter() const;

  MultipartLimits limits_;
  std::string delimiter_;  // CR LF -- boundary.
  std::string held_;       // Not yet understood: less than a delimiter or a header block.
  State state_ = State::kPreamble;
  std::size_t outside_ = 0;
  std::size_t parts_ = 0;
};

// The boundary in a Content-Type of multipart/form-data: 1 to 70 of RFC 2046's characters.
OrProblem<std::string> boundary_of(std::string_view content_type);

}  // namespace sluice::api
