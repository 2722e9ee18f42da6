#include "settings/setting.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <fmt/format.h>

namespace sluice::settings {
namespace {

constexpr double kDay = 24 * 3600;

constexpr std::array kSettings{
    Setting{.id = SettingId::kListen,
            .name = "listen",
            .type = SettingType::kAddress,
            .placeholder = "HOST:PORT",
            .default_value = "127.0.0.1:7600",
            .help = "address and port; port 0 takes a free one"},
    Setting{.id = SettingId::kData,
            .name = "data",
            .type = SettingType::kPath,
            .placeholder = "DIR",
            .default_words = "$XDG_DATA_HOME/sluice, as root /var/lib/sluice",
            .help = "where apps, runs and outputs are kept"},
    // Less memory does not hold one inbox and one outbox.
    Setting{.id = SettingId::kMemory,
            .name = "memory",
            .type = SettingType::kSize,
            .placeholder = "SIZE",
            .default_value = "2Gi",
            .least = 16 << 20,
            .help = "what values in flight may take of it, beyond that of disk"},
    Setting{.id = SettingId::kWorkers,
            .name = "workers",
            .type = SettingType::kCount,
            .placeholder = "N",
            .default_value = "0",
            .default_words = "0: one per core",
            .most = 4096,
            .help = "tasks at a time"},
    Setting{.id = SettingId::kProcesses,
            .name = "processes",
            .type = SettingType::kCount,
            .placeholder = "N",
            .default_value = "0",
            .default_words = "0: 16 per worker, at least 256",
            .most = 65536,
            .help = "worker processes at most, with those that wait for data or for a task"},
    Setting{.id = SettingId::kTaskDisk,
            .name = "task_disk",
            .type = SettingType::kSize,
            .placeholder = "SIZE",
            .default_value = "16Gi",
            .least = 1 << 20,
            .help = "what a task may write into its folder"},
    Setting{.id = SettingId::kRetention,
            .name = "retention",
            .type = SettingType::kTime,
            .placeholder = "TIME",
            .default_value = "7d",
            .least = 1,
            .most = 3660 * kDay,
            .help = "how long ended runs and their outputs are kept, at most"},
    // Each run that is kept takes a few KiB of memory beside its outputs.
    Setting{.id = SettingId::kRetentionRuns,
            .name = "retention_runs",
            .type = SettingType::kCount,
            .placeholder = "N",
            .default_value = "10000",
            .least = 1,
            .most = 1'000'000,
            .help = "how many ended runs are kept, at most"},
    Setting{.id = SettingId::kRetentionDisk,
            .name = "retention_disk",
            .type = SettingType::kPercent,
            .placeholder = "PERCENT",
            .default_value = "10%",
            .help = "what outputs and logs of all runs may take of the disk before the oldest "
                    "ended runs go"},
    Setting{.id = SettingId::kCacheDisk,
            .name = "cache_disk",
            .type = SettingType::kPercent,
            .placeholder = "PERCENT",
            .default_value = "5%",
            .help = "what results of steps with `cache` may take of the disk before those that "
                    "were not used for longest go"},
    Setting{.id = SettingId::kHostName,
            .name = "host_name",
            .type = SettingType::kNames,
            .placeholder = "NAME",
            .default_words = "none",
            .help = "a name that requests may address this server by, beside localhost; may be "
                    "repeated"},
    // In a file this would be a riddle.
    Setting{.id = SettingId::kConfig,
            .name = "config",
            .side = Side::kBoth,
            .type = SettingType::kPath,
            .placeholder = "FILE",
            .default_words = "./sluice.toml, $XDG_CONFIG_HOME/sluice/config.toml and "
                             "/etc/sluice/config.toml",
            .has_key = false,
            .help = "a TOML file with these settings, instead of the usual ones"},
    // Of one start only.
    Setting{.id = SettingId::kReadyFile,
            .name = "ready_file",
            .type = SettingType::kPath,
            .placeholder = "FILE",
            .default_words = "none",
            .has_variable = false,
            .has_key = false,
            .help = "receives the server's URL once it serves"},
    Setting{.id = SettingId::kLogLevel,
            .name = "log_level",
            .type = SettingType::kChoice,
            .placeholder = "LEVEL",
            .default_value = "info",
            .choices = "debug|info|warning|error",
            .help = "how much the server says: debug, info, warning or error"},
    Setting{.id = SettingId::kUrl,
            .name = "url",
            .side = Side::kClient,
            .type = SettingType::kUrl,
            .placeholder = "URL",
            .default_value = "http://127.0.0.1:7600",
            .help = "the server"},
    Setting{.id = SettingId::kToken,
            .name = "token",
            .side = Side::kClient,
            .type = SettingType::kSecret,
            .placeholder = "TOKEN",
            .default_words = "none",
            .has_flag = false,
            .help = "sent to the server as a bearer token"},
};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kSettings.size(); ++i) {
    if (kSettings[i].id != static_cast<SettingId>(i)) return false;
  }
  return true;
}
static_assert(is_in_order(), "setting(id) takes the id for an index");

std::string time_text(double seconds) {
  return seconds >= kDay ? fmt::format("{}d", seconds / kDay) : fmt::format("{}s", seconds);
}

}  // namespace

std::span<const Setting> all_settings() { return kSettings; }

const Setting& setting(SettingId id) { return kSettings[static_cast<std::size_t>(id)]; }

const Setting* find_setting(std::string_view name) {
  const auto* const found = std::ranges::find(kSettings, name, &Setting::name);
  return found == kSettings.end() ? nullptr : found;
}

bool is_read_by(const Setting& setting, Side side) {
  return setting.side == Side::kBoth || side == Side::kBoth || setting.side == side;
}

std::string flag_of(const Setting& setting) {
  std::string flag = "--" + std::string(setting.name);
  std::ranges::replace(flag, '_', '-');
  return flag;
}

std::string variable_of(const Setting& setting) {
  std::string variable = "SLUICE_" + std::string(setting.name);
  for (char& c : variable) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return variable;
}

std::string help_of(const Setting& setting) {
  const std::string_view without =
      setting.default_words.empty() ? setting.default_value : setting.default_words;
  if (without == "none") return std::string(setting.help);
  return fmt::format("{} (default: {})", setting.help, without);
}

std::string takes(const Setting& setting) {
  switch (setting.type) {
    case SettingType::kAddress:
      return "HOST:PORT, like 127.0.0.1:7600 or [::1]:7600";
    case SettingType::kPath:
      return "a path";
    case SettingType::kSize:
      return fmt::format("a size from {}Mi, like 512Mi or 2Gi", setting.least / (1 << 20));
    case SettingType::kTime:
      return fmt::format("a time from {} to {}, like 12h or 7d", time_text(setting.least),
                         time_text(setting.most));
    case SettingType::kCount:
      return fmt::format("a number from {} to {}", setting.least, setting.most);
    case SettingType::kPercent:
      return "a share of the disk, like 10% or 0.5%";
    case SettingType::kChoice: {
      std::string list(setting.choices);
      for (std::size_t at = list.find('|'); at != std::string::npos; at = list.find('|', at))
        list.replace(at, 1, ", ");
      return "one of " + list;
    }
    case SettingType::kNames:
      return "names";
    case SettingType::kUrl:
      return "http://HOST:PORT or https://HOST:PORT";
    case SettingType::kSecret:
      return "a text";
  }
  std::abort();  // Every type is named above.
}

}  // namespace sluice::settings
