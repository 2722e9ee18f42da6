#include "node/intake.h"

#include "node/values.h"

namespace sluice::node {
namespace {

std::string input_names(const model::Workflow& workflow) {
  std::string names;
  for (const auto& input : workflow.inputs)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", input.name);
  return names.empty() ? "it has none" : "it has: " + names;
}

std::optional<std::uint32_t> find_input(const model::Workflow& workflow, std::string_view name) {
  for (std::uint32_t i = 0; i < workflow.inputs.size(); ++i) {
    if (workflow.inputs[i].name == name) return i;
  }
  return std::nullopt;
}

Error unknown_input(const model::Workflow& workflow, std::string_view name) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("workflow '{}' has no input '{}'; {}", workflow.name, name.substr(0, 64),
                           input_names(workflow)));
}

bool is_required(const model::WorkflowInput& input) {
  return !input.default_value && !input.type.optional;
}

// What passes as it comes, piece by piece; everything else is collected and checked as one value.
bool passes_unread(const model::Type& type) {
  return type.kind == model::Kind::kBytes || type.kind == model::Kind::kFile ||
         type.kind == model::Kind::kArray || type.kind == model::Kind::kAny;
}

}  // namespace

Status Intake::check_names(const model::Workflow& workflow, const Json& inputs) const {
  if (inputs.as_map() == nullptr)
    return fail(ErrorCode::kInvalidArgument, "`inputs` must be a map from names to values");
  for (const auto& [name, value] : *inputs.as_map()) {
    if (!find_input(workflow, name)) return fail(unknown_input(workflow, name));
  }
  std::string missing;
  for (const auto& input : workflow.inputs) {
    if (inputs.find(input.name) == nullptr && is_required(input)) {
      missing += fmt::format("{}'{}' ({})", missing.empty() ? "" : ", ", input.name,
                             model::to_text(input.type));
    }
  }
  if (!missing.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("workflow '{}' needs the input {}", workflow.name, missing));
  }
  return {};
}

// Puts one value, or all elements of a list, into the store and tells core.
Status Intake::give(RunRecord& run, std::uint32_t input, const model::Type& type,
                    const Json& value) {
  const std::string what = fmt::format("input '{}'", run.plan().inputs[input].name);
  const auto put = [&](const Json& json, const model::Type& plain) -> Result<core::Object> {
    SLUICE_TRY(Value converted, value_from_json(json, plain, what));
    SLUICE_TRY(const ObjectId object,
               store_.put(std::move(converted.meta), std::as_bytes(std::span(converted.bytes))));
    SLUICE_TRY(const store::Store::View view, store_.view(object));
    return core::Object{.id = object, .size = view.size, .checksum = view.checksum, .sealed = true};
  };
  if (!type.is_list()) {
    SLUICE_TRY(const core::Object object, put(value, type));
    pump_.push(core::InputReady{.run = run.key, .input = input, .object = object});
    return {};
  }
  for (const Json& item : *value.as_list()) {
    SLUICE_TRY(const core::Object object, put(item, type.element()));
    pump_.push(core::InputElement{.run = run.key, .input = input, .object = object});
  }
  pump_.push(core::InputClosed{.run = run.key, .input = input});
  return {};
}

void Intake::give_default(RunRecord& run, std::uint32_t input) {
  const model::WorkflowInput& declared = run.plan().inputs[input];
  if (!declared.default_value) {
    pump_.push(core::InputAbsent{.run = run.key, .input = input});
    return;
  }
  if (Status given = give(run, input, declared.type, *declared.default_value); !given) {
    runs_.fail_run(run, {.name = "InvalidInput", .message = given.error().message()});
  }
}

Result<RunRecord*> Intake::start(const WorkflowAddress& address, std::optional<Duration> timeout,
                                 const Json& inputs) {
  const model::Workflow& workflow = address.version->app->workflows[address.workflow];
  SLUICE_OK(check_names(workflow, inputs));
  for (const auto& input : workflow.inputs) {
    const Json* value = inputs.find(input.name);
    if (value == nullptr || (value->is_null() && input.type.optional)) continue;
    const std::string what = fmt::format("input '{}'", input.name);
    if (!input.type.is_list()) {
      SLUICE_TRY(const Value checked, value_from_json(*value, input.type, what));
      continue;
    }
    const Json::List* list = value->as_list();
    if (list == nullptr)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{} must be a list, not {}", what, value->type_name()));
    if (list->size() > limits_.elements_per_list) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("{} has {} elements; at most {} are taken", what, list->size(),
                              limits_.elements_per_list));
    }
    if (input.type.lists > 1)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("{}: lists of lists as inputs are not there yet", what));
    for (std::size_t i = 0; i < list->size(); ++i) {
      SLUICE_TRY(const Value checked,
                 value_from_json((*list)[i], input.type.element(), fmt::format("{}[{}]", what, i)));
    }
  }
  SLUICE_TRY(RunRecord * run, runs_.accept(address, timeout));
  for (std::uint32_t i = 0; i < workflow.inputs.size(); ++i) {
    const Json* value = inputs.find(workflow.inputs[i].name);
    if (value == nullptr || (value->is_null() && workflow.inputs[i].type.optional)) {
      give_default(*run, i);
    } else if (Status given = give(*run, i, workflow.inputs[i].type, *value); !given) {
      const core::Failure failure{.name = given.error().code() == ErrorCode::kResourceExhausted
                                              ? "TooLarge"
                                              : "InvalidInput",
                                  .message = given.error().message()};
      runs_.fail_run(*run, failure);
      break;
    }
  }
  return run;
}

