#include "node/control.h"

#include <unistd.h>

#include "base/log.h"
#include "base/version.h"
#include "node/output_views.h"
#include "node/views.h"

namespace sluice::node {
namespace {

constexpr std::size_t kDeploymentsWaiting = 64;

api::RunOpened opened(const RunRecord& run) {
  api::RunOpened answer{.run = run.id, .durability = "express", .inputs = {}};
  for (const auto& input : run.plan().inputs)
    answer.inputs.push_back({.name = input.name, .type = input.type});
  return answer;
}

std::unexpected<Error> busy(const Error& why) {
  return fail(ErrorCode::kUnavailable, "the node is busy: " + why.message());
}

}  // namespace

template <class T, class Work>
void NodeControl::on_loop(api::Reply<T> reply, Work work) {
  // The reply is shared for the moment between a refused post and its answer.
  auto kept = std::make_shared<api::Reply<T>>(std::move(reply));
  Status posted =
      parts_.loop.post([kept, work = std::move(work)]() mutable { work(std::move(*kept)); });
  if (!posted) (*kept)(busy(posted.error()));
}

// ---- apps
// ----------------------------------------------------------------------------------------

void NodeControl::deploy(std::string app, std::filesystem::path archive,
                         api::Reply<api::DeployResult> reply) {
  on_loop<api::DeployResult>(std::move(reply), [this, app = std::move(app),
                                                archive = std::move(archive)](auto answer) mutable {
    if (deployments_.size() >= kDeploymentsWaiting) {
      answer(fail(ErrorCode::kUnavailable, "too many deployments are waiting; try again"));
      return;
    }
    deployments_.push_back(
        {.app = std::move(app), .archive = std::move(archive), .reply = std::move(answer)});
    next_deployment();
  });
}

PackageInstall NodeControl::package_install(const std::string& app) const {
  return {.source = {.cache = parts_.paths.packages(),
                     .scratch = parts_.paths.scratch(),
                     .environment = parts_.package_environment,
                     .limits = {}},
          .progress =
              [app](std::string_view line) {
                log::info("packages{}{}", log::field("app", app), log::field("did", line));
              },
          .stop = stop_.get_token()};
}

void NodeControl::next_deployment() {
  if (deploying_ || deployments_.empty()) return;
  deploying_ = true;
  auto current = std::make_shared<Deployment>(std::move(deployments_.front()));
  deployments_.pop_front();
  auto prepared = std::make_shared<Result<Prepared>>(fail(ErrorCode::kInternal, "not prepared"));
  const std::filesystem::path folder =
      parts_.paths.scratch() / fmt::format("deploy-{}", ++last_deployment_);
  Status submitted = parts_.bulk.submit(
      [prepared, current, folder, packages = package_install(current->app),
       &limits = parts_.limits] {
        *prepared = prepare_bundle(current->archive, folder, limits, packages);
      },
      [this, prepared, current] {
        deploying_ = false;
        const auto install = [&]() -> Result<api::DeployResult> {
          SLUICE_TRY(Prepared ready, std::move(*prepared));
          if (!ready.app)
            return api::DeployResult{.document = {}, .mistakes = std::move(ready.mistakes)};
          if (ready.app->name != current->app) {
            return api::DeployResult{
                .document = {},
                .mistakes = {
                    {.file = "sluice.yaml",
                     .line = 1,
                     .column = 1,
                     .message = fmt::format("the app is named '{}', but it is deployed as '{}'",
                                            ready.app->name, current->app),
                     .hint = "use the same name in the address and in `app:`"}}};
          }
          SLUICE_TRY(AppRegistry::Installed installed, parts_.apps.install(std::move(ready)));
          return api::DeployResult{.document = deploy_document(*installed.version), .mistakes = {}};
        };
        current->reply(install());
        next_deployment();
      });
  if (!submitted) {
    deploying_ = false;
    current->reply(fail(std::move(submitted).error()));
  }
}

void NodeControl::delete_app(std::string app, api::Reply<void> reply) {
  on_loop<void>(std::move(reply),
                [this, app = std::move(app)](auto answer) { answer(parts_.apps.remove(app)); });
}

void NodeControl::apps(api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this](auto answer) {
    Json list = Json::list();
    for (const auto& version : parts_.apps.all_current()) list.push(app_document(*version));
    answer(std::move(Json().set("apps", std::move(list))));
  });
}

void NodeControl::workflows(api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this](auto answer) {
    Json list = Json::list();
    for (const auto& version : parts_.apps.all_current()) {
      for (const auto& workflow : version->app->workflows) {
        if (!workflow.is_internal) list.push(workflow_document(*version, workflow));
      }
    }
    answer(std::move(Json().set("workflows", std::move(list))));
  });
}

