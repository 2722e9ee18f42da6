#include "runtime/worker_channel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace sluice::runtime {

namespace {

// A pipe can be made to hold at most this much (fs.pipe-max-size, for unprivileged processes), so
// that reading this much has read whatever was written before.
constexpr std::size_t kPipeMax = 1 << 20;
// What one look at a pipe reads; the pipe's usual size.
constexpr std::size_t kOutputPiece = 64 << 10;

}  // namespace

WorkerChannel::WorkerChannel(aio::Loop& loop, Fd socket, Fd output, std::span<std::byte> buffer,
                             WorkerChannelEvents& events)
    : socket_(std::move(socket)),
      output_(std::move(output)),
      buffer_(buffer),
      events_(events),
      socket_watch_(loop, socket_.get()),
      output_watch_(std::in_place, loop, output_.get()) {
  SLUICE_ASSERT(buffer.size() >= kReceiveSize, "{} bytes", buffer.size());
  socket_watch_.on_readable([this] { receive(); });
  output_watch_->on_readable([this] { receive_output(kOutputPiece); });
}

WorkerChannel::Received WorkerChannel::receive() {
  if (!is_receiving_) return Received::kNothing;
  iovec part{.iov_base = buffer_.data(), .iov_len = kReceiveSize};
  // No room for descriptors: the kernel closes those that a worker sends, and says so.
  msghdr message{.msg_iov = &part, .msg_iovlen = 1};
  ssize_t got = 0;
  do {
    got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return Received::kNothing;
  if (got <= 0) {
    close_socket();
    return Received::kNothing;
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) {
    stop_receiving();
    events_.on_channel_violation("it sent a descriptor");
    return Received::kNothing;
  }
  reader_.feed(wire::Bytes(buffer_).first(static_cast<std::size_t>(got)));
  bool is_output_read = false;
  while (is_receiving_) {
    auto frame = reader_.next();
    if (!frame) {
      stop_receiving();
      events_.on_channel_violation(frame.error().message());
      return Received::kNothing;
    }
    if (!*frame) break;
    const std::uint8_t type = (*frame)->header.type;
    if ((type == SLUICE_FRAME_DONE || type == SLUICE_FRAME_FAILED) && !is_output_read) {
      // The frame ends a task: what was printed before it belongs to that task's log. Once for all
      // frames of this receive, since all of them were sent before it.
      is_output_read = true;
      receive_output(kPipeMax);
    }
    events_.on_channel_frame(**frame);
  }
  return Received::kSome;
}

void WorkerChannel::receive_output(std::size_t max) {
  // A buffer of its own: `buffer_` may hold frames that are being looked at.
  static thread_local std::array<std::byte, kOutputPiece> text;
  for (std::size_t total = 0; output_watch_ && total < max;) {
    // Never blocks: the reading end is non-blocking.
    const ssize_t got = ::read(output_.get(), text.data(), text.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      output_watch_.reset();  // Closed by all who could write to it.
      return;
    }
    total += static_cast<std::size_t>(got);
    events_.on_channel_output(wire::Bytes(text).first(static_cast<std::size_t>(got)));
    if (static_cast<std::size_t>(got) < text.size()) return;  // It was empty then.
  }
}

void WorkerChannel::receive_rest() {
  while (!is_closed_ && receive() == Received::kSome) {
  }
  receive_output(kPipeMax);
}

void WorkerChannel::flush() {
  while (!is_closed_ && !is_waiting_ && !writer_.is_empty()) {
    const wire::FrameWriter::Batch batch = writer_.front();
    iovec part{.iov_base = const_cast<std::byte*>(batch.bytes.data()),
               .iov_len = batch.bytes.size()};
    msghdr message{.msg_iov = &part, .msg_iovlen = 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    if (batch.descriptor >= 0) {
      message.msg_control = control.data();
      message.msg_controllen = control.size();
      cmsghdr* header = CMSG_FIRSTHDR(&message);
      header->cmsg_level = SOL_SOCKET;
      header->cmsg_type = SCM_RIGHTS;
      header->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(header), &batch.descriptor, sizeof(int));
    }
    const ssize_t sent = ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      writer_.consume(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ETOOMANYREFS) {
      is_waiting_ = true;
      socket_watch_.once_writable([this] {
        is_waiting_ = false;
        flush();
        if (writer_.size() < kDrainedBelow) events_.on_channel_drained();
      });
      break;
    }
    // The worker's end is closed. What it said before is still to be read: the reader notices.
    writer_.clear();
  }
  if (is_closed_) writer_.clear();
}

void WorkerChannel::stop_receiving() {
  is_receiving_ = false;
  socket_watch_.on_readable(nullptr);
}

void WorkerChannel::close_socket() {
  stop_receiving();
  is_closed_ = true;
  writer_.clear();
  events_.on_channel_closed();
}

}  // namespace sluice::runtime
