#include "node/views.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "base/file.h"
#include "base/hash.h"
#include "node/values.h"

namespace sluice::node {
namespace {

constexpr std::uint64_t kInlineOutputMax = 1 << 20;  // A JSON or text output inside the document.
constexpr std::uint64_t kDocumentMax = 4 << 20;      // All of them together.
constexpr std::array<std::string_view, 10> kStateKeys = {
    "waiting",  "ready",     "preparing", "running", "blocked",
    "finished", "succeeded", "failed",    "skipped", "cancelled"};

std::string hex_of(const Checksum& checksum) {
  return fmt::format("{:016x}{:016x}", checksum.high, checksum.low);
}

Result<std::string> kept_text(const RunRecord& run, const KeptValue& value) {
  if (const auto* text = std::get_if<std::string>(&value.content)) return *text;
  if (const auto* packed = std::get_if<Packed>(&value.content)) {
    std::string bytes(value.size, '\0');
    const ssize_t got =
        ::pread(run.pack.get(), bytes.data(), bytes.size(), static_cast<off_t>(packed->offset));
    if (got != static_cast<ssize_t>(bytes.size()))
      return fail(ErrorCode::kDataLoss, "a kept output cannot be read");
    return bytes;
  }
  return read_file(std::get<std::filesystem::path>(value.content), ByteCount{value.size});
}

Json reference(const RunRecord& run, const std::string& name, std::optional<std::size_t> index,
               const KeptValue& value) {
  std::string address = fmt::format("/api/v1/runs/{}/outputs/{}", run.id.to_text(), name);
  if (index) address += fmt::format("/{}", *index);
  Json document;
  document.set("$ref", address).set("size", value.size).set("type", content_type(value.meta));
  if (!value.meta.name.empty()) document.set("name", value.meta.name);
  return document;
}

// The value inside the document where it is JSON or text and small enough, a reference otherwise.
Json value_json(const RunRecord& run, const std::string& name, std::optional<std::size_t> index,
                const KeptValue& value, std::uint64_t& budget) {
  if (value.hole) return Json();
  const bool readable = value.meta.kind == SLUICE_KIND_JSON || value.meta.kind == SLUICE_KIND_TEXT;
  if (readable && value.saved && value.size <= std::min(kInlineOutputMax, budget)) {
    Result<std::string> text = kept_text(run, value);
    if (text) {
      budget -= value.size;
      if (value.meta.kind == SLUICE_KIND_TEXT) return Json(std::move(*text));
      if (Result<Json> json = parse_json(*text)) return std::move(*json);
    }
  }
  return reference(run, name, index, value);
}

// A list of lists: the brackets are in `shape`. Elements of inner lists have no address of their
// own.
Json nested_json(const RunRecord& run, const std::string& name, const KeptOutput& output,
                 std::uint64_t& budget) {
  std::vector<Json> open;
  open.push_back(Json::list());
  for (const std::int32_t mark : output.shape) {
    if (mark == KeptOutput::kBegin) {
      open.push_back(Json::list());
    } else if (mark == KeptOutput::kEnd) {
      Json inner = std::move(open.back());
      open.pop_back();
      open.back().push(std::move(inner));
    } else {
      const auto at = static_cast<std::size_t>(mark);
      open.back().push(value_json(run, name, std::nullopt, output.values[at], budget));
    }
  }
  return std::move(open.front());
}

Json output_json(const RunRecord& run, const std::string& name, const KeptOutput& output,
                 std::uint64_t& budget) {
  if (!output.is_list) return value_json(run, name, std::nullopt, output.values.front(), budget);
  if (!output.shape.empty()) return nested_json(run, name, output, budget);
  Json list = Json::list();
  for (std::size_t i = 0; i < output.values.size(); ++i) {
    list.push(value_json(run, name, i, output.values[i], budget));
  }
  return list;
}

api::OutputBytes json_bytes(const Json& value) {
  std::string text = to_text(value);
  const std::uint64_t size = text.size();
  std::string etag = hex_of(checksum(std::as_bytes(std::span(text))));
  return {.content = std::move(text),
          .size = size,
          .content_type = "application/json",
          .file_name = {},
          .etag = std::move(etag)};
}

Json times(const RunRecord& run) {
  Json timings;
  timings.set("accepted", to_rfc3339(run.accepted));
  if (run.started) timings.set("started", to_rfc3339(*run.started));
  if (run.ended) timings.set("ended", to_rfc3339(*run.ended));
  return timings;
}

Json ports_json(const std::vector<model::Port>& ports) {
  Json list = Json::list();
  for (const model::Port& port : ports) {
    Json entry;
    entry.set("name", port.name).set("type", model::to_text(port.type));
    if (port.default_value) entry.set("default", *port.default_value);
    list.push(std::move(entry));
  }
  return list;
}

std::string source_text(const model::Workflow& workflow, const model::App& app,
                        const model::Source& source) {
  if (const auto* literal = std::get_if<model::Literal>(&source)) return to_text(literal->value);
  if (const auto* input = std::get_if<model::InputRef>(&source))
    return fmt::format("${{inputs.{}}}", workflow.inputs[input->input].name);
  if (std::holds_alternative<model::ItemRef>(source)) return "${item}";
  if (std::holds_alternative<model::IndexRef>(source)) return "${index}";
  const auto& step = std::get<model::StepRef>(source);
  const model::Step& producer = workflow.steps[step.step];
  return fmt::format("${{{}.{}}}", producer.name,
                     app.functions[producer.function].outputs[step.output].name);
}

void add_times(Json& entry, const AttemptRecord& record) {
  const auto set = [&](std::string_view key, std::int64_t value) {
    if (value > 0) entry.set(key, value);
  };
  set("ready_us", record.ready);
  set("assigned_us", record.assigned);
  set("started_us", record.started);
  set("first_input_us", record.first_input);
  set("first_output_us", record.first_output);
  set("ended_us", record.ended);
  set("committed_us", record.committed);
  entry.set("bytes_in", record.bytes_in).set("bytes_out", record.bytes_out);
}

}  // namespace

Json run_summary(const RunRecord& run) {
  Json document;
  document.set("id", run.id.to_text())
      .set("workflow", run.workflow_name())
      .set("version", run.version->number);
  document.set("state", to_string(run.state)).set("durability", "express");
  if (run.failure && run.state != RunState::kSucceeded) {
    Json error;
    error.set("name", run.failure->name).set("message", run.failure->message);
    if (!run.failed_task.empty()) error.set("task", run.failed_task);
    document.set("error", std::move(error));
  }
  document.set("timings", times(run));
  return document;
}

Json run_document(const RunTable& runs, const RunRecord& run) {
  Json document = run_summary(run);
  if (Json* error = const_cast<Json*>(document.find("error"));
      error != nullptr && !run.failed_log.empty()) {
    error->set("log", run.failed_log);
  }
  Json steps = Json::list();
  for (std::uint32_t i = 0; i < run.plan().steps.size(); ++i) {
    const core::Scheduler::StepCounts counts = runs.counts(run, i);
    Json entry;
    entry.set("name", run.plan().steps[i].name)
        .set("total", counts.total)
        .set("total_is_final", counts.total_is_final);
    for (std::size_t state = 0; state < kStateKeys.size(); ++state)
      entry.set(kStateKeys[state], counts.by_state[state]);
    steps.push(std::move(entry));
  }
  document.set("steps", std::move(steps));
  Json outputs = Json::map();
  std::uint64_t budget = kDocumentMax;
  if (run.state == RunState::kSucceeded) {
    for (std::size_t i = 0; i < run.outputs.size(); ++i) {
      const KeptOutput& output = run.outputs[i];
      if (output.absent || (!output.is_list && output.values.empty())) continue;
      const std::string& name = run.plan().outputs[i].name;
      outputs.set(name, output_json(run, name, output, budget));
    }
  }
  document.set("outputs", std::move(outputs));
  return document;
}

Result<Json> runs_document(const RunTable& runs, const api::RunFilter& filter) {
  std::optional<RunId> after;
  if (!filter.cursor.empty()) {
    SLUICE_TRY(after, RunId::parse(filter.cursor));
  }
  Json list = Json::list();
  std::uint32_t count = 0;
  std::string cursor;
  for (const RunRecord* run : runs.newest_first()) {
    if (after && !(run->id < *after)) continue;
    if (!filter.workflow.empty() && run->workflow_name() != filter.workflow &&
        run->plan().name != filter.workflow)
      continue;
    if (!filter.state.empty() && to_string(run->state) != filter.state) continue;
    if (count == filter.limit) {
      cursor = list.as_list()->back().find("id") == nullptr
                   ? ""
                   : *list.as_list()->back().find("id")->as_string();
      break;
    }
    list.push(run_summary(*run));
    ++count;
  }
  Json document;
  document.set("runs", std::move(list));
  if (!cursor.empty()) document.set("cursor", cursor);
  return document;
}

Result<Json> tasks_document(const RunTable& runs, RunRecord& run, const api::TaskFilter& filter) {
  std::uint32_t step = 0;
  std::uint32_t index = 0;
  if (!filter.cursor.empty()) {
    const char* const end = filter.cursor.data() + filter.cursor.size();
    const auto first = std::from_chars(filter.cursor.data(), end, step);
    if (first.ec != std::errc{} || first.ptr == end || *first.ptr != '.' ||
        std::from_chars(first.ptr + 1, end, index).ec != std::errc{}) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is not a cursor of this list", filter.cursor.substr(0, 64)));
    }
  }
  const auto& steps = run.plan().steps;
  if (!filter.step.empty() &&
      std::none_of(steps.begin(), steps.end(),
                   [&](const model::Step& candidate) { return candidate.name == filter.step; })) {
    return fail(ErrorCode::kNotFound, fmt::format("workflow '{}' has no step '{}'", run.plan().name,
                                                  filter.step.substr(0, 64)));
  }
  // The newest attempt of each task, also after core has forgotten the run.
  std::unordered_map<std::uint64_t, const AttemptRecord*> newest;
  for (const AttemptRecord& record : run.attempts)
    newest[RunRecord::task_number(record.step, record.index)] = &record;

