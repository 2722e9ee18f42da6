// The half of the dispatcher that takes inputs from core: what a slot is bound to, at the start of
// an attempt or later, and the lists that are delivered.

#include "base/json.h"
#include "node/dispatch.h"
#include "node/values.h"

namespace sluice::node {

// An input that the function cannot take.
core::Failure Dispatcher::unfit(const Error& error) {
  const bool too_large = error.code() == ErrorCode::kResourceExhausted;
  return {.name = too_large ? "TooLarge" : "InvalidInput", .message = error.message()};
}

Status Dispatcher::check_size(const LiveTask& task, const core::Object& object,
                              const model::Port& port) const {
  if (port.type.access != model::Access::kWhole || port.type.kind == model::Kind::kFile) return {};
  // A program gets bytes by path, and who runs it bounds what it gets as text.
  if (function_of(task).runtime == model::Runtime::kProgram) return {};
  const std::optional<ByteCount> limit =
      step_of(task).memory ? step_of(task).memory : function_of(task).memory;
  const ByteCount memory = limit.value_or(store_.options().memory);
  if (object.size <= memory.value) return {};
  return fail(
      ErrorCode::kResourceExhausted,
      fmt::format(
          "input '{}' has {}; the function may hold {} at once. Declare the input as `pipe` and "
          "read it piece by piece, or as `file` to get a path{}",
          port.name, to_text(ByteCount{object.size}), to_text(memory),
          limit ? ", or raise resources.memory" : ""));
}

Status Dispatcher::add_value(LiveTask& task, Input& input, store::Meta meta, std::string bytes) {
  if (bytes.size() <= Limits::kInlineMax) {
    input.pieces.push_back(Piece{.kind = Piece::Kind::kValue,
                                 .object = {},
                                 .literal = std::move(bytes),
                                 .meta = std::move(meta)});
    return {};
  }
  SLUICE_TRY(const ObjectId object, store_.put(std::move(meta), std::as_bytes(std::span(bytes))));
  task.temporaries.push_back(object);
  input.pieces.push_back(
      Piece{.kind = Piece::Kind::kValue, .object = object, .literal = {}, .meta = {}});
  return {};
}

Status Dispatcher::bind_json(LiveTask& task, Input& input, const Json& json,
                             const model::Port& port) {
  const std::string what = fmt::format("input '{}'", port.name);
  if (!port.type.is_list()) {
    SLUICE_TRY(Value value, value_from_json(json, port.type, what));
    return add_value(task, input, std::move(value.meta), std::move(value.bytes));
  }
  input.is_list = true;
  input.is_local = true;
  SLUICE_OK(bind_list(task, input, json, port.type, what));
  input.pieces.push_back(Piece{.kind = Piece::Kind::kClosed});
  return {};
}

// The elements of an array, lists among them between marks. As deep as the type is.
Status Dispatcher::bind_list(LiveTask& task, Input& input, const Json& json,
                             const model::Type& type, std::string_view what) {
  const Json::List* list = json.as_list();
  if (list == nullptr) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} must be a list, not {}", what, json.type_name()));
  }
  const model::Type element = type.element();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const Json& item = (*list)[i];
    const auto named = [&] { return fmt::format("element {} of {}", i, what); };
    if (item.is_null() && (type.holes & 1) != 0) {
      input.pieces.push_back(Piece{.kind = Piece::Kind::kHole});
    } else if (element.is_list()) {
      input.pieces.push_back(Piece{.kind = Piece::Kind::kListBegin});
      SLUICE_OK(bind_list(task, input, item, element, named()));
      input.pieces.push_back(Piece{.kind = Piece::Kind::kListEnd});
    } else {
      Result<Value> value = value_from_json(item, element, what);
      // What is wrong is said once more with its place: none is made for those that fit.
      if (!value) return fail(std::move(value_from_json(item, element, named())).error());
      SLUICE_OK(add_value(task, input, std::move(value->meta), std::move(value->bytes)));
    }
  }
  return {};
}

Dispatcher::Input& Dispatcher::add_input(LiveTask& task, std::uint32_t slot) {
  Input& input = task.inputs.emplace_back();
  input.slot = slot;
  input.port = static_cast<std::uint16_t>(step_of(task).slots[slot].port);
  return input;
}

// What the task was started without has come, or will not.
void Dispatcher::on(const core::Bind& late) {
  LiveTask* task = find(late.attempt);
  if (task == nullptr || task->is_ending || task->pending_failure) return;
  for (Input& input : task->inputs) {
    if (input.slot != late.binding.slot) continue;
    if (Status bound = bind(*task, input, late.binding); !bound)
      return break_off(*task, unfit(bound.error()));
    break;
  }
  if (task->is_started) feed(*task);
}

