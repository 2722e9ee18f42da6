#include "wire/frame.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/frame_stream.h"

namespace sluice::wire {
namespace {

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string hex(Bytes bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

std::vector<std::byte> joined(std::initializer_list<Bytes> parts) {
  std::vector<std::byte> all;
  for (const Bytes part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

TEST(Frames, HaveTheBytesOfTheContract) {
  EXPECT_EQ(hex(encode(sluice_frame_header{
                .length = 0x00010203, .type = 36, .flags = 5, .port = 0x0102, .handle = 0x1122})),
            "0302010024050201"
            "2211000000000000");
  EXPECT_EQ(hex(encode(sluice_value{.kind = 5, .name_length = 3, .file_mode = 0644, .size = 258})),
            "050000000300a401"
            "0201000000000000");
  EXPECT_EQ(hex(encode(sluice_range{.region = 7, .offset = 4096, .length = 3})),
            "0700000000000000"
            "0010000000000000"
            "0300000000000000");
  EXPECT_EQ(hex(encode(sluice_map{.size = 1, .writable = 1, .is_file = 0})),
            "0100000000000000"
            "0100000000000000");
  EXPECT_EQ(hex(encode(sluice_credit{.bytes = 262144, .elements = 16})), "0000040010000000");
  EXPECT_EQ(hex(encode(sluice_hello{.abi = 1, .mode = 1})), "0100000001000000");
}

TEST(Frames, KnowWhoMaySendWhat) {
  int of_node = 0;
  int of_worker = 0;
  for (int type = 0; type < 256; ++type) {
    const auto bytes = encode(sluice_frame_header{.type = static_cast<std::uint8_t>(type)});
    const bool node = decode_header(bytes, Sender::kNode).has_value();
    const bool worker = decode_header(bytes, Sender::kWorker).has_value();
    EXPECT_EQ(node || worker, frame_name(static_cast<std::uint8_t>(type)).has_value()) << type;
    EXPECT_EQ(node && worker, type == SLUICE_FRAME_CREDIT) << type;
    of_node += node ? 1 : 0;
    of_worker += worker ? 1 : 0;
  }
  EXPECT_EQ(of_node, 11);
  EXPECT_EQ(of_worker, 12);
}

TEST(Frames, AreAtMostSixtyFourKibibytesLong) {
  sluice_frame_header header{.length = SLUICE_FRAME_MAX, .type = SLUICE_FRAME_GROW};
  EXPECT_TRUE(decode_header(encode(header), Sender::kWorker));
  header.length = SLUICE_FRAME_MAX + 1;
  const auto refused = decode_header(encode(header), Sender::kWorker);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "a frame of 65537 bytes, more than 65536");
}

TEST(Values, AreReadFromTheirThreePlaces) {
  const auto file =
      joined({encode(sluice_value{
                  .kind = SLUICE_KIND_FILE, .name_length = 5, .file_mode = 0755, .size = 3}),
              bytes_of("a.txt"), bytes_of("abc")});
  const auto in_frame = decode_value(file, SLUICE_PLACE_INLINE).value();
  EXPECT_EQ(in_frame.name, "a.txt");
  EXPECT_EQ(in_frame.value.file_mode, 0755);
  EXPECT_EQ(hex(in_frame.bytes), "616263");

  const auto range = joined({encode(sluice_value{.kind = SLUICE_KIND_ARRAY, .size = 1 << 20}),
                             encode(sluice_range{.region = 2, .offset = 64, .length = 1 << 20})});
  const auto in_range = decode_value(range, SLUICE_PLACE_RANGE).value();
  EXPECT_EQ(in_range.place, Place::kRange);
  EXPECT_EQ(in_range.range.region, 2U);
  EXPECT_EQ(in_range.range.offset, 64U);

  const auto open = encode(sluice_value{.kind = SLUICE_KIND_LIST, .size = UINT64_MAX});
  EXPECT_EQ(decode_value(open, SLUICE_PLACE_OPEN).value().place, Place::kOpen);
  const auto hole = encode(sluice_value{.kind = SLUICE_KIND_BYTES});
  EXPECT_TRUE(decode_value(hole, SLUICE_FLAG_HOLE).value().is_hole);
  const auto empty = encode(sluice_value{.kind = SLUICE_KIND_BYTES});
  EXPECT_TRUE(decode_value(empty, SLUICE_PLACE_INLINE).value().bytes.empty());
}

TEST(Values, AreRefusedWhenAnyFieldIsWrong) {
  struct Case {
    const char* what;
    sluice_value value;
    std::string rest;
    std::uint8_t flags;
  };
  const sluice_range range{.region = 1, .offset = 0, .length = 5};
  const auto range_bytes = encode(range);
  const std::string range_text(reinterpret_cast<const char*>(range_bytes.data()),
                               range_bytes.size());
  const std::vector<Case> cases{
      {"kind 0", {.kind = 0}, "", 0},
      {"kind 7", {.kind = 7}, "", 0},
      {"reserved", {.kind = 1, .reserved = {0, 1, 0}}, "", 0},
      {"name of bytes", {.kind = 1, .name_length = 1}, "a", 0},
      {"name cut off", {.kind = 5, .name_length = 2}, "a", 0},
      {"name too long", {.kind = 5, .name_length = 256}, std::string(256, 'a'), 0},
      {"name with folder", {.kind = 5, .name_length = 3}, "a/b", 0},
      {"name with NUL", {.kind = 5, .name_length = 3}, std::string("a\0b", 3), 0},
      {"name ..", {.kind = 5, .name_length = 2}, "..", 0},
      {"mode of bytes", {.kind = 1, .file_mode = 0644}, "", 0},
      {"mode too large", {.kind = 5, .file_mode = 010000}, "", 0},
      {"fewer bytes than size", {.kind = 1, .size = 3}, "ab", 0},
      {"more bytes than size", {.kind = 1, .size = 3}, "abcd", 0},
      {"hole with bytes", {.kind = 1}, "a", SLUICE_FLAG_HOLE},
      {"list in the frame", {.kind = 6}, "", 0},
      {"list in a range", {.kind = 6, .size = 5}, range_text, SLUICE_PLACE_RANGE},
      {"range of another size", {.kind = 1, .size = 4}, range_text, SLUICE_PLACE_RANGE},
      {"range cut off", {.kind = 1, .size = 5}, range_text.substr(1), SLUICE_PLACE_RANGE},
      {"open with bytes", {.kind = 1}, "a", SLUICE_PLACE_OPEN},
      {"no place", {.kind = 1}, "", SLUICE_PLACE_MASK},
  };
  for (const Case& wrong : cases) {
    const auto payload = joined({encode(wrong.value), bytes_of(wrong.rest)});
    EXPECT_FALSE(decode_value(payload, wrong.flags)) << wrong.what;
  }
  const auto head = encode(sluice_value{.kind = 1});
  EXPECT_FALSE(decode_value(Bytes(head).first(15), 0));
}

TEST(Payloads, AreReadWithTheirExactSizes) {
  EXPECT_EQ(decode_credit(encode(sluice_credit{.bytes = 5, .elements = 6})).value().elements, 6U);
  EXPECT_EQ(decode_map(encode(sluice_map{.size = 9, .is_file = 1})).value().size, 9U);
  EXPECT_FALSE(decode_map(encode(sluice_map{.writable = 2})));
  EXPECT_FALSE(decode_credit(bytes_of("1234567")));
  EXPECT_FALSE(decode_credit(bytes_of("123456789")));
  EXPECT_EQ(decode_size(bytes_of(std::string_view("\x01\x02\0\0\0\0\0\0", 8))).value(), 513U);
  EXPECT_FALSE(decode_size(bytes_of("")));
  EXPECT_FALSE(decode_range(encode(sluice_range{.reserved = 1})));
  EXPECT_FALSE(decode_range(encode(sluice_range{.offset = UINT64_MAX, .length = 1})));
  const auto hello =
      joined({encode(sluice_hello{.abi = 9, .mode = SLUICE_HELLO_SHM}), bytes_of("python 0.1")});
  EXPECT_EQ(decode_hello(hello).value().sdk, "python 0.1");
  EXPECT_EQ(decode_hello(hello).value().hello.abi, 9U);
  EXPECT_FALSE(decode_hello(encode(sluice_hello{.abi = 1, .mode = 2})));
  EXPECT_FALSE(decode_hello(bytes_of("1234567")));
  EXPECT_EQ(decode_piece(bytes_of("abc"), SLUICE_PLACE_INLINE).value().size(), 3U);
  EXPECT_EQ(decode_piece(encode(sluice_range{.length = 77}), SLUICE_PLACE_RANGE).value().size(),
            77U);
  EXPECT_FALSE(decode_piece(bytes_of("abc"), SLUICE_PLACE_OPEN));
}

// A stream of frames of many sizes, and what a reader should make of it.
struct Stream {
  std::vector<std::byte> bytes;
  std::vector<std::pair<std::uint64_t, std::string>> frames;
  explicit Stream(std::uint64_t seed) {
    Random random(seed);
    FrameWriter writer;
    for (std::uint64_t handle = 1; handle <= 40; ++handle) {
      const std::uint64_t size =
          random.chance(0.1) ? SLUICE_FRAME_MAX - random.below(2) : random.below(40);
      const std::string payload(size, static_cast<char>('a' + handle % 26));
      const std::string_view text(payload);
      writer.append({.type = SLUICE_FRAME_LOG, .port = 3, .handle = handle},
                    {bytes_of(text.substr(0, size / 2)), bytes_of(text.substr(size / 2))});
      frames.emplace_back(handle, payload);
    }
    bytes.assign(writer.front().bytes.begin(), writer.front().bytes.end());
  }
};

TEST(FrameReader, YieldsTheSameFramesHoweverTheStreamIsCut) {
  const Stream stream(1);
  for (std::uint64_t seed = 0; seed < 24; ++seed) {
    Random random(seed);
    FrameReader reader(Sender::kWorker);
    std::vector<std::pair<std::uint64_t, std::string>> seen;
    const std::uint64_t cut_max = seed < 8 ? 1 + 5 * seed : 1 + random.below(200'000);
    for (std::size_t at = 0; at < stream.bytes.size();) {
      const std::size_t size =
          std::min<std::size_t>(1 + random.below(cut_max), stream.bytes.size() - at);
      // A copy of its own: what the reader keeps beyond must not point here.
      const std::vector<std::byte> piece(
          stream.bytes.begin() + static_cast<std::ptrdiff_t>(at),
          stream.bytes.begin() + static_cast<std::ptrdiff_t>(at + size));
      reader.feed(piece);
      while (true) {
        const auto frame = reader.next();
        ASSERT_TRUE(frame);
        if (!*frame) break;
        EXPECT_EQ((*frame)->header.port, 3);
        const Bytes payload = (*frame)->payload;
        seen.emplace_back(
            (*frame)->header.handle,
            std::string(reinterpret_cast<const char*>(payload.data()), payload.size()));
      }
      at += size;
    }
    EXPECT_FALSE(reader.is_inside_frame());
    EXPECT_EQ(seen, stream.frames);
  }
}

TEST(FrameReader, StaysBrokenOnceTheStreamIs) {
  FrameReader reader(Sender::kWorker);
  const std::string garbage(64, 'G');
  reader.feed(bytes_of(std::string_view(garbage).substr(0, 10)));
  EXPECT_FALSE(reader.next().value());
  EXPECT_TRUE(reader.is_inside_frame());
  reader.feed(bytes_of(garbage));
  const auto first = reader.next();
  ASSERT_FALSE(first);
  EXPECT_EQ(reader.next().error(), first.error());
  const auto good = encode(sluice_frame_header{.type = SLUICE_FRAME_DONE});
  reader.feed(good);
  EXPECT_FALSE(reader.next());
}

TEST(FrameWriter, GivesEachDescriptorWithTheFirstByteOfItsFrame) {
  FrameWriter writer;
  writer.append({.type = SLUICE_FRAME_STOP});
  Fd first(::dup(0));
  Fd second(::dup(0));
  const int first_number = first.get();
  const int second_number = second.get();
  writer.append_map(1, {.size = 10}, std::move(first));
  writer.append({.type = SLUICE_FRAME_STOP});
  writer.append_map(2, {.size = 20}, std::move(second));
  EXPECT_EQ(writer.size(), 16U * 4 + 16 * 2);

  EXPECT_EQ(writer.front().descriptor, -1);
  EXPECT_EQ(writer.front().bytes.size(), 16U);
  writer.consume(10);
  EXPECT_EQ(writer.front().bytes.size(), 6U);
  writer.consume(6);
  EXPECT_EQ(writer.front().descriptor, first_number);
  EXPECT_EQ(writer.front().bytes.size(), 48U);
  writer.consume(0);  // The socket took nothing: the descriptor still waits.
  EXPECT_EQ(writer.front().descriptor, first_number);
  writer.consume(1);
  EXPECT_EQ(writer.front().descriptor, -1);
  EXPECT_EQ(writer.front().bytes.size(), 47U);
  EXPECT_EQ(::fcntl(first_number, F_GETFD), -1);  // Sent and closed.
  writer.consume(47);
  EXPECT_EQ(writer.front().descriptor, second_number);
  writer.consume(32);
  EXPECT_TRUE(writer.is_empty());
}

TEST(FrameWriter, KeepsTheOrderOfBytesThroughPartialSends) {
  const Stream stream(2);
  Random random(3);
  FrameWriter writer;
  std::vector<std::byte> sent;
  std::size_t next = 0;
  while (next < stream.frames.size() || !writer.is_empty()) {
    if (next < stream.frames.size() && random.chance(0.5)) {
      const auto& [handle, payload] = stream.frames[next++];
      writer.append({.type = SLUICE_FRAME_LOG, .port = 3, .handle = handle}, {bytes_of(payload)});
    }
    const Bytes waiting = writer.front().bytes;
    const Bytes taken = waiting.first(std::min<std::size_t>(waiting.size(), random.below(30'000)));
    sent.insert(sent.end(), taken.begin(), taken.end());
    writer.consume(taken.size());
  }
  EXPECT_EQ(sent, stream.bytes);
}

}  // namespace
}  // namespace sluice::wire
