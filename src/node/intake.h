#pragma once

// How data gets into a run: one JSON document, or streams that are uploaded while the run already
// works on them. Loop thread.

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "aio/loop.h"
#include "api/control.h"
#include "node/bind_inputs.h"
#include "node/run_table.h"

namespace sluice::node {

class Intake {
 public:
  Intake(RunTable& runs, Pump& pump, store::Store& store, aio::Loop& loop, aio::BulkPool& bulk,
         const Limits& limits)
      : runs_(runs), pump_(pump), store_(store), loop_(loop), bulk_(bulk), limits_(limits) {}

  using Started = std::move_only_function<void(Result<RunRecord*>)>;
  // Checks all inputs before it accepts the run: a bad one is an error that names it, and no run.
  // `started` when the run has all of them, or has ended: of small inputs within this call.
  // `json_bytes`: what they took as text.
  void start(const WorkflowAddress& address, std::optional<Duration> timeout, Json inputs,
             std::size_t json_bytes, Started started);

  Result<RunRecord*> open(const WorkflowAddress& address, std::optional<Duration> timeout);
  Result<api::InputStream> open_input(const RunId& run, const std::string& name,
                                      const std::string& file_name);
  Status write(api::InputStream stream, std::string_view bytes);
  using Closed = std::move_only_function<void(Status)>;
  void close(api::InputStream stream, Closed closed);
  Status finish(const RunId& run);
  void abort(const RunId& run, std::string why);

  std::size_t open_streams() const { return streams_.size(); }

 private:
  struct Stream {
    RunId run;
    std::uint32_t input = 0;
    model::Type type;  // Of the element, where the input is a list.
    bool is_element = false;
    ObjectId object;   // Bytes that pass unread grow in the store…
    std::string text;  // …what has to be looked into is collected here first.
    bool is_announced = false;
    std::uint64_t size = 0;
  };

  // The inputs of a run on their way to it: a long list takes many turns of the loop.
  struct Giving {
    RunId run;
    std::vector<BoundInput> inputs;
    std::uint32_t input = 0;
    std::size_t element = 0;
    Started started;
  };

  void start(const WorkflowAddress& address, std::optional<Duration> timeout,
             Result<std::vector<BoundInput>> inputs, Started started);
  // As much as one turn may; true: all is given, or the run has ended.
  bool give_some(Giving& giving);
  void end_giving(Giving& giving);
  void schedule();
  RunRecord* running(const RunId& run);
  // Why an upload cannot go on: the run has ended, with its failure if it has one.
  Error has_ended(const RunId& run);
  Status close_stream(Stream& stream, Status look);
  void close_looked_at(api::InputStream stream, Status look, Closed closed);
  void give_default(RunRecord& run, std::uint32_t input);
  Status give(RunRecord& run, std::uint32_t input, bool is_element, Value value);
  void break_off(Stream& stream, RunRecord* run, core::Failure failure);

  RunTable& runs_;
  Pump& pump_;
  store::Store& store_;
  aio::Loop& loop_;
  aio::BulkPool& bulk_;
  const Limits& limits_;
  std::deque<Giving> giving_;  // Each has a request that waits for its answer: api bounds them.
  bool is_scheduled_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::unordered_map<std::uint64_t, Stream>
      streams_;  // By InputStream.value; one per upload that is under way.
  std::unordered_map<RunId, std::vector<std::uint32_t>> seen_;  // Parts per input of open uploads.
  std::uint64_t last_stream_ = 0;
};

}  // namespace sluice::node
