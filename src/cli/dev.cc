// `sluice dev DIR`: a server of its own, the app in DIR deployed whenever it changes, the logs of
// all runs. It is made of the other commands' parts: the server is a child (server_process.h), a
// deploy is that of `sluice deploy`, logs are followed over HTTP.

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>

#include "bundle/bundle.h"
#include "cli/app_watch.h"
#include "cli/interrupt.h"
#include "cli/listen_probe.h"
#include "cli/log_follower.h"
#include "cli/server_process.h"
#include "cli/session.h"
#include "cli/temporary_folder.h"
#include "settings/read.h"

namespace sluice::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// An editor's save is several events, a checkout thousands: look once they have ended, but not
// later than this after the first one.
constexpr milliseconds kQuiet{100};
constexpr milliseconds kQuietMax{1000};

// Deploys the folder when its content is another than at the last try.
class Redeployer {
 public:
  Redeployer(Session& session, std::filesystem::path folder)
      : session_(session), folder_(std::move(folder)) {}

  // kUnavailable: it changed while it was read, look again. Other errors end `dev`.
  Status look(AppWatch& watch) {
    std::error_code error;
    if (!std::filesystem::is_directory(folder_, error)) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("the folder {} is not there any more", folder_.native()));
    }
    // New folders are watched before the files are listed: what comes later gives an event.
    if (const Result<bool> is_new = watch.refresh(limits_); !is_new)
      return complain(is_new.error());
    const Result<std::vector<bundle::File>> files = bundle::list_files(folder_, limits_);
    if (!files) return complain(files.error());
    const Result<Sha256> digest = bundle::digest(folder_, *files);
    if (!digest) return complain(digest.error());
    if (last_ && *digest == *last_) return {};
    const Result<ExitCode> deployed = deploy_app(session_, {.directory = folder_});
    if (!deployed) return complain(deployed.error());
    last_ = *digest;
    complaint_.clear();
    if (*deployed == ExitCode::kOk) {
      has_version_ = true;
    } else {
      say_what_goes_on();
    }
    return {};
  }

 private:
  // A folder that cannot be an app now is no reason to stop: it is being worked on.
  Status complain(const Error& error) {
    if (error.code() == ErrorCode::kCancelled) return fail(error);
    // Files that vanish or grow under the reader.
    if (error.code() == ErrorCode::kNotFound || error.code() == ErrorCode::kUnavailable)
      return fail(ErrorCode::kUnavailable, error.message());
    if (complaint_ != error.message()) {
      write_error_line(session_.terminal, "error", error.message());
      say_what_goes_on();
    }
    complaint_ = error.message();
    return {};
  }
  void say_what_goes_on() {
    write_error(has_version_ ? "the version before goes on; waiting for a change\n"
                             : "waiting for a change\n");
  }

  Session& session_;
  const std::filesystem::path folder_;
  const Limits limits_;
  std::optional<Sha256> last_;
  bool has_version_ = false;
  std::string complaint_;  // The last one: it is not said twice.
};

// When to look: after the events, but not too long after the first one.
class Quiet {
 public:
  void changed() {
    const auto now = steady_clock::now();
    if (!since_) since_ = now;
    due_ = std::min(now + kQuiet, *since_ + kQuietMax);
  }
  void looked() { since_.reset(); }
  bool is_due() const { return since_ && steady_clock::now() >= due_; }
  // For poll; -1: nothing is waited for.
  int timeout() const {
    if (!since_) return -1;
    const auto left = std::chrono::ceil<milliseconds>(due_ - steady_clock::now());
    return static_cast<int>(std::max(left, milliseconds(0)).count());
  }

 private:
  std::optional<steady_clock::time_point> since_;
  steady_clock::time_point due_;
};

// Until a signal (kCancelled), the end of the server or of the folder.
Status redeploy_on_change(Redeployer& redeployer, AppWatch& watch, const ServerProcess& server) {
  Quiet quiet;
  quiet.changed();
  while (true) {
    if (interrupt::signal() != 0) return fail(ErrorCode::kCancelled, "interrupted");
    if (quiet.is_due()) {
      quiet.looked();
      if (const Status looked = redeployer.look(watch); !looked) {
        if (looked.error().code() != ErrorCode::kUnavailable) return looked;
        quiet.changed();
      }
      continue;
    }
    std::array<pollfd, 3> wait{{{.fd = interrupt::descriptor(), .events = POLLIN, .revents = 0},
                                {.fd = server.ended().get(), .events = POLLIN, .revents = 0},
                                {.fd = watch.events().get(), .events = POLLIN, .revents = 0}}};
    if (::poll(wait.data(), wait.size(), quiet.timeout()) < 0) {
      if (errno == EINTR) continue;
      return fail(system_error(errno, "wait for changes"));
    }
    if (wait[1].revents != 0 && interrupt::signal() == 0) {
      return fail(ErrorCode::kUnavailable, "the server ended by itself; what it said is above");
    }
    if (wait[2].revents != 0) {
      SLUICE_OK(watch.drain());
      quiet.changed();
    }
  }
}

Result<std::vector<std::string>> server_arguments(const DevCommand& command,
                                                  const std::filesystem::path& data) {
  std::vector<settings::FlagWords> flags;
  if (!command.listen.empty())
    flags.push_back({.id = settings::SettingId::kListen, .words = {command.listen}});
  SLUICE_TRY(const settings::Values values,
             settings::read_settings(settings::Side::kServer, flags, settings::process_variable));
  std::string listen = values.text(settings::SettingId::kListen);
  if (!values.is_given(settings::SettingId::kListen)) {
    SLUICE_TRY(const settings::Address usual, settings::parse_address(listen));
    if (!probe_listen(usual)) listen = "127.0.0.1:0";  // Another server has it.
  }
  std::vector<std::string> arguments{"--listen", listen, "--data", data.native()};
  // On this screen, only what is wrong; whoever wants more says so.
  if (!values.is_given(settings::SettingId::kLogLevel))
    arguments.insert(arguments.end(), {"--log-level", "error"});
  return arguments;
}

}  // namespace

Result<ExitCode> develop(const Terminal& terminal, const DevCommand& command) {
  interrupt::defer();  // Everything that is begun here is ended here.
  SLUICE_TRY(AppWatch watch, AppWatch::open(command.directory));
  SLUICE_TRY(const TemporaryFolder folder, TemporaryFolder::make("dev"));
  SLUICE_TRY(
      std::vector<std::string> arguments,
      server_arguments(command, command.data.empty() ? folder.path() / "data" : command.data));
  SLUICE_TRY(ServerProcess server, ServerProcess::start(std::move(arguments), folder.path()));

  ServerAddress address{.base = server.url()};
  address.is_default = address.base == ServerAddress().base;
  SLUICE_TRY(HttpClient client, HttpClient::create(address));
  Session session{.client = std::move(client), .terminal = terminal};
  write_error(fmt::format(
      "serving {} at {}; Ctrl-C ends it\n{}", command.directory.native(), address.base,
      address.is_default ? "" : fmt::format("elsewhere: export SLUICE_URL={}\n", address.base)));
  Result<std::unique_ptr<LogFollower>> logs = LogFollower::start(address, terminal);
  if (!logs) return fail(logs.error());
  Redeployer redeployer(session, command.directory);
  Status ended = redeploy_on_change(redeployer, watch, server);
  // Ends the connections of those who follow logs, whatever it was that ended us.
  server.stop();
  (*logs)->finish();
  return fail(std::move(ended).error());
}

}  // namespace sluice::cli