  Json list = Json::list();
  std::string cursor;
  std::uint32_t count = 0;
  for (; step < steps.size() && cursor.empty(); ++step, index = 0) {
    if (!filter.step.empty() && steps[step].name != filter.step) continue;
    const std::uint32_t total = runs.counts(run, step).total;
    for (; index < total; ++index) {
      const std::string_view state = to_string(runs.state(run, step, index));
      if (!filter.state.empty() && filter.state != state) continue;
      if (count == filter.limit) {
        cursor = fmt::format("{}.{}", step, index);
        break;
      }
      ++count;
      Json entry;
      entry.set("path", run.path_of(step, index)).set("step", steps[step].name);
      if (run.is_foreach(step)) entry.set("index", index);
      entry.set("state", state);
      if (const auto found = newest.find(RunRecord::task_number(step, index));
          found != newest.end()) {
        const AttemptRecord& record = *found->second;
        entry.set("attempt", record.number)
            .set("worker", record.worker)
            .set("start", record.cold ? "cold" : "warm");
        add_times(entry, record);
      }
      list.push(std::move(entry));
    }
  }
  Json document;
  document.set("tasks", std::move(list));
  if (run.attempts_dropped > 0) document.set("attempts_dropped", run.attempts_dropped);
  if (!cursor.empty()) document.set("cursor", cursor);
  return document;
}

