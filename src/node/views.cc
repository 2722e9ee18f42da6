#include "node/views.h"

#include <algorithm>

#include "base/hash.h"
#include "node/output_views.h"

namespace sluice::node {
namespace {

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
  set_steps(document, runs, run);
  document.set("outputs", outputs_json(run));
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

Json trace_document(const RunRecord& run) {
  Json events = Json::list();
  const auto add = [&](const AttemptRecord& record, std::string_view phase,
                       std::string_view category, std::int64_t from, std::int64_t to) {
    if (from <= 0 || to < from) return;
    const std::string path = run.path_of(record);
    Json args;
    args.set("run", run.id.to_text()).set("step", step_in(path));
    if (run.step_of(record).foreach) args.set("index", record.index);
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

Json function_document(const AppVersion& version, const model::Function& function) {
  Json document;
  document.set("name", version.name + "." + function.name)
      .set("app", version.name)
      .set("version", version.number);
  document.set("runtime", std::string(model::to_text(function.runtime)))
      .set("handler", function.handler);
  return document.set("inputs", ports_json(function.inputs))
      .set("outputs", ports_json(function.outputs));
}

Json deploy_document(const AppVersion& version) {
  Json workflows = Json::list();
  for (const auto& workflow : version.app->workflows) {
    if (!workflow.is_internal) workflows.push(workflow.name);
  }
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

std::string metrics_text(const RunTable& runs, const core::Scheduler::Counters& core,
                         const store::Usage& store, std::size_t workers,
                         const Cache::Stats& cache) {
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
  gauge("sluice_cache_entries", "Results that may be used again.", cache.entries);
  gauge("sluice_cache_bytes", "Disk taken by them.", cache.bytes);
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    text += fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n{0} {2}\n", name, help, value);
  };
  counter("sluice_cache_hits_total", "Tasks whose result was in the cache.", cache.hits);
  counter("sluice_cache_misses_total", "Tasks whose result was not.", cache.misses);
  counter("sluice_cache_damaged_total", "Files of the cache that could not be used.",
          cache.damaged);
  counter("sluice_cache_refused_total", "Results that were too large or came too fast to be kept.",
          cache.refused);
  counter("sluice_cache_evicted_total", "Results that had to go for want of room.", cache.evicted);
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
