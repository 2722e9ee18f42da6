// Requests whose bodies stream in: apps, and runs with their inputs.

#include <boost/asio/awaitable.hpp>

#include "api/parameters.h"
#include "api/run_request.h"
#include "api/server_impl.h"
#include "api/upload_file.h"

namespace sluice::api {
namespace {

// A larger body of JSON is parsed on a thread of its own: a millisecond of all other connections.
constexpr std::size_t kParsedHere = 64 << 10;

}  // namespace

Async<Response> Server::Impl::deploy(Connection& connection) {
  Exchange& exchange = *connection.exchange;
  const std::string app = exchange.request.path[0];
  if (!is_name(app))
    co_return to_response(
        Problem{.status = 400, .detail = fmt::format("'{}' is not a name of an app", app)});
  const std::uint64_t size_max = limits.bundle_bytes.value;
  const Problem too_large{
      .status = 413,
      .detail =
          fmt::format("an app's archive has at most {} bytes (limit bundle_bytes)", size_max)};
  if (exchange.request.head.content_length.value_or(0) > size_max) co_return to_response(too_large);
  auto file = UploadFile::create(options.upload_directory, ++uploads);
  if (!file) co_return to_response(std::move(file).error());

  std::uint64_t size = 0;
  while (!exchange.is_body_read()) {
    const auto piece = co_await read_piece(connection);
    if (!piece) co_return to_response(piece.error());
    size += piece->size();
    if (size > size_max) co_return to_response(too_large);
    if (auto written = file->append(*piece); !written)
      co_return to_response(std::move(written).error().wrap("keep the upload"));
  }
  if (size == 0)
    co_return to_response(
        Problem{.status = 400, .detail = "the body is empty; it is the app's directory as a tar"});
  Pending<DeployResult> pending(io);
  control.deploy(app, file->path(), pending.reply());
  auto deployed = co_await received(connection, pending);
  if (!deployed) co_return to_response(deployed.error());
  if (deployed->mistakes.empty()) co_return json_response(deployed->document);
  const std::size_t count = deployed->mistakes.size();
  const std::string detail =
      fmt::format("the app '{}' has {} mistake{}", app, count, count == 1 ? "" : "s");
  co_return to_response(
      Problem{.status = 422, .detail = detail, .errors = std::move(deployed->mistakes)});
}

Async<Response> Server::Impl::start_run(Connection& connection) {
  auto run = parse_run_request(connection.exchange->request);
  if (!run) co_return to_response(run.error());
  const std::optional<Duration> wait = run->wait;
  OrProblem<RunOpened> opened = refuse(500, "");
  if (run->inputs == RunRequest::Inputs::kJson) {
    opened = co_await open_with_json(connection, *std::move(run));
  } else {
    opened = co_await open_with_upload(connection, *std::move(run));
  }
  if (!opened) co_return to_response(opened.error());
  Pending<Json> pending(io);
  control.run(opened->run, wait, pending.reply());
  auto document = co_await received(connection, pending, wait ? Watch::kClient : Watch::kNobody);
  if (!document) co_return to_response(document.error());
  co_return run_response(*opened, *document, wait.has_value());
}

Async<OrProblem<Server::Impl::JsonBody>> Server::Impl::read_json_body(Connection& connection,
                                                                      std::string_view what) {
  Exchange& exchange = *connection.exchange;
  const Problem too_large{.status = 413,
                          .detail = fmt::format("{} have at most {} bytes (limit json_bytes)", what,
                                                limits.json_bytes)};
  if (exchange.request.head.content_length.value_or(0) > limits.json_bytes)
    co_return std::unexpected(too_large);
  JsonBody body(json_in_flight);
  while (!exchange.is_body_read()) {
    auto piece = co_await read_piece(connection);
    if (!piece) co_return std::unexpected(piece.error());
    if (body.text.size() + piece->size() > limits.json_bytes) co_return std::unexpected(too_large);
    body.size += piece->size();
    json_in_flight += piece->size();
    if (json_in_flight > options.json_in_flight.value) {
      co_return refuse(503, "too many JSON bodies are being read at once; try again");
    }
    body.text += *piece;
  }
  co_return std::move(body);
}

Async<OrProblem<Json>> Server::Impl::parse_apart(Connection& connection, std::string text,
                                                 JsonParser parse) {
  JsonLimits bounds;
  bounds.bytes = limits.json_bytes;
  bounds.depth = limits.json_depth;
  if (text.size() <= kParsedHere) co_return parse(text, bounds);
  // Shared: the connection may be cut while another thread parses.
  struct Parsing {
    std::string text;
    OrProblem<Json> parsed;
  };
  auto parsing = std::make_shared<Parsing>(Parsing{.text = std::move(text), .parsed = Json()});
  Pending<void> pending(io);
  auto work = [parsing, parse, bounds] {
    parsing->parsed = parse(parsing->text, bounds);
    parsing->text = {};
  };
  control.apart(std::move(work), pending.reply());
  const Status done = co_await received(connection, pending);
  if (!done) co_return std::unexpected(to_problem(done.error()));
  co_return std::move(parsing->parsed);
}

Async<Response> Server::Impl::answer_step(Connection& connection) {
  const Request& request = connection.exchange->request;
  const auto run = parse_run_id(request.path[0]);
  if (!run) co_return to_response(run.error());
  auto body = co_await read_json_body(connection, "the outputs of an answer");
  if (!body) co_return to_response(body.error());
  auto outputs = co_await parse_apart(connection, std::move(body->text), parse_answer);
  if (!outputs) co_return to_response(outputs.error());
  Pending<Json> pending(io);
  control.answer(*run, request.path[1], *std::move(outputs), pending.reply());
  auto document = co_await received(connection, pending);
  if (!document) co_return to_response(to_problem(document.error(), Asked::kStartRun));
  co_return json_response(*document);
}

Async<OrProblem<RunOpened>> Server::Impl::open_with_json(Connection& connection, RunRequest run) {
  auto body =
      co_await read_json_body(connection, "larger values go as multipart/form-data: JSON inputs");
  if (!body) co_return std::unexpected(body.error());
  run.open.json_bytes = body->text.size();
  auto inputs = co_await parse_apart(connection, std::move(body->text), parse_run_inputs);
  if (!inputs) co_return std::unexpected(inputs.error());
  Pending<RunOpened> pending(io);
  control.start_run(std::move(run.open), *std::move(inputs), pending.reply());
  auto opened = co_await received(connection, pending);
  if (!opened) co_return std::unexpected(to_problem(opened.error(), Asked::kStartRun));
  co_return *std::move(opened);
}

Async<OrProblem<RunOpened>> Server::Impl::open_with_upload(Connection& connection, RunRequest run) {
  Pending<RunOpened> opening(io);
  control.open_run(run.open, opening.reply());
  auto opened = co_await received(connection, opening);
  if (!opened) co_return std::unexpected(to_problem(opened.error(), Asked::kStartRun));
  const RunId id = opened->run;
  const auto uploaded = co_await upload(connection, std::move(run), id);
  if (!uploaded) {
    opened->abort(uploaded.error().detail);
    co_return std::unexpected(uploaded.error());
  }
  Pending<void> finishing(io);
  control.finish_upload(id, finishing.reply());
  const Status finished = co_await received(connection, finishing);
  if (!finished) {
    opened->abort(finished.error().message());
    co_return std::unexpected(to_problem(finished.error(), Asked::kUploadInput));
  }
  opened->abort = nullptr;  // What it set aside is free again, however long the client waits.
  co_return *std::move(opened);
}

Async<OrProblem<void>> Server::Impl::upload(Connection& connection, RunRequest run, RunId id) {
  const bool is_raw = run.inputs == RunRequest::Inputs::kRaw;
  MultipartLimits bounds;
  bounds.parts = limits.elements_per_list;
  MultipartParser parser(run.boundary, bounds);
  std::vector<PartEvent> events;
  // The reader may start before the first byte is there.
  if (is_raw) events.emplace_back(PartBegin{.name = "", .file_name = run.file_name});
  bool is_last = false;
  while (true) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      const auto applied = co_await apply(connection, id, std::move(events[i]));
      if (!applied) co_return std::unexpected(applied.error());
    }
    events.clear();
    if (is_last) co_return OrProblem<void>();
    auto piece = co_await read_piece(connection);
    if (!piece) co_return std::unexpected(piece.error());
    is_last = piece->empty();
    OrProblem<void> parsed;
    if (!is_raw) parsed = is_last ? parser.finish() : parser.feed(*piece, events);
    if (is_raw && is_last) events.emplace_back(PartEnd{});
    if (is_raw && !is_last) events.emplace_back(PartBytes{*std::move(piece)});
    if (!parsed) co_return std::unexpected(parsed.error());
  }
}

Async<OrProblem<void>> Server::Impl::apply(Connection& connection, RunId run, PartEvent event) {
  InputStream& stream = connection.exchange->stream;
  Status done;
  if (auto* begin = std::get_if<PartBegin>(&event)) {
    Pending<InputStream> pending(io);
    control.open_input(run, std::move(begin->name), std::move(begin->file_name), pending.reply());
    auto opened = co_await received(connection, pending);
    if (opened) stream = *opened;
    if (!opened) done = fail(std::move(opened).error());
  } else {
    Pending<void> pending(io);
    if (auto* content = std::get_if<PartBytes>(&event)) {
      control.write_input(stream, std::move(content->bytes), pending.reply());
    } else {
      control.close_input(stream, pending.reply());
    }
    done = co_await received(connection, pending);
  }
  if (!done) co_return std::unexpected(to_problem(done.error(), Asked::kUploadInput));
  co_return OrProblem<void>();
}

}  // namespace sluice::api
