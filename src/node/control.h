#pragma once

// api::Control for a node: every call is brought to the loop, answered from its tables, and replied
// to from there. What reads disks or unpacks archives goes to a bulk thread.

#include <deque>
#include <memory>
#include <stop_token>

#include "aio/loop.h"
#include "api/control.h"
#include "node/app_registry.h"
#include "node/cache.h"
#include "node/intake.h"
#include "node/run_table.h"
#include "node/waits.h"
#include "runtime/runtime.h"

namespace sluice::node {

// What the control works on; all owned by the node.
struct ControlParts {
  aio::Loop& loop;
  aio::BulkPool& bulk;
  const Limits& limits;
  const DataPaths& paths;
  AppRegistry& apps;
  RunTable& runs;
  Intake& intake;
  Waits& waits;
  Pump& pump;
  store::Store& store;
  runtime::Runtime& runtime;
  Cache& cache;
  std::uint32_t slots;
  std::vector<std::string> package_environment;  // bundle::package_environment()
};

class NodeControl : public api::Control {
 public:
  explicit NodeControl(ControlParts parts) : parts_(parts) {}
  NodeControl(const NodeControl&) = delete;
  NodeControl& operator=(const NodeControl&) = delete;
  ~NodeControl() override { stop_deploying(); }

  // Ends what deployments wait for: the next ones are refused.
  void stop_deploying() { stop_.request_stop(); }

  void deploy(std::string app, std::filesystem::path archive,
              api::Reply<api::DeployResult> reply) override;
  void delete_app(std::string app, api::Reply<void> reply) override;
  void apps(api::Reply<Json> reply) override;
  void workflows(api::Reply<Json> reply) override;
  void workflow(std::string name, api::Reply<Json> reply) override;
  void functions(api::Reply<Json> reply) override;
  void function(std::string name, api::Reply<Json> reply) override;
  void start_run(api::OpenRun open, Json inputs, api::Reply<api::RunOpened> reply) override;
  void open_run(api::OpenRun open, api::Reply<api::RunOpened> reply) override;
  void open_input(RunId run, std::string name, std::string file_name,
                  api::Reply<api::InputStream> reply) override;
  void write_input(api::InputStream stream, std::string bytes, api::Reply<void> reply) override;
  void close_input(api::InputStream stream, api::Reply<void> reply) override;
  void finish_upload(RunId run, api::Reply<void> reply) override;
  void run(RunId run, std::optional<Duration> wait, api::Reply<Json> reply) override;
  void runs(api::RunFilter filter, api::Reply<Json> reply) override;
  void tasks(RunId run, api::TaskFilter filter, api::Reply<Json> reply) override;
  void output(RunId run, std::string name, api::OutputPath path,
              api::Reply<api::OutputBytes> reply) override;
  void output_page(RunId run, std::string name, api::OutputPath path, api::ListPage page,
                   api::Reply<Json> reply) override;
  void task_output(RunId run, std::string task, std::string name, api::OutputPath path,
                   api::Reply<api::OutputBytes> reply) override;
  void logs(api::LogQuery query, api::Reply<api::LogChunk> reply) override;
  void trace(RunId run, api::Reply<Json> reply) override;
  void answer(RunId run, std::string step, Json outputs, api::Reply<Json> reply) override;
  void cancel(RunId run, api::Reply<Json> reply) override;
  void delete_run(RunId run, api::Reply<void> reply) override;
  void apart(std::move_only_function<void()> work, api::Reply<void> reply) override;
  void workers(api::Reply<Json> reply) override;
  void nodes(api::Reply<Json> reply) override;
  void version(api::Reply<Json> reply) override;
  void metrics(api::Reply<std::string> reply) override;
  void ready(api::Reply<void> reply) override;

 private:
  // Brings `work` to the loop; when the loop's queue is full, the reply says so at once.
  template <class T, class Work>
  void on_loop(api::Reply<T> reply, Work work);

  Result<WorkflowAddress> address_of(const api::OpenRun& open) const;
  PackageInstall package_install(const std::string& app) const;
  void next_deployment();
  void answer_log(const api::LogQuery& query, api::Reply<api::LogChunk> reply);

  ControlParts parts_;
  struct Deployment {
    std::string app;
    std::filesystem::path archive;
    api::Reply<api::DeployResult> reply;
  };
  std::deque<Deployment> deployments_;  // One at a time; bounded by the connections of the server.
  bool deploying_ = false;
  std::stop_source stop_;
  std::uint64_t last_deployment_ = 0;
};

}  // namespace sluice::node
