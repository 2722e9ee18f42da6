#pragma once

// What a function may know and do about the task it runs in. It belongs to the thread that the
// function was called in: another one that uses it gets a std::logic_error.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sluice/value.h"

namespace sluice {

namespace detail {
class Task;

std::size_t input_index(Task& task, std::string_view name);
const Port& input_port(Task& task, std::size_t input);
Item take_value(Task& task, std::size_t input);                   // Waits.
std::optional<Item> take_element(Task& task, std::size_t input);  // Waits; nothing at the end.
Bytes take_piece(Task& task, std::size_t input);                  // Waits; empty at the end.
std::filesystem::path file_of(Task& task, std::size_t input, const Item& item);
std::string file_name(Task& task, std::size_t input);  // Of a pipe.

std::size_t output_index(Task& task, std::string_view name);
std::size_t output_count(Task& task);
const Port& output_port(Task& task, std::size_t output);
void emit(Task& task, std::size_t output, const Given& given);
// A single output that already has its value, or may stay without.
bool may_lack(Task& task, std::size_t output);
void about_to_call(Task& task);  // The arguments are there.
}  // namespace detail

// A value that is written piece by piece; every write is readable at once. Closed by close(), or
// when the function returns; one that is destroyed on the way of an exception goes with the task.
class Writer {
 public:
  Writer(Writer&& other) noexcept;
  Writer& operator=(Writer&&) = delete;
  ~Writer();
  void write(Bytes bytes);
  void write(std::string_view text) { write(bytes_of(text)); }
  void close();

 private:
  friend class Context;
  Writer(detail::Task& task, std::size_t output) : task_(&task), output_(output) {}
  detail::Task* task_;
  std::size_t output_;
};

// Room for an output that is filled in place: in shared memory no byte of it is ever copied.
class Room {
 public:
  Room(Room&& other) noexcept;
  Room& operator=(Room&&) = delete;
  ~Room() = default;  // Without emit() it is given back when the task ends.
  std::span<std::byte> bytes() const { return bytes_; }
  // The first `size` bytes are the value, or the next element.
  void emit(std::size_t size);
  void emit() { emit(bytes_.size()); }

 private:
  friend class Context;
  Room() = default;
  detail::Task* task_ = nullptr;
  std::size_t output_ = 0;
  std::span<std::byte> bytes_;
  std::uint32_t region_ = 0;  // 0: not shared, `own_` holds the bytes.
  std::uint64_t offset_ = 0;
  std::shared_ptr<const void> hold_;  // The mapping that bytes_ lie in.
  std::vector<std::byte> own_;
};

class Context {
 public:
  explicit Context(detail::Task& task) : task_(&task) {}

  std::string_view run() const;
  std::string_view app() const;
  std::string_view workflow() const;
  std::string_view step() const;
  std::string_view path() const;               // `count.7` is element 7 of step `count`.
  std::optional<std::uint64_t> index() const;  // Of the element in a `foreach`.
  std::uint64_t attempt() const;               // 1 in the first attempt.
  // The same in every attempt of this task: an idempotency key for the outside world.
  std::string_view token() const;
  // When the attempt times out.
  std::optional<std::chrono::steady_clock::time_point> deadline() const;
  // Whether the task is over: long computations ask.
  bool cancelled() const;

  // Gives an output its value, or a list its next element: readers may start on it now.
  template <class T>
  void emit(std::string_view output, const T& value);
  // Leaves a hole in a list<optional<…>>.
  void emit_hole(std::string_view output);
  // A value of bytes, text or file that is written piece by piece.
  Writer open(std::string_view output, std::string_view file_name = {});
  // Room for a value of `size` bytes, for bytes, text and files.
  Room room(std::string_view output, std::size_t size);
  // The value of an input; waits for it where the step has `start: early`.
  template <class T>
  T read(std::string_view input);
  // A line of the task's log, like what is printed.
  void log(std::string_view text);

 private:
  detail::Task* task_;
};

}  // namespace sluice
