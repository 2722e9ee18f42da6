#include "node/reuse.h"

#include <utility>

#include <fmt/format.h>

namespace sluice::node {
namespace {

constexpr std::uint32_t kDataAtOnce = 2000;  // A fraction of a millisecond.
constexpr std::size_t kValuesMax = 10'000;   // As Cache.

}  // namespace

Reuse::Asking* Reuse::find(const core::Attempt& attempt) {
  const auto found = asking_.find(attempt.task);
  return found != asking_.end() && found->second->attempt == attempt ? found->second.get()
                                                                     : nullptr;
}

void Reuse::on(const core::Recall& recall) {
  const RunRecord& run = *runs_.find(recall.attempt.task.run);
  missed_.erase(recall.attempt.task);  // Its inputs may be others now.
  auto asking = std::make_unique<Asking>();
  asking->attempt = recall.attempt;
  asking->number = recall.number;
  asking->ready = recall.ready;
  const model::Step& step = run.step_of(recall.attempt.task);
  asking->key.update("sluice cache 1\n");
  asking->key.update(std::string_view(reinterpret_cast<const char*>(run.version->digest.data()),
                                      run.version->digest.size()));
  asking->key.update(run.app().functions[step.function].name + "\n");
  asking_[recall.attempt.task] = std::move(asking);
  go_on(recall.attempt);
}

bool Reuse::on(const core::EndAttempt& end) {
  if (find(end.attempt) == nullptr) return false;
  asking_.erase(end.attempt.task);
  pump_.push(core::AttemptEnded{end.attempt});
  return true;
}

// ---- the key

void Reuse::go_on(const core::Attempt& attempt) {
  Asking* asking = find(attempt);
  if (asking == nullptr) return;
  switch (gather(*asking)) {
    case Progress::kDone:
      return ask(*asking);
    case Progress::kNoKey:
      return no_key(attempt);
    case Progress::kMore:
      if (!loop_.post([this, attempt] { go_on(attempt); })) no_key(attempt);
      return;
  }
}

// It runs, and is not kept.
void Reuse::no_key(const core::Attempt& attempt) {
  asking_.erase(attempt.task);
  pump_.push(core::NotCached{attempt});
}

Reuse::Progress Reuse::gather(Asking& asking) {
  const RunRecord& run = *runs_.find(asking.attempt.task.run);
  const std::size_t slots = run.step_of(asking.attempt.task).slots.size();
  for (std::uint32_t i = 0; i < kDataAtOnce; ++i) {
    if (asking.levels.empty()) {
      if (asking.slot == slots) return Progress::kDone;
      if (!gather_slot(asking)) return Progress::kNoKey;
      continue;
    }
    Level& level = asking.levels.back();
    if (level.next == level.count) {
      asking.levels.pop_back();
      continue;
    }
    core::Datum element = level.datum;
    element.index[element.depth++] = level.next++;
    if (!gather_datum(asking, element)) return Progress::kNoKey;
  }
  return Progress::kMore;
}

bool Reuse::gather_slot(Asking& asking) {
  const RunRecord& run = *runs_.find(asking.attempt.task.run);
  const model::Step& step = run.step_of(asking.attempt.task);
  const std::uint32_t number = asking.slot++;
  const model::Slot& slot = step.slots[number];
  if (slot.use != model::Use::kPort) return true;
  asking.key.update(fmt::format("port {}\n", slot.port));
  if (const auto* literal = std::get_if<model::Literal>(&slot.source)) {
    const std::string text = to_text(literal->value);
    asking.key.update(fmt::format("literal {}\n{}\n", text.size(), text));
    return true;
  }
  if (std::holds_alternative<model::RunIdRef>(slot.source)) {
    asking.key.update(fmt::format("run {}\n", run.id.to_text()));
    return true;
  }
  return gather_datum(asking, {.slot = number});
}

// False: it is not what core promises of a task that is recalled, or its object is gone.
bool Reuse::gather_datum(Asking& asking, const core::Datum& datum) {
  const core::Known known = pump_.scheduler().look(asking.attempt.task, datum);
  switch (known.state) {
    case core::Known::State::kAbsent:
      asking.key.update("absent\n");
      return true;
    case core::Known::State::kNumber:
      asking.key.update(fmt::format("number {}\n", known.number));
      return true;
    case core::Known::State::kList:
      if (!known.closed || datum.depth >= datum.index.size()) return false;
      asking.key.update(fmt::format("list {}\n", known.count));
      asking.levels.push_back({.datum = datum, .count = known.count});
      return true;
    case core::Known::State::kObject: {
      const Result<store::Store::View> view = store_.view(known.object.id);
      if (!view || !view->sealed) return false;
      asking.key.update(fmt::format("value {} {} {:016x}{:016x} {} {}\n{}\n", view->meta.kind,
                                    view->size, view->checksum.high, view->checksum.low,
                                    view->meta.file_mode, view->meta.name.size(), view->meta.name));
      return true;
    }
    case core::Known::State::kUnknown:
    case core::Known::State::kFailure:
    case core::Known::State::kFlag:
    case core::Known::State::kBroken:
      return false;
  }
  return false;
}

// ---- the answer

void Reuse::ask(Asking& asking) {
  const core::Attempt attempt = asking.attempt;
  const CacheKey key = asking.key.finish();
  cache_.find(key, [this, attempt, key](std::optional<Cache::Values> values) {
    found(attempt, key, std::move(values));
  });
}

void Reuse::found(const core::Attempt& attempt, const CacheKey& key,
                  std::optional<Cache::Values> values) {
  const Asking* asking = find(attempt);
  if (asking == nullptr) {  // It was ended meanwhile.
    if (values) release(*values);
    return;
  }
  if (!values) {
    missed_[attempt.task] = Missed{.epoch = attempt.epoch, .key = key, .values = {}};
    asking_.erase(attempt.task);
    return pump_.push(core::NotCached{attempt});
  }
  record(*asking, *values);
  // Core owns the objects from here on, also where it has ended the attempt meanwhile.
  for (const CachedValue& value : *values) {
    core::Emitted emitted{.attempt = attempt, .port = value.port, .object = {}};
    emitted.is_hole = value.kind == CachedValue::Kind::kHole;
    if (!emitted.is_hole)
      emitted.object = {
          .id = value.object, .size = value.size, .checksum = value.checksum, .sealed = true};
    pump_.push(emitted);
  }
  if (find(attempt) == nullptr) return;
  asking_.erase(attempt.task);
  pump_.push(core::TaskDone{attempt});
}

void Reuse::record(const Asking& asking, const Cache::Values& values) {
  const core::TaskKey& task = asking.attempt.task;
  RunRecord& run = *runs_.find(task.run);
  AttemptRecord* made = runs_.record_attempt(run, AttemptRecord{.step = task.step,
                                                                .index = task.index,
                                                                .scope = task.scope,
                                                                .number = asking.number,
                                                                .state = core::TaskState::kFinished,
                                                                .is_cached = true,
                                                                .epoch = asking.attempt.epoch,
                                                                .ready = run.micros(asking.ready)});
  if (made == nullptr) return;
  made->started = made->ended = run.micros(loop_.now());
  for (const CachedValue& value : values) made->bytes_out += value.size;
}

void Reuse::release(const Cache::Values& values) {
  for (const CachedValue& value : values)
    if (value.object) store_.release(value.object);
}

// ---- what is kept

void Reuse::on(const core::KeepOutput& kept) {
  const auto found = missed_.find(kept.attempt.task);
  if (found == missed_.end() || found->second.epoch != kept.attempt.epoch) return;
  Missed& missed = found->second;
  if (kept.kind == core::Deliver::Kind::kClosed || missed.is_too_large) return;
  CachedValue value{.port = kept.port,
                    .kind = CachedValue::Kind::kHole,
                    .meta = {},
                    .size = kept.object.size,
                    .checksum = kept.object.checksum,
                    .object = {}};
  const Result<store::Store::View> view = store_.view(kept.object.id);
  const bool is_value = kept.kind == core::Deliver::Kind::kElement;
  if ((is_value && !view) || missed.values.size() == kValuesMax) {
    release(missed.values);
    missed.values.clear();
    missed.is_too_large = true;
    return;
  }
  if (is_value) {
    value.kind = CachedValue::Kind::kValue;
    value.meta = view->meta;
    value.object = kept.object.id;
    store_.retain(value.object);
  }
  missed.values.push_back(std::move(value));
}

void Reuse::on(const core::Commit& commit) {
  const auto found = missed_.find(commit.attempt.task);
  if (found == missed_.end() || found->second.epoch != commit.attempt.epoch) return;
  Missed missed = std::move(found->second);
  missed_.erase(found);
  if (commit.result == core::Commit::Result::kOutputs && !missed.is_too_large)
    cache_.add(missed.key, std::move(missed.values));
  else
    release(missed.values);
}

void Reuse::on(const core::RunDrained& drained) {
  std::erase_if(missed_, [&](const auto& one) { return one.first.run == drained.run; });
}

}  // namespace sluice::node
