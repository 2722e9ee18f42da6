#include "cli/commands.h"

#include <fmt/format.h>

namespace sluice::cli {
namespace {

OptionText url_option(Words& words) {
  const settings::Setting& url = settings::setting(settings::SettingId::kUrl);
  return {.names = flag_of(url),
          .help = help_of(url),
          .target = &words.url,
          .placeholder = std::string(url.placeholder)};
}

void append_chapter(std::string& out, const std::vector<CommandText>& commands, Chapter chapter) {
  for (const CommandText& command : commands) {
    if (command.chapter != chapter || command.is_hidden) continue;
    out += fmt::format("  {:<21} {}\n", fmt::format("{} {}", command.name, command.synopsis),
                       command.summary);
  }
}

}  // namespace

std::vector<CommandText> describe_commands(Words& words) {
  std::vector<CommandText> commands;
  describe_app_commands(words, commands);
  describe_run_commands(words, commands);
  describe_program_commands(words, commands);
  for (CommandText& command : commands) {
    if (command.asks_server) command.options.push_back(url_option(words));
  }
  return commands;
}

OptionText format_option(Words& words, std::vector<std::string> choices, std::string help) {
  return {.names = "-o,--format",
          .help = std::move(help),
          .target = &words.format,
          .placeholder = "FORMAT",
          .choices = std::move(choices)};
}

OptionText serve_option(settings::SettingId id, Target target, std::string help) {
  const settings::Setting& setting = settings::setting(id);
  return {.names = flag_of(setting),
          .help = std::move(help),
          .target = target,
          .placeholder = std::string(setting.placeholder),
          .completes = setting.type == settings::SettingType::kPath ? Completes::kFile
                                                                    : Completes::kNothing};
}

bool is_word(const OptionText& option) { return !option.names.starts_with('-'); }

bool is_flag(const OptionText& option) { return std::holds_alternative<bool*>(option.target); }

std::vector<std::string> names_of(const OptionText& option) {
  const std::size_t comma = option.names.find(',');
  if (comma == std::string::npos) return {option.names};
  return {option.names.substr(0, comma), option.names.substr(comma + 1)};
}

std::string overview() {
  Words words;
  const std::vector<CommandText> commands = describe_commands(words);
  std::string out =
      R"(Sluice runs workflows of functions by their data: a step starts when its input arrives.

usage: sluice COMMAND [ARGUMENTS]

  serve                 run a server
)";
  append_chapter(out, commands, Chapter::kApps);
  out += '\n';
  append_chapter(out, commands, Chapter::kRuns);
  out += '\n';
  append_chapter(out, commands, Chapter::kProgram);
  out +=
      R"(
`sluice COMMAND --help` explains each, with an example. The server is http://127.0.0.1:7600, or where
--url or SLUICE_URL point. Exit codes: 0 ok, 1 the run failed, 2 wrong usage, 3 invalid app, 4 not found,
5 unreachable or not allowed, 124 timeout, 130 interrupted.
)";
  return out;
}

}  // namespace sluice::cli