Result<RunRecord*> Intake::open(const WorkflowAddress& address, std::optional<Duration> timeout) {
  SLUICE_TRY(RunRecord * run, runs_.accept(address, timeout));
  run->upload_open = true;
  seen_[run->id].resize(run->plan().inputs.size());
  return run;
}

RunRecord* Intake::running(const RunId& id) {
  RunRecord* run = runs_.find(id);
  return run != nullptr && !is_ended(run->state) && run->upload_open ? run : nullptr;
}

Error Intake::has_ended(const RunId& id) {
  const RunRecord* run = runs_.find(id);
  return Error(
      ErrorCode::kFailedPrecondition,
      run != nullptr && run->failure
          ? fmt::format("the run has failed: {}: {}", run->failure->name, run->failure->message)
          : "the run has ended");
}

Result<api::InputStream> Intake::open_input(const RunId& id, const std::string& name,
                                            const std::string& file_name) {
  RunRecord* run = running(id);
  if (run == nullptr) return fail(has_ended(id));
  const model::Workflow& workflow = run->plan();
  std::optional<std::uint32_t> input =
      name.empty() && workflow.inputs.size() == 1 ? std::optional(0U) : find_input(workflow, name);
  if (!input) {
    if (name.empty()) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("workflow '{}' takes no single body: {}; send multipart/form-data "
                              "with a part for each, or JSON",
                              workflow.name, input_names(workflow)));
    }
    return fail(unknown_input(workflow, name));
  }
  const model::Type& type = workflow.inputs[*input].type;
  std::uint32_t& count = seen_.at(id)[*input];
  if (count > 0 && !type.is_list()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("input '{}' was given twice; it is one {}",
                            workflow.inputs[*input].name, model::to_text(type)));
  }
  if (count >= limits_.elements_per_list) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("input '{}' has more than {} elements", workflow.inputs[*input].name,
                            limits_.elements_per_list));
  }
  if (type.lists > 1)
    return fail(ErrorCode::kInvalidArgument, "lists of lists as inputs are not there yet");
  ++count;
  Stream stream{.run = id,
                .input = *input,
                .type = type.is_list() ? type.element() : type,
                .is_element = type.is_list(),
                .object = {},
                .text = {}};
  if (passes_unread(stream.type)) {
    store::Meta meta{.kind = wire_kind(stream.type), .name = {}, .file_mode = 0};
    if (stream.type.kind == model::Kind::kAny) meta.kind = SLUICE_KIND_BYTES;
    if (stream.type.kind == model::Kind::kFile)
      meta.name = file_name.empty() ? workflow.inputs[*input].name : file_name.substr(0, 255);
    SLUICE_TRY(stream.object, store_.open(std::move(meta), std::nullopt));
  }
  const api::InputStream handle{++last_stream_};
  streams_[handle.value] = std::move(stream);
  return handle;
}

Status Intake::write(api::InputStream handle, std::string_view bytes) {
  const auto found = streams_.find(handle.value);
  if (found == streams_.end()) return fail(ErrorCode::kFailedPrecondition, "the upload has ended");
  Stream& stream = found->second;
  RunRecord* run = running(stream.run);
  if (run == nullptr) {
    break_off(stream, nullptr, {});
    streams_.erase(found);
    return fail(has_ended(stream.run));
  }
  stream.size += bytes.size();
  const std::string& name = run->plan().inputs[stream.input].name;
  if (!stream.object) {
    if (stream.size > limits_.json_bytes) {
      Error error(
          ErrorCode::kResourceExhausted,
          fmt::format(
              "input '{}' is larger than {}, the most of a {}; give it the type bytes or file",
              name, to_text(ByteCount{limits_.json_bytes}), model::to_text(stream.type)));
      break_off(stream, run, {.name = "TooLarge", .message = error.message()});
      streams_.erase(found);
      return fail(std::move(error));
    }
    stream.text.append(bytes);
    return {};
  }
  if (Status appended = store_.append(stream.object, std::as_bytes(std::span(bytes))); !appended) {
    Error error = std::move(appended).error().wrap(fmt::format("input '{}'", name));
    break_off(stream, run, {.name = "TooLarge", .message = error.message()});
    streams_.erase(found);
    return fail(std::move(error));
  }
  // A small value is announced once, whole; a large one while it grows, so that a pipe may read it.
  if (!stream.is_announced && !stream.is_element && stream.size > Limits::kInlineMax) {
    stream.is_announced = true;
    pump_.push(core::InputReady{
        .run = run->key,
        .input = stream.input,
        .object = {.id = stream.object, .size = stream.size, .checksum = {}, .sealed = false}});
  }
  return {};
}

