#include "node/evaluator.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "node/dispatch.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

// What one evaluation may take of the loop: about a millisecond at the very most.
constexpr std::uint32_t kStepsOnLoop = 1000;
constexpr std::uint64_t kReadOnLoop = 16 << 10;
constexpr std::size_t kMadeOnLoop = 64;  // Objects that one answer makes in a turn.
constexpr std::uint64_t kMadeBytesOnLoop = 256 << 10;
// And all evaluations of one turn together, so that a list of a million elements lets others in.
constexpr std::uint64_t kStepsPerTurn = 20'000;
constexpr std::uint64_t kStepsPerEvaluation = 100;  // What each costs besides.
constexpr std::size_t kLooksPerTurn = 4096;
constexpr std::uint64_t kLoadPerTurn = 1 << 20;

// A step takes some 50 ns on the loop. Of a job the list is copied first, and core notes what it
// saw.
constexpr Duration kPausePerStep = std::chrono::nanoseconds(200);
constexpr Duration kPausePerStepOfJob = std::chrono::nanoseconds(1000);
constexpr std::uint64_t kStepsWithoutPause = 500;
constexpr std::size_t kPausesSwept = 1024;

constexpr Duration kRetrySubmit = std::chrono::milliseconds(5);

constexpr std::size_t kJobsAtOnce = 4;
constexpr std::uint64_t kReadPerJob = 64 << 20;
constexpr std::size_t kCacheMemory = 16 << 20;

expr::Budget loop_budget() {
  expr::Budget budget;
  budget.steps = kStepsOnLoop;
  budget.elements = kStepsOnLoop;
  budget.memory = 256 << 10;
  return budget;
}

std::uint8_t wire_kind_of(model::Kind kind) {
  if (kind == model::Kind::kText) return SLUICE_KIND_TEXT;
  return kind == model::Kind::kBytes ? SLUICE_KIND_BYTES : SLUICE_KIND_JSON;
}

}  // namespace

model::Kind Evaluator::kind_of(const store::Store& store, ObjectId object) {
  const Result<store::Store::View> view = store.view(object);
  if (!view) return model::Kind::kAny;
  switch (view->meta.kind) {
    case SLUICE_KIND_BYTES:
      return model::Kind::kBytes;
    case SLUICE_KIND_TEXT:
      return model::Kind::kText;
    case SLUICE_KIND_ARRAY:
      return model::Kind::kArray;
    case SLUICE_KIND_FILE:
      return model::Kind::kFile;
    default:
      return model::Kind::kJson;
  }
}

// The scheduler and the store as one task sees them now.
class Evaluator::LiveSight final : public evaluate::Sight {
 public:
  using Documents = std::unordered_map<std::uint64_t, evaluate::DocumentPtr>;

  // Without `documents` nothing is read.
  LiveSight(const core::Scheduler& scheduler, const store::Store& store, const core::TaskKey& task,
            DocumentCache* cache = nullptr, Documents* documents = nullptr)
      : scheduler_(scheduler), store_(store), task_(task), cache_(cache), documents_(documents) {}

  core::Known look(const core::Datum& datum) const override {
    return scheduler_.look(task_, datum);
  }
  model::Kind kind(const core::Datum&, const core::Object& object) const override {
    return kind_of(store_, object.id);
  }
  expr::Reading read(const core::Datum& datum, const core::Object& object) const override {
    if (documents_ == nullptr) return evaluate::reading_of(kind(datum, object), object.size);
    const auto found = documents_->find(object.id.value);
    if (found != documents_->end()) return found->second->reading();
    if (evaluate::DocumentPtr cached = cache_->find(object.id)) {
      // Held, so that it stays while the outcome is looked at.
      const expr::Reading reading = cached->reading();
      documents_->emplace(object.id.value, std::move(cached));
      return reading;
    }
    return evaluate::reading_of(kind(datum, object), object.size);
  }

 private:
  const core::Scheduler& scheduler_;
  const store::Store& store_;
  const core::TaskKey task_;
  DocumentCache* cache_;
  Documents* documents_;
};

