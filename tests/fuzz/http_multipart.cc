// Feeds a multipart body as a whole and in pieces whose sizes the input chooses: the parts must be
// the same, names must be safe, and no more may come out than went in.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "api/header_value.h"
#include "api/multipart.h"

namespace {

using namespace sluice::api;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Parts {
  std::vector<PartBegin> begins;
  std::vector<std::string> contents;
  bool is_refused = false;
  friend bool operator==(const Parts&, const Parts&) = default;
};

Parts parse(std::string_view body, std::string_view cuts) {
  MultipartParser parser("b");
  Parts parts;
  bool is_open = false;
  std::size_t cut = 0;
  while (!body.empty() && !parts.is_refused) {
    const std::size_t want =
        cuts.empty() ? body.size() : 1 + static_cast<unsigned char>(cuts[cut++ % cuts.size()]);
    std::vector<PartEvent> events;
    parts.is_refused = !parser.feed(body.substr(0, want), events);
    body.remove_prefix(std::min(want, body.size()));
    for (PartEvent& event : events) {
      if (auto* begin = std::get_if<PartBegin>(&event)) {
        require(!is_open && !begin->name.empty());
        require(begin->file_name.find_first_of(std::string_view("/\\\0\r\n", 5)) ==
                std::string::npos);
        require(begin->file_name != "." && begin->file_name != ".." &&
                begin->file_name.size() <= 255);
        for (const char c : attachment_of(begin->file_name)) require(c >= ' ' && c < 0x7f);
        parts.begins.push_back(std::move(*begin));
        parts.contents.emplace_back();
        is_open = true;
      } else if (auto* bytes = std::get_if<PartBytes>(&event)) {
        require(is_open && !bytes->bytes.empty());
        parts.contents.back() += bytes->bytes;
      } else {
        require(is_open);
        is_open = false;
      }
    }
  }
  if (!parts.is_refused) parts.is_refused = !parser.finish();
  if (!parts.is_refused) require(!is_open);
  return parts;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // The first bytes say where to cut.
  const std::size_t cuts = std::min<std::size_t>(size, 4);
  const std::string_view body = bytes.substr(cuts);
  Parts whole = parse(body, {});
  const Parts pieces = parse(body, bytes.substr(0, cuts));
  require(whole.is_refused == pieces.is_refused);
  // What came before a refusal depends on the cuts; what is accepted does not.
  if (!whole.is_refused) require(whole == pieces);
  std::size_t total = 0;
  for (const std::string& content : pieces.contents) total += content.size();
  require(total <= body.size());
  return 0;
}
