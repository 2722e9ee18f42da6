#pragma once

// One task of this worker, from its `start` to its `done` or `failed`; and the worker's end of the
// protocol, which hands frames to it.

#include <chrono>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "channel.h"
#include "json.h"
#include "port.h"
#include "sluice/function.h"

namespace sluice::detail {

struct Input {
  Port port;
  bool has_default = false;
  JsonValue default_value;  // Points into the text of `setup`.
};

// What does not change from task to task.
struct Program {
  std::string setup_text;
  std::string scratch;
  std::size_t inline_max = SLUICE_INLINE_MAX;
  bool is_shared = false;  // Shared memory was agreed.
  bool is_started_lazy = false;
  std::vector<Input> inputs;
  std::vector<Port> outputs;
  const Function* function = nullptr;
};

// A value on its way in: whole, or a list, or growing.
struct Arriving {
  Item item;
  std::string collected;   // Of chunks, where the whole is wanted.
  std::deque<Item> parts;  // Of a value that is or was open.
  bool is_complete = true;
  std::deque<std::shared_ptr<Arriving>> elements;  // Of a list.
  bool is_closed = false;
};

// Room for an output; without a mapping it was refused.
struct Grant {
  std::shared_ptr<Mapping> mapping;
  sluice_range range{};
};

class Task {
 public:
  Task(Program& program, Channel& channel, std::uint64_t handle, std::string about);

  // ---- frames ----
  void on_element(std::uint16_t port, std::uint8_t flags, Span payload);
  void on_chunk(std::uint16_t port, std::uint8_t flags, Span payload);
  void on_end(std::uint16_t port, std::uint8_t flags);
  void on_credit(Span payload);
  void on_grant(std::uint8_t flags, Span payload);
  void cancel(std::string reason);

  // ---- the function; all may throw Cancelled ----
  void about_to_call();
  Item take_value(std::size_t input);
  std::optional<Item> take_element(std::size_t input);
  Bytes take_piece(std::size_t input);
  std::string file_name(std::size_t input);
  std::filesystem::path file_of(std::size_t input, const Item& item);
  void emit(std::size_t output, const Given& given);
  void open(std::size_t output, std::string_view file_name);
  void grow(std::size_t output, Bytes bytes);
  void seal(std::size_t output);
  Grant alloc(std::size_t size);
  void emit_range(std::size_t output, const Grant& grant, std::size_t size);
  bool may_lack(std::size_t output) const;
  void log(std::string_view text);
  bool is_cancelled();
  // The function returned: what is open is completed.
  void close_outputs();
  void finish();  // Removes its files, lets go of its values.
  void check();   // Throws where the task may not go on.

  const Program& program() const { return program_; }
  std::uint64_t handle() const { return handle_; }
  const JsonValue& about() const { return about_; }
  const std::optional<std::string>& cancel_reason() const { return cancel_reason_; }
  std::chrono::steady_clock::time_point began() const { return began_; }
  bool is_cancel_told() const { return is_cancel_told_; }

 private:
  struct InputState {
    std::shared_ptr<Arriving> top;                 // The value, or the list of elements.
    std::vector<std::shared_ptr<Arriving>> stack;  // Lists that are open, the innermost last.
    std::shared_ptr<Arriving> open;                // The value that gets chunks.
    Item piece;                                    // Holds what take_piece() gave out.
    std::uint32_t bytes_owed = 0;
    std::uint32_t elements_owed = 0;
    bool is_announced = false;
    bool is_local = false;  // A default: the node sent nothing and wants no credit.
  };

  InputState& state(std::size_t input);
  std::shared_ptr<Arriving> arriving(std::uint8_t flags, Span payload, InputState& state);
  Item range_item(Span payload) const;
  template <class Ready>
  void wait(Ready ready, std::optional<std::size_t> input);
  void return_credit(std::size_t input);
  void owe(std::size_t input, std::uint32_t bytes, std::uint32_t elements);
  Item whole(std::size_t input, Arriving& value);
  Item resolve(std::size_t input, Arriving& value);
  void queue(std::uint8_t type, std::uint8_t flags, std::size_t port,
             std::initializer_list<Span> parts = {});
  void take_credit(std::size_t size);
  void begin_value(std::size_t output, const Encoded& encoded, std::uint8_t place,
                   std::initializer_list<Span> rest);
  void send_file(std::size_t output, const Encoded& encoded);
  void check_thread() const;
  std::size_t checked_output(std::size_t output);

  Program& program_;
  Channel& channel_;
  std::uint64_t handle_;
  std::string about_text_;
  JsonValue about_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::vector<InputState> inputs_;
  std::int64_t credit_ = SLUICE_CREDIT_BYTES;
  std::optional<Grant> grant_;
  std::string refused_;
  std::set<std::size_t> filled_;
  std::set<std::size_t> open_;
  std::optional<std::string> cancel_reason_;
  bool is_cancel_told_ = false;
  bool is_over_ = false;
  std::thread::id thread_ = std::this_thread::get_id();
  int files_ = 0;
  std::filesystem::path folder_;
};

template <class Struct>
Struct struct_of(Span bytes) {
  Struct value;
  if (bytes.size() < sizeof value) throw ProtocolError("a frame that is too short");
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace sluice::detail
