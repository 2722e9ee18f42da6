#pragma once

// The expressions of steps (core::Compute): evaluated with what core knows and what the store
// holds, at once where that is little work. What has to parse much or takes many steps goes to a
// bulk thread, on a snapshot; what core says meanwhile overtakes it, and core asks again. Loop
// thread.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "aio/loop.h"
#include "evaluate/answer.h"
#include "evaluate/snapshot.h"
#include "node/document_cache.h"
#include "node/pump.h"
#include "node/run_record.h"
#include "store/store.h"

namespace sluice::node {

class RunLookup;

class Evaluator {
 public:
  Evaluator(Pump& pump, store::Store& store, RunLookup& runs, aio::Loop& loop, aio::BulkPool& bulk);
  ~Evaluator();

  void on(const core::Compute& question);

  struct Counters {
    std::uint64_t on_loop = 0;
    std::uint64_t on_bulk = 0;
    std::uint64_t paused = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  class LiveSight;
  // An evaluation on its way through a bulk thread. While it is there, nobody else touches it.
  struct Job {
    enum class Stage : std::uint8_t { kCapture, kLoad, kMake };
    struct Loaded {
      ObjectId object;
      model::Kind kind = model::Kind::kAny;
      std::string bytes;
      evaluate::DocumentPtr document;  // Once it is parsed.
    };
    core::Compute question;
    AppVersionPtr version;  // Holds the plan.
    evaluate::Task task;
    evaluate::Snapshot snapshot;
    Stage stage = Stage::kCapture;
    std::vector<Loaded> loaded;
    std::uint64_t bytes_read = 0;
    std::size_t next = 0;  // Of what is loaded, or made.
    evaluate::Answer answer;
    // Its scratch memory lives as long as the job.
    expr::Evaluation evaluation{expr::Budget()};
  };

  // An expression over a long list that is not certain yet is asked again whenever the list has
  // changed. It waits for a multiple of what the last evaluation took, so that all of them together
  // take a share of the loop that does not grow with the list.
  bool is_paused(const core::Compute& question);
  void pause(const core::Compute& question, const evaluate::Answer& answer, Duration per_step);
  void wake();

  static model::Kind kind_of(const store::Store& store, ObjectId object);
  void evaluate_here(const core::Compute& question);
  // False: more than the loop may read at a time.
  bool load_here(const std::vector<core::Object>& reads,
                 std::unordered_map<std::uint64_t, evaluate::DocumentPtr>& documents,
                 std::uint64_t& bytes_read, Status& status);
  Result<std::string> bytes_of(const core::Object& object) const;
  // The objects of values [next, …) of the answer, as many as one turn may make; false: there are
  // more.
  Result<bool> make_objects(evaluate::Answer& answer, std::size_t& next, std::size_t most);
  void drop_objects(const evaluate::Answer& answer);

  void start_jobs();
  void run_turn();
  void schedule();
  // True: the job waits for its next turn.
  bool advance(const std::shared_ptr<Job>& job);
  void submit(const std::shared_ptr<Job>& job);
  void submit_again();
  void finish(const std::shared_ptr<Job>& job, core::Computed computed);
  void fail_job(const std::shared_ptr<Job>& job, const Error& error);

  Pump& pump_;
  store::Store& store_;
  RunLookup& runs_;
  aio::Loop& loop_;
  aio::BulkPool& bulk_;
  expr::Evaluation evaluation_;  // Of the loop, with a small budget.
  DocumentCache cache_;
  std::deque<core::Compute> questions_;  // For a later turn; at most one per task.
  std::deque<core::Compute> large_;      // Waiting to become jobs.
  std::unordered_map<core::TaskKey, TimePoint, TaskHash> pauses_;  // Swept when there are many.
  std::multimap<TimePoint, core::Compute> paused_;                 // Questions, by when they go on.
  aio::Timer pause_timer_;
  std::optional<core::TaskKey> answering_;  // While core hears the answer.
  std::size_t jobs_ = 0;
  std::deque<std::shared_ptr<Job>> turns_;     // Jobs that go on in the next turn.
  std::vector<std::shared_ptr<Job>> refused_;  // By the bulk threads, for now.
  aio::Timer retry_timer_;
  std::uint64_t turn_used_ = 0;  // Steps of this turn of the loop.
  bool is_scheduled_ = false;
  Counters counters_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice::node
