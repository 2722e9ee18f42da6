#include "settings/page.h"

#include <fmt/format.h>

#include "settings/setting.h"

namespace sluice::settings {
namespace {

constexpr std::string_view kHead =
    R"(<!-- Made by `sluice man --configuration` from src/settings/setting.cc; a test holds it to that. -->

# Configuration

A setting has one name, which is written three ways: as a flag (`--retention-runs 5`), as a variable of the environment
(`SLUICE_RETENTION_RUNS=5`) and as a line of a file (`retention_runs = 5`). Flags win over variables, those over files.
Of the files `./sluice.toml` wins over `$XDG_CONFIG_HOME/sluice/config.toml` (`~/.config/sluice/config.toml`), that over
`/etc/sluice/config.toml`; each setting is taken from the first place that has it. `--config FILE` of `serve`, or
`SLUICE_CONFIG`, is read instead of all three. `sluice doctor` says which files were read and what came of it.

A file is TOML without sections: `name = value` lines, comments after `#`, texts in quotes. An unknown name, a name
that is set twice and a value that does not fit are refused with their line:

```toml
# sluice.toml
listen = "127.0.0.1:7601"
memory = "512Mi"
workers = 4
host_name = ["build.example.org"]
```

A *size* is a number of bytes with a unit, `512Mi`, `1.5Gi` (binary) or `500M` (decimal); a *time* is `90s`, `1h30m`,
`7d`. An empty variable counts as not set.
)";

constexpr std::string_view kServerHead = R"(
## The server

Read by `sluice serve`.

)";

constexpr std::string_view kClientHead = R"(
## Commands that talk to a server

Read by every other command. A token has no flag, because the arguments of a process can be seen by other users. A
token is not sent to a server that only `./sluice.toml` names, unless the token stands there, too, or the server is this
machine: a folder from elsewhere could name any server.

)";

constexpr std::string_view kTail = R"(
`NO_COLOR` and `TERM=dumb` turn colours and redrawing off. `XDG_CONFIG_HOME`, `XDG_DATA_HOME` and `HOME` say where files
are looked for.
)";

std::string code(std::string_view text) {
  return text.empty() ? std::string("–") : fmt::format("`{}`", text);
}

std::string default_of(const Setting& setting) {
  if (setting.default_words.empty()) return code(setting.default_value);
  return std::string(setting.default_words);
}

std::string table(Side side) {
  std::string out =
      "| in a file | flag | variable | takes | default | what it is |\n|---|---|---|---|---|---|\n";
  for (const Setting& setting : all_settings()) {
    if (!is_read_by(setting, side)) continue;
    // Commands other than `serve` take no --config.
    const bool has_flag =
        setting.has_flag && (side == Side::kServer || setting.side == Side::kClient);
    out += fmt::format(
        "| {} | {} | {} | {} | {} | {} |\n", code(setting.has_key ? setting.name : ""),
        has_flag ? code(flag_of(setting) + ' ' + std::string(setting.placeholder)) : "–",
        code(setting.has_variable ? variable_of(setting) : ""), takes(setting), default_of(setting),
        setting.help);
  }
  return out;
}

}  // namespace

std::string configuration_page() {
  return fmt::format("{}{}{}{}{}{}", kHead, kServerHead, table(Side::kServer), kClientHead,
                     table(Side::kClient), kTail);
}

}  // namespace sluice::settings
