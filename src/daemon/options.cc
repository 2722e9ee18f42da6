#include "daemon/options.h"

#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <sstream>

#include <CLI/CLI.hpp>

#include "base/file.h"

namespace sluice::daemon {
namespace {

constexpr ByteCount kConfigMax = 1_MiB;
constexpr ByteCount kMemoryMin = 16_MiB;  // Less does not hold one inbox and one outbox.

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Each run that is kept takes a few KiB of memory beside its outputs.
constexpr std::uint32_t kRetentionRunsMax = 1'000'000;
constexpr Duration kRetentionMin = std::chrono::seconds(1);
constexpr Duration kRetentionMax = std::chrono::hours(24 * 3660);

// As written; checked after flags, variables and files were put together.
struct Words {
  std::string listen = "127.0.0.1:7600";
  std::string data;
  std::string memory = "2Gi";
  std::string workers = "0";
  std::string processes = "0";
  std::string retention = "7d";
  std::string retention_runs = "10000";
  std::string retention_disk = "10%";
  std::string config;
  std::string ready_file;
  std::string log_level = "info";
  std::vector<std::string> host_names;
};

void describe(CLI::App& app, Words& words) {
  app.add_option("--listen", words.listen,
                 "address and port; port 0 takes a free one (default 127.0.0.1:7600)")
      ->type_name("HOST:PORT")
      ->envname("SLUICE_LISTEN");
  app.add_option("--data", words.data,
                 "where apps, runs and outputs are kept (default: $XDG_DATA_HOME/sluice, as root "
                 "/var/lib/sluice)")
      ->type_name("DIR")
      ->envname("SLUICE_DATA");
  app.add_option("--memory", words.memory,
                 "what values in flight may take of it, beyond that of disk (default 2Gi)")
      ->type_name("SIZE")
      ->envname("SLUICE_MEMORY");
  app.add_option("--workers", words.workers, "tasks at a time (default: one per core)")
      ->type_name("N")
      ->envname("SLUICE_WORKERS");
  app.add_option("--processes", words.processes,
                 "worker processes at most, with those that wait for data or for a task (default: "
                 "16 per worker, at least 256)")
      ->type_name("N")
      ->envname("SLUICE_PROCESSES");
  app.add_option("--retention", words.retention,
                 "how long ended runs and their outputs are kept, at most (default 7d)")
      ->type_name("TIME")
      ->envname("SLUICE_RETENTION");
  app.add_option("--retention-runs", words.retention_runs,
                 "how many ended runs are kept, at most (default 10000)")
      ->type_name("N")
      ->envname("SLUICE_RETENTION_RUNS");
  app.add_option("--retention-disk", words.retention_disk,
                 "what outputs and logs of all runs may take of the disk before the oldest ended "
                 "runs go (default 10%)")
      ->type_name("PERCENT")
      ->envname("SLUICE_RETENTION_DISK");
  app.add_option(
         "--host-name", words.host_names,
         "a name that requests may address this server by, beside localhost; may be repeated")
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->envname("SLUICE_HOST_NAME");
  app.add_option("--config", words.config,
                 "a TOML file with these settings (default: ./sluice.toml, "
                 "$XDG_CONFIG_HOME/sluice/config.toml, "
                 "/etc/sluice/config.toml)")
      ->type_name("FILE")
      ->envname("SLUICE_CONFIG");
  app.add_option("--ready-file", words.ready_file, "receives the server's URL once it serves")
      ->type_name("FILE");
  app.add_option("--log-level", words.log_level, "debug, info (default), warning or error")
      ->type_name("LEVEL")
      ->envname("SLUICE_LOG_LEVEL");
  app.footer("\nexample:\n  sluice serve --listen 127.0.0.1:0 --data ./data --ready-file ./url");
}

// Settings of one file, for options that nothing of higher rank has set. Keys are the flags' names
// with `_`.
Status apply_config(CLI::App& app, const std::filesystem::path& path) {
  SLUICE_TRY(const std::string text, read_file(path, kConfigMax));
  std::istringstream stream(text);
  for (const CLI::ConfigItem& item : CLI::ConfigTOML().from_config(stream)) {
    if (item.name == "++" || item.name == "--")
      continue;  // CLI11's marks of a section's start and end.
    std::string flag = item.name;
    for (char& c : flag) c = c == '_' ? '-' : c;
    CLI::Option* option = item.parents.empty() ? app.get_option_no_throw("--" + flag) : nullptr;
    // These say where settings are or are of one start only: in a file they would be a riddle.
    if (option == nullptr || flag == "config" || flag == "ready-file" || flag == "help") {
      return wrong(fmt::format("{}: no setting '{}'; `sluice serve --help` lists them",
                               path.native(), item.fullname()));
    }
    if (option->count() > 0) continue;
    option->add_result(item.inputs);
    option->run_callback();
  }
  return {};
}

Status apply_configs(CLI::App& app, const Words& words) {
  if (!words.config.empty()) return apply_config(app, words.config);
  std::string home = variable("XDG_CONFIG_HOME");
  if (home.empty() && !variable("HOME").empty()) home = variable("HOME") + "/.config";
  std::vector<std::filesystem::path> places{"sluice.toml"};
  if (!home.empty()) places.push_back(std::filesystem::path(home) / "sluice/config.toml");
  places.emplace_back("/etc/sluice/config.toml");
  for (const std::filesystem::path& place : places) {
    std::error_code error;
    if (std::filesystem::exists(place, error)) SLUICE_OK(apply_config(app, place));
  }
  return {};
}

// All of the text is a number of type T.
template <class T>
bool parse_number(std::string_view text, T& value) {
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stop == end;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") &&
          host.find_first_not_of("0123456789.") == std::string_view::npos);
}

Status parse_listen(const std::string& text, ServeOptions& options) {
  const std::size_t colon = text.rfind(':');
  const auto refuse = [&] {
    return wrong(
        fmt::format("--listen: '{}' is not HOST:PORT, like 127.0.0.1:7600 or [::1]:7600", text));
  };
  if (colon == std::string::npos || colon == 0) return refuse();
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return refuse();  // An IPv6 address without brackets: which part is the port?
  }
  if (!parse_number(std::string_view(text).substr(colon + 1), options.port) || host.empty())
    return refuse();
  if (!is_loopback(host)) {
    return wrong(fmt::format(
        "--listen: {} can be reached by other machines, and that needs TLS and tokens, which are "
        "not there yet; use 127.0.0.1, [::1] or localhost",
        host));
  }
  options.host = std::move(host);
  return {};
}

