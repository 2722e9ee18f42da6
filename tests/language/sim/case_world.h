#pragma once

// One run of a case on the real scheduler and the real evaluator, with simulated workers and time.
// All that is under way (starts, emissions, credit, answers, commits, ends, timers) happens in an
// order drawn from the seed; so do the faults.

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "case_file.h"
#include "core/scheduler.h"
#include "evaluate/answer.h"
#include "evaluate/snapshot.h"
#include "library.h"
#include "model/plan.h"
#include "object_book.h"
#include "script.h"
#include "trace.h"
#include "verdict.h"

namespace sluice::language {

// How hostile a world is. Each seed draws its own: with everything on at once, rare combinations
// would drown each other.
struct Hostility {
  std::uint32_t slots = 1000;
  double lost = 0;            // Per attempt: its worker is lost.
  double lies = 0;            // Per lost attempt: what it emitted is not what the next one emits.
  double open_outputs = 0;    // Per value: it is told of while it grows.
  double late_answer = 0;     // Per evaluation: its answer is overtaken by other things.
  double snapshot = 0;        // Per evaluation: made from what was known when it was asked for.
  double stale = 0;           // Per ended attempt: it says one more thing.
  double slots_change = 0;    // Per event.
  std::uint32_t workers = 0;  // At most; 0: as many as there are tasks.
  std::optional<std::uint32_t> cancel;  // After so many events.
  bool late_loading = false;
  bool early_timers = false;
  std::uint32_t check_every = 1;  // check_invariants
  std::uint32_t faults_max = 8;   // Lost workers in all.

  static Hostility draw(Random& random, bool faults);
};
std::string to_text(const Hostility& hostility);

// What committed tasks of steps with `cache` came to, by port and in order, by what they were
// given. Runs of a case share it, as those of an app do.
using CachedOutputs = std::vector<std::pair<std::uint32_t, std::optional<Json>>>;
struct Cache {
  std::map<std::string, CachedOutputs> entries;
  std::uint32_t runs = 0;  // Those that came to their end.
  bool is_whole = true;    // Of all runs of the case before this one.
};

class CaseWorld {
 public:
  CaseWorld(const Library& library, std::shared_ptr<const model::App> app, const CaseRun& expected,
            bool faults, std::uint64_t seed, sim::Trace& trace, Cache& cache);

  // What is wrong, or nothing. Rules of core that can be seen from outside abort.
  std::optional<std::string> run();

  // What waits for what, for people.
  std::string dump() const;
  std::uint64_t events() const { return events_; }
  std::uint64_t rolled_back() const { return scheduler_.counters().rolled_back; }

 private:
  // A list as it is delivered.
  struct Input {
    core::Binding::Kind kind = core::Binding::Kind::kLiteral;
    Json value;
    ObjectId object;               // Of a value, which may grow.
    std::deque<Json> elements;     // That are whole.
    std::vector<Json::List> open;  // Lists in it that have begun.
    bool is_closed = false;
    std::uint32_t owed = 0;  // Delivered, no credit given yet.
    bool is_read = false;    // A pipe: all of it.
  };
  struct Live {
    core::Attempt attempt;
    std::uint32_t number = 1;
    const model::Step* step = nullptr;
    const model::Function* plan = nullptr;  // Null: a wait.
    const Function* function = nullptr;
    std::map<std::uint32_t, Input> inputs;  // By slot.
    std::vector<ObjectId> uses;
    std::unique_ptr<Script> script;
    std::string reads;   // The port whose next element the script wants.
    std::string awaits;  // The gate that it waits for.
    Json x;              // Its input of that name, by which failures are counted.
    std::map<std::uint32_t, ObjectId> growing;  // By port: emitted, not sealed yet.
    std::optional<std::uint32_t> lost_after;    // Steps of its script.
    bool lies = false;
    bool is_lingering = false;
    bool has_worker = false;
    bool is_short_told = false;
    bool is_recalling = false;  // The cache is asked for it; its code does not run yet.
    bool is_started = false;
    bool is_blocked = false;
    bool is_time_told = false;
    bool is_end_asked = false;
  };
  struct Scope {
    core::TaskKey task;
    std::uint32_t workflow = 0;
    std::uint32_t round = 0;
    bool is_open = true;
  };
  enum class What : std::uint8_t {
    kWorker,
    kCredit,
    kEnd,
    kCommit,
    kQuestion,
    kAnswer,
    kInput,
    kPerson,
    kTimer,
    kCount
  };
  class LiveSight;

  // ---- case_world.cc: the loop
  void submit();
  bool happen();
  void cancel_perhaps();
  void apply(const core::Event& event);
  std::optional<std::string> verdict() const;
  std::optional<std::string> leftovers();