void Intake::break_off(Stream& stream, RunRecord* run, core::Failure failure) {
  // What was announced is core's to release.
  if (stream.object && !stream.is_announced) store_.release(stream.object);
  if (run != nullptr) runs_.fail_run(*run, std::move(failure));
}

Status Intake::close_stream(Stream& stream) {
  RunRecord* run = running(stream.run);
  if (run == nullptr) {
    break_off(stream, nullptr, {});
    return fail(has_ended(stream.run));
  }
  const auto seal = [&]() -> Status {
    if (!stream.object) {
      const std::string what = fmt::format("input '{}'", run->plan().inputs[stream.input].name);
      SLUICE_OK(check_bytes(stream.text, stream.type, what));
      SLUICE_TRY(stream.object,
                 store_.put({.kind = wire_kind(stream.type), .name = {}, .file_mode = 0},
                            std::as_bytes(std::span(stream.text))));
      stream.text = {};
      return {};
    }
    return store_.seal(stream.object);
  };
  if (Status sealed = seal(); !sealed) {
    const bool too_large = sealed.error().code() == ErrorCode::kResourceExhausted;
    break_off(
        stream, run,
        {.name = too_large ? "TooLarge" : "InvalidInput", .message = sealed.error().message()});
    return sealed;
  }
  SLUICE_TRY(const store::Store::View view, store_.view(stream.object));
  const core::Object object{
      .id = stream.object, .size = view.size, .checksum = view.checksum, .sealed = true};
  if (stream.is_element) {
    pump_.push(core::InputElement{.run = run->key, .input = stream.input, .object = object});
  } else {
    pump_.push(core::InputReady{.run = run->key, .input = stream.input, .object = object});
  }
  return {};
}

Status Intake::close(api::InputStream handle) {
  const auto found = streams_.find(handle.value);
  if (found == streams_.end()) return fail(ErrorCode::kFailedPrecondition, "the upload has ended");
  Stream stream = std::move(found->second);
  streams_.erase(found);
  return close_stream(stream);
}

Status Intake::finish(const RunId& id) {
  RunRecord* run = running(id);
  const auto seen = seen_.find(id);
  if (run == nullptr || seen == seen_.end()) {
    seen_.erase(id);
    return {};  // It has ended while the upload went on; the run says why.
  }
  const std::vector<std::uint32_t> counts = std::move(seen->second);
  seen_.erase(seen);
  run->upload_open = false;
  const model::Workflow& workflow = run->plan();
  std::string missing;
  for (std::uint32_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0 && is_required(workflow.inputs[i]) && !workflow.inputs[i].type.is_list()) {
      missing += fmt::format("{}'{}'", missing.empty() ? "" : ", ", workflow.inputs[i].name);
    }
  }
  if (!missing.empty()) {
    Error error(ErrorCode::kInvalidArgument,
                fmt::format("workflow '{}' needs the input {}", workflow.name, missing));
    run->discard = true;
    runs_.fail_run(*run, {.name = "InvalidInput", .message = error.message()});
    return fail(std::move(error));
  }
  for (std::uint32_t i = 0; i < counts.size(); ++i) {
    if (workflow.inputs[i].type.is_list() && (counts[i] > 0 || is_required(workflow.inputs[i]))) {
      pump_.push(core::InputClosed{.run = run->key, .input = i});
    } else if (counts[i] == 0) {
      give_default(*run, i);
    }
  }
  return {};
}

void Intake::abort(const RunId& id, std::string why) {
  for (auto at = streams_.begin(); at != streams_.end();) {
    if (at->second.run != id) {
      ++at;
      continue;
    }
    break_off(at->second, nullptr, {});
    at = streams_.erase(at);
  }
  seen_.erase(id);
  RunRecord* run = running(id);
  if (run == nullptr) return;
  run->discard = true;
  runs_.fail_run(*run, {.name = "Cancelled", .message = "the upload broke off: " + why});
}

}  // namespace sluice::node
