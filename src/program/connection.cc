#include "program/connection.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace sluice::program {
namespace {

constexpr std::size_t kReceiveSize = 4 * (SLUICE_FRAME_MAX + SLUICE_HEADER_SIZE);
constexpr std::size_t kDescriptorsMax = 16;  // In one message; the node sends one.

}  // namespace

Connection::Connection(Fd socket)
    : socket_(std::move(socket)), buffer_(kReceiveSize), reader_(wire::Sender::kNode) {}

Status Connection::receive(const std::function<Status(const wire::Frame&)>& on_frame) {
  iovec part{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kDescriptorsMax * sizeof(int))> control{};
  msghdr message{.msg_iov = &part,
                 .msg_iovlen = 1,
                 .msg_control = control.data(),
                 .msg_controllen = control.size()};
  const ssize_t got = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return {};
  if (got <= 0) return fail(ErrorCode::kUnavailable, "the node closed the connection");
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
      descriptors_.emplace_back(descriptor);
    }
  }
  reader_.feed(wire::Bytes(buffer_).first(static_cast<std::size_t>(got)));
  while (true) {
    SLUICE_TRY(const auto frame, reader_.next());
    if (!frame) return {};
    if (frame->header.type == SLUICE_FRAME_MAP) {
      SLUICE_OK(map(*frame));
    } else if (frame->header.type == SLUICE_FRAME_UNMAP) {
      regions_.erase(frame->header.handle);
    } else {
      SLUICE_OK(on_frame(*frame));
    }
  }
}

Status Connection::map(const wire::Frame& frame) {
  SLUICE_TRY(const sluice_map map, wire::decode_map(frame.payload));
  if (descriptors_.empty()) {
    return fail(ErrorCode::kInvalidArgument, "a map frame without a descriptor");
  }
  regions_[frame.header.handle] = std::make_shared<const Region>(
      Region{.fd = std::move(descriptors_.front()), .size = map.size, .is_file = map.is_file != 0});
  descriptors_.pop_front();
  return {};
}

void Connection::send(std::uint8_t type, std::uint8_t flags, std::uint16_t port,
                      std::uint64_t handle, std::initializer_list<wire::Bytes> parts) {
  writer_.append({.length = 0, .type = type, .flags = flags, .port = port, .handle = handle},
                 parts);
}

Status Connection::flush() {
  while (!writer_.is_empty()) {
    const wire::FrameWriter::Batch batch = writer_.front();
    const ssize_t sent =
        ::send(socket_.get(), batch.bytes.data(), batch.bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      writer_.consume(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {};
    return fail(ErrorCode::kUnavailable, "the node closed the connection");
  }
  return {};
}

Result<std::shared_ptr<const Region>> Connection::region(const sluice_range& range) const {
  const auto found = regions_.find(range.region);
  if (found == regions_.end() || range.offset > found->second->size ||
      range.length > found->second->size - range.offset) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a range in region {}, which is not mapped or smaller", range.region));
  }
  return found->second;
}

}  // namespace sluice::program