Evaluator::Evaluator(Pump& pump, store::Store& store, RunLookup& runs, aio::Loop& loop,
                     aio::BulkPool& bulk)
    : pump_(pump),
      store_(store),
      runs_(runs),
      loop_(loop),
      bulk_(bulk),
      evaluation_(loop_budget()),
      cache_(kCacheMemory),
      pause_timer_(loop),
      retry_timer_(loop) {}

Evaluator::~Evaluator() = default;

void Evaluator::on(const core::Compute& question) {
  if (is_paused(question)) return;
  if (!questions_.empty() || turn_used_ >= kStepsPerTurn) {
    questions_.push_back(question);
  } else {
    evaluate_here(question);
  }
  schedule();  // Also to begin counting anew.
}

bool Evaluator::is_paused(const core::Compute& question) {
  const auto found = pauses_.find(question.attempt.task);
  if (found == pauses_.end()) return false;
  const TimePoint until = found->second;
  pauses_.erase(found);
  // It has paused, and its answer was overtaken in that time: now it is answered at once.
  if (answering_ == question.attempt.task) return false;
  if (until <= loop_.now()) return false;
  ++counters_.paused;
  paused_.emplace(until, question);
  if (paused_.begin()->first == until) pause_timer_.at(until, [this] { wake(); });
  return true;
}

void Evaluator::pause(const core::Compute& question, const evaluate::Answer& answer,
                      Duration per_step) {
  if (answer.computed.needs.empty() || answer.steps < kStepsWithoutPause) return;
  const TimePoint now = loop_.now();
  if (pauses_.size() >= kPausesSwept)
    std::erase_if(pauses_, [&](const auto& pause) { return pause.second <= now; });
  pauses_[question.attempt.task] = now + per_step * static_cast<std::int64_t>(answer.steps);
}

void Evaluator::wake() {
  while (!paused_.empty() && paused_.begin()->first <= loop_.now()) {
    questions_.push_back(paused_.begin()->second);
    paused_.erase(paused_.begin());
  }
  if (!paused_.empty()) pause_timer_.at(paused_.begin()->first, [this] { wake(); });
  schedule();
}

void Evaluator::schedule() {
  if (is_scheduled_) return;
  is_scheduled_ = true;
  loop_.at_end_of_turn([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    is_scheduled_ = false;
    run_turn();
  });
}

void Evaluator::run_turn() {
  turn_used_ = 0;
  while (!questions_.empty() && turn_used_ < kStepsPerTurn) {
    const core::Compute question = questions_.front();
    questions_.pop_front();
    evaluate_here(question);
  }
  std::deque<std::shared_ptr<Job>> jobs = std::exchange(turns_, {});
  for (const std::shared_ptr<Job>& job : jobs) {
    if (advance(job)) turns_.push_back(job);
  }
  start_jobs();
  if (!questions_.empty() || !turns_.empty()) schedule();
}

void Evaluator::evaluate_here(const core::Compute& question) {
  RunRecord* run = runs_.find(question.attempt.task.run);
  // It is forgotten, or its scope is closed: nobody waits for the answer.
  if (run == nullptr || !run->scopes.is_open(question.attempt.task.scope)) return;
  turn_used_ += kStepsPerEvaluation;
  const evaluate::Task task = run->expressions_of(question.attempt.task);
  LiveSight::Documents documents;
  const LiveSight sight(pump_.scheduler(), store_, question.attempt.task, &cache_, &documents);
  std::uint64_t bytes_read = 0;
  while (true) {
    evaluate::Answer answer = evaluate::answer(question, task, sight, evaluation_, kStepsOnLoop);
    turn_used_ += answer.steps;
    const auto too_much = [&] {
      large_.push_back(question);
      schedule();
    };
    if (answer.is_exhausted) return too_much();
    if (!answer.reads.empty()) {
      Status status;
      const bool is_little = load_here(answer.reads, documents, bytes_read, status);
      if (!status) {
        // Gone while it was wanted: what it was read for is void. Should core not know, it fails.
        return pump_.push(evaluate::broken_answer(
            question, {.name = "DataLost", .message = status.error().message()}));
      }
      if (!is_little) return too_much();
      continue;
    }
    std::uint64_t bytes = 0;
    for (const evaluate::Wanted& wanted : answer.values) bytes += wanted.value.bytes.size();
    if (answer.values.size() > kMadeOnLoop || bytes > kMadeBytesOnLoop) return too_much();
    std::size_t next = 0;
    const Result<bool> made = make_objects(answer, next, answer.values.size());
    ++counters_.on_loop;
    pause(question, answer, kPausePerStep);
    if (!made) {
      return pump_.push(evaluate::broken_answer(
          question, {.name = "TooLarge", .message = made.error().message()}));
    }
    answering_ = question.attempt.task;
    pump_.push(std::move(answer.computed));
    answering_.reset();
    return;
  }
}

