#pragma once

// What the HTTP interface needs from a node: api declares it, node implements it. Methods are
// called on the http thread and must return at once; a reply is called exactly once, on any thread
// (api brings it back to its own). Views are JSON documents as interface.md and docs/http.md spell
// them.

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/fd.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"
#include "base/units.h"
#include "model/mistake.h"
#include "model/type.h"

namespace sluice::api {

template <class T>
using Reply = std::move_only_function<void(Result<T>)>;

struct DeployResult {
  Json document;             // {"app","version","digest","workflows":[…],"functions":[…]}
  model::Mistakes mistakes;  // Not empty: nothing was deployed; 422.
};

struct OpenRun {
  std::string workflow;  // `name`, `app.name`, `app.name@3`
  std::optional<Duration> timeout;
  std::string durability;  // "", "durable", "express"
  std::string idempotency_key;
  std::size_t json_bytes = 0;  // Of start_run: what its inputs took as text.
};

struct RunOpened {
  RunId run;
  std::string durability;  // What the run is; header Run-Durability.
  struct Input {
    std::string name;
    model::Type type;
  };
  std::vector<Input> inputs;
  // Of open_run: ends the run, which leaves nothing; one that has ended already stays as it is. For
  // when the client vanished or sent nonsense, or one of the calls of the upload said no. At most
  // once, on the http thread. It cannot be refused: what it takes was set aside when the run was
  // opened, or a run that nobody feeds any more would stay for ever.
  std::move_only_function<void(std::string why)> abort;
};

// An input of a run that is being uploaded. For a list input each open_input is one element.
using InputStream = Id<struct InputStreamTag>;

// Which part of an output: empty is all of it, {2} element 2 of a list, {2, 0} the first element of
// that element in a list of lists.
using OutputPath = std::vector<std::uint32_t>;

struct OutputBytes {
  std::variant<std::string, Fd> content;
  std::uint64_t size = 0;
  // application/json, text/plain; charset=utf-8, application/octet-stream.
  std::string content_type;
  std::string file_name;  // Of a file output.
  std::string etag;       // Hex of the checksum.
};

struct LogQuery {
  RunId run;
  std::string step;         // Empty: all.
  std::string task;         // A task path; empty: all.
  std::uint64_t after = 0;  // Resume position from LogChunk.
  std::optional<Duration>
      wait;  // Answer only when there is something new, the run ended, or this is over.
};
struct LogChunk {
  std::string text;  // Lines `path | text\n`.
  std::uint64_t next = 0;
  bool is_last = false;  // The run has ended and all was given.
};

struct RunFilter {
  std::string workflow;
  std::string state;
  std::uint32_t limit = 50;
  std::string cursor;
};
struct TaskFilter {
  std::string step;
  std::string state;
  std::uint32_t limit = 100;
  std::string cursor;
};

// Of a list output: so many elements from `first` on.
struct ListPage {
  std::uint32_t limit = 100;
  std::uint32_t first = 0;
};

class Control {
 public:
  virtual ~Control() = default;

  // `archive` is a file that api wrote and removes after the reply.
  virtual void deploy(std::string app, std::filesystem::path archive,
                      Reply<DeployResult> reply) = 0;
  virtual void delete_app(std::string app, Reply<void> reply) = 0;
  virtual void apps(Reply<Json> reply) = 0;
  virtual void workflows(Reply<Json> reply) = 0;
  virtual void workflow(std::string name, Reply<Json> reply) = 0;
  virtual void functions(Reply<Json> reply) = 0;
  virtual void function(std::string name, Reply<Json> reply) = 0;

  // Statuses follow the codes (problem.h). Of start_run and open_run kInvalidArgument is 422:
  // inputs, or a key that was used with another body. Of what follows open_run also kNotFound and
  // kAlreadyExists (no such input; no list) are 422, and kResourceExhausted is 413 (TooLarge).
  //
  // A run whose inputs are all in one JSON document. The reply comes when the run has them all.
  virtual void start_run(OpenRun open, Json inputs, Reply<RunOpened> reply) = 0;
  // A run whose inputs are uploaded. It starts at once on the open inputs.
  virtual void open_run(OpenRun open, Reply<RunOpened> reply) = 0;
  // `name` empty: the only input. `file_name` empty: none was given.
  virtual void open_input(RunId run, std::string name, std::string file_name,
                          Reply<InputStream> reply) = 0;
  // The reply says that there is room for more: wait for it before reading on.
  virtual void write_input(InputStream stream, std::string bytes, Reply<void> reply) = 0;
  virtual void close_input(InputStream stream, Reply<void> reply) = 0;
  // All parts have come: lists are closed, missing inputs are an error (the run ends, nothing is
  // left).
  virtual void finish_upload(RunId run, Reply<void> reply) = 0;

  // The run as a document; with `wait` answered when it ended or the time is over.
  virtual void run(RunId run, std::optional<Duration> wait, Reply<Json> reply) = 0;
  virtual void runs(RunFilter filter, Reply<Json> reply) = 0;
  virtual void tasks(RunId run, TaskFilter filter, Reply<Json> reply) = 0;
  virtual void output(RunId run, std::string name, OutputPath path, Reply<OutputBytes> reply) = 0;
  virtual void output_page(RunId run, std::string name, OutputPath path, ListPage page,
                           Reply<Json> reply) = 0;
  // `path`: empty, or an element of a list.
  virtual void task_output(RunId run, std::string task, std::string name, OutputPath path,
                           Reply<OutputBytes> reply) = 0;
  virtual void logs(LogQuery query, Reply<LogChunk> reply) = 0;
  virtual void trace(RunId run, Reply<Json> reply) = 0;
  // What a step that waits for an answer gets: `step` is a task path, `outputs` a map of its
  // outputs. The run as a document; kInvalidArgument is 422: the outputs are not the step's.
  virtual void answer(RunId run, std::string step, Json outputs, Reply<Json> reply) = 0;
  virtual void cancel(RunId run, Reply<Json> reply) = 0;
  virtual void delete_run(RunId run, Reply<void> reply) = 0;

  // Does `work` on a thread where it holds nobody up, then replies. kUnavailable: too much of that
  // waits already, and `work` was not done.
  virtual void apart(std::move_only_function<void()> work, Reply<void> reply) = 0;

  virtual void workers(Reply<Json> reply) = 0;
  virtual void nodes(Reply<Json> reply) = 0;
  virtual void version(Reply<Json> reply) = 0;
  virtual void metrics(Reply<std::string> reply) = 0;  // Prometheus text.
  virtual void ready(Reply<void> reply) = 0;
};

}  // namespace sluice::api
