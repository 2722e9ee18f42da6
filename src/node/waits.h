#pragma once

// Steps that wait (core::BeginWait): until a time, which core then keeps itself, or for an answer
// from outside. Loop thread.

#include <string_view>
#include <unordered_map>

#include "node/pump.h"
#include "node/run_record.h"
#include "store/store.h"

namespace sluice::node {

class RunLookup;

class Waits {
 public:
  Waits(Pump& pump, store::Store& store, RunLookup& runs, aio::Loop& loop)
      : pump_(pump), store_(store), runs_(runs), loop_(loop) {}

  void on(const core::BeginWait& begin, const core::Actions& actions);
  // False: the attempt is no wait.
  bool on(const core::EndAttempt& end);

  // What the task at `path` waits for: the outputs of its step, by name. kNotFound: no such step;
  // kFailedPrecondition: it does not wait (yet), or was answered otherwise; kInvalidArgument: the
  // outputs are not those of the step. The same answer again changes nothing.
  Status answer(RunRecord& run, std::string_view path, const Json& outputs);

  std::size_t waiting() const { return waiting_.size(); }

 private:
  struct Element {
    std::uint32_t port = 0;
    store::Meta meta;
    std::string bytes;
  };

  // The moment that a timer is set to.
  Result<TimePoint> due(const core::BeginWait& begin, const core::Actions& actions,
                        const model::Step& step) const;
  static Result<std::vector<Element>> read_outputs(const model::Step& step, const Json& outputs);
  // The step that the path names; kNotFound.
  static Result<const model::Step*> named(const RunRecord& run, std::string_view path);

  Pump& pump_;
  store::Store& store_;
  RunLookup& runs_;
  aio::Loop& loop_;
  // Those for an answer, by their task; bounded by tasks_per_run of the runs in flight.
  std::unordered_map<core::TaskKey, core::Attempt, TaskHash> waiting_;
  // And the same by run and path.
  std::map<std::pair<RunKey, std::string>, core::TaskKey, std::less<>> by_path_;
};

}  // namespace sluice::node