Json trace_document(const RunRecord& run) {
  Json events = Json::list();
  const auto add = [&](const AttemptRecord& record, std::string_view phase,
                       std::string_view category, std::int64_t from, std::int64_t to) {
    if (from <= 0 || to < from) return;
    const std::string path = run.path_of(record.step, record.index);
    Json args;
    args.set("run", run.id.to_text()).set("step", run.plan().steps[record.step].name);
    if (run.is_foreach(record.step)) args.set("index", record.index);
    args.set("attempt", record.number).set("phase", phase).set("state", to_string(record.state));
    if (phase == "run") {
      args.set("first_input_us", record.first_input).set("first_output_us", record.first_output);
      args.set("bytes_in", record.bytes_in).set("bytes_out", record.bytes_out);
    }
    Json event;
    event.set("ph", "X")
        .set("name", path)
        .set("cat", category)
        .set("pid", 1)
        .set("tid", record.worker & 0xffffffff);
    event.set("ts", from).set("dur", to - from).set("args", std::move(args));
    events.push(std::move(event));
  };
  for (const AttemptRecord& record : run.attempts) {
    if (record.cold)
      add(record, "start worker", "worker", std::max<std::int64_t>(1, record.ready),
          record.assigned);
    add(record, "run", "task", record.started, record.ended);
  }
  Json document;
  document.set("traceEvents", std::move(events)).set("displayTimeUnit", "ms");
  Json other;
  other.set("run", run.id.to_text())
      .set("workflow", run.workflow_name())
      .set("accepted", to_rfc3339(run.accepted));
  if (run.attempts_dropped > 0) other.set("attempts_dropped", run.attempts_dropped);
  document.set("otherData", std::move(other));
  return document;
}

