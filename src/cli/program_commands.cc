// The commands about this program and this machine.

#include "cli/commands.h"

namespace sluice::cli {

void describe_program_commands(Words& words, std::vector<CommandText>& commands) {
  commands.push_back(
      {.name = "doctor",
       .summary = "what this machine offers, and what that means",
       .help = "Says what this machine offers to `sluice serve` with its settings, and what to do "
               "where "
               "that is too little. Needs no server. Exit code 1: serve could not work.",
       .example = "  sluice doctor\n  sluice doctor -o json | jq '.checks[] | select(.state != "
                  "\"ok\")'",
       .options = {serve_option(settings::SettingId::kListen, &words.doctor.listen,
                                "where the server would listen (default: as the settings say)"),
                   serve_option(settings::SettingId::kData, &words.doctor.data,
                                "where it would keep its data (default: as the settings say)"),
                   format_option(words, {"table", "json"}, "table (default) or json")},
       .asks_server = false});
  commands.push_back(
      {.name = "schema",
       .summary = "the JSON Schema of sluice.yaml, for editors",
       .help =
           "Prints the JSON Schema of sluice.yaml, for editors. Put it beside the app and name it "
           "in the first line: # yaml-language-server: $schema=sluice.schema.json",
       .example = "  sluice schema > sluice.schema.json",
       .options = {{.names = "--page", .help = {}, .target = &words.is_page}}});
  commands.push_back({.name = "completion",
                      .synopsis = "SHELL",
                      .summary = "a completion script for bash, zsh or fish",
                      .help = "Prints a completion script for a shell.",
                      .example = "  source <(sluice completion bash)",
                      .options = {{.names = "SHELL",
                                   .help = "bash, zsh or fish",
                                   .target = &words.shell,
                                   .required = true,
                                   .choices = {"bash", "zsh", "fish"}}}});
  commands.push_back(
      {.name = "version",
       .summary = "of this program and of the server",
       .help = "Prints the version of this program and of the server.",
       .example = "  sluice version",
       .options = {format_option(words, {"table", "json"}, "table (default) or json")}});
  commands.push_back(
      {.name = "man",
       .help = "Prints the manual page, made from the descriptions of the commands.",
       .example = "  sluice man > sluice.1 && man -l sluice.1",
       .options = {{.names = "--configuration", .help = {}, .target = &words.is_configuration}},
       .asks_server = false,
       .is_hidden = true});
}

}  // namespace sluice::cli
