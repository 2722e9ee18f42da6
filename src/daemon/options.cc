#include "daemon/options.h"

#include <cstdio>

#include <CLI/CLI.hpp>

#include "model/names.h"
#include "settings/read.h"

namespace sluice::daemon {
namespace {

using settings::Setting;
using settings::SettingId;

std::unexpected<Error> wrong(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

log::Level level_of(std::string_view text) {
  if (text == "debug") return log::Level::kDebug;
  if (text == "warning") return log::Level::kWarning;
  if (text == "error") return log::Level::kError;
  return log::Level::kInfo;
}

Result<ServeOptions> to_options(const settings::Values& values) {
  ServeOptions options;
  SLUICE_TRY(settings::Address address, settings::parse_address(values.text(SettingId::kListen)));
  if (!settings::is_loopback(address.host)) {
    return wrong(fmt::format(
        "{}: {} can be reached by other machines, and that needs TLS and tokens, which are "
        "not there yet; use 127.0.0.1, [::1] or localhost",
        values.place(SettingId::kListen), address.host));
  }
  options.host = std::move(address.host);
  options.port = address.port;
  SLUICE_TRY(options.data, settings::data_directory(values, settings::process_variable));
  options.memory = values.size(SettingId::kMemory);
  options.workers = values.count(SettingId::kWorkers);
  options.processes = values.count(SettingId::kProcesses);
  options.task_disk = values.size(SettingId::kTaskDisk);
  options.retention = values.time(SettingId::kRetention);
  options.retention_runs = values.count(SettingId::kRetentionRuns);
  options.retention_disk_share = values.share(SettingId::kRetentionDisk);
  options.cache_disk_share = values.share(SettingId::kCacheDisk);
  options.log_level = level_of(values.text(SettingId::kLogLevel));
  options.config_file = values.text(SettingId::kConfig);
  options.ready_file = values.text(SettingId::kReadyFile);
  options.host_names = values.names(SettingId::kHostName);
  return options;
}

// CLI11 says which word it did not expect, not which one was perhaps meant.
std::string hint_for(const CLI::ParseError& error, const std::vector<std::string>& flags) {
  const std::string_view message = error.what();
  const std::size_t at = message.find("--");
  if (at == std::string_view::npos) return {};
  const std::string_view word = message.substr(at, message.find_first_of(" =", at) - at);
  const std::string guess = model::did_you_mean(word, std::span<const std::string>(flags));
  return guess.empty() ? guess : "; " + guess;
}

}  // namespace

Result<ServeCommand> read_options(int argc, char** argv) {
  // CLI11 throws; nothing of it leaves this function.
  try {
    CLI::App app("Runs a server.", "sluice serve");
    app.get_formatter()->column_width(28);
    app.footer(
        "\nEach can also be set by a variable (SLUICE_MEMORY) or in sluice.toml (memory); see "
        "docs/reference/configuration.md.\n\nexample:\n"
        "  sluice serve --listen 127.0.0.1:0 --data ./data --ready-file ./url");
    std::vector<settings::FlagWords> words;
    std::vector<std::string> flags;
    words.reserve(settings::all_settings().size());  // CLI11 keeps addresses of what is in it.
    for (const Setting& setting : settings::all_settings()) {
      if (!setting.has_flag || !is_read_by(setting, settings::Side::kServer)) continue;
      flags.push_back(flag_of(setting));
      settings::FlagWords& word = words.emplace_back(settings::FlagWords{.id = setting.id});
      app.add_option(flags.back(), word.words, help_of(setting))
          ->type_name(std::string(setting.placeholder))
          ->allow_extra_args(false);  // Each flag takes one; lists repeat it.
    }
    std::vector<std::string> rest;  // CLI11 takes them from the back.
    for (int i = argc - 1; i > 1; --i) rest.emplace_back(argv[i]);
    try {
      app.parse(std::move(rest));
    } catch (const CLI::CallForHelp&) {
      return ServeCommand{.help = app.help(), .options = {}};
    } catch (const CLI::ParseError& error) {
      return wrong(fmt::format("{}{}\n  `sluice serve --help` shows how it is used", error.what(),
                               hint_for(error, flags)));
    }
    SLUICE_TRY(const settings::Values values,
               settings::read_settings(settings::Side::kServer, words, settings::process_variable));
    SLUICE_TRY(ServeOptions options, to_options(values));
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
