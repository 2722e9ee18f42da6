#include "wire/frame.h"

#include <bit>
#include <cstring>

#include "base/limits.h"

namespace sluice::wire {

static_assert(std::endian::native == std::endian::little,
              "frames are little-endian and travel as they lie in memory");
static_assert(Limits::kInlineMax == SLUICE_INLINE_MAX && Limits::kFrameMax == SLUICE_FRAME_MAX);
static_assert(sizeof(sluice_frame_header) == SLUICE_HEADER_SIZE);

namespace {

constexpr std::uint16_t kNameMax = 255;
constexpr std::uint16_t kFileModeMax = 07777;

std::unexpected<Error> refuse(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

// Proof: Struct is a plain C struct of abi.h without padding that matters, and `bytes` holds at
// least its size (checked by every caller).
template <class Struct>
Struct copy_from(Bytes bytes) {
  Struct value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

template <class Struct>
std::array<std::byte, sizeof(Struct)> copy_of(const Struct& value) {
  std::array<std::byte, sizeof(Struct)> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <class Struct>
Result<Struct> exactly(Bytes payload, std::string_view what) {
  if (payload.size() != sizeof(Struct)) {
    return refuse(fmt::format("a {} takes {} bytes, not {}", what, sizeof(Struct), payload.size()));
  }
  return copy_from<Struct>(payload);
}

std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // Any byte is a char.
}

bool is_path_component(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos;
}

bool is_from(std::uint8_t type, Sender sender) {
  if (type == SLUICE_FRAME_CREDIT) return true;
  return sender == Sender::kNode ? type >= SLUICE_FRAME_SETUP && type <= SLUICE_FRAME_UNMAP
                                 : type >= SLUICE_FRAME_HELLO && type <= SLUICE_FRAME_STARTED;
}

}  // namespace

std::optional<std::string_view> frame_name(std::uint8_t type) {
  switch (type) {
    case SLUICE_FRAME_SETUP:
      return "setup";
    case SLUICE_FRAME_START:
      return "start";
    case SLUICE_FRAME_ELEMENT:
      return "element";
    case SLUICE_FRAME_CHUNK:
      return "chunk";
    case SLUICE_FRAME_END:
      return "end";
    case SLUICE_FRAME_MAP:
      return "map";
    case SLUICE_FRAME_GRANT:
      return "grant";
    case SLUICE_FRAME_CREDIT:
      return "credit";
    case SLUICE_FRAME_CANCEL:
      return "cancel";
    case SLUICE_FRAME_STOP:
      return "stop";
    case SLUICE_FRAME_UNMAP:
      return "unmap";
    case SLUICE_FRAME_HELLO:
      return "hello";
    case SLUICE_FRAME_READY:
      return "ready";
    case SLUICE_FRAME_WANT:
      return "want";
    case SLUICE_FRAME_ALLOC:
      return "alloc";
    case SLUICE_FRAME_EMIT:
      return "emit";
    case SLUICE_FRAME_GROW:
      return "grow";
    case SLUICE_FRAME_SEAL:
      return "seal";
    case SLUICE_FRAME_LOG:
      return "log";
    case SLUICE_FRAME_DONE:
      return "done";
    case SLUICE_FRAME_FAILED:
      return "failed";
    case SLUICE_FRAME_STARTED:
      return "started";
    default:
      return std::nullopt;
  }
}

Result<sluice_frame_header> decode_header(std::span<const std::byte, SLUICE_HEADER_SIZE> bytes,
                                          Sender sender) {
  const auto header = copy_from<sluice_frame_header>(bytes);
  if (!is_from(header.type, sender)) {
    return refuse(fmt::format("a frame of type {} from the {}", header.type,
                              sender == Sender::kNode ? "node" : "worker"));
  }
  if (header.length > SLUICE_FRAME_MAX) {
    return refuse(
        fmt::format("a frame of {} bytes, more than {}", header.length, SLUICE_FRAME_MAX));
  }
  return header;
}

Result<ValueView> decode_value(Bytes payload, std::uint8_t flags) {
  if (payload.size() < sizeof(sluice_value)) {
    return refuse(fmt::format("a value of {} bytes has no head", payload.size()));
  }
  ValueView view{.value = copy_from<sluice_value>(payload)};
  const sluice_value& value = view.value;
  payload = payload.subspan(sizeof value);
  view.is_hole = (flags & SLUICE_FLAG_HOLE) != 0;
  if (view.is_hole) {
    if (!payload.empty()) return refuse("a hole with bytes");
    return view;
  }
  if (value.kind < SLUICE_KIND_BYTES || value.kind > SLUICE_KIND_LIST) {
    return refuse(fmt::format("a value of kind {}", value.kind));
  }
  if ((value.reserved[0] | value.reserved[1] | value.reserved[2]) != 0) {
    return refuse("reserved bytes of a value are not 0");
  }
  const bool is_file = value.kind == SLUICE_KIND_FILE;
  if (value.name_length > kNameMax || value.name_length > payload.size() ||
      (!is_file && value.name_length != 0)) {
    return refuse(fmt::format("a name of {} bytes", value.name_length));
  }
  if (value.file_mode > (is_file ? kFileModeMax : 0)) {
    return refuse(fmt::format("file mode {:o}", value.file_mode));
  }
  view.name = as_text(payload.first(value.name_length));
  payload = payload.subspan(value.name_length);
  if (value.name_length != 0 && !is_path_component(view.name)) {
    return refuse("a file name that is no single path component");
  }

  switch (flags & SLUICE_PLACE_MASK) {
    case SLUICE_PLACE_INLINE:
      if (value.kind == SLUICE_KIND_LIST) return refuse("a list that is not open");
      if (value.size != payload.size()) {
        return refuse(
            fmt::format("a value of {} bytes with {} in its frame", value.size, payload.size()));
      }
      view.place = Place::kInline;
      view.bytes = payload;
      return view;
    case SLUICE_PLACE_RANGE: {
      if (value.kind == SLUICE_KIND_LIST) return refuse("a list that is not open");
      view.place = Place::kRange;
      SLUICE_TRY(view.range, decode_range(payload));
      if (view.range.length != value.size) {
        return refuse(
            fmt::format("a value of {} bytes in a range of {}", value.size, view.range.length));
      }
      return view;
    }
    case SLUICE_PLACE_OPEN:
      if (!payload.empty()) return refuse("an open value with bytes");
      view.place = Place::kOpen;
      return view;
    default:
      return refuse("a value in no place");
  }
}

Result<PieceView> decode_piece(Bytes payload, std::uint8_t flags) {
  PieceView piece;
  switch (flags & SLUICE_PLACE_MASK) {
    case SLUICE_PLACE_INLINE:
      piece.bytes = payload;
      return piece;
    case SLUICE_PLACE_RANGE: {
      piece.place = Place::kRange;
      SLUICE_TRY(piece.range, decode_range(payload));
      return piece;
    }
    default:
      return refuse("a piece of a value in no place");
  }
}

Result<HelloView> decode_hello(Bytes payload) {
  if (payload.size() < sizeof(sluice_hello)) {
    return refuse(fmt::format("hello of {} bytes", payload.size()));
  }
  HelloView view{.hello = copy_from<sluice_hello>(payload)};
  if (view.hello.mode > SLUICE_HELLO_SHM) {
    return refuse(fmt::format("hello with mode {}", view.hello.mode));
  }
  view.sdk = as_text(payload.subspan(sizeof(sluice_hello)));
  return view;
}

Result<sluice_range> decode_range(Bytes payload) {
  SLUICE_TRY(const auto range, exactly<sluice_range>(payload, "range"));
  if (range.reserved != 0) return refuse("reserved bytes of a range are not 0");
  if (range.offset + range.length < range.offset) return refuse("a range that ends beyond 2^64");
  return range;
}

Result<sluice_map> decode_map(Bytes payload) {
  SLUICE_TRY(const auto map, exactly<sluice_map>(payload, "map"));
  if (map.writable > 1 || map.is_file > 1) return refuse("a map with a flag that is not 0 or 1");
  return map;
}

Result<sluice_credit> decode_credit(Bytes payload) {
  return exactly<sluice_credit>(payload, "credit");
}

Result<std::uint64_t> decode_size(Bytes payload) { return exactly<std::uint64_t>(payload, "size"); }

std::array<std::byte, SLUICE_HEADER_SIZE> encode(const sluice_frame_header& header) {
  return copy_of(header);
}
std::array<std::byte, sizeof(sluice_value)> encode(const sluice_value& value) {
  return copy_of(value);
}
std::array<std::byte, sizeof(sluice_range)> encode(const sluice_range& range) {
  return copy_of(range);
}
std::array<std::byte, sizeof(sluice_map)> encode(const sluice_map& map) { return copy_of(map); }
std::array<std::byte, sizeof(sluice_credit)> encode(const sluice_credit& credit) {
  return copy_of(credit);
}
std::array<std::byte, sizeof(sluice_hello)> encode(const sluice_hello& hello) {
  return copy_of(hello);
}

}  // namespace sluice::wire
