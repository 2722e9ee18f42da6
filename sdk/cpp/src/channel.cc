#include "channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace sluice::detail {
namespace {

constexpr std::size_t kBuffer = 4 * (SLUICE_FRAME_MAX + SLUICE_HEADER_SIZE);
constexpr std::size_t kTogether = 32 << 10;  // Frames wait for company up to this.

}  // namespace

Mapping::Mapping(int descriptor, const sluice_map& map) : descriptor_(descriptor), map_(map) {}

Mapping::~Mapping() {
  if (data_ != nullptr) ::munmap(data_, map_.size);
  ::close(descriptor_);
}

std::byte* Mapping::data() {
  if (data_ == nullptr) {
    const int access = is_writable() ? PROT_READ | PROT_WRITE : PROT_READ;
    void* found = ::mmap(nullptr, map_.size, access, MAP_SHARED, descriptor_, 0);
    if (found == MAP_FAILED) {
      throw std::runtime_error(std::string("memory of the node cannot be mapped: ") +
                               std::strerror(errno));
    }
    data_ = static_cast<std::byte*>(found);
  }
  return data_;
}

Channel::Channel(int socket, int wake, OnFrame on_frame)
    : socket_(socket), wake_(wake), on_frame_(std::move(on_frame)), in_(kBuffer) {
  ::fcntl(socket_, F_SETFD, FD_CLOEXEC);
}

// Nobody is left to tell, and nothing more to do. Not exit(): destructors of the program may wait
// for threads of the function.
void Channel::gone() { ::_exit(0); }

void Channel::queue(sluice_frame_header header, std::initializer_list<Span> parts) {
  header.length = 0;
  for (const Span part : parts) header.length += static_cast<std::uint32_t>(part.size());
  const Span head = span_of(header);
  out_.insert(out_.end(), head.begin(), head.end());
  for (const Span part : parts) out_.insert(out_.end(), part.begin(), part.end());
  if (out_.size() > kTogether) flush();
}

void Channel::flush() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t count = ::send(socket_, out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) gone();
    sent += static_cast<std::size_t>(count);
  }
  out_.clear();
}

Channel::Came Channel::receive(int timeout_ms) {
  std::array<pollfd, 2> polled{{{.fd = socket_, .events = POLLIN, .revents = 0},
                                {.fd = wake_, .events = POLLIN, .revents = 0}}};
  const int count = ::poll(polled.data(), polled.size(), timeout_ms);
  if (count < 0) return errno == EINTR ? Came::kSignal : throw std::runtime_error("poll failed");
  bool is_signal = false;
  if (polled[1].revents != 0) {
    std::uint64_t times = 0;
    is_signal = ::read(wake_, &times, sizeof times) == sizeof times;
  }
  if (polled[0].revents == 0) return is_signal ? Came::kSignal : Came::kNothing;

  iovec where{.iov_base = in_.data() + in_size_, .iov_len = in_.size() - in_size_};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(16 * sizeof(int))> control;
  msghdr message{};
  message.msg_iov = &where;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = ::recvmsg(socket_, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (got < 0 && (errno == EINTR || errno == EAGAIN)) return Came::kNothing;
  if (got <= 0) gone();
  take_descriptors(message);
  in_size_ += static_cast<std::size_t>(got);
  handle_frames();
  return is_signal ? Came::kSignal : Came::kFrames;
}

void Channel::take_descriptors(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t bytes = part->cmsg_len - CMSG_LEN(0);
    for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(part) + at, sizeof descriptor);
      descriptors_.push_back(descriptor);
    }
  }
}

void Channel::handle_frames() {
  std::size_t at = 0;
  while (in_size_ - at >= SLUICE_HEADER_SIZE) {
    sluice_frame_header header;
    std::memcpy(&header, in_.data() + at, sizeof header);
    if (header.length > SLUICE_FRAME_MAX) throw ProtocolError("a frame that is too long");
    if (in_size_ - at - SLUICE_HEADER_SIZE < header.length) break;
    const Span payload(in_.data() + at + SLUICE_HEADER_SIZE, header.length);
    at += SLUICE_HEADER_SIZE + header.length;
    if (header.type == SLUICE_FRAME_MAP) {
      sluice_map map;
      if (payload.size() != sizeof map || descriptors_.empty()) {
        throw ProtocolError("a map frame without a descriptor, or of a wrong size");
      }
      std::memcpy(&map, payload.data(), sizeof map);
      regions_[header.handle] = std::make_shared<Mapping>(descriptors_.front(), map);
      descriptors_.pop_front();
    } else if (header.type == SLUICE_FRAME_UNMAP) {
      regions_.erase(header.handle);
    } else {
      on_frame_(header, payload);
    }
  }
  in_size_ -= at;
  if (at > 0 && in_size_ > 0) std::memmove(in_.data(), in_.data() + at, in_size_);
}

std::shared_ptr<Mapping> Channel::region(std::uint64_t id) const {
  const auto found = regions_.find(id);
  return found == regions_.end() ? nullptr : found->second;
}

}  // namespace sluice::detail
