#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "settings/setting.h"

namespace sluice::cli {
namespace {

std::string command_names(const std::vector<CommandText>& commands) {
  std::string names = "serve";
  for (const CommandText& command : commands) {
    if (!command.is_hidden) names += ' ' + command.name;
  }
  return names;
}

std::vector<std::string> server_flags() {
  std::vector<std::string> flags;
  for (const settings::Setting& setting : settings::all_settings()) {
    if (setting.has_flag && is_read_by(setting, settings::Side::kServer))
      flags.push_back(flag_of(setting));
  }
  return flags;
}

const std::vector<std::string>& offered(const OptionText& option) {
  return option.choices.empty() ? option.suggestions : option.choices;
}

// The bash word list for a value; empty: files, which is what bash does by itself.
std::string bash_words(const OptionText& option) {
  if (!offered(option).empty()) return fmt::format("\"{}\"", fmt::join(offered(option), " "));
  switch (option.completes) {
    case Completes::kWorkflow:
      return "$(_sluice_known workflows)";
    case Completes::kRun:
      return "$(_sluice_known runs)";
    case Completes::kThing:
      return "$(_sluice_known \"${COMP_WORDS[2]%s}s\")";
    case Completes::kNothing:
    case Completes::kFile:
    case Completes::kFolder:
      break;
  }
  return {};
}

// What one command adds to the two `case` lists: its options, and the values of what takes one.
void append_bash(std::string& options, std::string& values, const CommandText& command) {
  std::vector<std::string> flags{"--help"};
  std::vector<std::string> valued;
  std::size_t position = 0;
  for (const OptionText& option : command.options) {
    if (option.help.empty()) continue;
    std::vector<std::string> cases;
    if (is_word(option)) {
      cases.push_back(fmt::format("{}:{}", command.name, position++));
    } else {
      for (const std::string& name : names_of(option)) {
        if (name.starts_with("--")) flags.push_back(name);
        if (is_flag(option)) continue;
        valued.push_back(name);
        cases.push_back(fmt::format("{}:{}", command.name, name));
      }
    }
    const std::string words = bash_words(option);
    if (!words.empty() && !cases.empty())
      values += fmt::format("    {}) words={} ;;\n", fmt::join(cases, "|"), words);
  }
  options += fmt::format("    {}) options=\"{}\" valued=\"{}\" ;;\n", command.name,
                         fmt::join(flags, " "), fmt::join(valued, " "));
}

// zsh reads it through its emulation of bash's completion.
std::string bash_script(const std::vector<CommandText>& commands) {
  const std::string serve = fmt::format("{}", fmt::join(server_flags(), " "));
  std::string options = fmt::format("    serve) options=\"--help {0}\" valued=\"{0}\" ;;\n", serve);
  std::string values;
  for (const CommandText& command : commands) {
    if (!command.is_hidden) append_bash(options, values, command);
  }
  return fmt::format(R"(_sluice_known() {{
  timeout 1 sluice get "$1" -o name 2>/dev/null
}}
_sluice() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="" options="" valued="" words="" position=0 i
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{}" -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{}  esac
  for ((i = 2; i < COMP_CWORD; i++)); do
    previous="${{COMP_WORDS[i]}}"
    case "$previous" in
      -*) case " $valued " in *" $previous "*) if [ $((i + 1)) -lt "$COMP_CWORD" ]; then i=$((i + 1)); previous=""; fi ;; esac ;;
      *) position=$((position + 1)) ;;
    esac
  done
  case " $valued " in *" $previous "*) if [ -n "$previous" ]; then position="$previous"; fi ;; esac
  case "$current" in
    -*) words="$options" ;;
    *)
  case "${{COMP_WORDS[1]}}:$position" in
{}  esac ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _sluice sluice
)",
                     command_names(commands), options, values);
}

// fish's word list for a value; empty: it offers files.
std::string fish_words(const OptionText& option) {
  if (!offered(option).empty()) return fmt::format("{}", fmt::join(offered(option), " "));
  if (option.completes == Completes::kWorkflow)
    return "(timeout 1 sluice get workflows -o name 2>/dev/null)";
  if (option.completes == Completes::kRun || option.completes == Completes::kThing)
    return "(timeout 1 sluice get runs -o name 2>/dev/null)";
  return {};
}

// In single quotes.
std::string fish_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '\'') out += '\\';
    out += c;
  }
  return fmt::format("'{}'", out);
}

void append_fish(std::string& out, const CommandText& command) {
  for (const OptionText& option : command.options) {
    if (option.help.empty()) continue;
    std::string line =
        fmt::format("complete -c sluice -n '__fish_seen_subcommand_from {}'", command.name);
    const std::string words = fish_words(option);
    if (is_word(option)) {
      if (words.empty()) continue;
    } else {
      for (const std::string& name : names_of(option))
        line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!is_flag(option)) line += " -r";
      line += " -d " + fish_quoted(option.help);
    }
    if (!words.empty()) line += " -f -a " + fish_quoted(words);
    out += line + '\n';
  }
}

std::string fish_script(const std::vector<CommandText>& commands) {
  std::string out = fmt::format("complete -c sluice -n __fish_use_subcommand -f -a '{}'\n",
                                command_names(commands));
  for (const std::string& flag : server_flags())
    out += fmt::format("complete -c sluice -n '__fish_seen_subcommand_from serve' -l {} -r\n",
                       flag.substr(2));
  for (const CommandText& command : commands) {
    if (!command.is_hidden) append_fish(out, command);
  }
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<CommandText>& commands) {
  if (shell == "fish") return fish_script(commands);
  if (shell == "zsh")
    return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands);
  return bash_script(commands);
}

}  // namespace sluice::cli
