// The commands for authors: everything about an app in a folder.

#include "cli/commands.h"

namespace sluice::cli {
namespace {

OptionText app_folder(std::filesystem::path& target) {
  return {.names = "DIR",
          .help = "the directory with sluice.yaml",
          .target = &target,
          .required = true,
          .completes = Completes::kFolder};
}

OptionText folder_option(std::filesystem::path& target) {
  return {.names = "-f,--folder",
          .help = "the directory with sluice.yaml (default: .)",
          .target = &target,
          .placeholder = "DIR",
          .completes = Completes::kFolder};
}

CommandText describe_dev(Words& words) {
  return {.name = "dev",
          .chapter = Chapter::kApps,
          .synopsis = "DIR",
          .summary = "serve the app in DIR, deploy it on every change, follow all logs",
          .help =
              "Runs a server of its own, deploys the app in DIR now and whenever it changes, and "
              "prints the logs of all runs. An app with mistakes is not deployed: the version "
              "before goes on. Ctrl-C ends everything.",
          .example =
              "  sluice dev ./wordcount\n  sluice run wordcount -i text=@book.txt    # elsewhere",
          .options = {app_folder(words.dev.directory),
                      serve_option(settings::SettingId::kListen, &words.dev.listen,
                                   "address and port of its server (default: 127.0.0.1:7600, "
                                   "or a free port where that is taken)"),
                      serve_option(settings::SettingId::kData, &words.dev.data,
                                   "where the server keeps its data (default: a temporary "
                                   "folder)")},
          .asks_server = false};
}

}  // namespace

void describe_app_commands(Words& words, std::vector<CommandText>& commands) {
  commands.push_back({.name = "init",
                      .chapter = Chapter::kApps,
                      .synopsis = "DIR",
                      .summary = "write a small app that works",
                      .help = "Writes a small app that works into DIR, which must be new or empty.",
                      .example = "  sluice init hello && sluice deploy hello",
                      .options = {{.names = "DIR",
                                   .help = "where to; its name becomes the app's",
                                   .target = &words.init.directory,
                                   .required = true,
                                   .completes = Completes::kFolder},
                                  {.names = "--lang",
                                   .help = "python (default), node, cpp or shell",
                                   .target = &words.init.language,
                                   .placeholder = "LANGUAGE",
                                   .choices = {"python", "node", "cpp", "shell"}}}});
  commands.push_back(describe_dev(words));
  commands.push_back(
      {.name = "validate",
       .chapter = Chapter::kApps,
       .synopsis = "DIR",
       .summary = "check an app without deploying it",
       .help = "Checks the app in DIR; needs no server.",
       .example = "  sluice validate ./wordcount",
       .options = {app_folder(words.validate.directory),
                   format_option(words, {"table", "json"}, "table (default) or json")}});
  commands.push_back(
      {.name = "deploy",
       .chapter = Chapter::kApps,
       .synopsis = "DIR",
       .summary = "send an app to the server",
       .help = "Checks the app in DIR and sends it to the server.",
       .example = "  sluice deploy ./wordcount",
       .options = {app_folder(words.deploy.directory),
                   format_option(words, {"table", "json"}, "table (default) or json")}});
  commands.push_back(
      {.name = "export",
       .chapter = Chapter::kApps,
       .synopsis = "FILE.py",
       .summary = "the sluice.yaml of workflows that are written in Python",
       .help = "Prints the sluice.yaml of the workflows in a Python file. Runs that file, on this "
               "machine.",
       .example =
           "  sluice export wordcount/words.py -o wordcount/sluice.yaml && sluice deploy wordcount",
       .options = {{.names = "FILE",
                    .help = "the file with @sluice.workflow in it",
                    .target = &words.exported.file,
                    .required = true,
                    .completes = Completes::kFile},
                   {.names = "-o,--output",
                    .help = "write to FILE, and only when there is no mistake",
                    .target = &words.exported.output,
                    .placeholder = "FILE",
                    .completes = Completes::kFile},
                   {.names = "--python",
                    .help = "the interpreter (default: /usr/bin/python3, which runs the functions, "
                            "too)",
                    .target = &words.exported.python,
                    .placeholder = "PROGRAM",
                    .completes = Completes::kFile}}});
  commands.push_back(
      {.name = "graph",
       .chapter = Chapter::kApps,
       .synopsis = "[WORKFLOW]",
       .summary = "a workflow of the app here as a picture",
       .help = "Prints the graph of a workflow of the app in DIR; needs no server.",
       .example = "  sluice graph -f ./wordcount wordcount > wordcount.svg    # open in a browser\n"
                  "  sluice graph -f ./wordcount -o dot | dot -Tpdf > wordcount.pdf",
       .options = {{.names = "WORKFLOW",
                    .help = "WORKFLOW or APP.WORKFLOW; may be left out where the app has only one",
                    .target = &words.graph.workflow},
                   folder_option(words.graph.directory),
                   {.names = "-o,--format",
                    .help = "svg (default): a picture; dot: the language of Graphviz",
                    .target = &words.graph.format,
                    .placeholder = "FORMAT",
                    .choices = {"svg", "dot"}},
                   {.names = "--output",
                    .help = "write to FILE",
                    .target = &words.graph.output,
                    .placeholder = "FILE",
                    .completes = Completes::kFile}}});
  commands.push_back(
      {.name = "explain",
       .chapter = Chapter::kApps,
       .synopsis = "WORKFLOW|RUN",
       .summary = "what starts when, and why; what a run waits for",
       .help = "Says of each step of a workflow when it starts, and why: what it waits for, what "
               "commits before, what skips it, what a failure does. Of a run: what each unfinished "
               "step waits for.",
       .example = "  sluice explain -f ./wordcount wordcount\n"
                  "  sluice explain 01jd3k0c7w8fqzv5m2n6x4r9ta",
       .options = {{.names = "WORKFLOW",
                    .help = "a workflow of the app in DIR (needs no server), or the id of a run",
                    .target = &words.explain.name,
                    .required = true,
                    .completes = Completes::kRun},
                   folder_option(words.explain.directory)}});
  commands.push_back(
      {.name = "eval",
       .chapter = Chapter::kApps,
       .synopsis = "EXPRESSION",
       .summary = "the value of an expression of the language",
       .help =
           "Prints the value of an expression as JSON; needs no server. A mistake: its place, and "
           "exit 3.",
       .example = "  echo '{\"x\": [1, 2]}' | sluice eval 'x.map(e, e * 10)' --json -",
       .options = {{.names = "EXPRESSION",
                    .help = "what would stand in ${...}",
                    .target = &words.eval.expression,
                    .required = true},
                   {.names = "--json",
                    .help = "names and their values, from a JSON file (-: standard input)",
                    .target = &words.eval.json_path,
                    .placeholder = "FILE",
                    .completes = Completes::kFile}}});
}

}  // namespace sluice::cli
