// Answers on their way out: one piece in memory at a time, at the pace of the peer but not slower
// than its limit.

#include <sys/types.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>

#include "api/server_impl.h"
#include "base/log.h"

namespace sluice::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kFilePiece = 256 << 10;
// How long Control may hold a question for more log; the next one follows at once.
constexpr Duration kLogPoll = std::chrono::seconds(15);

WallTime wall_now() {
  return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
}

}  // namespace

Async<bool> Server::Impl::send(Connection& connection, std::string bytes) {
  Pace pace(options.pace, now());
  for (std::size_t sent = 0; sent < bytes.size();) {
    expect_by(connection, pace.deadline());
    const auto rest = asio::buffer(bytes.data() + sent, bytes.size() - sent);
    auto [error, size] = co_await connection.socket.async_write_some(rest, kTuple);
    if (error) co_return false;
    sent += size;
    pace.moved(size, now());
  }
  connection.deadline = TimePoint::max();
  co_return true;
}

Async<bool> Server::Impl::send_response(Connection& connection, Response response, bool keep_alive,
                                        bool is_head) {
  ++counts.by_class[std::min(response.status / 100, 5U)];
  std::string head = to_head(response, HeadOptions{.keep_alive = keep_alive, .now = wall_now()});
  std::string* text = std::get_if<std::string>(&response.body);
  const bool fits_one_write = text != nullptr && text->size() <= kPiece;
  if (fits_one_write && !is_head) head += *text;
  const bool sent = co_await send(connection, std::move(head));
  if (!sent || is_head || fits_one_write) co_return sent;
  if (text != nullptr) co_return co_await send(connection, std::move(*text));
  if (auto* file = std::get_if<FileRange>(&response.body))
    co_return co_await send_file(connection, std::move(*file));
  co_return co_await send_log(connection, std::get<LogStream>(std::move(response.body)));
}

Async<bool> Server::Impl::send_file(Connection& connection, FileRange range) {
  while (range.size > 0) {
    std::string piece(std::min<std::uint64_t>(range.size, kFilePiece), '\0');
    const ssize_t got =
        ::pread(range.file.get(), piece.data(), piece.size(), static_cast<off_t>(range.offset));
    // The length was promised: all that is left is to break off, which the client notices.
    if (got <= 0) {
      log::error("an output's file ended {} bytes early", range.size);
      co_return false;
    }
    piece.resize(static_cast<std::size_t>(got));
    range.offset += static_cast<std::uint64_t>(got);
    range.size -= static_cast<std::uint64_t>(got);
    if (!co_await send(connection, std::move(piece))) co_return false;
  }
  co_return true;
}

Async<bool> Server::Impl::send_log(Connection& connection, LogStream stream) {
  LogChunk chunk = std::move(stream.first);
  while (true) {
    if (!chunk.text.empty() && !co_await send(connection, to_chunk(chunk.text))) co_return false;
    // A filter may leave nothing of a chunk that was not the last: only standing still is the end.
    const bool is_still = chunk.next == stream.query.after;
    const bool is_over = chunk.is_last || (is_still && !stream.follow);
    if (is_over) co_return co_await send(connection, std::string(kLastChunk));
    stream.query.after = chunk.next;
    stream.query.wait = stream.follow ? std::optional(kLogPoll) : std::nullopt;
    Pending<LogChunk> pending(io);
    control.logs(stream.query, pending.reply());
    auto next = co_await received(connection, pending, Watch::kClient);
    if (!next) co_return false;
    chunk = *std::move(next);
  }
}

Async<void> Server::Impl::discard(Connection& connection) {
  error_code error;
  connection.socket.shutdown(tcp::socket::shutdown_send, error);
  if (error) co_return;
  expect_by(connection, now() + options.discard_time);
  std::string scrap(kPiece, '\0');
  for (std::uint64_t left = options.discard_bytes.value; left > 0;) {
    auto [failure, size] = co_await connection.socket.async_read_some(asio::buffer(scrap), kTuple);
    if (failure || connection.is_late) break;
    left -= std::min<std::uint64_t>(left, size);
  }
}

std::string Server::Impl::metrics() const {
  std::string text = fmt::format(
      "# TYPE sluice_http_connections gauge\nsluice_http_connections {}\n"
      "# TYPE sluice_http_connections_total counter\nsluice_http_connections_total {}\n"
      "# TYPE sluice_http_connections_refused_total counter\nsluice_http_connections_refused_total "
      "{}\n"
      "# TYPE sluice_http_json_bytes gauge\nsluice_http_json_bytes {}\n"
      "# TYPE sluice_http_responses_total counter\n",
      served, counts.accepted, counts.refused, json_in_flight);
  for (int i = 2; i < 6; ++i)
    text +=
        fmt::format("sluice_http_responses_total{{class=\"{}xx\"}} {}\n", i, counts.by_class[i]);
  return text;
}

}  // namespace sluice::api