Json workflow_document(const AppVersion& version, const model::Workflow& workflow) {
  const model::App& app = *version.app;
  Json document;
  document.set("name", version.name + "." + workflow.name)
      .set("app", version.name)
      .set("version", version.number);
  Json inputs = Json::list();
  for (const auto& input : workflow.inputs) {
    Json entry;
    entry.set("name", input.name).set("type", model::to_text(input.type));
    if (input.default_value) entry.set("default", *input.default_value);
    inputs.push(std::move(entry));
  }
  Json outputs = Json::list();
  for (const auto& output : workflow.outputs) {
    Json entry;
    entry.set("name", output.name)
        .set("type", model::to_text(output.type))
        .set("from", source_text(workflow, app, output.source));
    outputs.push(std::move(entry));
  }
  // Layout: a step's column is the longest way to it, its row the place among those of its column.
  Json steps = Json::list();
  std::vector<std::uint32_t> columns(workflow.steps.size(), 0);
  std::unordered_map<std::uint32_t, std::uint32_t> rows;
  for (std::uint32_t i = 0; i < workflow.steps.size(); ++i) {
    const model::Step& step = workflow.steps[i];
    Json bindings = Json::map();
    const auto follow = [&](const model::Source& source) {
      if (const auto* from = std::get_if<model::StepRef>(&source))
        columns[i] = std::max(columns[i], columns[from->step] + 1);
    };
    for (const model::Slot& slot : step.slots) {
      follow(slot.source);
      bindings.set(app.functions[step.function].inputs[slot.port].name,
                   source_text(workflow, app, slot.source));
    }
    Json entry;
    entry.set("name", step.name).set("call", app.functions[step.function].name);
    if (step.foreach) {
      follow(*step.foreach);
      entry.set("foreach", source_text(workflow, app, *step.foreach));
    }
    for (const std::uint32_t before : step.after)
      columns[i] = std::max(columns[i], columns[before] + 1);
    entry.set("in", std::move(bindings));
    if (!step.after.empty()) {
      Json after = Json::list();
      for (const std::uint32_t before : step.after) after.push(workflow.steps[before].name);
      entry.set("after", std::move(after));
    }
    Json layout;
    layout.set("column", columns[i]).set("row", rows[columns[i]]++);
    entry.set("layout", std::move(layout));
    steps.push(std::move(entry));
  }
  return document.set("inputs", std::move(inputs))
      .set("outputs", std::move(outputs))
      .set("steps", std::move(steps));
}

Json function_document(const AppVersion& version, const model::Function& function) {
  Json document;
  document.set("name", version.name + "." + function.name)
      .set("app", version.name)
      .set("version", version.number);
  document.set("runtime", "python3").set("handler", function.handler);
  return document.set("inputs", ports_json(function.inputs))
      .set("outputs", ports_json(function.outputs));
}

Json deploy_document(const AppVersion& version) {
  Json workflows = Json::list();
  for (const auto& workflow : version.app->workflows) workflows.push(workflow.name);
  Json functions = Json::list();
  for (const auto& function : version.app->functions) functions.push(function.name);
  Json document;
  document.set("app", version.name)
      .set("version", version.number)
      .set("digest", to_hex(version.digest));
  return document.set("workflows", std::move(workflows)).set("functions", std::move(functions));
}

Json app_document(const AppVersion& version) {
  Json document = deploy_document(version);
  document.set("name", version.name);
  return document;
}

