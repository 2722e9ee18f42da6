#pragma once

// The runs of this node, from acceptance to retention, and what core decides about them: commits go
// to the journal, outputs are kept, the end is told to who waits. Loop thread.

#include <deque>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "journal/journal.h"
#include "node/data_directory.h"
#include "node/dispatch.h"
#include "node/retention.h"
#include "node/run_record.h"
#include "node/written_steps.h"

namespace sluice::node {

class RunTable : public RunLookup {
 public:
  RunTable(Pump& pump, store::Store& store, journal::Journal& journal, aio::Loop& loop,
           aio::BulkPool& bulk, const Limits& limits, DataPaths paths, Random random);
  ~RunTable() override;

  // Accepts a run and tells core. kResourceExhausted (429) beyond runs_in_flight.
  Result<RunRecord*> accept(const WorkflowAddress& address, std::optional<Duration> timeout);
  RunRecord* find(RunKey run) override;
  RunRecord* find(const RunId& run);
  // kNotFound, or kGone for one that retention took.
  Result<RunRecord*> known(const RunId& run);
  // At once for all who ask; its files go when the last output is written.
  Status remove(const RunId& run);
  // Erases what retention takes at `now`. Called by a timer of its own, soon after the end of a run
  // that is one too many.
  void retain(TimePoint now);
  // When an idle node will wake up for it; nothing while nothing is kept.
  std::optional<TimePoint> next_retention() const { return retention_at_; }
  // From outside: the upload broke off, or a value did not fit.
  void fail_run(RunRecord& run, core::Failure failure);
  void cancel(RunRecord& run);

  // Actions of core.
  void on(const core::KeepOutput& kept);
  void on(const core::Commit& commit);
  void on(const core::OutputElement& element);
  void on(const core::OutputReady& ready);
  void on(const core::TaskRetries& retries);
  void on(const core::ScopeOpened& opened);
  void on(const core::ScopeClosed& closed);
  void on(const core::RunEnded& ended);
  void on(const core::RunDrained& drained);

  // RunLookup.
  AttemptRecord* record_attempt(RunRecord& run, const AttemptRecord& first) override;
  const std::filesystem::path& folder_of(RunRecord& run) override { return run.folder; }
  void log_grew(RunRecord& run) override;

  // Calls `answer` when the run has ended (the log has grown), or after `patience`. Once.
  void wait_for_end(RunRecord& run, Duration patience, std::move_only_function<void()> answer);
  void wait_for_log(RunRecord& run, Duration patience, std::move_only_function<void()> answer);

  // Of a step of the plan; in a scope while that is open.
  core::Scheduler::StepCounts counts(const RunRecord& run, std::uint32_t step,
                                     std::uint32_t scope) const;
  core::TaskState state(const RunRecord& run, const core::TaskKey& task) const;
  // Newest first.
  std::vector<RunRecord*> newest_first() const;
  std::size_t in_flight() const { return in_flight_; }
  const std::map<std::pair<std::string, RunState>, std::uint64_t>& totals() const {
    return totals_;
  }

 private:
  struct Save {
    RunId run;
    std::optional<std::uint32_t> output;  // Of the run; else of a task.
    std::size_t value = 0;
    ObjectId object;
    std::uint64_t size = 0;
    std::filesystem::path path;
  };

  static void wait_in(std::list<RunWaiter>& waiters, aio::Loop& loop, Duration patience,
                      std::move_only_function<void()> answer);
  static void answer_all(std::list<RunWaiter>& waiters);
  KeptValue keep(RunRecord& run, std::uint32_t output, std::size_t value,
                 const core::Object& object);
  Status keep_output(RunRecord& run, const core::KeepOutput& kept);
  void start_saves();
  void saved(const Save& save, Status status);
  void conclude(RunRecord& run);
  void forget_in_core(RunRecord& run);
  void settle(RunRecord& run);
  void forget_details(RunRecord& run);
  void count_disk(RunRecord& run);
  void erase(RunRecord& run);
  void schedule_retention();
  bool has_too_many_details() const;

  Pump& pump_;
  store::Store& store_;
  journal::Journal& journal_;
  aio::Loop& loop_;
  aio::BulkPool& bulk_;
  const Limits& limits_;
  DataPaths paths_;
  Random random_;

  struct Slot {
    std::uint32_t generation = 1;
    RunRecord* run = nullptr;
  };
  std::vector<Slot> slots_;  // By RunKey.index(); bounded by runs in flight.
  std::vector<std::uint32_t> free_slots_;
  std::map<RunId, std::unique_ptr<RunRecord>> runs_;  // Sorted by time.
  Retention retention_;                               // Of those that have ended.
  aio::Timer retention_timer_;
  std::optional<TimePoint> retention_at_;  // What the timer is set to.
  std::size_t in_flight_ = 0;
  std::uint64_t details_kept_ = 0;     // AttemptRecords and closed scopes of all runs,
  std::uint64_t details_settled_ = 0;  // and of those that are over.
  std::uint64_t disk_used_ = 0;        // Files of all runs: outputs and logs.
  std::deque<Save> saves_;             // Waiting for a bulk thread.
  std::size_t saves_running_ = 0;
  std::map<std::pair<std::string, RunState>, std::uint64_t> totals_;
};

}  // namespace sluice::node