void NodeControl::workflow(std::string name, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this, name = std::move(name)](auto answer) {
    Result<WorkflowAddress> found = parts_.apps.find(name);
    if (!found) return answer(fail(std::move(found).error()));
    answer(workflow_document(*found->version, found->version->app->workflows[found->workflow]));
  });
}

void NodeControl::functions(api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this](auto answer) {
    Json list = Json::list();
    for (const auto& version : parts_.apps.all_current()) {
      for (const auto& function : version->app->functions)
        list.push(function_document(*version, function));
    }
    answer(std::move(Json().set("functions", std::move(list))));
  });
}

void NodeControl::function(std::string name, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this, name = std::move(name)](auto answer) {
    std::vector<Json> found;
    for (const auto& version : parts_.apps.all_current()) {
      for (const auto& function : version->app->functions) {
        if (function.name == name || version->name + "." + function.name == name)
          found.push_back(function_document(*version, function));
      }
    }
    if (found.empty())
      return answer(fail(ErrorCode::kNotFound, fmt::format("there is no function '{}'", name)));
    if (found.size() > 1) {
      return answer(
          fail(ErrorCode::kFailedPrecondition,
               fmt::format("several apps have a function '{}': write app.{}", name, name)));
    }
    answer(std::move(found.front()));
  });
}

// ---- runs
// ----------------------------------------------------------------------------------------

Result<WorkflowAddress> NodeControl::address_of(const api::OpenRun& open) const {
  if (!open.idempotency_key.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "Idempotency-Key is part of the interface but not there yet: leave it out");
  }
  if (open.durability == "durable") {
    return fail(ErrorCode::kInvalidArgument,
                "durable runs need the journal on disk, which is not there yet: runs are express "
                "(kept in memory)");
  }
  return parts_.apps.find(open.workflow);
}

void NodeControl::start_run(api::OpenRun open, Json inputs, api::Reply<api::RunOpened> reply) {
  on_loop<api::RunOpened>(std::move(reply), [this, open = std::move(open),
                                             inputs = std::move(inputs)](auto answer) mutable {
    const Result<WorkflowAddress> address = address_of(open);
    if (!address) return answer(fail(address.error()));
    parts_.intake.start(*address, open.timeout, std::move(inputs), open.json_bytes,
                        [answer = std::move(answer)](Result<RunRecord*> run) mutable {
                          if (!run) return answer(fail(std::move(run).error()));
                          answer(opened(**run));
                        });
  });
}

void NodeControl::open_run(api::OpenRun open, api::Reply<api::RunOpened> reply) {
  // Its abort has a place in the loop's queue from here on: a full queue refuses the run, and never
  // the call that ends it.
  Result<aio::Reservation> place = parts_.loop.reserve();
  if (!place) return reply(busy(place.error()));
  on_loop<api::RunOpened>(std::move(reply), [this, open = std::move(open),
                                             place = std::move(*place)](auto answer) mutable {
    const auto start = [&]() -> Result<api::RunOpened> {
      SLUICE_TRY(const WorkflowAddress address, address_of(open));
      SLUICE_TRY(RunRecord * run, parts_.intake.open(address, open.timeout));
      api::RunOpened made = opened(*run);
      made.abort = [this, id = run->id, place = std::move(place)](std::string why) mutable {
        place.post([this, id, why = std::move(why)] { parts_.intake.abort(id, why); });
      };
      return made;
    };
    answer(start());
  });
}

void NodeControl::open_input(RunId run, std::string name, std::string file_name,
                             api::Reply<api::InputStream> reply) {
  on_loop<api::InputStream>(std::move(reply), [this, run, name = std::move(name),
                                               file_name = std::move(file_name)](auto answer) {
    answer(parts_.intake.open_input(run, name, file_name));
  });
}

void NodeControl::write_input(api::InputStream stream, std::string bytes, api::Reply<void> reply) {
  on_loop<void>(std::move(reply), [this, stream, bytes = std::move(bytes)](auto answer) {
    answer(parts_.intake.write(stream, bytes));
  });
}

void NodeControl::close_input(api::InputStream stream, api::Reply<void> reply) {
  on_loop<void>(std::move(reply),
                [this, stream](auto answer) { parts_.intake.close(stream, std::move(answer)); });
}

void NodeControl::finish_upload(RunId run, api::Reply<void> reply) {
  on_loop<void>(std::move(reply), [this, run](auto answer) { answer(parts_.intake.finish(run)); });
}

