#pragma once

// A reply of Control that a coroutine awaits. Private to the server*.cc files.

#include <memory>
#include <optional>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/result.h"
#include "base/units.h"

namespace sluice::api {

// The state has two owners because the coroutine may be gone (its client left, the server stops)
// when the reply comes at last; io likewise outlives a late reply.
template <class T>
class Pending {
 public:
  struct State {
    explicit State(boost::asio::io_context& io) : wake(io, TimePoint::max()) {}
    std::optional<Result<T>> value;  // This and all else: http thread only.
    boost::asio::steady_timer wake;
    bool is_client_readable = false;
  };

  explicit Pending(std::shared_ptr<boost::asio::io_context> io)
      : io_(std::move(io)), state_(std::make_shared<State>(*io_)) {}

  // Once; any thread may call it. Dropping it uncalled is an answer too.
  auto reply() { return Sender(io_, state_); }
  State& state() { return *state_; }
  std::shared_ptr<State> share() { return state_; }

 private:
  class Sender {
   public:
    Sender(std::shared_ptr<boost::asio::io_context> io, std::shared_ptr<State> state)
        : io_(std::move(io)), state_(std::move(state)) {}
    Sender(Sender&&) noexcept = default;
    ~Sender() {
      if (state_) (*this)(fail(ErrorCode::kUnavailable, "the node is stopping"));
    }
    void operator()(Result<T> result) {
      // The work must not own io: it is kept inside io until it runs.
      auto deliver = [state = std::move(state_), value = std::move(result)]() mutable {
        state->value = std::move(value);
        state->wake.cancel();
      };
      boost::asio::post(*io_, std::move(deliver));
    }

   private:
    std::shared_ptr<boost::asio::io_context> io_;
    std::shared_ptr<State> state_;  // Null once called or moved from.
  };

  std::shared_ptr<boost::asio::io_context> io_;
  std::shared_ptr<State> state_;
};

}  // namespace sluice::api
