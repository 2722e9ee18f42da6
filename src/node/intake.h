#pragma once

// How data gets into a run: one JSON document, or streams that are uploaded while the run already
// works on them. Loop thread.

#include <string>
#include <unordered_map>
#include <vector>

#include "api/control.h"
#include "node/run_table.h"

namespace sluice::node {

class Intake {
 public:
  Intake(RunTable& runs, Pump& pump, store::Store& store, const Limits& limits)
      : runs_(runs), pump_(pump), store_(store), limits_(limits) {}

  // Checks all inputs before it accepts the run: a bad one is an error that names it, and no run.
  Result<RunRecord*> start(const WorkflowAddress& address, std::optional<Duration> timeout,
                           const Json& inputs);

  Result<RunRecord*> open(const WorkflowAddress& address, std::optional<Duration> timeout);
  Result<api::InputStream> open_input(const RunId& run, const std::string& name,
                                      const std::string& file_name);
  Status write(api::InputStream stream, std::string_view bytes);
  Status close(api::InputStream stream);
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

  Status check_names(const model::Workflow& workflow, const Json& inputs) const;
  RunRecord* running(const RunId& run);
  // Why an upload cannot go on: the run has ended, with its failure if it has one.
  Error has_ended(const RunId& run);
  Status close_stream(Stream& stream);
  void give_default(RunRecord& run, std::uint32_t input);
  Status give(RunRecord& run, std::uint32_t input, const model::Type& type, const Json& value);
  void break_off(Stream& stream, RunRecord* run, core::Failure failure);

  RunTable& runs_;
  Pump& pump_;
  store::Store& store_;
  const Limits& limits_;
  std::unordered_map<std::uint64_t, Stream>
      streams_;  // By InputStream.value; one per upload that is under way.
  std::unordered_map<RunId, std::vector<std::uint32_t>> seen_;  // Parts per input of open uploads.
  std::uint64_t last_stream_ = 0;
};

}  // namespace sluice::node