void NodeControl::run(RunId run, std::optional<Duration> wait, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this, run, wait](auto answer) {
    Result<RunRecord*> found = parts_.runs.known(run);
    if (!found) return answer(fail(std::move(found).error()));
    RunRecord& record = **found;
    if (!wait || is_ended(record.state)) return answer(run_document(parts_.runs, record));
    parts_.runs.wait_for_end(record, *wait, [this, run, answer = std::move(answer)]() mutable {
      Result<RunRecord*> again = parts_.runs.known(run);
      if (!again) return answer(fail(std::move(again).error()));
      answer(run_document(parts_.runs, **again));
    });
  });
}

void NodeControl::runs(api::RunFilter filter, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this, filter = std::move(filter)](auto answer) {
    answer(runs_document(parts_.runs, filter));
  });
}

void NodeControl::tasks(RunId run, api::TaskFilter filter, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this, run, filter = std::move(filter)](auto answer) {
    Result<RunRecord*> found = parts_.runs.known(run);
    if (!found) return answer(fail(std::move(found).error()));
    answer(tasks_document(parts_.runs, **found, filter));
  });
}

void NodeControl::output(RunId run, std::string name, api::OutputPath path,
                         api::Reply<api::OutputBytes> reply) {
  on_loop<api::OutputBytes>(
      std::move(reply), [this, run, name = std::move(name), path = std::move(path)](auto answer) {
        Result<RunRecord*> found = parts_.runs.known(run);
        if (!found) return answer(fail(std::move(found).error()));
        answer(output_bytes(**found, name, path));
      });
}

void NodeControl::output_page(RunId run, std::string name, api::OutputPath path, api::ListPage page,
                              api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply),
                [this, run, name = std::move(name), path = std::move(path), page](auto answer) {
                  Result<RunRecord*> found = parts_.runs.known(run);
                  if (!found) return answer(fail(std::move(found).error()));
                  answer(node::output_page(**found, name, path, page));
                });
}

void NodeControl::task_output(RunId run, std::string task, std::string name, api::OutputPath path,
                              api::Reply<api::OutputBytes> reply) {
  on_loop<api::OutputBytes>(std::move(reply), [this, run, task = std::move(task),
                                               name = std::move(name), path](auto answer) mutable {
    Result<RunRecord*> found = parts_.runs.known(run);
    if (!found) return answer(fail(std::move(found).error()));
    RunRecord& record = **found;
    if (Status there = check_task_output(record, task, name); !there)
      return answer(fail(std::move(there).error()));
    const bool is_over = is_ended(record.state);
    if (record.task_outputs != nullptr) {
      if (Status flushed = record.task_outputs->flush(); !flushed)
        return answer(fail(std::move(flushed).error()));
    }
    auto read = std::make_shared<Result<api::OutputBytes>>();
    auto shared = std::make_shared<decltype(answer)>(std::move(answer));
    const Status submitted = parts_.bulk.submit(
        [read, folder = record.folder / "tasks", task, name, path, id = run.to_text()] {
          const std::string address =
              fmt::format("/api/v1/runs/{}/tasks/{}/outputs/{}", id, task, name);
          *read = read_task_output(folder, address, task, name,
                                   path.empty() ? std::nullopt : std::optional(path.front()));
        },
        [read, shared, is_over, state = to_string(record.state)] {
          if (*read || is_over || read->error().code() != ErrorCode::kNotFound)
            return (*shared)(std::move(*read));
          (*shared)(fail(ErrorCode::kFailedPrecondition,
                         fmt::format("{} yet; the run is {}", read->error().message(), state)));
        });
    if (!submitted) (*shared)(fail(submitted.error()));
  });
}

void NodeControl::answer_log(const api::LogQuery& query, api::Reply<api::LogChunk> reply) {
  Result<RunRecord*> found = parts_.runs.known(query.run);
  if (!found) return reply(fail(std::move(found).error()));
  RunRecord& record = **found;
  api::LogChunk chunk = record.log.read(query.after, query.step, query.task);
  chunk.is_last = is_ended(record.state) && record.drained && chunk.next >= record.log.size();
  reply(std::move(chunk));
}

void NodeControl::logs(api::LogQuery query, api::Reply<api::LogChunk> reply) {
  on_loop<api::LogChunk>(std::move(reply), [this, query = std::move(query)](auto answer) mutable {
    Result<RunRecord*> found = parts_.runs.known(query.run);
    if (!found) return answer(fail(std::move(found).error()));
    RunRecord& record = **found;
    if (!query.step.empty()) {
      auto named = named_parts(record.app(), record.workflow, query.step, PathOf::kStep);
      if (!named) return answer(fail(std::move(named).error()));
    }
    // What workers say after the end, until they are gone, is waited for as well.
    const bool is_over = is_ended(record.state) && record.drained;
    if (!query.wait || is_over || record.log.size() > query.after)
      return answer_log(query, std::move(answer));
    const Duration patience = *query.wait;
    parts_.runs.wait_for_log(
        record, patience, [this, query = std::move(query), answer = std::move(answer)]() mutable {
          answer_log(query, std::move(answer));
        });
  });
}

