#pragma once

// A function of the corpus as a simulated worker runs it: no thread, no coroutine, one step at a
// time. The world asks for the next step and carries it out; an attempt that ends early is simply
// not asked again. The same inputs and the same call give the same steps.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace sluice::language {

struct Step {
  enum class Kind : std::uint8_t {
    kEmit,   // `value` is output `port`, or an element of it where that is a list.
    kRead,   // Wants the next element of stream `port`, the next bytes of a pipe.
    kAct,    // Leaves `text` in the run's trace of effects.
    kAwait,  // Goes on once gate `text` of the run is open.
    kOpen,   // Opens gate `text` of the run.
    kDone,   // Lists are closed; an optional output that was not emitted is absent.
    kFail,   // By error `text`.
  };
  Kind kind = Kind::kDone;
  std::string port;
  Json value;
  std::string text;
  std::string message;             // kFail
  std::vector<std::string> bases;  // kFail: names of the error's base classes.
};

class Script {
 public:
  virtual ~Script() = default;
  // `read` is the answer where the step before was kRead: nothing at the end of the stream. After
  // kDone and kFail there is no next step.
  virtual Step next(const std::optional<Json>& read) = 0;
};

// What a script may depend on beside its inputs.
struct Call {
  std::uint32_t attempt = 1;
  // How often this function has failed in this run with the same input `x`.
  std::uint32_t failures = 0;
};

// Steps that are known from the beginning.
std::unique_ptr<Script> playback(std::vector<Step> steps);

// Reads one stream to its end and answers each element with steps.
class StreamScript : public Script {
 public:
  explicit StreamScript(std::string port) : port_(std::move(port)) {}
  Step next(const std::optional<Json>& read) final;

 protected:
  virtual void on_element(const Json& element) = 0;
  virtual void on_end() = 0;
  void emit(std::string_view port, Json value);

 private:
  std::string port_;
  std::vector<Step> steps_;  // Not carried out yet, from `at_` on.
  std::size_t at_ = 0;
  bool reading_ = false;
  bool ended_ = false;
};

}  // namespace sluice::language
