#pragma once

// The worker's end of the connection with the node: frames in and out, and the regions that the
// node shows. Never blocks; who owns it polls `fd()`.

#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "wire/frame_stream.h"

namespace sluice::program {

// Memory or a file that a `map` frame announced. Read and written by calls, which is a copy and
// never a fault, whatever becomes of the file.
struct Region {
  Fd fd;
  std::uint64_t size = 0;
  bool is_file = false;
};

class Connection {
 public:
  explicit Connection(Fd socket);

  int fd() const { return socket_.get(); }

  // Reads what is there and hands on each frame but `map` and `unmap`. kUnavailable: the node is
  // gone. kInvalidArgument: what it says is not the protocol.
  Status receive(const std::function<Status(const wire::Frame&)>& on_frame);

  void send(std::uint8_t type, std::uint8_t flags, std::uint16_t port, std::uint64_t handle,
            std::initializer_list<wire::Bytes> parts = {});
  Status flush();
  bool has_unsent() const { return !writer_.is_empty(); }
  // Whoever makes frames waits while this is so.
  bool is_full() const { return writer_.size() > kUnsentMax; }

  // kInvalidArgument where it is not mapped or smaller than the range.
  Result<std::shared_ptr<const Region>> region(const sluice_range& range) const;

 private:
  static constexpr std::size_t kUnsentMax = 256 << 10;

  Status map(const wire::Frame& frame);

  Fd socket_;
  std::vector<std::byte> buffer_;
  wire::FrameReader reader_;
  wire::FrameWriter writer_;
  std::deque<Fd> descriptors_;  // Came, and their `map` frames have not.
  std::unordered_map<std::uint64_t, std::shared_ptr<const Region>> regions_;
};

}  // namespace sluice::program