Result<log::Level> parse_level(const std::string& text) {
  if (text == "debug") return log::Level::kDebug;
  if (text == "info") return log::Level::kInfo;
  if (text == "warning") return log::Level::kWarning;
  if (text == "error") return log::Level::kError;
  return wrong(fmt::format("--log-level: '{}' is none of debug, info, warning, error", text));
}

Status parse_retention(const Words& words, ServeOptions& options) {
  const Result<Duration> time = parse_duration(words.retention);
  if (!time) return wrong("--retention: " + time.error().message());
  if (*time < kRetentionMin || *time > kRetentionMax) {
    return wrong(fmt::format("--retention: '{}' is not a time from 1s to 3660d", words.retention));
  }
  options.retention = *time;
  if (!parse_number(words.retention_runs, options.retention_runs) || options.retention_runs < 1 ||
      options.retention_runs > kRetentionRunsMax) {
    return wrong(fmt::format("--retention-runs: '{}' is not a number from 1 to {}",
                             words.retention_runs, kRetentionRunsMax));
  }
  std::string_view percent = words.retention_disk;
  if (percent.ends_with('%')) percent.remove_suffix(1);
  double share = 0;
  if (!parse_number(percent, share) || !(share > 0 && share <= 100)) {
    return wrong(fmt::format("--retention-disk: '{}' is not a share of the disk like 10% or 0.5%",
                             words.retention_disk));
  }
  options.retention_disk_share = share / 100;
  return {};
}

Result<std::filesystem::path> default_data() {
  if (::geteuid() == 0) return std::filesystem::path("/var/lib/sluice");
  if (const std::string home = variable("XDG_DATA_HOME"); !home.empty()) {
    return std::filesystem::path(home) / "sluice";
  }
  if (const std::string home = variable("HOME"); !home.empty()) {
    return std::filesystem::path(home) / ".local/share/sluice";
  }
  return wrong(
      "neither HOME nor XDG_DATA_HOME is set: say with --data where to keep runs and apps");
}

Result<ServeOptions> to_options(const Words& words) {
  ServeOptions options;
  SLUICE_OK(parse_listen(words.listen, options));
  options.data = words.data;
  if (words.data.empty()) {
    SLUICE_TRY(options.data, default_data());
  }
  const Result<ByteCount> memory = parse_byte_count(words.memory);
  if (!memory) return wrong("--memory: " + memory.error().message());
  if (*memory < kMemoryMin)
    return wrong(fmt::format("--memory: at least {} are needed", to_text(kMemoryMin)));
  options.memory = *memory;
  if (!parse_number(words.workers, options.workers) || options.workers > 4096) {
    return wrong(fmt::format("--workers: '{}' is not a number from 0 (one per core) to 4096",
                             words.workers));
  }
  if (!parse_number(words.processes, options.processes) || options.processes > 65536) {
    return wrong(fmt::format("--processes: '{}' is not a number from 0 (the default) to 65536",
                             words.processes));
  }
  SLUICE_OK(parse_retention(words, options));
  SLUICE_TRY(options.log_level, parse_level(words.log_level));
  options.config_file = words.config;
  options.ready_file = words.ready_file;
  options.host_names = words.host_names;
  return options;
}

}  // namespace

Result<ServeCommand> read_options(int argc, char** argv) {
  // CLI11 throws; nothing of it leaves this function.
  try {
    Words words;
    CLI::App app("Runs a server.", "sluice serve");
    app.get_formatter()->column_width(28);
    describe(app, words);
    std::vector<std::string> rest;  // CLI11 takes them from the back.
    for (int i = argc - 1; i > 1; --i) rest.emplace_back(argv[i]);
    try {
      app.parse(std::move(rest));
    } catch (const CLI::CallForHelp&) {
      return ServeCommand{.help = app.help(), .options = {}};
    } catch (const CLI::ParseError& error) {
      return wrong(fmt::format("{}\n  `sluice serve --help` shows how it is used", error.what()));
    }
    SLUICE_OK(apply_configs(app, words));
    SLUICE_TRY(ServeOptions options, to_options(words));
    return ServeCommand{.help = {}, .options = std::move(options)};
  } catch (const std::exception& error) {
    return wrong(fmt::format("serve: {}", error.what()));
  }
}

ParsedOptions parse_options(int argc, char** argv) {
  constexpr int kWrongUsage = 2;
  Result<ServeCommand> command = read_options(argc, argv);
  if (!command) {
    std::fprintf(stderr, "error: %s\n", command.error().message().c_str());
    return {.options = {}, .exit_code = kWrongUsage};
  }
  if (!command->help.empty()) {
    std::fputs(command->help.c_str(), stdout);
    return {.options = {}, .exit_code = 0};
  }
  return {.options = std::move(command->options)};
}

}  // namespace sluice::daemon
