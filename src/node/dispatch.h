#pragma once

// Attempts that core started, and the conversation with the workers that run them: the start frame,
// inputs under credit, outputs into the store, the end. One LiveTask per attempt, from StartTask to
// the moment the attempt is over. Loop thread.

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "node/pump.h"
#include "node/run_record.h"
#include "node/scratch_watch.h"
#include "node/worker_spec.h"
#include "runtime/runtime.h"
#include "store/store.h"

namespace sluice::node {

// What the dispatcher needs of the run table.
class RunLookup {
 public:
  virtual ~RunLookup() = default;
  virtual RunRecord* find(RunKey run) = 0;
  virtual AttemptRecord* record_attempt(RunRecord& run, const AttemptRecord& first) = 0;
  virtual const std::filesystem::path& folder_of(RunRecord& run) = 0;
  virtual void log_grew(RunRecord& run) = 0;
};

class Dispatcher : public runtime::WorkerEvents, public TaskFolders {
 public:
  // `folder_most`: what the folder of a task may hold.
  Dispatcher(Pump& pump, store::Store& store, RunLookup& runs, aio::Loop& loop, aio::BulkPool& bulk,
             const Limits& limits, WorkerPrograms programs, ByteCount folder_most);
  ~Dispatcher() override;
  void set_runtime(runtime::Runtime& runtime) { runtime_ = &runtime; }

  // Actions of core.
  void on(const core::StartTask& start, const core::Actions& actions);
  void on(const core::Bind& bind);
  void on(const core::Deliver& deliver);
  void on(const core::EndAttempt& end);

  // The pool of a version that is gone.
  void drop_pool(runtime::PoolId pool);

  // Events of workers.
  void on_assigned(std::uint64_t ticket, WorkerId worker) override;
  void on_unassignable(std::uint64_t ticket, const runtime::WorkerEnd& end) override;
  void on_short(std::uint64_t ticket, bool only_pool) override;
  void on_frame(WorkerId worker, const sluice_frame_header& header,
                std::span<const std::byte> payload) override;
  void on_output(WorkerId worker, std::span<const std::byte> text) override;
  void on_worker_ended(WorkerId worker, const runtime::WorkerEnd& end) override;

  std::vector<TaskFolder> task_folders() const override;
  void on_folder_full(std::uint64_t handle) override;

  std::size_t live_count() const { return live_.size(); }

 private:
  // One piece of an input on its way to the worker.
  struct Piece {
    enum class Kind : std::uint8_t { kValue, kHole, kListBegin, kListEnd, kClosed, kAbsent };
    Kind kind = Kind::kValue;
    ObjectId object;
    std::string literal;  // kValue without an object.
    store::Meta meta;
  };
  struct Input {
    std::uint32_t slot = 0;
    std::uint16_t port = 0;
    bool is_list = false;   // Goes to the worker as a list.
    bool is_local = false;  // The pieces come from here (a literal, a JSON array), not from core.
    std::uint32_t local_credit = SLUICE_CREDIT_ELEMENTS;  // Of a local list.
    // A list that the port takes as one JSON value: collected here until it is closed; behind it
    // the lists in it that are not closed yet.
    std::vector<Json> collected;
    std::size_t collected_bytes = 0;
    std::deque<Piece>
        pieces;  // Not yet sent; bounded by the element credit of core, or the literal.
    std::uint64_t credit = SLUICE_CREDIT_BYTES;  // Bytes of `chunk` frames the worker has room for.
    // The value that is being sent in chunks, if any.
    ObjectId open;
    std::uint64_t sent = 0;
    bool waits_for_growth = false;
  };
  struct Output {
    bool emitted = false;
    ObjectId open;  // The value that grows, if any.
  };
  struct Grant {
    std::uint32_t number = 0;  // Region number on the worker's connection.
    store::Range range;
  };
  struct LiveTask {
    core::Attempt attempt;
    std::uint64_t handle = 0;  // Also the ticket.
    RunKey run;
    std::uint32_t number = 1;
    runtime::PoolId pool;
    WorkerId worker;          // None while it waits for one.
    bool is_started = false;  // `start` was sent,
    bool is_called = false;   // and the function was called: the worker said so.
    bool is_ending = false;   // Core has ended it; when it is over, core hears AttemptEnded.
    std::optional<TimePoint> deadline;
    std::vector<Input> inputs;
    std::vector<Output> outputs;
    std::vector<Grant> grants;
    std::vector<ObjectId> temporaries;  // Objects made for this attempt alone.
    std::uint64_t output_credit_used = 0;
    TaskLog log;
    bool waits_for_drain = false;
    std::optional<std::uint16_t> blocked_on;       // The input whose data the function waits for.
    std::optional<core::Failure> pending_failure;  // Told to core when the worker is gone.
  };
  // A region as one worker knows it.
  struct Mapped {
    std::uint32_t number = 0;
    bool writable = false;
    std::uint64_t size = 0;  // As announced: a region that has grown since is mapped anew.
  };
  struct Worker {
    std::uint64_t task = 0;                            // Handle.
    std::unordered_map<std::uint64_t, Mapped> mapped;  // By RegionId.value.
    std::uint32_t last_number = 0;
    std::uint64_t tasks_done = 0;
    aio::Timer grace;
    explicit Worker(aio::Loop& loop) : grace(loop) {}
  };
  struct Pool {
    store::OutboxId outbox;
  };

