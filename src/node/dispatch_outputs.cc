// The half of the dispatcher that hears a worker: progress, outputs into the store, the end.

#include "base/json.h"
#include "node/dispatch.h"
#include "node/values.h"
#include "wire/frame.h"

namespace sluice::node {
namespace {

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
      const Result<sluice_credit> credit = wire::decode_credit(payload);
      if (!credit) return break_off(task, protocol(credit.error().message()));
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
  const Result<std::uint64_t> size = wire::decode_size(payload);
  if (!size) return break_off(task, protocol(size.error().message()));
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
  const Result<wire::ValueView> value = wire::decode_value(payload, header.flags);
  if (!value) {
    return break_off(task,
                     protocol(fmt::format("output '{}': {}", port.name, value.error().message())));
  }
  if (output.open)
    return break_off(task, protocol(fmt::format("output '{}' is still open", port.name)));
  if (value->is_hole) {
    if (!port.type.is_list() || !port.type.element().optional) {
      return break_off(task, {.name = "InvalidOutput",
                              .message = fmt::format("output '{}': {} has no absent elements",
                                                     port.name, model::to_text(port.type))});
    }
    return pump_.push(
        core::Emitted{.attempt = task.attempt, .port = header.port, .object = {}, .is_hole = true});
  }
  if (output.emitted && !port.type.is_list()) {
    return break_off(task, {.name = "InvalidOutput",
                            .message = fmt::format("output '{}' was given twice", port.name)});
  }
  if (value->value.kind > SLUICE_KIND_FILE) {
    return break_off(
        task, protocol(fmt::format("output '{}' is of kind {}", port.name, value->value.kind)));
  }
  if (!is_utf8(value->name)) {
    return break_off(task, {.name = "InvalidOutput",
                            .message = fmt::format("output '{}': the name of the file is not UTF-8",
                                                   port.name)});
  }
  store::Meta meta{.kind = value->value.kind,
                   .name = std::string(value->name),
                   .file_mode = value->value.file_mode};
  if (meta.name.empty() && meta.kind == SLUICE_KIND_FILE) meta.name = port.name;

  Result<ObjectId> object = ObjectId{};
  std::uint64_t size = 0;
  bool sealed = true;
  switch (value->place) {
    case wire::Place::kInline:
      size = value->bytes.size();
      object = store_.put(std::move(meta), value->bytes);
      return_credit(task, size);
      break;
    case wire::Place::kRange: {
      const sluice_range& range = value->range;
      const auto grant =
          std::find_if(task.grants.begin(), task.grants.end(), [&](const Grant& candidate) {
            return candidate.number == range.region && candidate.range.offset == range.offset;
          });
      if (grant == task.grants.end() || range.length > grant->range.length) {
        return break_off(task, protocol("a range that was not granted"));
      }
      size = range.length;
      object = store_.adopt(pools_.at(task.pool.value).outbox, grant->range, size, std::move(meta));
      if (object) task.grants.erase(grant);
      break;
    }
    case wire::Place::kOpen:
      object = store_.open(std::move(meta), value->value.size == UINT64_MAX
                                                ? std::nullopt
                                                : std::optional(value->value.size));
      sealed = false;
      break;
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
    const Result<wire::PieceView> piece = wire::decode_piece(payload, header.flags);
    if (!piece || piece->place != wire::Place::kInline)
      return break_off(task, protocol("a piece of an output that is not in its frame"));
    if (Status appended = store_.append(output.open, piece->bytes); !appended) {
      return break_off(task, {.name = "TooLarge", .message = appended.error().message()});
    }
    if (AttemptRecord* record = record_of(task)) record->bytes_out += piece->size();
    return return_credit(task, piece->size());
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