void NodeControl::trace(RunId run, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this, run](auto answer) {
    Result<RunRecord*> found = parts_.runs.known(run);
    if (!found) return answer(fail(std::move(found).error()));
    answer(trace_document(**found));
  });
}

void NodeControl::answer(RunId run, std::string step, Json outputs, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply),
                [this, run, step = std::move(step), outputs = std::move(outputs)](auto answer) {
                  Result<RunRecord*> found = parts_.runs.known(run);
                  if (!found) return answer(fail(std::move(found).error()));
                  if (Status taken = parts_.waits.answer(**found, step, outputs); !taken)
                    return answer(fail(std::move(taken).error()));
                  // What the answer set off may have ended the run and more.
                  found = parts_.runs.known(run);
                  if (!found) return answer(fail(std::move(found).error()));
                  answer(run_document(parts_.runs, **found));
                });
}

void NodeControl::cancel(RunId run, api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this, run](auto answer) {
    Result<RunRecord*> found = parts_.runs.known(run);
    if (!found) return answer(fail(std::move(found).error()));
    if (!is_ended((*found)->state)) parts_.runs.cancel(**found);
    answer(run_document(parts_.runs, **found));
  });
}

void NodeControl::delete_run(RunId run, api::Reply<void> reply) {
  on_loop<void>(std::move(reply), [this, run](auto answer) { answer(parts_.runs.remove(run)); });
}

// ---- the node
// ------------------------------------------------------------------------------------

void NodeControl::apart(std::move_only_function<void()> work, api::Reply<void> reply) {
  on_loop<void>(std::move(reply), [this, work = std::move(work)](auto answer) mutable {
    auto kept = std::make_shared<api::Reply<void>>(std::move(answer));
    Status submitted = parts_.bulk.submit(std::move(work), [kept] { (*kept)({}); });
    if (!submitted) (*kept)(busy(submitted.error()));
  });
}

void NodeControl::workers(api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this](auto answer) {
    Json list = Json::list();
    for (const runtime::WorkerView& worker : parts_.runtime.workers()) {
      Json entry;
      entry.set("id", worker.id.index())
          .set("pool", worker.pool_name)
          .set("pid", static_cast<std::int64_t>(worker.pid));
      entry.set("state", worker.state).set("tasks", worker.tasks);
      const double seconds =
          std::chrono::duration<double>(parts_.loop.now() - worker.since).count();
      entry.set("idle_s", worker.state == "idle" ? seconds : 0.0);
      list.push(std::move(entry));
    }
    answer(std::move(Json().set("workers", std::move(list))));
  });
}

void NodeControl::nodes(api::Reply<Json> reply) {
  on_loop<Json>(std::move(reply), [this](auto answer) {
    const core::Scheduler::Counters counters = parts_.pump.scheduler().counters();
    const store::Usage usage = parts_.store.usage();
    Json node;
    node.set("name", "local").set("state", "ready").set("slots", parts_.slots);
    node.set("tasks_ready", counters.ready)
        .set("tasks_running", counters.running)
        .set("runs_in_flight", static_cast<std::uint64_t>(parts_.runs.in_flight()));
    node.set("memory_bytes", usage.memory.value).set("memory_peak_bytes", usage.memory_peak.value);
    node.set("memory_max_bytes", parts_.store.options().memory.value)
        .set("disk_bytes", usage.disk.value)
        .set("objects", usage.objects);
    answer(std::move(Json().set("nodes", std::move(Json::list().push(std::move(node))))));
  });
}

void NodeControl::version(api::Reply<Json> reply) {
  Json document;
  document.set("version", sluice::version());
  reply(std::move(document));
}

void NodeControl::metrics(api::Reply<std::string> reply) {
  on_loop<std::string>(std::move(reply), [this](auto answer) {
    answer(metrics_text(parts_.runs, parts_.pump.scheduler().counters(), parts_.store.usage(),
                        parts_.runtime.workers().size(), parts_.cache.stats()));
  });
}

void NodeControl::ready(api::Reply<void> reply) {
  on_loop<void>(std::move(reply), [](auto answer) { answer({}); });
}

}  // namespace sluice::node
