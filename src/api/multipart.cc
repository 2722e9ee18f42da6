#include "api/multipart.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/header_value.h"
#include "api/token.h"

namespace sluice::api {

MultipartParser::MultipartParser(std::string_view boundary, MultipartLimits limits)
    : limits_(limits), delimiter_(fmt::format("\r\n--{}", boundary)) {
  // The first boundary may be the first line: as if a line had ended before the body.
  held_ = "\r\n";
}

OrProblem<void> MultipartParser::feed(std::string_view bytes, std::vector<PartEvent>& out) {
  held_.append(bytes);
  bool goes_on = true;
  while (goes_on) {
    OrProblem<bool> taken = false;
    switch (state_) {
      case State::kPreamble:
        taken = take_preamble();
        break;
      case State::kAfterBoundary:
        taken = take_boundary_end();
        break;
      case State::kHeaders:
        taken = take_headers(out);
        break;
      case State::kContent:
        taken = take_content(out);
        break;
      case State::kEpilogue:
        outside_ += held_.size();
        held_.clear();
        break;
    }
    if (!taken) return std::unexpected(taken.error());
    goes_on = *taken;
  }
  if (outside_ > limits_.outside_bytes) {
    return refuse(400, fmt::format("more than {} bytes outside the parts of the body",
                                   limits_.outside_bytes));
  }
  return {};
}

OrProblem<void> MultipartParser::finish() const {
  if (state_ == State::kEpilogue) return {};
  return refuse(400, "the multipart body ends before its last boundary");
}

bool MultipartParser::take_preamble() {
  const std::size_t at = held_.find(delimiter_);
  const std::size_t outside = at == std::string::npos ? held_.size() - possible_delimiter() : at;
  outside_ += outside;
  held_.erase(0, at == std::string::npos ? outside : at + delimiter_.size());
  if (at == std::string::npos) return false;
  state_ = State::kAfterBoundary;
  return true;
}

OrProblem<bool> MultipartParser::take_boundary_end() {
  if (held_.size() < 2) return false;
  const std::string_view next = std::string_view(held_).substr(0, 2);
  if (next == "--") {
    state_ = State::kEpilogue;
  } else if (next == "\r\n") {
    // Stays in front of the header block, so that an empty block ends like any other.
    state_ = State::kHeaders;
    return true;
  } else {
    return refuse(400, "a boundary of the multipart body is followed by other bytes");
  }
  held_.erase(0, 2);
  return true;
}

OrProblem<bool> MultipartParser::take_headers(std::vector<PartEvent>& out) {
  const std::size_t end = held_.find("\r\n\r\n");
  if (std::min(end, held_.size()) > limits_.part_header_bytes) {
    return refuse(400, fmt::format("the headers of a part are larger than {} bytes",
                                   limits_.part_header_bytes));
  }
  if (end == std::string::npos) return false;
  if (++parts_ > limits_.parts)
    return refuse(413, fmt::format("more than {} parts", limits_.parts));
  const std::string_view block = std::string_view(held_).substr(0, end);
  auto begin = parse_part_headers(block.starts_with("\r\n") ? block.substr(2) : block);
  if (!begin) return std::unexpected(begin.error());
  out.emplace_back(*std::move(begin));
  held_.erase(0, end + 4);
  state_ = State::kContent;
  return true;
}

bool MultipartParser::take_content(std::vector<PartEvent>& out) {
  const std::size_t at = held_.find(delimiter_);
  const std::size_t ready = at == std::string::npos ? held_.size() - possible_delimiter() : at;
  if (ready > 0) out.emplace_back(PartBytes{held_.substr(0, ready)});
  held_.erase(0, at == std::string::npos ? ready : at + delimiter_.size());
  if (at == std::string::npos) return false;
  out.emplace_back(PartEnd{});
  state_ = State::kAfterBoundary;
  return true;
}

OrProblem<PartBegin> MultipartParser::parse_part_headers(std::string_view block) const {
  PartBegin part;
  bool has_disposition = false;
  std::size_t count = 0;
  while (!block.empty()) {
    const std::size_t end = block.find("\r\n");
    const std::string_view line = block.substr(0, end);
    block = end == std::string_view::npos ? std::string_view() : block.substr(end + 2);
    if (++count > limits_.part_headers) return refuse(400, "a part has too many headers");
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      return refuse(400, "a header of a part is malformed");
    }
    if (std::ranges::any_of(line,
                            [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; })) {
      return refuse(400, "a header of a part has a control character");
    }
    const std::string_view name = line.substr(0, colon);
    if (equals_ignoring_case(name, "content-transfer-encoding")) {
      return refuse(400, "Content-Transfer-Encoding is not used over HTTP");
    }
    if (!equals_ignoring_case(name, "content-disposition")) continue;
    if (has_disposition) return refuse(400, "a part has two Content-Dispositions");
    has_disposition = true;
    const auto disposition = parse_header_value(line.substr(colon + 1));
    if (!disposition) return std::unexpected(disposition.error());
    const std::string* field = disposition->find("name");
    if (disposition->value != "form-data" || field == nullptr || field->empty()) {
      return refuse(400, "a part's Content-Disposition is not 'form-data; name=\"…\"'");
    }
    auto file_name = file_name_of(*disposition);
    if (!file_name) return std::unexpected(file_name.error());
    part.name = *field;
    part.file_name = *std::move(file_name);
  }
  if (!has_disposition) return refuse(400, "a part has no Content-Disposition");
  return part;
}

std::size_t MultipartParser::possible_delimiter() const {
  const std::size_t longest = std::min(held_.size(), delimiter_.size() - 1);
  const std::string_view tail = std::string_view(held_).substr(held_.size() - longest);
  for (std::size_t at = tail.find('\r'); at != std::string_view::npos;
       at = tail.find('\r', at + 1)) {
    if (delimiter_.starts_with(tail.substr(at))) return tail.size() - at;
  }
  return 0;
}

OrProblem<std::string> boundary_of(std::string_view content_type) {
  const auto value = parse_header_value(content_type);
  if (!value) return std::unexpected(value.error());
  const std::string* boundary = value->find("boundary");
  const auto is_allowed = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  };
  if (boundary == nullptr || boundary->empty() || boundary->size() > 70 ||
      boundary->back() == ' ' || !std::ranges::all_of(*boundary, is_allowed)) {
    return refuse(400, "the multipart body has no usable boundary");
  }
  return *boundary;
}

}  // namespace sluice::api
