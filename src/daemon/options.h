#pragma once

// What `sluice serve` was asked to do: the settings of src/settings as values for daemon.cc. CLI11
// is named in options.cc alone.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/log.h"
#include "base/result.h"
#include "base/units.h"

namespace sluice::daemon {

struct ServeOptions {
  std::string host = "127.0.0.1";  // Without the brackets of an IPv6 address.
  std::uint16_t port = 7600;       // 0: a free one.
  std::filesystem::path data;      // Absolute or relative to the working directory; never empty.
  ByteCount memory = 2_GiB;        // What the store may hold in memory.
  std::uint32_t workers = 0;       // Tasks at a time; 0: one per core.
  std::uint32_t processes = 0;     // Of workers, at most; 0: in proportion to `workers`.
  ByteCount task_disk = 16_GiB;    // What a task may write into its folder.
  // How long ended runs are kept: whichever comes first.
  Duration retention = Limits().retention;
  std::uint32_t retention_runs = Limits().retention_runs;
  double retention_disk_share = Limits().retention_disk_share;
  double cache_disk_share = 0.05;
  std::filesystem::path
      config_file;  // The one named by --config, already read; empty: none was named.
  std::filesystem::path ready_file;  // Receives the base URL once the node serves; empty: none.
  log::Level log_level = log::Level::kInfo;
  std::vector<std::string>
      host_names;  // Accepted in `Host` beside the listen address and localhost.
};

struct ServeCommand {
  std::string help;  // Not empty: help was asked for, and nothing else.
  ServeOptions options;
};

// `argv` as main got it: argv[1] is `serve`. Reads the environment and the configuration files.
// kInvalidArgument: wrong usage, with what to do.
Result<ServeCommand> read_options(int argc, char** argv);

struct ParsedOptions {
  std::optional<ServeOptions> options;  // Absent: `exit_code` is all that is left to do.
  int exit_code = 0;
};
// The same for main: prints help (exit code 0) and mistakes (2) where they belong.
ParsedOptions parse_options(int argc, char** argv);

}  // namespace sluice::daemon