Result<std::string> Evaluator::bytes_of(const core::Object& object) const {
  std::string bytes(object.size, '\0');
  SLUICE_TRY(const std::size_t got,
             store_.read(object.id, 0, std::as_writable_bytes(std::span(bytes))));
  if (got != bytes.size()) return fail(ErrorCode::kDataLoss, "an operand is shorter than it was");
  return bytes;
}

bool Evaluator::load_here(const std::vector<core::Object>& reads,
                          std::unordered_map<std::uint64_t, evaluate::DocumentPtr>& documents,
                          std::uint64_t& bytes_read, Status& status) {
  for (const core::Object& object : reads) bytes_read += object.size;
  if (bytes_read > kReadOnLoop || reads.size() > kStepsOnLoop) return false;
  for (const core::Object& object : reads) {
    Result<std::string> bytes = bytes_of(object);
    if (!bytes) {
      status = fail(std::move(bytes).error());
      return false;
    }
    evaluate::DocumentPtr document =
        evaluate::Document::parse(kind_of(store_, object.id), std::move(*bytes));
    cache_.add(object.id, document);
    documents[object.id.value] = std::move(document);
  }
  return true;
}

Result<bool> Evaluator::make_objects(evaluate::Answer& answer, std::size_t& next,
                                     std::size_t most) {
  std::uint64_t bytes = 0;
  for (std::size_t made = 0; next < answer.values.size(); ++next, ++made) {
    if (made >= most || bytes > kMadeBytesOnLoop) return false;
    evaluate::Wanted& wanted = answer.values[next];
    const auto put = [&]() -> Result<core::Object> {
      SLUICE_TRY(const ObjectId id,
                 store_.put({.kind = wire_kind_of(wanted.value.kind), .name = {}, .file_mode = 0},
                            std::as_bytes(std::span(wanted.value.bytes))));
      SLUICE_TRY(const store::Store::View view, store_.view(id));
      return core::Object{.id = id, .size = view.size, .checksum = view.checksum, .sealed = true};
    };
    const Result<core::Object> object = put();
    if (!object) {
      drop_objects(answer);
      return fail(object.error());
    }
    bytes += wanted.value.bytes.size();
    wanted.value.bytes = {};
    answer.computed.outputs[wanted.output].pieces[wanted.piece].object = *object;
  }
  return true;
}

void Evaluator::drop_objects(const evaluate::Answer& answer) {
  for (const core::ComputedOutput& output : answer.computed.outputs) {
    for (const core::Piece& piece : output.pieces) {
      if (piece.kind == core::Piece::Kind::kObject && piece.object.id)
        store_.release(piece.object.id);
    }
  }
}

// ---- bulk threads
// --------------------------------------------------------------------------------

