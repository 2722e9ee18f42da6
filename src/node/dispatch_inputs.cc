// The half of the dispatcher that feeds a worker: the start frame and the inputs under credit.

#include <algorithm>
#include <limits>

#include "node/dispatch.h"
#include "node/values.h"

namespace sluice::node {
namespace {

constexpr std::size_t kUnsentMax = 256 << 10;  // Beyond, feeding waits until the worker has read.
constexpr std::size_t kCopyChunk = 60 << 10;   // Of a value in copy mode; fits a frame.
constexpr std::uint64_t kUnknownSize = std::numeric_limits<std::uint64_t>::max();

template <class T>
std::span<const std::byte> bytes_of(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

sluice_value header_of(const store::Meta& meta, std::uint64_t size) {
  sluice_value value{};
  value.kind = meta.kind;
  value.name_length = static_cast<std::uint16_t>(meta.name.size());
  value.file_mode = meta.file_mode;
  value.size = size;
  return value;
}

}  // namespace

void Dispatcher::send_start(LiveTask& task) {
  RunRecord& run = *runs_.find(task.run);
  const model::Step& step = step_of(task);
  const std::string path = run.path_of(task.attempt.task);
  Json inputs = Json::list();
  for (const Input& input : task.inputs) inputs.push(Json(std::int64_t{input.port}));
  Json start;
  start.set("run", run.id.to_text()).set("app", run.version->name).set("workflow", run.plan().name);
  start.set("step", step.name).set("path", path);
  if (step.foreach) start.set("index", task.attempt.task.index);
  start.set("attempt", task.number)
      .set("epoch", task.attempt.epoch)
      .set("token", task_token(run.id, path));
  if (task.deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*task.deadline - loop_.now());
    start.set("deadline_ms", static_cast<std::int64_t>(std::max<std::int64_t>(0, left.count())));
  }
  start.set("inputs", std::move(inputs));
  const std::string text = to_text(start);
  runtime_->send(task.worker, SLUICE_FRAME_START, 0, 0, task.handle,
                 {std::as_bytes(std::span(text))});
  task.is_started = true;
  feed(task);
}

std::uint32_t Dispatcher::map_region(WorkerId worker, const store::Range& range, bool writable) {
  Worker& state = *workers_.at(worker.value);
  Mapped& mapped = state.mapped[range.region.value];
  const bool is_known = mapped.number != 0 && mapped.size >= range.offset + range.length;
  if (is_known && (!writable || mapped.writable)) return mapped.number;
  const bool as_writable = writable || mapped.writable;
  const Result<store::Store::RegionInfo> info = store_.region(range.region);
  Result<Fd> descriptor = store_.open_region(range.region, as_writable);
  if (!info || !descriptor) return 0;
  if (mapped.number == 0) mapped.number = ++state.last_number;
  mapped.writable = as_writable;
  mapped.size = info->size;
  runtime_->send_map(worker, mapped.number,
                     sluice_map{.size = info->size,
                                .writable = as_writable ? 1U : 0U,
                                .is_file = info->is_file ? 1U : 0U},
                     std::move(*descriptor));
  return mapped.number;
}

void Dispatcher::unblock(LiveTask& task, std::uint16_t port) {
  if (task.blocked_on != port) return;
  task.blocked_on.reset();
  pump_.push(core::TaskUnblocked{task.attempt});
}

void Dispatcher::feed(LiveTask& task) {
  if (!task.is_started || task.is_ending || task.pending_failure || task.waits_for_drain) return;
  const std::uint64_t handle = task.handle;
  for (std::size_t i = 0; i < task.inputs.size(); ++i) {
    while (feed_input(task, task.inputs[i])) {
      if (task.pending_failure) return;
      if (task.blocked_on) {
        unblock(task, task.inputs[i].port);
        if (find_handle(handle) != &task || task.is_ending) return;
      }
      if (runtime_->unsent(task.worker) <= kUnsentMax) continue;
      task.waits_for_drain = true;
      runtime_->once_drained(task.worker, [this, handle] {
        LiveTask* waiting = find_handle(handle);
        if (waiting == nullptr) return;
        waiting->waits_for_drain = false;
        feed(*waiting);
      });
      return;
    }
  }
}

bool Dispatcher::feed_input(LiveTask& task, Input& input) {
  if (input.open) return feed_open(task, input);
  if (input.pieces.empty()) return false;
  Piece piece = std::move(input.pieces.front());
  const bool is_element = piece.kind == Piece::Kind::kValue || piece.kind == Piece::Kind::kHole;
  if (input.is_local && is_element) {
    if (input.local_credit == 0) {
      input.pieces.front() = std::move(piece);
      return false;
    }
    --input.local_credit;
  }
  input.pieces.pop_front();
  const auto send = [&](std::uint8_t type, std::uint8_t flags, const sluice_value* value) {
    if (value == nullptr) {
      runtime_->send(task.worker, type, flags, input.port, task.handle);
    } else {
      runtime_->send(task.worker, type, flags, input.port, task.handle, {bytes_of(*value)});
    }
  };
  switch (piece.kind) {
    case Piece::Kind::kValue:
      send_value(task, input, piece);
      break;
    case Piece::Kind::kHole: {
      const sluice_value value{};
      send(SLUICE_FRAME_ELEMENT, SLUICE_FLAG_HOLE, &value);
      break;
    }
    case Piece::Kind::kListBegin: {
      const sluice_value value = header_of({.kind = SLUICE_KIND_LIST}, kUnknownSize);
      send(SLUICE_FRAME_ELEMENT, SLUICE_PLACE_OPEN, &value);
      break;
    }
    case Piece::Kind::kListEnd:
      send(SLUICE_FRAME_END, SLUICE_FLAG_VALUE, nullptr);
      break;
    case Piece::Kind::kClosed:
      send(SLUICE_FRAME_END, 0, nullptr);
      break;
    case Piece::Kind::kAbsent:
      send(SLUICE_FRAME_END, SLUICE_FLAG_HOLE, nullptr);
      break;
  }
  if (is_element) {
    if (AttemptRecord* record = record_of(task); record != nullptr && record->first_input == 0) {
      record->first_input = runs_.find(task.run)->micros(loop_.now());
    }
  }
  return true;
}

void Dispatcher::send_value(LiveTask& task, Input& input, const Piece& piece) {
  if (!piece.object) {
    const sluice_value value = header_of(piece.meta, piece.literal.size());
    runtime_->send(task.worker, SLUICE_FRAME_ELEMENT, SLUICE_PLACE_INLINE, input.port, task.handle,
                   {bytes_of(value), std::as_bytes(std::span(piece.meta.name)),
                    std::as_bytes(std::span(piece.literal))});
    return;
  }
  const Result<store::Store::View> view = store_.view(piece.object);
  if (!view) {
    break_off(task, {.name = "DataLost",
                     .message = fmt::format("an input is gone: {}", view.error().message()),
                     .counts = false});
    return;
  }
  if (AttemptRecord* record = record_of(task)) record->bytes_in += view->size;
  const auto name = std::as_bytes(std::span(view->meta.name));
  if (view->sealed) {
    const sluice_value value = header_of(view->meta, view->size);
    if (const auto* here = std::get_if<std::span<const std::byte>>(&view->bytes);
        here != nullptr && here->size() <= Limits::kInlineMax) {
      runtime_->send(task.worker, SLUICE_FRAME_ELEMENT, SLUICE_PLACE_INLINE, input.port,
                     task.handle, {bytes_of(value), name, *here});
      return;
    }
    if (const auto* range = std::get_if<store::Range>(&view->bytes);
        range != nullptr && runtime_->uses_shared_memory(task.worker)) {
      if (const std::uint32_t number = map_region(task.worker, *range, false); number != 0) {
        const sluice_range wire{
            .region = number, .reserved = 0, .offset = range->offset, .length = view->size};
        runtime_->send(task.worker, SLUICE_FRAME_ELEMENT, SLUICE_PLACE_RANGE, input.port,
                       task.handle, {bytes_of(value), name, bytes_of(wire)});
        return;
      }
    }
  }
  const sluice_value value = header_of(view->meta, view->sealed ? view->size : kUnknownSize);
  runtime_->send(task.worker, SLUICE_FRAME_ELEMENT, SLUICE_PLACE_OPEN, input.port, task.handle,
                 {bytes_of(value), name});
  input.open = piece.object;
  input.sent = 0;
}

bool Dispatcher::feed_open(LiveTask& task, Input& input) {
  if (input.waits_for_growth) return false;
  const Result<store::Store::View> view = store_.view(input.open);
  if (!view) {
    break_off(task, {.name = "DataLost",
                     .message = fmt::format("an input is gone: {}", view.error().message()),
                     .counts = false});
    return false;
  }
  const std::uint64_t there = view->size - input.sent;
  if (there == 0) {
    if (view->sealed) {
      runtime_->send(task.worker, SLUICE_FRAME_END, SLUICE_FLAG_VALUE, input.port, task.handle);
      input.open = {};
      return true;
    }
    input.waits_for_growth = true;
    store_.on_growth(input.open, [this, handle = task.handle, slot = input.slot] {
      LiveTask* waiting = find_handle(handle);
      if (waiting == nullptr) return;
      for (Input& grown : waiting->inputs) {
        if (grown.slot == slot) grown.waits_for_growth = false;
      }
      feed(*waiting);
    });
    return false;
  }
  if (input.credit == 0) return false;
  std::uint64_t size = std::min(there, input.credit);
  if (const auto* range = std::get_if<store::Range>(&view->bytes);
      range != nullptr && runtime_->uses_shared_memory(task.worker)) {
    const std::uint32_t number = map_region(task.worker, *range, false);
    if (number != 0) {
      const sluice_range wire{
          .region = number, .reserved = 0, .offset = range->offset + input.sent, .length = size};
      runtime_->send(task.worker, SLUICE_FRAME_CHUNK, SLUICE_PLACE_RANGE, input.port, task.handle,
                     {bytes_of(wire)});
      input.sent += size;
      input.credit -= size;
      return true;
    }
  }
  std::array<std::byte, kCopyChunk> buffer;
  size = std::min<std::uint64_t>(size, buffer.size());
  const Result<std::size_t> got =
      store_.read(input.open, input.sent, std::span(buffer).first(size));
  if (!got || *got == 0) {
    break_off(task, {.name = "DataLost",
                     .message = got ? "an input is cut short" : got.error().message(),
                     .counts = false});
    return false;
  }
  runtime_->send(task.worker, SLUICE_FRAME_CHUNK, SLUICE_PLACE_INLINE, input.port, task.handle,
                 {std::span(buffer).first(*got)});
  input.sent += *got;
  input.credit -= *got;
  return true;
}

}  // namespace sluice::node
