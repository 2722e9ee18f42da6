#include "node/intake.h"

namespace sluice::node {
namespace {

// What is larger is looked into on a bulk thread: a millisecond of the loop.
constexpr std::size_t kLookedAtOnLoop = 64 << 10;
// Elements of one run that are put and told in one turn of the loop: some milliseconds.
constexpr std::size_t kGivenPerTurn = 1000;

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

// What passes as it comes, piece by piece; everything else is collected and checked as one value.
bool passes_unread(const model::Type& type) {
  return type.kind == model::Kind::kBytes || type.kind == model::Kind::kFile ||
         type.kind == model::Kind::kArray || type.kind == model::Kind::kAny;
}

}  // namespace

void Intake::give_default(RunRecord& run, std::uint32_t input) {
  const model::WorkflowInput& declared = run.plan().inputs[input];
  if (!declared.default_value) {
    pump_.push(core::InputAbsent{.run = run.key, .input = input});
    return;
  }
  Result<BoundInput> bound =
      bind_input(declared.name, declared.type, *declared.default_value, limits_);
  if (!bound) {
    runs_.fail_run(run, {.name = "InvalidInput", .message = bound.error().message()});
    return;
  }
  Giving giving{.run = run.id, .inputs = {}, .input = input, .started = nullptr};
  giving.inputs.resize(input);
  giving.inputs.push_back(std::move(*bound));
  while (!give_some(giving)) {
  }
}

// Puts one value, or the next element of a list, into the store and tells core.
Status Intake::give(RunRecord& run, std::uint32_t input, bool is_element, Value value) {
  SLUICE_TRY(const ObjectId id,
             store_.put(std::move(value.meta), std::as_bytes(std::span(value.bytes))));
  SLUICE_TRY(const store::Store::View view, store_.view(id));
  const core::Object object{.id = id, .size = view.size, .checksum = view.checksum, .sealed = true};
  if (is_element) {
    pump_.push(core::InputElement{.run = run.key, .input = input, .object = object});
  } else {
    pump_.push(core::InputReady{.run = run.key, .input = input, .object = object});
  }
  return {};
}

bool Intake::give_some(Giving& giving) {
  std::size_t given = 0;
  for (; giving.input < giving.inputs.size(); ++giving.input, giving.element = 0) {
    BoundInput& input = giving.inputs[giving.input];
    // What is given may end the run.
    RunRecord* run = runs_.find(giving.run);
    if (run == nullptr || is_ended(run->state)) return true;
    if (!input.is_given) {
      give_default(*run, giving.input);
      continue;
    }
    while (giving.element < input.values.size()) {
      if (given++ == kGivenPerTurn) return false;
      Status one =
          give(*run, giving.input, input.is_list, std::move(input.values[giving.element++]));
      if (!one) {
        const bool is_large = one.error().code() == ErrorCode::kResourceExhausted;
        runs_.fail_run(
            *run, {.name = is_large ? "TooLarge" : "InvalidInput",
                   .message = fmt::format("input '{}': {}", run->plan().inputs[giving.input].name,
                                          one.error().message())});
        return true;
      }
      run = runs_.find(giving.run);
      if (run == nullptr || is_ended(run->state)) return true;
    }
    input.values = {};
    if (input.is_list) pump_.push(core::InputClosed{.run = run->key, .input = giving.input});
  }
  return true;
}

void Intake::start(const WorkflowAddress& address, std::optional<Duration> timeout, Json inputs,
                   std::size_t json_bytes, Started started) {
  const model::Workflow& workflow = address.version->app->workflows[address.workflow];
  if (json_bytes <= kLookedAtOnLoop) {
    return start(address, timeout, bind_inputs(workflow, inputs, limits_), std::move(started));
  }
  struct Binding {
    WorkflowAddress address;  // Holds the version.
    Json inputs;
    Result<std::vector<BoundInput>> bound;
    Started started;
  };
  auto binding = std::make_shared<Binding>(Binding{.address = address,
                                                   .inputs = std::move(inputs),
                                                   .bound = std::vector<BoundInput>(),
                                                   .started = std::move(started)});
  Status submitted = bulk_.submit(
      [binding, &workflow, &limits = limits_] {
        binding->bound = bind_inputs(workflow, binding->inputs, limits);
        binding->inputs = Json();
      },
      [this, binding, timeout] {
        start(binding->address, timeout, std::move(binding->bound), std::move(binding->started));
      });
  if (!submitted) {
    binding->started(
        fail(ErrorCode::kUnavailable, "the node is busy: " + submitted.error().message()));
  }
}

void Intake::start(const WorkflowAddress& address, std::optional<Duration> timeout,
                   Result<std::vector<BoundInput>> inputs, Started started) {
  if (!inputs) return started(fail(std::move(inputs).error()));
  Result<RunRecord*> run = runs_.accept(address, timeout);
  if (!run) return started(fail(std::move(run).error()));
  Giving giving{.run = (*run)->id, .inputs = std::move(*inputs), .started = std::move(started)};
  if (give_some(giving)) return end_giving(giving);
  giving_.push_back(std::move(giving));
  schedule();
}

void Intake::end_giving(Giving& giving) {
  RunRecord* run = runs_.find(giving.run);
  if (run == nullptr)
    return giving.started(fail(ErrorCode::kNotFound, "the run was deleted while it was begun"));
  giving.started(run);
}

void Intake::schedule() {
  if (is_scheduled_) return;
  is_scheduled_ = true;
  loop_.at_end_of_turn([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    is_scheduled_ = false;
    Giving next = std::move(giving_.front());
    giving_.pop_front();
    if (give_some(next)) {
      end_giving(next);
    } else {
      giving_.push_back(std::move(next));  // Behind the others.
    }
    if (!giving_.empty()) schedule();
  });
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

// `look`: whether what is in the text is what the type says.
Status Intake::close_stream(Stream& stream, Status look) {
  RunRecord* run = running(stream.run);
  if (run == nullptr) {
    break_off(stream, nullptr, {});
    return fail(has_ended(stream.run));
  }
  const auto seal = [&]() -> Status {
    if (stream.object) return store_.seal(stream.object);
    SLUICE_OK(std::move(look));
    SLUICE_TRY(stream.object,
               store_.put({.kind = wire_kind(stream.type), .name = {}, .file_mode = 0},
                          std::as_bytes(std::span(stream.text))));
    stream.text = {};
    return {};
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

// The stream stays in its table while a bulk thread looks into its text: the run may end meanwhile.
void Intake::close(api::InputStream handle, Closed closed) {
  const auto found = streams_.find(handle.value);
  if (found == streams_.end())
    return closed(fail(ErrorCode::kFailedPrecondition, "the upload has ended"));
  Stream& stream = found->second;
  const RunRecord* run = running(stream.run);
  const std::string what = run == nullptr
                               ? std::string()
                               : fmt::format("input '{}'", run->plan().inputs[stream.input].name);
  if (stream.object || run == nullptr || stream.text.size() <= kLookedAtOnLoop) {
    Status look;
    if (!stream.object) look = check_bytes(stream.text, stream.type, what);
    return close_looked_at(handle, std::move(look), std::move(closed));
  }
  struct Looking {
    std::string text;
    model::Type type;
    std::string what;
    Status look;
    Closed closed;
  };
  auto looking = std::make_shared<Looking>(Looking{.text = std::move(stream.text),
                                                   .type = stream.type,
                                                   .what = what,
                                                   .look = {},
                                                   .closed = std::move(closed)});
  Status submitted = bulk_.submit(
      [looking] { looking->look = check_bytes(looking->text, looking->type, looking->what); },
      [this, handle, looking] {
        if (const auto still = streams_.find(handle.value); still != streams_.end())
          still->second.text = std::move(looking->text);
        close_looked_at(handle, std::move(looking->look), std::move(looking->closed));
      });
  if (!submitted) {
    close_looked_at(handle, fail(std::move(submitted).error().wrap("the node is busy")),
                    std::move(looking->closed));
  }
}

void Intake::close_looked_at(api::InputStream handle, Status look, Closed closed) {
  const auto found = streams_.find(handle.value);
  if (found == streams_.end())
    return closed(fail(ErrorCode::kFailedPrecondition, "the upload has ended"));
  Stream stream = std::move(found->second);
  streams_.erase(found);
  closed(close_stream(stream, std::move(look)));
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