void Evaluator::start_jobs() {
  while (!large_.empty() && jobs_ < kJobsAtOnce) {
    const core::Compute question = large_.front();
    large_.pop_front();
    RunRecord* run = runs_.find(question.attempt.task.run);
    if (run == nullptr || !run->scopes.is_open(question.attempt.task.scope)) continue;
    const evaluate::Task task = run->expressions_of(question.attempt.task);
    // Not make_shared: its scratch memory cannot be moved there.
    std::shared_ptr<Job> job(new Job{.question = question,
                                     .version = run->version,
                                     .task = task,
                                     .snapshot = evaluate::Snapshot(task.step),
                                     .loaded = {},
                                     .answer = {}});
    ++jobs_;
    ++counters_.on_bulk;
    turns_.push_back(std::move(job));
    schedule();
  }
}

bool Evaluator::advance(const std::shared_ptr<Job>& job) {
  switch (job->stage) {
    case Job::Stage::kCapture: {
      const LiveSight sight(pump_.scheduler(), store_, job->question.attempt.task);
      if (!job->snapshot.take(sight, kLooksPerTurn)) return true;
      submit(job);
      return false;
    }
    case Job::Stage::kLoad: {
      std::uint64_t bytes = 0;
      for (std::size_t count = 0; job->next < job->answer.reads.size(); ++job->next, ++count) {
        if (bytes >= kLoadPerTurn || count >= kLooksPerTurn) return true;
        const core::Object& object = job->answer.reads[job->next];
        if (evaluate::DocumentPtr cached = cache_.find(object.id)) {
          job->snapshot.add(object.id, std::move(cached));
          continue;
        }
        job->bytes_read += object.size;
        if (job->bytes_read > kReadPerJob) {
          job->snapshot.add(object.id, evaluate::Document::unreadable(
                                           "the expression reads more than 64 MiB in all"));
          continue;
        }
        Result<std::string> read = bytes_of(object);
        if (!read) {
          fail_job(job, read.error());
          return false;
        }
        bytes += read->size();
        job->loaded.push_back({.object = object.id,
                               .kind = kind_of(store_, object.id),
                               .bytes = std::move(*read),
                               .document = {}});
      }
      submit(job);
      return false;
    }
    case Job::Stage::kMake: {
      const Result<bool> made = make_objects(job->answer, job->next, kMadeOnLoop * 4);
      if (!made) {
        fail_job(job, made.error());
        return false;
      }
      if (!*made) return true;
      pause(job->question, job->answer, kPausePerStepOfJob);
      finish(job, std::move(job->answer.computed));
      return false;
    }
  }
  std::abort();
}

void Evaluator::submit(const std::shared_ptr<Job>& job) {
  const auto work = [job] {
    for (Job::Loaded& loaded : job->loaded) {
      loaded.document = evaluate::Document::parse(loaded.kind, std::move(loaded.bytes));
      job->snapshot.add(loaded.object, loaded.document);
    }
    job->answer = evaluate::answer(job->question, job->task, job->snapshot, job->evaluation);
  };
  const auto done = [this, job] {
    for (Job::Loaded& loaded : job->loaded) cache_.add(loaded.object, std::move(loaded.document));
    job->loaded.clear();
    job->next = 0;
    job->stage = job->answer.reads.empty() ? Job::Stage::kMake : Job::Stage::kLoad;
    turns_.push_back(job);
    schedule();
  };
  if (bulk_.submit(work, done)) return;
  // The bulk threads are thousands of pieces behind. It waits, and since there are few jobs at a
  // time, so do the others.
  refused_.push_back(job);
  if (refused_.size() == 1) retry_timer_.at(loop_.now() + kRetrySubmit, [this] { submit_again(); });
}

void Evaluator::submit_again() {
  for (const std::shared_ptr<Job>& job : std::exchange(refused_, {})) submit(job);
}

void Evaluator::finish(const std::shared_ptr<Job>&, core::Computed computed) {
  --jobs_;
  start_jobs();
  pump_.push(std::move(computed));
}

void Evaluator::fail_job(const std::shared_ptr<Job>& job, const Error& error) {
  const bool is_large = error.code() == ErrorCode::kResourceExhausted;
  finish(job, evaluate::broken_answer(job->question, {.name = is_large ? "TooLarge" : "DataLost",
                                                      .message = error.message()}));
}

}  // namespace sluice::node
