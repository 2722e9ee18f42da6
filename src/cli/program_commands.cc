// The commands about this program and this machine.

#include "cli/commands.h"

namespace sluice::cli {

void describe_program_commands(Words& words, std::vector<CommandText>& commands) {
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
       .is_hidden = true});
}

}  // namespace sluice::cli
