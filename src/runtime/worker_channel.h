#pragma once

// The two descriptors that tie a worker to the engine: the control socket, on which frames travel,
// and the pipe with what its process prints. A *pulse* in the sense of the style: no coroutine, one
// receive per wake-up, one send per turn.

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "aio/loop.h"
#include "base/fd.h"
#include "wire/frame_stream.h"

namespace sluice::runtime {

class WorkerChannelEvents {
 public:
  virtual ~WorkerChannelEvents() = default;
  virtual void on_channel_frame(const wire::Frame& frame) = 0;
  virtual void on_channel_output(wire::Bytes text) = 0;
  // The worker sent what no worker may send. Nothing more is read.
  virtual void on_channel_violation(const std::string& what) = 0;
  // The worker has closed its end. Nothing more can be sent or received.
  virtual void on_channel_closed() = 0;
  // What flush() had to leave has been sent, or nearly. Not said from inside flush().
  virtual void on_channel_drained() = 0;
};

// Loop only. None of the events may destroy the channel.
class WorkerChannel {
 public:
  // Below this the socket has room again soon: who feeds the worker may go on.
  static constexpr std::size_t kDrainedBelow = 64 << 10;
  // One receive: the largest frame whole, and then some. Also the fair share of one worker in one
  // turn of the loop.
  static constexpr std::size_t kReceiveSize = 128 << 10;

  // `buffer` of kReceiveSize bytes is lent by the owner of all channels: it is used only while one
  // of them receives.
  WorkerChannel(aio::Loop& loop, Fd socket, Fd output, std::span<std::byte> buffer,
                WorkerChannelEvents& events);

  wire::FrameWriter& writer() { return writer_; }
  const wire::FrameWriter& writer() const { return writer_; }
  // Sends what the writer holds, as far as the socket takes it; the rest as it takes it later.
  void flush();
  // After the process has ended: everything that it still said.
  void receive_rest();
  void stop_receiving();

 private:
  enum class Received : bool { kNothing, kSome };
  Received receive();
  void receive_output(std::size_t max);
  void close_socket();

  Fd socket_;
  Fd output_;
  std::span<std::byte> buffer_;
  WorkerChannelEvents& events_;
  wire::FrameReader reader_{wire::Sender::kWorker};
  wire::FrameWriter writer_;
  bool is_closed_ = false;   // Nothing more can be sent or received.
  bool is_waiting_ = false;  // For room in the socket.
  bool is_receiving_ = true;
  // Last: they go first, before the descriptors that they watch.
  aio::FdWatch socket_watch_;
  std::optional<aio::FdWatch> output_watch_;
};

}  // namespace sluice::runtime
