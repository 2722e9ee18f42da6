#include "wire/frame_stream.h"

#include <algorithm>

#include "base/check.h"

namespace sluice::wire {

namespace {

// A writer that once had a lot to send gives the memory back; below, it keeps it.
constexpr std::size_t kKeptCapacity = 256 << 10;

}  // namespace

void FrameReader::feed(Bytes bytes) {
  SLUICE_DEBUG_ASSERT(input_.empty() || broken_, "{} bytes are not taken", input_.size());
  input_ = bytes;
}

Result<std::optional<Frame>> FrameReader::next() {
  if (broken_) return fail(*broken_);
  if (is_partial_given_out_) {
    partial_.clear();
    is_partial_given_out_ = false;
  }
  if (!partial_.empty()) return next_of_partial();
  if (input_.size() < SLUICE_HEADER_SIZE) {
    partial_.assign(input_.begin(), input_.end());
    input_ = {};
    return std::nullopt;
  }
  auto header = decode_header(input_.first<SLUICE_HEADER_SIZE>(), sender_);
  if (!header) {
    broken_ = header.error();
    return fail(std::move(header).error());
  }
  const std::size_t whole = SLUICE_HEADER_SIZE + std::size_t{header->length};
  if (input_.size() < whole) {
    partial_.assign(input_.begin(), input_.end());
    input_ = {};
    return std::nullopt;
  }
  const Frame frame{.header = *header,
                    .payload = input_.subspan(SLUICE_HEADER_SIZE, header->length)};
  input_ = input_.subspan(whole);
  return frame;
}

Result<std::optional<Frame>> FrameReader::next_of_partial() {
  const auto take_until = [this](std::size_t wanted) {
    const std::size_t count = std::min(wanted - partial_.size(), input_.size());
    partial_.insert(partial_.end(), input_.begin(),
                    input_.begin() + static_cast<std::ptrdiff_t>(count));
    input_ = input_.subspan(count);
    return partial_.size() == wanted;
  };
  if (partial_.size() < SLUICE_HEADER_SIZE && !take_until(SLUICE_HEADER_SIZE)) return std::nullopt;
  auto header = decode_header(Bytes(partial_).first<SLUICE_HEADER_SIZE>(), sender_);
  if (!header) {
    broken_ = header.error();
    return fail(std::move(header).error());
  }
  const std::size_t whole = SLUICE_HEADER_SIZE + std::size_t{header->length};
  if (partial_.size() < whole && !take_until(whole)) return std::nullopt;
  is_partial_given_out_ = true;
  return Frame{.header = *header, .payload = Bytes(partial_).subspan(SLUICE_HEADER_SIZE)};
}

void FrameWriter::append(sluice_frame_header header, std::initializer_list<Bytes> parts) {
  std::size_t length = 0;
  for (const Bytes part : parts) length += part.size();
  SLUICE_ASSERT(length <= SLUICE_FRAME_MAX, "a frame of {} bytes", length);
  header.length = static_cast<std::uint32_t>(length);
  const auto head = encode(header);
  buffer_.insert(buffer_.end(), head.begin(), head.end());
  for (const Bytes part : parts) buffer_.insert(buffer_.end(), part.begin(), part.end());
}

void FrameWriter::append_map(std::uint32_t region, const sluice_map& map, Fd descriptor) {
  attached_.push_back({.at = buffer_.size(), .descriptor = std::move(descriptor)});
  append({.type = SLUICE_FRAME_MAP, .handle = region}, {encode(map)});
}

FrameWriter::Batch FrameWriter::front() const {
  const Bytes waiting = Bytes(buffer_).subspan(sent_);
  if (attached_.empty()) return {.bytes = waiting};
  // A descriptor goes with the first byte of a call: up to the first one that waits, and from it up
  // to the second.
  const std::size_t first = attached_[0].at;
  if (first > sent_) return {.bytes = waiting.first(first - sent_)};
  const std::size_t end = attached_.size() > 1 ? attached_[1].at : buffer_.size();
  return {.bytes = waiting.first(end - sent_), .descriptor = attached_[0].descriptor.get()};
}

void FrameWriter::consume(std::size_t count) {
  SLUICE_ASSERT(count <= size(), "{} bytes of {}", count, size());
  if (count > 0 && !attached_.empty() && attached_[0].at == sent_) attached_.pop_front();
  sent_ += count;
  if (sent_ == buffer_.size()) {
    clear();
  } else if (sent_ > kKeptCapacity && sent_ > buffer_.size() / 2) {
    // Half of it is gone: moving the rest to the front costs no more than sending it did.
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(sent_));
    for (Attached& attached : attached_) attached.at -= sent_;
    sent_ = 0;
  }
}

void FrameWriter::clear() {
  attached_.clear();
  sent_ = 0;
  if (buffer_.capacity() > kKeptCapacity) {
    buffer_ = {};
  } else {
    buffer_.clear();
  }
}

}  // namespace sluice::wire