Status Dispatcher::bind(LiveTask& task, Input& input, const core::Binding& binding) {
  const model::Slot& slot = step_of(task).slots[binding.slot];
  const model::Port& port = function_of(task).inputs[slot.port];
  switch (binding.kind) {
    case core::Binding::Kind::kLate:
      return {};
    case core::Binding::Kind::kAbsent:
      input.pieces.push_back(Piece{.kind = Piece::Kind::kAbsent});
      return {};
    case core::Binding::Kind::kLiteral:
      return bind_json(task, input, std::get<model::Literal>(slot.source).value, port);
    case core::Binding::Kind::kIndex: {
      Value value = {.meta = {.kind = SLUICE_KIND_JSON},
                     .bytes = fmt::format("{}", task.attempt.task.index)};
      if (port.type.kind == model::Kind::kText) value.meta.kind = SLUICE_KIND_TEXT;
      return add_value(task, input, std::move(value.meta), std::move(value.bytes));
    }
    case core::Binding::Kind::kRound: {
      const std::uint32_t round = runs_.find(task.run)->round_of(task.attempt.task.scope);
      return bind_json(task, input, Json(round), port);
    }
    case core::Binding::Kind::kRunId:
      return bind_json(task, input, Json(runs_.find(task.run)->id.to_text()), port);
    case core::Binding::Kind::kObject: {
      SLUICE_OK(check_size(task, binding.object, port));
      if (port.type.is_list() || port.type.access == model::Access::kStream) {
        // One JSON array for a list: it is taken apart here.
        if (binding.object.size > limits_.json_bytes) {
          return fail(ErrorCode::kResourceExhausted,
                      fmt::format("input '{}' is a JSON array of {}; at most {} are taken apart",
                                  port.name, to_text(ByteCount{binding.object.size}),
                                  to_text(ByteCount{limits_.json_bytes})));
        }
        std::string text(binding.object.size, '\0');
        SLUICE_TRY(const std::size_t got,
                   store_.read(binding.object.id, 0, std::as_writable_bytes(std::span(text))));
        text.resize(got);
        SLUICE_TRY(const Json json,
                   parse_json(text, {.bytes = limits_.json_bytes, .depth = limits_.json_depth}));
        return bind_json(task, input, json, port);
      }
      input.pieces.push_back(Piece{.kind = Piece::Kind::kValue, .object = binding.object.id});
      return {};
    }
    case core::Binding::Kind::kList:
      if (port.type.is_list() || port.type.access == model::Access::kStream) {
        input.is_list = true;
      } else {
        input.collected.push_back(Json::list());
      }
      return {};
  }
  std::abort();
}

Status Dispatcher::collect(LiveTask& task, Input& input, const core::Deliver& deliver) {
  const std::string& name = function_of(task).inputs[input.port].name;
  switch (deliver.kind) {
    case core::Deliver::Kind::kElement: {
      SLUICE_TRY(const store::Store::View view, store_.view(deliver.object.id));
      input.collected_bytes += view.size;
      if (input.collected_bytes > limits_.json_bytes) {
        return fail(ErrorCode::kResourceExhausted,
                    fmt::format("input '{}': a list of more than {} for one JSON value; declare it "
                                "as list<…> or stream<…>",
                                name, to_text(ByteCount{limits_.json_bytes})));
      }
      std::string text(view.size, '\0');
      SLUICE_TRY(const std::size_t got,
                 store_.read(deliver.object.id, 0, std::as_writable_bytes(std::span(text))));
      text.resize(got);
      if (view.meta.kind == SLUICE_KIND_JSON) {
        SLUICE_TRY(Json value,
                   parse_json(text, {.bytes = limits_.json_bytes, .depth = limits_.json_depth}));
        input.collected.back().push(std::move(value));
      } else if (view.meta.kind == SLUICE_KIND_TEXT) {
        input.collected.back().push(Json(std::move(text)));
      } else {
        return fail(ErrorCode::kInvalidArgument,
                    fmt::format("input '{}': a list of bytes is no JSON value; declare it as "
                                "list<bytes> or stream<bytes>",
                                name));
      }
      pump_.push(core::Consumed{.attempt = task.attempt, .slot = input.slot, .elements = 1});
      return {};
    }
    case core::Deliver::Kind::kHole:
      input.collected.back().push(Json());
      pump_.push(core::Consumed{.attempt = task.attempt, .slot = input.slot, .elements = 1});
      return {};
    case core::Deliver::Kind::kListBegin:
      input.collected.push_back(Json::list());
      return {};
    case core::Deliver::Kind::kListEnd: {
      Json inner = std::move(input.collected.back());
      input.collected.pop_back();
      input.collected.back().push(std::move(inner));
      return {};
    }
    case core::Deliver::Kind::kClosed: {
      std::string text = to_text(input.collected.front());
      input.collected.front() = Json::list();
      return add_value(task, input, {.kind = SLUICE_KIND_JSON}, std::move(text));
    }
  }
  std::abort();
}

void Dispatcher::on(const core::Deliver& deliver) {
  LiveTask* task = find(deliver.attempt);
  if (task == nullptr || task->is_ending || task->pending_failure) return;
  for (Input& input : task->inputs) {
    if (input.slot != deliver.slot) continue;
    if (!input.collected.empty()) {
      if (Status collected = collect(*task, input, deliver); !collected)
        return break_off(*task, unfit(collected.error()));
      break;
    }
    Piece piece;
    switch (deliver.kind) {
      case core::Deliver::Kind::kElement:
        piece.object = deliver.object.id;
        break;
      case core::Deliver::Kind::kHole:
        piece.kind = Piece::Kind::kHole;
        break;
      case core::Deliver::Kind::kListBegin:
        piece.kind = Piece::Kind::kListBegin;
        break;
      case core::Deliver::Kind::kListEnd:
        piece.kind = Piece::Kind::kListEnd;
        break;
      case core::Deliver::Kind::kClosed:
        piece.kind = Piece::Kind::kClosed;
        break;
    }
    input.pieces.push_back(std::move(piece));
    break;
  }
  if (task->is_started) feed(*task);
}

}  // namespace sluice::node
