// Feeds bytes to the frame reader in pieces whose sizes the input chooses, decodes every payload by
// its type, and checks that cutting the stream elsewhere yields the same frames.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "wire/frame.h"
#include "wire/frame_stream.h"

namespace {

using namespace sluice::wire;

void decode(const Frame& frame) {
  switch (frame.header.type) {
    case SLUICE_FRAME_ELEMENT:
    case SLUICE_FRAME_EMIT:
      if (const auto view = decode_value(frame.payload, frame.header.flags)) {
        if (view->place == Place::kInline && !view->is_hole &&
            view->bytes.size() != view->value.size)
          std::abort();
        if (view->name.find('/') != std::string_view::npos) std::abort();
      }
      break;
    case SLUICE_FRAME_CHUNK:
    case SLUICE_FRAME_GROW:
      (void)decode_piece(frame.payload, frame.header.flags);
      break;
    case SLUICE_FRAME_HELLO:
      (void)decode_hello(frame.payload);
      break;
    case SLUICE_FRAME_MAP:
      (void)decode_map(frame.payload);
      break;
    case SLUICE_FRAME_GRANT:
      (void)decode_range(frame.payload);
      break;
    case SLUICE_FRAME_CREDIT:
      (void)decode_credit(frame.payload);
      break;
    case SLUICE_FRAME_ALLOC:
      (void)decode_size(frame.payload);
      break;
    default:
      break;
  }
}

// The headers and payload sizes seen, and whether the stream broke.
std::pair<std::vector<std::vector<std::byte>>, bool> read_all(Bytes stream, Sender sender,
                                                              std::size_t piece) {
  std::pair<std::vector<std::vector<std::byte>>, bool> seen;
  FrameReader reader(sender);
  while (!stream.empty()) {
    const std::size_t size = std::min(piece, stream.size());
    const std::vector<std::byte> copy(stream.begin(),
                                      stream.begin() + static_cast<std::ptrdiff_t>(size));
    stream = stream.subspan(size);
    reader.feed(copy);
    while (true) {
      const auto frame = reader.next();
      if (!frame) {
        seen.second = true;
        return seen;
      }
      if (!*frame) break;
      decode(**frame);
      const auto head = encode((*frame)->header);
      std::vector<std::byte> whole(head.begin(), head.end());
      whole.insert(whole.end(), (*frame)->payload.begin(), (*frame)->payload.end());
      seen.first.push_back(std::move(whole));
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const Sender sender = (data[0] & 1) != 0 ? Sender::kNode : Sender::kWorker;
  const std::size_t piece = 1 + data[1];
  const Bytes stream = std::as_bytes(std::span(data + 2, size - 2));
  if (read_all(stream, sender, piece) != read_all(stream, sender, stream.size() + 1)) std::abort();
  return 0;
}
