#pragma once

// Frames out of a stream of bytes and into one. No I/O here: who owns the socket feeds the reader
// with what it received and sends what the writer offers.

#include <deque>
#include <initializer_list>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "wire/frame.h"

namespace sluice::wire {

struct Frame {
  sluice_frame_header header{};
  Bytes payload;
};

// Frames that lie whole in the bytes it was fed with are given out in place; only one that is cut
// by the end of those bytes is copied. Holds at most one frame.
class FrameReader {
 public:
  explicit FrameReader(Sender sender) : sender_(sender) {}

  // The bytes must stay as they are until next() has said that there is no more. All bytes fed
  // before must have been taken.
  void feed(Bytes bytes);
  // The next frame, which lives until the next call; nothing when it needs more bytes. An error is
  // for good: where the stream lost its frames nobody finds them again.
  Result<std::optional<Frame>> next();
  // Whether a frame has begun and is not whole: the stream must not end now.
  bool is_inside_frame() const { return !partial_.empty(); }

 private:
  Result<std::optional<Frame>> next_of_partial();

  Sender sender_;
  Bytes input_;
  std::vector<std::byte> partial_;
  bool is_partial_given_out_ = false;
  std::optional<Error> broken_;
};

// What waits to be sent: frames one behind the other in one buffer, so that everything that is
// queued in one turn leaves in one call. It is as long as its user lets it become: see size().
class FrameWriter {
 public:
  // The parts make up the payload, at most SLUICE_FRAME_MAX bytes; `header.length` is set here.
  void append(sluice_frame_header header, std::initializer_list<Bytes> parts = {});
  // A `map` frame with its descriptor, which is closed once it is sent.
  void append_map(std::uint32_t region, const sluice_map& map, Fd descriptor);

  std::size_t size() const { return buffer_.size() - sent_; }
  bool is_empty() const { return size() == 0; }

  // What may go in one sendmsg: `bytes`, with `descriptor` attached where it is not -1.
  struct Batch {
    Bytes bytes;
    int descriptor = -1;
  };
  Batch front() const;
  // `count` bytes of front() are gone (and with the first of them its descriptor).
  void consume(std::size_t count);
  void clear();

 private:
  struct Attached {
    std::size_t at;  // In buffer_: the first byte of its frame.
    Fd descriptor;
  };
  std::vector<std::byte> buffer_;
  std::size_t sent_ = 0;  // Bytes at the front of buffer_ that are gone.
  std::deque<Attached> attached_;
};

}  // namespace sluice::wire
