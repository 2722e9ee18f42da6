#include "api/server.h"

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include <cerrno>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>

#include "api/handlers.h"
#include "api/server_impl.h"
#include "api/upload_file.h"
#include "base/log.h"

namespace sluice::api {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kHeadRead = 4 << 10;      // Most heads fit; an idle connection keeps no more.
constexpr std::size_t kIgnoredBody = 64 << 10;  // Of a route that takes none. Beyond: 413.
constexpr std::size_t kChunkExtensionMax = 256;  // Nobody uses them; beyond is an attack: 400.
constexpr std::size_t kRefusalsMax = 64;  // Connections told 503 at once; more are just closed.
constexpr Duration kAcceptPause = std::chrono::milliseconds(50);  // No descriptors: let some go.

// What says that nobody is left to answer, as opposed to bytes that make no sense.
bool is_lost(const error_code& error) {
  return error == http::error::end_of_stream || error == http::error::partial_message ||
         error.category() == asio::error::get_system_category() ||
         error.category() == asio::error::get_misc_category();
}

}  // namespace

// Beast frames the body. It sees a head that was strict already and may still see it otherwise.
struct Exchange::Framing {
  explicit Framing(const std::string& head) {
    parser.header_limit(static_cast<std::uint32_t>(head.size() + 1));
    parser.body_limit(boost::none);  // Each conversation has its own.
    parser.on_chunk_header(check_chunk);
    parser.put(asio::buffer(head), failure);
  }

  using CheckChunk = std::function<void(std::uint64_t, boost::beast::string_view, error_code&)>;
  CheckChunk check_chunk = [](std::uint64_t, boost::beast::string_view extension,
                              error_code& error) {
    if (extension.size() > kChunkExtensionMax) error = http::error::bad_chunk_extension;
  };
  http::request_parser<http::buffer_body> parser;
  error_code failure;
};

Exchange::Exchange(const RequestHead& head, const std::string& text, const Pace::Rule& rule)
    : framing(head.has_body() ? std::make_unique<Framing>(text) : nullptr),
      pace(rule, now()),
      busy_since(now()),
      wants_continue(head.expects_continue) {}

Exchange::~Exchange() = default;

bool Exchange::is_body_read() const { return framing == nullptr || framing->parser.is_done(); }

// A chunk's header or a trailer without an end would make it grow; at its limit Beast refuses
// (400).
struct Connection::Input {
  explicit Input(std::size_t bytes_max) : bytes(bytes_max) {}
  boost::beast::flat_buffer bytes;
};

Connection::Connection(tcp::socket accepted, const HeadLimits& limits)
    : socket(std::move(accepted)),
      input(std::make_unique<Input>(limits.line_bytes + limits.field_bytes + 2 * kPiece)) {}

Connection::~Connection() = default;