Result<api::OutputBytes> output_bytes(const RunRecord& run, const std::string& name,
                                      std::optional<std::uint32_t> index) {
  const auto& declared = run.plan().outputs;
  const auto found = std::find_if(declared.begin(), declared.end(),
                                  [&](const auto& output) { return output.name == name; });
  if (found == declared.end()) {
    return fail(ErrorCode::kNotFound, fmt::format("workflow '{}' has no output '{}'",
                                                  run.plan().name, name.substr(0, 64)));
  }
  const KeptOutput& output = run.outputs[static_cast<std::size_t>(found - declared.begin())];
  const auto not_there = [&]() {
    if (output.absent)
      return fail(ErrorCode::kNotFound, fmt::format("output '{}' is absent in this run", name));
    if (is_ended(run.state))
      return fail(ErrorCode::kNotFound,
                  fmt::format("the run ended {} without output '{}'", to_string(run.state), name));
    return fail(
        ErrorCode::kFailedPrecondition,
        fmt::format("output '{}' is not there yet; the run is {}", name, to_string(run.state)));
  };
  if (index && !output.is_list && !output.values.empty())
    return fail(ErrorCode::kNotFound, fmt::format("output '{}' is no list", name));
  if (index && !output.shape.empty()) {
    if (!output.complete) return not_there();
    std::uint64_t all = UINT64_MAX;
    const Json lists = nested_json(run, name, output, all);
    if (*index >= lists.as_list()->size()) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("output '{}' has {} elements", name, lists.as_list()->size()));
    }
    return json_bytes((*lists.as_list())[*index]);
  }
  if (!index && output.is_list) {
    if (!output.complete) return not_there();
    std::uint64_t all = UINT64_MAX;
    return json_bytes(output_json(run, name, output, all));
  }
  const std::size_t at = index.value_or(0);
  if (at >= output.values.size() || !output.values[at].saved) {
    if (index && output.complete && at >= output.values.size()) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("output '{}' has {} elements", name, output.values.size()));
    }
    return not_there();
  }
  const KeptValue& value = output.values[at];
  if (value.hole)
    return fail(ErrorCode::kNotFound, fmt::format("element {} of output '{}' is absent", at, name));
  api::OutputBytes bytes{.content = {},
                         .size = value.size,
                         .content_type = content_type(value.meta),
                         .file_name = value.meta.name,
                         .etag = hex_of(value.checksum)};
  if (const auto* path = std::get_if<std::filesystem::path>(&value.content)) {
    SLUICE_TRY(bytes.content, open_file(*path, O_RDONLY));
  } else {
    SLUICE_TRY(bytes.content, kept_text(run, value));
  }
  return bytes;
}

std::string metrics_text(const RunTable& runs, const core::Scheduler::Counters& core,
                         const store::Usage& store, std::size_t workers) {
  std::string text;
  const auto gauge = [&](std::string_view name, std::string_view help, auto value) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} gauge\n{0} {2}\n", name, help, value);
  };
  text += "# HELP sluice_runs_total Runs that have ended.\n# TYPE sluice_runs_total counter\n";
  for (const auto& [key, count] : runs.totals()) {
    text += fmt::format("sluice_runs_total{{workflow=\"{}\",state=\"{}\"}} {}\n", key.first,
                        to_string(key.second), count);
  }
  gauge("sluice_runs_in_flight", "Runs that have not ended.", runs.in_flight());
  gauge("sluice_tasks_ready", "Tasks that wait for a CPU slot.", core.ready);
  gauge("sluice_tasks_running", "Tasks that hold a CPU slot.", core.running);
  gauge("sluice_workers", "Worker processes.", workers);
  gauge("sluice_store_memory_bytes", "Memory charged to the store.", store.memory.value);
  gauge("sluice_store_memory_peak_bytes", "Highest value of sluice_store_memory_bytes.",
        store.memory_peak.value);
  gauge("sluice_store_disk_bytes", "Disk charged to the store.", store.disk.value);
  gauge("sluice_store_objects", "Objects in the store.", store.objects);
  text += fmt::format(
      "# HELP sluice_stale_events_total Events of attempts that were over.\n# TYPE "
      "sluice_stale_events_total counter\nsluice_stale_events_total {}\n",
      core.stale_events);
  text += fmt::format(
      "# HELP sluice_rolled_back_total Attempts undone because their input changed.\n# TYPE "
      "sluice_rolled_back_total counter\nsluice_rolled_back_total {}\n",
      core.rolled_back);
  return text;
}

}  // namespace sluice::node
