#pragma once

// Every setting of `sluice`, once. Flags, SLUICE_* variables, keys of sluice.toml, `--help`, the
// checks, docs/reference/configuration.md and the manual page are made from this table, so that a
// setting is added or changed in one line and none of them can disagree with another.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sluice::settings {

// In the order of the table.
enum class SettingId : std::uint8_t {
  kListen,
  kData,
  kMemory,
  kWorkers,
  kProcesses,
  kTaskDisk,
  kRetention,
  kRetentionRuns,
  kRetentionDisk,
  kCacheDisk,
  kHostName,
  kConfig,
  kReadyFile,
  kLogLevel,
  kUrl,
  kToken,
};

// Who reads it: `sluice serve`, the commands that talk to a server, or both.
enum class Side : std::uint8_t { kServer, kClient, kBoth };

enum class SettingType : std::uint8_t {
  kAddress,  // HOST:PORT
  kPath,
  kSize,     // ByteCount
  kTime,     // Duration
  kCount,    // A whole number.
  kPercent,  // A share, with or without `%`.
  kChoice,   // One of `choices`.
  kNames,    // Several texts: the flag repeated, a comma between them in a variable, a list in a
             // file.
  kUrl,
  kSecret,  // No flag: other users see the arguments of a process.
};

struct Setting {
  SettingId id;
  std::string_view name;  // As in sluice.toml: `retention_runs`. Flag and variable follow from it.
  Side side = Side::kServer;
  SettingType type = SettingType::kPath;
  std::string_view placeholder;    // `SIZE` in `--memory SIZE`.
  std::string_view default_value;  // As it would be written; empty: there is none.
  std::string_view default_words;  // What holds without it, where `default_value` does not say it.
  double least = 0;                // In bytes, seconds, or of the number itself.
  double most = 0;                 // 0: no bound.
  std::string_view choices;        // `debug|info`
  bool has_flag = true;
  bool has_variable = true;
  bool has_key = true;
  std::string_view help;  // One line, no full stop.
};

std::span<const Setting> all_settings();
const Setting& setting(SettingId id);
// The setting with this key, or nothing.
const Setting* find_setting(std::string_view name);

bool is_read_by(const Setting& setting, Side side);
// `--retention-runs`
std::string flag_of(const Setting& setting);
// `SLUICE_RETENTION_RUNS`
std::string variable_of(const Setting& setting);
// The line of `--help`: what it is, and what holds without it.
std::string help_of(const Setting& setting);
// `a size from 16Mi`, `a number from 1 to 1000000`: what may be given.
std::string takes(const Setting& setting);

}  // namespace sluice::settings
