#pragma once

// The connection to the node: frames in and out, mapped regions. Blocking, one thread.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "wire/abi.h"

struct msghdr;

namespace sluice::detail {

using Span = std::span<const std::byte>;

// The node sent what it may not send: the worker ends.
struct ProtocolError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Memory or a file that the node shows to this worker. Lives while somebody points into it.
class Mapping {
 public:
  Mapping(int descriptor, const sluice_map& map);  // Takes the descriptor.
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  std::byte* data();  // Mapped at the first use.
  std::uint64_t size() const { return map_.size; }
  bool is_writable() const { return map_.writable != 0; }

 private:
  int descriptor_;
  sluice_map map_;
  std::byte* data_ = nullptr;
};

class Channel {
 public:
  using OnFrame = std::function<void(const sluice_frame_header&, Span)>;
  // `wake` is a descriptor that becomes readable when a signal came.
  Channel(int socket, int wake, OnFrame on_frame);

  // Adds a frame, which leaves with the next flush().
  void queue(sluice_frame_header header, std::initializer_list<Span> parts = {});
  void flush();

  enum class Came { kFrames, kNothing, kSignal };
  // Waits until something comes, at most `timeout_ms` (-1: for ever), and hands on all whole
  // frames.
  Came receive(int timeout_ms);

  std::shared_ptr<Mapping> region(std::uint64_t id) const;

 private:
  void take_descriptors(::msghdr& message);
  void handle_frames();
  [[noreturn]] static void gone();

  int socket_;
  int wake_;
  OnFrame on_frame_;
  std::vector<std::byte> in_;
  std::size_t in_size_ = 0;
  std::vector<std::byte> out_;
  std::deque<int> descriptors_;
  std::map<std::uint64_t, std::shared_ptr<Mapping>> regions_;
};

template <class Struct>
Span span_of(const Struct& value) {
  return std::as_bytes(std::span(&value, 1));
}

}  // namespace sluice::detail
