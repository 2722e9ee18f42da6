#include "cli/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sluice::cli {
namespace {

constexpr const char* kKinds = "runs workflows functions workers nodes";

std::string names_of(const std::vector<CommandWords>& commands) {
  std::string names = "serve";
  for (const CommandWords& command : commands) names += ' ' + command.name;
  return names;
}

// zsh reads it through its emulation of bash's completion.
std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string cases;
  for (const CommandWords& command : commands) {
    cases +=
        fmt::format("    {}) words=\"{}\" ;;\n", command.name, fmt::join(command.options, " "));
  }
  return fmt::format(R"(_sluice() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{}" -- "$current"))
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{}  esac
  if [ "${{COMP_WORDS[1]}}" = get ] && [ "$COMP_CWORD" -eq 2 ]; then words="{}"; fi
  if [ "${{COMP_WORDS[1]}}" = delete ] && [ "$COMP_CWORD" -eq 2 ]; then words="app run"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _sluice sluice
)",
                     names_of(commands), cases, kKinds);
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string out =
      fmt::format("complete -c sluice -n __fish_use_subcommand -f -a '{}'\n", names_of(commands));
  for (const CommandWords& command : commands) {
    for (const std::string& option : command.options) {
      out += fmt::format("complete -c sluice -n '__fish_seen_subcommand_from {}' -l {}\n",
                         command.name, option.substr(2));
    }
  }
  out +=
      fmt::format("complete -c sluice -n '__fish_seen_subcommand_from get' -f -a '{}'\n", kKinds);
  out += "complete -c sluice -n '__fish_seen_subcommand_from delete' -f -a 'app run'\n";
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell, const std::vector<CommandWords>& commands) {
  if (shell == "fish") return fish_script(commands);
  if (shell == "zsh")
    return "autoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands);
  return bash_script(commands);
}

}  // namespace sluice::cli
