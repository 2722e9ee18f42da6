#include "node/node.h"

#include <random>

#include "base/file.h"
#include "base/log.h"
#include "bundle/node_sdk.h"
#include "bundle/python_sdk.h"
#include "node/cache.h"
#include "node/control.h"
#include "node/evaluator.h"
#include "node/reuse.h"
#include "node/waits.h"

namespace sluice::node {
namespace {

constexpr std::uint32_t kWorkersPerSlot =
    16;  // Processes: blocked readers and idle ones of other functions beside those that compute.
constexpr std::uint32_t kWorkersLeast = 256;

Random seeded() {
  std::random_device entropy;
  return Random((std::uint64_t{entropy()} << 32) | entropy());
}

}  // namespace

struct Node::Impl {
  Impl(aio::Loop& on_loop, const Limits& all_limits, NodeOptions the_options, DataPaths the_paths,
       std::unique_ptr<store::Store> the_store, runtime::LauncherHandle launcher)
      : loop(on_loop),
        limits(all_limits),
        options(std::move(the_options)),
        paths(std::move(the_paths)),
        bulk(loop, 2),
        store(std::move(the_store)),
        journal(journal::make_memory_journal()),
        pump(loop, limits, seeded()),
        runs(pump, *store, *journal, loop, bulk, limits, paths, seeded()),
        dispatcher(pump, *store, runs, loop, bulk, limits,
                   WorkerPrograms{.python = options.python,
                                  .search_path = options.search_path,
                                  .python_sdk = paths.sdk() / "python",
                                  .node_sdk = paths.node_sdk(),
                                  .program_worker = options.program_worker},
                   options.task_disk),
        evaluator(pump, *store, runs, loop, bulk),
        waits(pump, *store, runs, loop),
        cache(bulk, *store, paths.cache(), options.cache_disk_share),
        reuse(pump, *store, runs, loop, cache),
        runtime(loop, std::move(launcher), limits,
                runtime::RuntimeOptions{
                    .workers_max = options.processes != 0
                                       ? options.processes
                                       : std::max(kWorkersLeast, options.slots * kWorkersPerSlot),
                    .scratch = paths.scratch(),
                    .nice = options.worker_nice},
                dispatcher),
        apps(paths.apps(), limits, [this](AppVersion& gone) { version_gone(gone); }),
        intake(runs, pump, *store, loop, bulk, limits),
        control(ControlParts{.loop = loop,
                             .bulk = bulk,
                             .limits = limits,
                             .paths = paths,
                             .apps = apps,
                             .runs = runs,
                             .intake = intake,
                             .waits = waits,
                             .pump = pump,
                             .store = *store,
                             .runtime = runtime,
                             .cache = cache,
                             .slots = options.slots,
                             .package_environment = bundle::package_environment()}) {
    dispatcher.set_runtime(runtime);
    pump.set_handler([this](const core::Action& action, const core::Actions& all) {
      std::visit([&](const auto& one) { act(one, all); }, action);
    });
  }
  ~Impl() { stopping = true; }

  void version_gone(AppVersion& gone) {
    if (stopping) return;
    for (const runtime::PoolId pool : gone.pools) {
      if (pool) dispatcher.drop_pool(pool);
    }
    if (gone.keep_folder) return;
    if (Status removed = remove_tree(gone.folder); !removed)
      log::warning("{}", removed.error().message());
  }

  void act(const core::StartTask& action, const core::Actions& all) { dispatcher.on(action, all); }
  void act(const core::Compute& action, const core::Actions&) { evaluator.on(action); }
  void act(const core::BeginWait& action, const core::Actions& all) { waits.on(action, all); }
  void act(const core::Retain& action, const core::Actions&) { store->retain(action.object); }
  void act(const core::ScopeOpened& action, const core::Actions&) { runs.on(action); }
  void act(const core::ScopeClosed& action, const core::Actions&) { runs.on(action); }
  void act(const core::Bind& action, const core::Actions&) { dispatcher.on(action); }
  void act(const core::Deliver& action, const core::Actions&) { dispatcher.on(action); }
  void act(const core::EndAttempt& action, const core::Actions&) {
    if (!waits.on(action) && !reuse.on(action)) dispatcher.on(action);
  }
  void act(const core::Recall& action, const core::Actions&) { reuse.on(action); }
  void act(const core::KeepOutput& action, const core::Actions&) {
    runs.on(action);
    reuse.on(action);
  }
  void act(const core::Commit& action, const core::Actions&) {
    runs.on(action);
    reuse.on(action);
  }
  void act(const core::Release& action, const core::Actions&) { store->release(action.object); }
  void act(const core::OutputElement& action, const core::Actions&) { runs.on(action); }
  void act(const core::OutputReady& action, const core::Actions&) { runs.on(action); }
  void act(const core::TaskRetries& action, const core::Actions&) { runs.on(action); }
  void act(const core::RunEnded& action, const core::Actions&) { runs.on(action); }
  void act(const core::RunDrained& action, const core::Actions&) {
    runs.on(action);
    reuse.on(action);
  }
  void act(const core::Forward&, const core::Actions&) {
    SLUICE_ASSERT(false, "one node forwards nothing");
  }

  bool stopping = false;  // First of all, so that it outlives what asks for it.
  aio::Loop& loop;
  const Limits& limits;
  NodeOptions options;
  DataPaths paths;
  aio::BulkPool bulk;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<journal::Journal> journal;
  Pump pump;
  RunTable runs;
  Dispatcher dispatcher;
  Evaluator evaluator;
  Waits waits;
  Cache cache;
  Reuse reuse;
  runtime::Runtime runtime;
  AppRegistry apps;
  Intake intake;
  NodeControl control;
};

Result<std::unique_ptr<Node>> Node::make(aio::Loop& loop, const Limits& limits, NodeOptions options,
                                         const DataDirectory& data,
                                         runtime::LauncherHandle launcher) {
  SLUICE_OK(bundle::unpack_python_sdk(data.paths().sdk() / "python", limits));
  SLUICE_OK(bundle::unpack_node_sdk(data.paths().node_sdk(), limits));
  SLUICE_TRY(auto made, store::Store::make(
                            {.memory = options.memory, .spill_directory = data.paths().spill()}));
  auto impl = std::make_unique<Impl>(loop, limits, std::move(options), data.paths(),
                                     std::move(made), std::move(launcher));
  impl->apps.load();
  impl->cache.load();
  impl->pump.push(core::SlotsChanged{.slots = impl->options.slots});
  return std::unique_ptr<Node>(new Node(std::move(impl)));
}

Node::Node(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::~Node() = default;
api::Control& Node::control() { return impl_->control; }
void Node::stop(std::move_only_function<void()> done) {
  impl_->control.stop_deploying();
  impl_->runtime.stop(std::move(done));
}
void Node::on_launcher_lost(std::move_only_function<void()> callback) {
  impl_->runtime.on_launcher_lost(std::move(callback));
}

}  // namespace sluice::node
