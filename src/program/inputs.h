#pragma once

// The inputs of one task: texts of arguments and variables, files for what goes by path, and the
// bytes of standard input. They come as frames and are taken at once, within bounds; large copies
// are made in slices, so that the worker hears what else there is.

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "program/arguments.h"
#include "program/connection.h"
#include "program/description.h"

namespace sluice::program {

// A failure of the task, with its name.
struct TaskFailure {
  std::string name;
  std::string message;
};
template <class T>
using Outcome = std::expected<T, TaskFailure>;

// What is to be written to standard input, in order. Bounded by the credit of the input.
class StandardInput {
 public:
  struct Part {
    std::string bytes;
    std::shared_ptr<const Region> region;  // Instead of bytes: a range of it.
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
    bool is_credited = false;  // Of a chunk: its bytes are given back as credit.
  };
  void add(Part part) {
    if (part.size > 0) parts_.push_back(std::move(part));
  }
  void close() { is_closed_ = true; }
  bool is_empty() const { return parts_.empty(); }
  bool is_over() const { return is_closed_ && parts_.empty(); }

  // The program has closed its end: what comes is dropped.
  void lose_reader() { is_unread_ = true; }
  bool has_reader() const { return !is_unread_; }

  // Writes what the pipe takes; how many bytes of credit that gives back. A pipe that nobody reads
  // any more takes everything.
  Result<std::uint64_t> write_to(const Fd& pipe);

 private:
  std::deque<Part> parts_;
  bool is_closed_ = false;
  bool is_unread_ = false;  // The program has closed its end.
};

class Inputs {
 public:
  // Files are made below `folder`, which this makes.
  Inputs(const Description& description, std::vector<std::uint16_t> announced, std::string folder);

  Outcome<void> on_element(const wire::Frame& frame, const Connection& connection);
  Outcome<void> on_chunk(const wire::Frame& frame, Connection& connection);
  Outcome<void> on_end(const wire::Frame& frame);

  // One slice of what is to be copied; false: nothing is left.
  Outcome<bool> copy();
  // Credit for elements that were taken, and for chunks.
  void give_credit(Connection& connection, std::uint64_t handle);

  // All that the command line needs is there.
  bool is_ready() const;
  const std::vector<Texts>& texts() const { return texts_; }
  StandardInput& standard_input() { return standard_input_; }
  bool has_reader() const { return standard_input_.has_reader(); }
  bool has_standard_input() const { return !standard_input_.is_empty(); }

 private:
  struct Port {
    bool is_announced = false;
    bool is_complete = false;
    bool is_value_open = false;
    bool is_path = false;  // The open value.
    bool is_json = false;
    Fd file;
    std::string text;
    std::uint16_t mode = 0;
    std::uint32_t credit_bytes = 0;
    std::uint32_t credit_elements = 0;
  };
  struct Copy {
    std::shared_ptr<const Region> region;
    std::uint64_t offset = 0;
    std::uint64_t left = 0;
    Fd file;
    std::uint16_t mode = 0;
  };

  Outcome<Port*> find(const wire::Frame& frame);
  bool goes_by_path(std::uint16_t port, std::uint8_t kind) const;
  Outcome<void> begin_file(std::uint16_t number, Port& port, const wire::ValueView& value);
  Outcome<void> add_range(std::uint16_t number, Port& port, const wire::ValueView& value,
                          const Connection& connection);
  Outcome<void> add_text(std::uint16_t number, Port& port, std::string_view bytes);
  Outcome<void> end_value(std::uint16_t number, Port& port);
  Outcome<std::string> new_path(std::uint16_t number, std::string_view name);

  const Description& description_;
  const std::string folder_;
  std::vector<Port> ports_;
  std::vector<Texts> texts_;
  std::deque<Copy> copies_;
  std::vector<std::shared_ptr<const Region>> linked_;  // Their descriptors are paths of arguments.
  StandardInput standard_input_;
  std::size_t files_ = 0;
  std::size_t bytes_ = 0;  // Of all texts.
};

}  // namespace sluice::program
