#include "daemon/daemon.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "api/server.h"
#include "base/file.h"
#include "base/log.h"
#include "base/version.h"
#include "daemon/options.h"
#include "node/node.h"

namespace sluice::daemon {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUnavailable = 5;

int complain(const Error& error) {
  std::fprintf(stderr, "sluice serve: %s\n", error.message().c_str());
  return error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kPermissionDenied
             ? kExitUnavailable
             : kExitFailed;
}

// Every worker costs three descriptors here, every run's kept outputs none; the soft limit of 1024
// that shells give is a relic of select().
void raise_descriptor_limit() {
  struct rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// SIGINT, SIGTERM and SIGHUP as a descriptor; they are blocked in every thread made later.
Result<Fd> take_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  if (::sigprocmask(SIG_BLOCK, &signals, nullptr) != 0)
    return fail(system_error(errno, "block signals"));
  Fd fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return fail(system_error(errno, "signalfd"));
  std::signal(SIGPIPE, SIG_IGN);
  return fd;
}

Result<int> run(const ServeOptions& options) {
  Limits limits;
  limits.retention = options.retention;
  limits.retention_runs = options.retention_runs;
  limits.retention_disk_share = options.retention_disk_share;
  raise_descriptor_limit();
  SLUICE_TRY(node::DataDirectory data, node::DataDirectory::open(options.data));

  // What a server that was killed left is ended before anything new is started; the launcher is
  // forked before this process has threads or much memory.
  SLUICE_TRY(const std::size_t strays, runtime::sweep(data.mark(), data.paths().scratch()));
  if (strays > 0)
    log::warning("ended workers that an earlier server left{}",
                 log::field("count", fmt::format("{}", strays)));
  SLUICE_TRY(runtime::LauncherHandle launcher,
             runtime::start_launcher(data.mark(), data.paths().scratch()));
  SLUICE_TRY(const Fd signals, take_signals());

  aio::Loop loop("sluice-loop");
  node::NodeOptions node_options;
  node_options.memory = options.memory;
  node_options.processes = options.processes;
  node_options.task_disk = options.task_disk;
  node_options.cache_disk_share = options.cache_disk_share;
  // By way of this process: the binary that runs, also when its file has been replaced since.
  node_options.program_worker = fmt::format("/proc/{}/exe", ::getpid());
  node_options.slots =
      options.workers != 0 ? options.workers : std::max(1U, std::thread::hardware_concurrency());
  if (const char* path = std::getenv("PATH"); path != nullptr) node_options.search_path = path;
  SLUICE_TRY(const std::unique_ptr<node::Node> node,
             node::Node::make(loop, limits, node_options, data, std::move(launcher)));

  api::ServerOptions server_options;
  server_options.host = options.host;
  server_options.port = options.port;
  server_options.host_names = options.host_names;
  server_options.upload_directory = data.paths().scratch();
  SLUICE_TRY(std::unique_ptr<api::Server> server,
             api::Server::start(server_options, limits, node->control()));

  const std::string url = fmt::format("http://{}:{}", options.host, server->port());
  log::info("sluice {} serves {}{}{}{}", version(), url,
            log::field("data", data.paths().root.native()),
            log::field("memory", to_text(options.memory)),
            log::field("slots", fmt::format("{}", node_options.slots)));
  if (::geteuid() == 0) {
    log::warning("serving as root without tokens: every local user can run code as root through {}",
                 url);
  }
  log::warning(
      "runs are express: kept in memory, lost when this process ends (the durable journal is not "
      "there yet)");
  if (!options.ready_file.empty()) SLUICE_OK(write_file(options.ready_file, url + "\n", Sync::kNo));

  int exit_code = 0;
  bool stopping = false;
  const auto stop = [&] {
    if (stopping) {  // A second signal does not wait: the launcher cleans up when this process is
                     // gone.
      loop.stop();
      return;
    }
    stopping = true;
    log::info("stopping");
    node->stop([&loop] { loop.stop(); });
  };
  aio::FdWatch watch(loop, signals.get());
  watch.on_readable([&] {
    signalfd_siginfo info{};
    while (::read(signals.get(), &info, sizeof info) == sizeof info) {
      exit_code = info.ssi_signo == SIGINT ? 130 : 143;
      stop();
    }
  });
  node->on_launcher_lost([&] {
    if (stopping) return;
    log::error("the launcher process is gone: no worker can be started any more; stopping");
    exit_code = kExitFailed;
    // The workers died with it; what they had started did not.
    if (const auto ended = runtime::sweep(data.mark(), data.paths().scratch()); !ended) {
      log::error("{}", ended.error().message());
    }
    loop.stop();
  });
  loop.run();
  server->stop();
  server.reset();
  if (!options.ready_file.empty()) ::unlink(options.ready_file.c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  const ParsedOptions parsed = parse_options(argc, argv);
  if (!parsed.options) return parsed.exit_code;
  log::configure(parsed.options->log_level);
  Result<int> exit_code = run(*parsed.options);
  return exit_code ? *exit_code : complain(exit_code.error());
}

}  // namespace sluice::daemon