  const model::Function& function_of(const LiveTask& task) const;
  const model::Step& step_of(const LiveTask& task) const;
  LiveTask* find(const core::Attempt& attempt);
  LiveTask* find_handle(std::uint64_t handle);
  AttemptRecord* record_of(const LiveTask& task);
  Result<runtime::PoolId> pool_of(RunRecord& run, std::uint32_t function);

  static core::Failure unfit(const Error& error);
  Input& add_input(LiveTask& task, std::uint32_t slot);
  Status bind(LiveTask& task, Input& input, const core::Binding& binding);
  Status bind_json(LiveTask& task, Input& input, const Json& json, const model::Port& port);
  Status bind_list(LiveTask& task, Input& input, const Json& json, const model::Type& type,
                   std::string_view what);
  Status check_size(const LiveTask& task, const core::Object& object,
                    const model::Port& port) const;
  Status collect(LiveTask& task, Input& input, const core::Deliver& deliver);
  Status add_value(LiveTask& task, Input& input, store::Meta meta, std::string bytes);
  void send_start(LiveTask& task);
  void feed(LiveTask& task);
  bool feed_input(LiveTask& task, Input& input);  // False: it waits for something.
  bool feed_open(LiveTask& task, Input& input);
  // Time runs again, and the task takes a CPU slot: its data was sent, or its worker says so.
  void unblock(LiveTask& task, std::uint16_t port);
  void send_value(LiveTask& task, Input& input, const Piece& piece);
  // The number of the range's region on the worker's connection, mapped so far that the range is in
  // it; 0 where that cannot be done.
  std::uint32_t map_region(WorkerId worker, const store::Range& range, bool writable);

  void on_emit(LiveTask& task, const sluice_frame_header& header,
               std::span<const std::byte> payload);
  void on_grow(LiveTask& task, const sluice_frame_header& header,
               std::span<const std::byte> payload);
  void on_alloc(LiveTask& task, std::span<const std::byte> payload);
  void on_done(LiveTask& task);
  void on_failed(LiveTask& task, std::span<const std::byte> payload);
  Result<store::Range> range_of(LiveTask& task, std::span<const std::byte> payload);
  void return_credit(LiveTask& task, std::uint64_t bytes);

  // The attempt ends with this failure as soon as its worker is gone (or at once, where none runs
  // it).
  void break_off(LiveTask& task, core::Failure failure);
  // Forgets the attempt and tells core; the worker goes back to its pool if it is still there.
  void finish(LiveTask& task, std::optional<core::Failure> failure, bool worker_is_clean);
  void forget(LiveTask& task);

  Pump& pump_;
  store::Store& store_;
  RunLookup& runs_;
  aio::Loop& loop_;
  const Limits& limits_;
  const WorkerPrograms programs_;
  runtime::Runtime* runtime_ = nullptr;
  std::uint64_t last_handle_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<LiveTask>> live_;  // By handle.
  static constexpr std::uint32_t kLostInARowMax = 10;
  std::unordered_map<core::TaskKey, std::uint64_t, TaskHash> by_task_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Worker>>
      workers_;                                    // By WorkerId.value; those that were assigned.
  std::unordered_map<std::uint64_t, Pool> pools_;  // By PoolId.value.
  ScratchWatch scratch_watch_;
};

}  // namespace sluice::node
