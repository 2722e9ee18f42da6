// The half of the dispatcher that hears a worker: progress, outputs into the store, the end.

#include <cstring>

#include "base/json.h"
#include "node/dispatch.h"
#include "node/values.h"

namespace sluice::node {
namespace {

// Copies a struct of the protocol from the front of a payload; nothing if it is too short.
template <class T>
std::optional<T> take(std::span<const std::byte>& payload) {
  if (payload.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, payload.data(), sizeof(T));
  payload = payload.subspan(sizeof(T));
  return value;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

core::Failure protocol(std::string message) {
  return {.name = "Crash",
          .message = "the worker broke the protocol and was ended: " + std::move(message)};
}

constexpr std::uint64_t kCreditBatch =
    SLUICE_CREDIT_BYTES / 4;  // Credit goes back in pieces, not per frame.

}  // namespace

void Dispatcher::on_frame(WorkerId worker, const sluice_frame_header& header,
                          std::span<const std::byte> payload) {
  LiveTask* found = find_handle(header.handle);
  // Frames of a task that has ended cross its cancel; they are dropped.
  if (found == nullptr || found->worker != worker || found->pending_failure) return;
  LiveTask& task = *found;
  const bool ends = header.type == SLUICE_FRAME_DONE || header.type == SLUICE_FRAME_FAILED;
  if (task.is_ending && !ends) return;
  switch (header.type) {
    case SLUICE_FRAME_STARTED:
      task.is_called = true;
      if (AttemptRecord* record = record_of(task)) {
        record->started = runs_.find(task.run)->micros(loop_.now());
        record->state = core::TaskState::kRunning;
      }
      pump_.push(core::TaskStarted{task.attempt});
      return;
    case SLUICE_FRAME_WANT:
      if ((header.flags & SLUICE_FLAG_RELEASED) != 0) {
        unblock(task, header.port);
      } else if (!task.blocked_on) {
        task.blocked_on = header.port;
        pump_.push(core::TaskBlocked{task.attempt});
      }
      return;
    case SLUICE_FRAME_CREDIT: {
      const auto credit = take<sluice_credit>(payload);
      if (!credit) return break_off(task, protocol("a short credit frame"));
      for (Input& input : task.inputs) {
        if (input.port != header.port) continue;
        input.credit += credit->bytes;
        if (credit->elements > 0 && input.is_local) {
          input.local_credit += credit->elements;
        } else if (credit->elements > 0 && input.is_list) {
          pump_.push(core::Consumed{
              .attempt = task.attempt, .slot = input.slot, .elements = credit->elements});
          if (find_handle(header.handle) != &task) return;
        }
        break;
      }
      return feed(task);
    }
    case SLUICE_FRAME_ALLOC:
      return on_alloc(task, payload);
    case SLUICE_FRAME_EMIT:
      return on_emit(task, header, payload);
    case SLUICE_FRAME_GROW:
    case SLUICE_FRAME_SEAL:
      return on_grow(task, header, payload);
    case SLUICE_FRAME_LOG: {
      RunRecord& run = *runs_.find(task.run);
      run.log.append(run.path_of(task.attempt.task), task.log, text_of(payload),
                     runs_.folder_of(run), limits_);
      runs_.log_grew(run);
      return;
    }
    case SLUICE_FRAME_DONE:
      return on_done(task);
    case SLUICE_FRAME_FAILED:
      return on_failed(task, payload);
    default:
      return break_off(task, protocol(fmt::format("a frame of type {}", header.type)));
  }
}

void Dispatcher::return_credit(LiveTask& task, std::uint64_t bytes) {
  task.output_credit_used += bytes;
  if (task.output_credit_used < kCreditBatch) return;
  const sluice_credit credit{.bytes = static_cast<std::uint32_t>(task.output_credit_used),
                             .elements = 0};
  task.output_credit_used = 0;
  runtime_->send(task.worker, SLUICE_FRAME_CREDIT, 0, 0, task.handle,
                 {std::as_bytes(std::span(&credit, 1))});
}

void Dispatcher::on_alloc(LiveTask& task, std::span<const std::byte> payload) {
  const auto size = take<std::uint64_t>(payload);
  if (!size) return break_off(task, protocol("a short alloc frame"));
  const store::OutboxId outbox = pools_.at(task.pool.value).outbox;
  Result<store::Range> range = store_.grant(outbox, *size);
  std::uint32_t number = 0;
  if (range) {
    number = map_region(task.worker, *range, true);
    if (number == 0) {
      store_.take_back(outbox, *range);
      range = fail(ErrorCode::kResourceExhausted, "the memory for an output cannot be mapped");
    }
  }
  if (!range) {
    const std::string message = range.error().message();
    runtime_->send(task.worker, SLUICE_FRAME_GRANT, SLUICE_FLAG_REFUSED, 0, task.handle,
                   {std::as_bytes(std::span(message))});
    return break_off(task, {.name = "TooLarge", .message = message});
  }
  task.grants.push_back({.number = number, .range = *range});
  const sluice_range wire{
      .region = number, .reserved = 0, .offset = range->offset, .length = range->length};
  runtime_->send(task.worker, SLUICE_FRAME_GRANT, 0, 0, task.handle,
                 {std::as_bytes(std::span(&wire, 1))});
}

void Dispatcher::on_emit(LiveTask& task, const sluice_frame_header& header,
                         std::span<const std::byte> payload) {
  if (header.port >= task.outputs.size())
    return break_off(task, protocol(fmt::format("output {} does not exist", header.port)));
  Output& output = task.outputs[header.port];
  const model::Port& port = function_of(task).outputs[header.port];
  const auto value = take<sluice_value>(payload);
  if (!value || value->name_length > payload.size() || value->name_length > 255) {
    return break_off(task, protocol("a short emit frame"));
  }
  if (output.open)
    return break_off(task, protocol(fmt::format("output '{}' is still open", port.name)));
  if ((header.flags & SLUICE_FLAG_HOLE) != 0) {
    return break_off(task,
                     {.name = "InvalidOutput",
                      .message = fmt::format("output '{}': emitting an absent element is part of "
                                             "the language but not there yet; leave it out",
                                             port.name)});
  }
  if (output.emitted && !port.type.is_list()) {
    return break_off(task, {.name = "InvalidOutput",
                            .message = fmt::format("output '{}' was given twice", port.name)});
  }
  store::Meta meta{.kind = value->kind,
                   .name = std::string(text_of(payload.first(value->name_length))),
                   .file_mode = value->file_mode};
  payload = payload.subspan(value->name_length);
  if (meta.kind < SLUICE_KIND_BYTES || meta.kind > SLUICE_KIND_FILE || !is_utf8(meta.name) ||
      meta.name.find('/') != std::string::npos || meta.name == "." || meta.name == "..") {
    return break_off(
        task, protocol(fmt::format("output '{}' has a kind or name that cannot be", port.name)));
  }
  if (meta.name.empty() && meta.kind == SLUICE_KIND_FILE) meta.name = port.name;
  meta.file_mode &= 0777;

  Result<ObjectId> object = ObjectId{};
  std::uint64_t size = 0;
  bool sealed = true;
  switch (header.flags & SLUICE_PLACE_MASK) {
    case SLUICE_PLACE_INLINE:
      size = payload.size();
      object = store_.put(std::move(meta), payload);
      return_credit(task, size);
      break;
    case SLUICE_PLACE_RANGE: {
      const auto wire = take<sluice_range>(payload);
      if (!wire) return break_off(task, protocol("a short range"));
      const auto grant =
          std::find_if(task.grants.begin(), task.grants.end(), [&](const Grant& candidate) {
            return candidate.number == wire->region && candidate.range.offset == wire->offset;
          });
      if (grant == task.grants.end() || wire->length > grant->range.length) {
        return break_off(task, protocol("a range that was not granted"));
      }
      size = wire->length;
      object = store_.adopt(pools_.at(task.pool.value).outbox, grant->range, size, std::move(meta));
      if (object) task.grants.erase(grant);
      break;
    }
    case SLUICE_PLACE_OPEN:
      object = store_.open(std::move(meta),
                           value->size == UINT64_MAX ? std::nullopt : std::optional(value->size));
      sealed = false;
      break;
    default:
      return break_off(task, protocol("a place that does not exist"));
  }
  if (!object) return break_off(task, {.name = "TooLarge", .message = object.error().message()});
  if (!sealed) output.open = *object;
  output.emitted = true;
  if (AttemptRecord* record = record_of(task)) {
    if (record->first_output == 0) record->first_output = runs_.find(task.run)->micros(loop_.now());
    record->bytes_out += size;
  }
  Checksum checksum;
  if (sealed) checksum = store_.view(*object)->checksum;
  pump_.push(core::Emitted{
      .attempt = task.attempt,
      .port = header.port,
      .object = {.id = *object, .size = size, .checksum = checksum, .sealed = sealed}});
}

void Dispatcher::on_grow(LiveTask& task, const sluice_frame_header& header,
                         std::span<const std::byte> payload) {
  if (header.port >= task.outputs.size() || !task.outputs[header.port].open) {
    return break_off(task, protocol("bytes for an output that is not open"));
  }
  Output& output = task.outputs[header.port];
  if (header.type == SLUICE_FRAME_GROW) {
    if (Status appended = store_.append(output.open, payload); !appended) {
      return break_off(task, {.name = "TooLarge", .message = appended.error().message()});
    }
    if (AttemptRecord* record = record_of(task)) record->bytes_out += payload.size();
    return return_credit(task, payload.size());
  }
  const ObjectId object = std::exchange(output.open, ObjectId{});
  if (Status sealed = store_.seal(object); !sealed) {
    return break_off(task, {.name = "TooLarge", .message = sealed.error().message()});
  }
  const Result<store::Store::View> view = store_.view(object);
  if (!view)
    return break_off(task,
                     {.name = "DataLost", .message = view.error().message(), .counts = false});
  pump_.push(core::Sealed{
      .attempt = task.attempt,
      .port = header.port,
      .object = {.id = object, .size = view->size, .checksum = view->checksum, .sealed = true}});
}

void Dispatcher::on_done(LiveTask& task) {
  if (!task.is_ending) {
    const model::Function& function = function_of(task);
    for (std::size_t i = 0; i < task.outputs.size(); ++i) {
      const model::Port& port = function.outputs[i];
      if (task.outputs[i].open)
        return break_off(task, protocol(fmt::format("output '{}' is still open", port.name)));
      if (task.outputs[i].emitted || port.type.is_list() || port.type.optional) continue;
      return finish(
          task,
          core::Failure{.name = "InvalidOutput",
                        .message = fmt::format(
                            "output '{}' was not given; if that may be, declare it as optional<{}>",
                            port.name, model::to_text(port.type))},
          true);
    }
  }
  finish(task, std::nullopt, true);
}

void Dispatcher::on_failed(LiveTask& task, std::span<const std::byte> payload) {
  core::Failure failure{.name = "Error", .message = "the function failed"};
  Result<Json> json = parse_json(text_of(payload));
  const auto text = [&](std::string_view key) -> const std::string* {
    const Json* member = json ? json->find(key) : nullptr;
    return member == nullptr ? nullptr : member->as_string();
  };
  if (const auto* name = text("name"); name != nullptr && !name->empty())
    failure.name = name->substr(0, 128);
  if (const auto* message = text("message")) failure.message = message->substr(0, 4096);
  if (const Json* bases = json ? json->find("bases") : nullptr;
      bases != nullptr && bases->as_list() != nullptr) {
    for (const Json& base : *bases->as_list()) {
      if (base.as_string() != nullptr && failure.bases.size() < 32)
        failure.bases.push_back(*base.as_string());
    }
  }
  if (const auto* trace = text("trace"); trace != nullptr && !trace->empty() && !task.is_ending) {
    RunRecord& run = *runs_.find(task.run);
    run.log.append(run.path_of(task.attempt.task), task.log, *trace + "\n", runs_.folder_of(run),
                   limits_);
  }
  finish(task, std::move(failure), true);
}

}  // namespace sluice::node
