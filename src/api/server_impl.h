#pragma once

// The server from inside: server.cc (life, connections, framing), server_bodies.cc (what streams
// in), server_answers.cc (what goes out). Everything here is the http thread's. Coroutines are
// spawned per connection, refer to Impl and to their Connection only, and end before Impl does.

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/multipart.h"
#include "api/origin.h"
#include "api/problem.h"
#include "api/routes.h"
#include "api/run_request.h"
#include "api/server.h"
#include "api/server_pending.h"
#include "base/thread_role.h"

namespace sluice::api {

template <class T>
using Async = boost::asio::awaitable<T>;

inline constexpr auto kTuple = boost::asio::as_tuple(boost::asio::use_awaitable);
inline constexpr std::size_t kPiece = 64 << 10;  // Of a body on its way in.

inline TimePoint now() { return std::chrono::steady_clock::now(); }

// One request being answered. It hangs on its connection, so that coroutines refer to nothing else.
struct Exchange {
  Exchange(const RequestHead& head, const std::string& text, const Pace::Rule& rule);
  ~Exchange();

  bool is_body_read() const;

  struct Framing;
  std::unique_ptr<Framing> framing;  // Of the body; null: there is none.
  Pace pace;
  TimePoint busy_since;  // Since then the client has been waiting for us.
  bool wants_continue = false;
  Request request;
  InputStream stream;  // The input that is being uploaded.
};

struct Connection {
  Connection(boost::asio::ip::tcp::socket accepted, const HeadLimits& limits);
  ~Connection();

  // Whether the peer has closed. Bytes that wait are a next request, from somebody who is there.
  bool is_gone();

  boost::asio::ip::tcp::socket socket;
  struct Input;
  std::unique_ptr<Input> input;  // Bytes read and not yet used; bounded by the head's limits.
  TimePoint deadline = TimePoint::max();  // Of the pending read or write.
  bool is_late = false;                   // The last deadline passed: its operation was cancelled.
  bool is_idle = true;  // Nothing of a next request has come: stop() may close it.
  bool is_cut = false;  // stop() waits no longer.
  boost::asio::steady_timer* waiting = nullptr;  // The reply that is awaited.
  std::optional<Exchange> exchange;
};

// The client is watched only where the reply may take long and nothing is lost without it.
enum class Watch : bool { kNobody, kClient };

struct Server::Impl {
  Impl(ServerOptions chosen, const Limits& given, Control& to)
      : options(std::move(chosen)),
        limits(given),
        control(to),
        acceptor(*io),
        pause(*io),
        sweep(*io),
        drain(*io) {}

  Status listen();
  void run();
  void begin_drain();
  void cut_all();
  void end_if_drained();

  // Every pending read and write has a deadline on its connection; one timer sleeps until the first
  // of them. Setting one costs a comparison, because deadlines only move away.
  void expect_by(Connection& connection, TimePoint deadline);
  void arm_sweep(TimePoint at);
  void on_sweep();

  Async<void> accept_all();
  Async<void> serve(Connection& connection);
  Async<void> refuse_connection(Connection& connection);
  // A head, a problem with it, or nothing: the client is gone.
  Async<std::optional<OrProblem<std::string>>> read_head(Connection& connection);
  // Whether the connection may be used again.
  Async<bool> answer(Connection& connection, std::string head);
  Async<bool> answer_problem(Connection& connection, Problem problem);
  std::expected<Request, Response> admit(RequestHead head) const;

  Async<Response> respond(Connection& connection);
  Async<Response> call_handler(Connection& connection);
  Async<Response> deploy(Connection& connection);
  Async<Response> start_run(Connection& connection);
  Async<Response> answer_step(Connection& connection);
  // A body of JSON as text, and what it takes of the budget that all of them share: given back when
  // this goes.
  struct JsonBody {
    explicit JsonBody(std::uint64_t& all) : total(&all) {}
    JsonBody(JsonBody&& other) noexcept
        : total(other.total), size(std::exchange(other.size, 0)), text(std::move(other.text)) {}
    JsonBody& operator=(JsonBody&&) = delete;
    ~JsonBody() { *total -= size; }

    std::uint64_t* total;
    std::uint64_t size = 0;
    std::string text;
  };
  // `what` begins the sentence where it is too large.
  Async<OrProblem<JsonBody>> read_json_body(Connection& connection, std::string_view what);
  using JsonParser = OrProblem<Json> (*)(std::string_view text, const JsonLimits& limits);
  Async<OrProblem<Json>> parse_apart(Connection& connection, std::string text, JsonParser parse);
  Async<OrProblem<RunOpened>> open_with_json(Connection& connection, RunRequest run);
  Async<OrProblem<RunOpened>> open_with_upload(Connection& connection, RunRequest run);
  Async<OrProblem<void>> upload(Connection& connection, RunRequest run, RunId id);
  Async<OrProblem<void>> apply(Connection& connection, RunId run, PartEvent event);

  // The next bytes of the body; none: it has ended.
  Async<OrProblem<std::string>> read_piece(Connection& connection);
  Async<bool> send(Connection& connection, std::string bytes);
  Async<bool> send_response(Connection& connection, Response response, bool keep_alive,
                            bool is_head);
  Async<bool> send_file(Connection& connection, FileRange range);
  Async<bool> send_log(Connection& connection, LogStream stream);
  Async<void> discard(Connection& connection);

  std::string metrics() const;

  const ServerOptions options;
  const Limits limits;
  Control& control;
  // Shared with replies that may come after the server is gone.
  std::shared_ptr<boost::asio::io_context> io = std::make_shared<boost::asio::io_context>(1);
  boost::asio::ip::tcp::acceptor acceptor;
  boost::asio::steady_timer pause;
  boost::asio::steady_timer sweep;
  boost::asio::steady_timer drain;
  TimePoint sweep_at = TimePoint::max();
  std::optional<OriginCheck> origins;
  std::uint16_t port = 0;
  std::list<Connection> connections;  // At most connections_max and a few that are refused.
  std::size_t served = 0;             // Of them; the others are being told 503.
  bool is_draining = false;
  std::uint64_t json_in_flight = 0;
  std::uint64_t uploads = 0;
  struct Counts {
    std::uint64_t accepted = 0;
    std::uint64_t refused = 0;
    std::uint64_t by_class[6] = {};  // Requests answered 1xx … 5xx.
  } counts;
  ThreadRole role;
  std::thread thread;
};

template <class T>
Async<Result<T>> received(Connection& connection, Pending<T> pending,
                          Watch watch = Watch::kNobody) {
  auto& state = pending.state();
  const bool watches = watch == Watch::kClient && !state.value;
  if (watches) {
    auto on_readable = [shared = pending.share()](boost::system::error_code error) {
      if (error) return;
      shared->is_client_readable = true;
      shared->wake.cancel();
    };
    connection.socket.async_wait(boost::asio::ip::tcp::socket::wait_read, std::move(on_readable));
  }
  while (!state.value && !connection.is_cut) {
    connection.waiting = &state.wake;
    co_await state.wake.async_wait(kTuple);
    connection.waiting = nullptr;
    if (!state.value && std::exchange(state.is_client_readable, false) && connection.is_gone()) {
      co_return fail(ErrorCode::kCancelled, "the client left");
    }
  }
  boost::system::error_code ignored;
  if (watches) connection.socket.cancel(ignored);
  if (!state.value) co_return fail(ErrorCode::kUnavailable, "the server is stopping");
  co_return std::move(*state.value);
}

}  // namespace sluice::api