bool Connection::is_gone() {
  char byte = 0;
  const ssize_t got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

// ---- Life -------------------------------------------------------------------------------------

Status Server::Impl::listen() {
  error_code error;
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("listen address '{}' is not an IP address", host));
  if (!address.is_loopback()) {
    return fail(
        ErrorCode::kInvalidArgument,
        fmt::format(
            "listening on {} needs TLS and tokens, which are not there yet; use 127.0.0.1 or ::1",
            host));
  }
  SLUICE_OK(prepare_upload_directory(options.upload_directory));
  const tcp::endpoint endpoint(address, options.port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    const std::string doing = fmt::format("listen on {}:{}", options.host, options.port);
    Error problem = system_error(error.value(), doing);
    if (error.value() != EADDRINUSE) return fail(std::move(problem));
    return fail(problem.code(),
                problem.message() +
                    "; is a server running there already? stop it, or choose another address with "
                    "--listen HOST:PORT (port 0: any that is free)");
  }
  port = acceptor.local_endpoint(error).port();
  origins.emplace(options.host, port, options.host_names);
  return {};
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, const Limits& limits,
                                              Control& control) {
  auto impl = std::make_unique<Impl>(std::move(options), limits, control);
  SLUICE_OK(impl->listen());
  // Signals are the main thread's; a new thread has the mask of the one that makes it.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Server::~Server() { stop(); }

std::uint16_t Server::port() const { return impl_->port; }

void Server::stop() {
  if (!impl_->thread.joinable()) return;
  asio::post(*impl_->io, [impl = impl_.get()] { impl->begin_drain(); });
  impl_->thread.join();
}

void Server::Impl::run() {
  role.take("sluice-http");
  auto on_end = [](std::exception_ptr) {};
  asio::co_spawn(*io, accept_all(), on_end);
  io->run();
}

void Server::Impl::begin_drain() {
  is_draining = true;
  error_code ignored;
  acceptor.close(ignored);
  pause.cancel();
  for (Connection& connection : connections) {
    if (connection.is_idle) connection.socket.close(ignored);
  }
  drain.expires_after(options.drain_grace);
  drain.async_wait([this](error_code error) {
    if (!error) cut_all();
  });
  end_if_drained();
}

void Server::Impl::cut_all() {
  for (Connection& connection : connections) {
    error_code ignored;
    connection.is_cut = true;
    connection.socket.close(ignored);
    if (connection.waiting != nullptr) connection.waiting->cancel();
  }
}

void Server::Impl::end_if_drained() {
  if (!is_draining || !connections.empty()) return;
  sweep.cancel();
  drain.cancel();
}

void Server::Impl::expect_by(Connection& connection, TimePoint deadline) {
  connection.is_late = false;
  connection.deadline = deadline;
  if (deadline < sweep_at) arm_sweep(deadline);
}

void Server::Impl::arm_sweep(TimePoint at) {
  sweep_at = at;
  sweep.expires_at(at);
  sweep.async_wait([this](error_code error) {
    if (!error) on_sweep();
  });
}

void Server::Impl::on_sweep() {
  const TimePoint at = now();
  TimePoint next = TimePoint::max();
  for (Connection& connection : connections) {
    if (connection.deadline <= at) {
      error_code ignored;
      connection.is_late = true;
      connection.deadline = TimePoint::max();
      connection.socket.cancel(ignored);
    }
    next = std::min(next, connection.deadline);
  }
  sweep_at = TimePoint::max();
  // A little rest, or connections with close deadlines would each cost a walk of their own.
  if (next != TimePoint::max()) arm_sweep(std::max(next, at + std::chrono::milliseconds(10)));
}

Async<void> Server::Impl::accept_all() {
  while (!is_draining) {
    auto [error, socket] = co_await acceptor.async_accept(kTuple);
    if (is_draining) break;
    if (error) {
      log::warning("accept failed: {}", error.message());
      pause.expires_after(kAcceptPause);
      co_await pause.async_wait(kTuple);
      continue;
    }
    // Those that are being refused do not count, or refusals would make for more of them.
    const bool is_full = served >= options.connections_max;
    if (is_full) ++counts.refused;
    if (is_full && connections.size() - served >= kRefusalsMax) continue;
    if (!is_full) ++served;
    ++counts.accepted;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto place = connections.emplace(connections.end(), std::move(socket), options.head);
    auto on_end = [this, place, is_full](std::exception_ptr failure) {
      if (failure) log::error("a connection ended by an exception");
      connections.erase(place);
      if (!is_full) --served;
      end_if_drained();
    };
    asio::co_spawn(*io, is_full ? refuse_connection(*place) : serve(*place), std::move(on_end));
  }
}

// ---- One connection ---------------------------------------------------------------------------

Async<void> Server::Impl::serve(Connection& connection) {
  bool goes_on = true;
  while (goes_on && !is_draining) {
    auto head = co_await read_head(connection);
    if (!head) break;
    if (head->has_value()) {
      goes_on = co_await answer(connection, *std::move(*head));
    } else {
      goes_on = co_await answer_problem(connection, head->error());
    }
    connection.exchange.reset();
    if (connection.input->bytes.size() == 0) connection.input->bytes.shrink_to_fit();
  }
  error_code ignored;
  connection.socket.close(ignored);
}

Async<void> Server::Impl::refuse_connection(Connection& connection) {
  connection.is_idle = false;
  Problem problem{
      .status = 503,
      .detail = fmt::format("{} connections are open; that is the limit", options.connections_max)};
  co_await answer_problem(connection, std::move(problem));
  error_code ignored;
  connection.socket.close(ignored);
}

Async<std::optional<OrProblem<std::string>>> Server::Impl::read_head(Connection& connection) {
  HeadScanner scanner(options.head);
  connection.is_idle = connection.input->bytes.size() == 0;
  expect_by(connection, now() + (connection.is_idle ? options.pace.idle : options.header_deadline));
  while (true) {
    const auto data = connection.input->bytes.data();
    const auto scanned = scanner.scan({static_cast<const char*>(data.data()), data.size()});
    if (!scanned) co_return std::unexpected(scanned.error());
    if (*scanned) {
      std::string head(static_cast<const char*>(data.data()), **scanned);
      connection.input->bytes.consume(head.size());
      connection.deadline = TimePoint::max();
      co_return head;
    }
    const auto space = connection.input->bytes.prepare(kHeadRead);
    auto [error, size] = co_await connection.socket.async_read_some(space, kTuple);
    // Also where bytes came in the same moment: its deadline is over and will not come again.
    if (connection.is_late && !connection.is_idle) {
      co_return refuse(408, "the header took too long");
    }
    if (error) co_return std::nullopt;
    connection.input->bytes.commit(size);
    if (connection.is_idle) {
      connection.is_idle = false;
      expect_by(connection, now() + options.header_deadline);
    }
  }
}

Async<bool> Server::Impl::answer_problem(Connection& connection, Problem problem) {
  const bool sent = co_await send_response(connection, to_response(problem), false, false);
  if (sent) co_await discard(connection);
  co_return false;
}

std::expected<Request, Response> Server::Impl::admit(RequestHead head) const {
  if (const auto ours = origins->check(head); !ours)
    return std::unexpected(to_response(ours.error()));
  auto request = route(std::move(head));
  if (request) return *std::move(request);
  Response response = to_response(request.error().problem);
  if (!request.error().allow.empty()) response.fields.emplace_back("Allow", request.error().allow);
  return std::unexpected(std::move(response));
}

Async<bool> Server::Impl::answer(Connection& connection, std::string head_text) {
  auto head = parse_request_head(head_text, options.head);
  if (!head) co_return co_await answer_problem(connection, head.error());
  const bool is_head = head->method == Method::kHead;
  const bool wants_more = head->keep_alive;
  Exchange& exchange = connection.exchange.emplace(*head, head_text, options.pace);
  if (exchange.framing != nullptr && exchange.framing->failure) {
    const std::string why = exchange.framing->failure.message();
    Problem problem{.status = 400, .detail = "the header is malformed: " + why};
    co_return co_await answer_problem(connection, std::move(problem));
  }
  auto request = admit(*std::move(head));
  Response response;
  if (request) {
    exchange.request = *std::move(request);
    response = co_await respond(connection);
  } else {
    response = std::move(request).error();
  }
  const bool is_read = exchange.is_body_read();
  const bool keep_alive = wants_more && is_read && !is_draining;
  const bool sent = co_await send_response(connection, std::move(response), keep_alive, is_head);
  if (sent && !is_read) co_await discard(connection);
  const bool goes_on = sent && keep_alive;
  co_return goes_on;
}

Async<Response> Server::Impl::respond(Connection& connection) {
  switch (connection.exchange->request.route->body) {
    case Body::kNone:
      co_return co_await call_handler(connection);
    case Body::kInputs:
      co_return co_await start_run(connection);
    case Body::kOutputs:
      co_return co_await answer_step(connection);
    case Body::kArchive:
      co_return co_await deploy(connection);
  }
  co_return Response{};
}

Async<Response> Server::Impl::call_handler(Connection& connection) {
  Exchange& exchange = *connection.exchange;
  std::size_t ignored = 0;
  while (!exchange.is_body_read()) {
    const auto piece = co_await read_piece(connection);
    if (!piece) co_return to_response(piece.error());
    ignored += piece->size();
    if (ignored > kIgnoredBody) {
      co_return to_response(Problem{.status = 413, .detail = "this request takes no body"});
    }
  }
  const Route& route = *exchange.request.route;
  Pending<MakeResponse> pending(io);
  route.handler(exchange.request, control, Answer(pending.reply()));
  const Watch watch =
      exchange.request.target.find("wait") != nullptr ? Watch::kClient : Watch::kNobody;
  Result<MakeResponse> make = co_await received(connection, pending, watch);
  if (!make) co_return to_response(make.error());
  Response response = (*make)();
  if (route.handler == read_metrics && response.status == 200)
    std::get<std::string>(response.body) += metrics();
  co_return response;
}

Async<OrProblem<std::string>> Server::Impl::read_piece(Connection& connection) {
  Exchange& exchange = *connection.exchange;
  if (exchange.is_body_read()) co_return std::string();
  if (std::exchange(exchange.wants_continue, false) && connection.input->bytes.size() == 0) {
    if (!co_await send(connection, "HTTP/1.1 100 Continue\r\n\r\n"))
      co_return refuse(499, "the client left");
  }
  exchange.pace.excuse(exchange.busy_since, now());
  auto& parser = exchange.framing->parser;
  connection.input->bytes.reserve(kPiece);  // As much is asked of the socket at a time.
  std::string piece(kPiece, '\0');
  auto& space = parser.get().body();
  space.data = piece.data();
  space.size = piece.size();
  while (!parser.is_done() && space.size == piece.size()) {
    expect_by(connection, exchange.pace.deadline());
    auto [error, size] =
        co_await http::async_read_some(connection.socket, connection.input->bytes, parser, kTuple);
    if (error == http::error::need_buffer) error = {};
    if (error && connection.is_late) co_return refuse(408, "the body came too slowly");
    if (error && is_lost(error)) co_return refuse(499, "the client left before the body ended");
    if (error) co_return refuse(400, "the body's framing is malformed: " + error.message());
    exchange.pace.moved(size, now());
  }
  connection.deadline = TimePoint::max();
  exchange.busy_since = now();
  piece.resize(piece.size() - space.size);
  co_return piece;
}

}  // namespace sluice::api