  // ---- case_actions.cc: what core wants
  void on(const core::StartTask& start, const core::Actions& actions);
  void on(const core::Recall& recall, const core::Actions& actions);
  void on(const core::KeepOutput& kept, const core::Actions& actions);
  void on(const core::Compute& compute, const core::Actions& actions);
  void on(const core::BeginWait& wait, const core::Actions& actions);
  void on(const core::Retain& retain, const core::Actions& actions);
  void on(const core::ScopeOpened& opened, const core::Actions& actions);
  void on(const core::ScopeClosed& closed, const core::Actions& actions);
  void on(const core::Bind& bind, const core::Actions& actions);
  void on(const core::Deliver& deliver, const core::Actions& actions);
  void on(const core::EndAttempt& end, const core::Actions& actions);
  void on(const core::Commit& commit, const core::Actions& actions);
  void on(const core::Release& release, const core::Actions& actions);
  void on(const core::OutputElement& element, const core::Actions& actions);
  void on(const core::OutputReady& ready, const core::Actions& actions);
  void on(const core::TaskRetries& retries, const core::Actions& actions);
  void on(const core::RunEnded& ended, const core::Actions& actions);
  void on(const core::RunDrained& drained, const core::Actions& actions);
  void on(const core::Forward& forward, const core::Actions& actions);
  static constexpr const char* kRunId = "01k0a9zc3xv5wq8rj7n2m4t6yb";
  void bind(Live& live, std::uint32_t first, std::uint32_t count, const core::Actions& actions);
  void bind(Live& live, const core::Binding& binding);
  void answer(std::size_t question);
  void commit();

  // ---- case_recall.cc: the cache
  std::optional<std::string> key_of(const core::TaskKey& task) const;
  bool see(const core::TaskKey& task, const core::Datum& datum, std::string& text) const;
  void answer_recall(Live& live);
  void remember(const core::Commit& commit);

  // ---- case_workers.cc: what attempts do
  bool can_step(const Live& live) const;
  void step(Live& live);
  void step_wait(Live& live);
  void begin_script(Live& live);
  void script_step(Live& live);
  void emit(Live& live, const Step& step);
  void seal(Live& live, std::uint32_t port);
  void done(Live& live);
  void lose(Live& live);
  void linger(Live& live);
  static const Input* input_of(const Live& live, std::string_view port);
  bool is_read_ready(const Live& live) const;
  static bool lacks_parameter(const Live& live);
  void give_workers();
  std::optional<Json> take_read(Live& live);
  void credit(Live& live);
  void fail(Live& live, core::Failure failure);
  Live retire(Live& live);
  void stale_perhaps(const Live& gone);
  bool can_answer() const;
  void answer_wait();

  const model::Workflow& plan_of(std::uint32_t scope) const {
    return app_->workflows[scope == 0 ? workflow_ : scopes_.at(scope).workflow];
  }
  const model::Step& step_at(const core::TaskKey& task) const {
    return plan_of(task.scope).steps[task.step];
  }
  std::string path_of(const core::TaskKey& task) const;

  const Library& library_;
  std::shared_ptr<const model::App> app_;
  std::uint32_t workflow_ = 0;
  const CaseRun& expected_;
  Random random_;
  sim::Trace& trace_;
  Hostility hostility_;
  std::array<double, static_cast<std::size_t>(What::kCount)> weights_{};
  ObjectBook objects_;
  core::Scheduler scheduler_;
  core::Actions actions_;
  TimePoint now_{};
  const RunKey key_ = RunKey::make(1, 1);

  std::map<core::TaskKey, Live> live_;
  std::map<std::uint32_t, Scope> scopes_;
  std::deque<core::Commit> commits_;
  struct Question {
    core::Compute compute;
    std::unique_ptr<evaluate::Snapshot> snapshot;
  };
  std::vector<Question> questions_;
  std::vector<core::Computed> answers_;
  expr::Evaluation evaluation_;
  std::vector<std::deque<core::Event>> inputs_;  // By input of the workflow.
  Cache& cache_;
  struct Asked {  // Of attempts that found nothing: what they asked for, and what they came to.
    std::uint64_t epoch = 0;
    std::string key;
    CachedOutputs outputs;
  };
  std::map<core::TaskKey, Asked> asked_;
  std::map<core::TaskKey, std::uint64_t> recalled_by_;  // Epochs of attempts that came from it.
  std::set<std::string> reused_;                        // Paths of those that are committed.
  std::map<core::TaskKey, core::Commit::Result> committed_;
  std::set<std::string> succeeded_;                // Paths.
  std::set<std::string> gates_;                    // That are open.
  std::map<std::string, std::uint32_t> failures_;  // By function and input `x`.
  std::size_t answered_ = 0;                       // Of the answers of the case.

  struct Output {
    std::vector<Json::List> open = {{}};
    Json value;
    bool is_ready = false;
    bool is_absent = false;
  };
  std::vector<Output> outputs_;
  std::vector<std::string> effects_;
  std::optional<core::RunEnded> ended_;
  std::string error_task_;
  bool is_drained_ = false;
  bool is_wide_ = false;  // There are CPU slots for all, from here on.
  bool is_cancelled_ = false;
  std::uint32_t faults_ = 0;
  std::uint64_t events_ = 0;
};

}  // namespace sluice::language
