#include "cli/command_line.h"

#include <array>
#include <map>

#include <CLI/CLI.hpp>

#include "cli/completion.h"
#include "model/language_page.h"
#include "model/names.h"
#include "model/schema.h"

namespace sluice::cli {
namespace {

constexpr std::string_view kOverview =
    R"(Sluice runs workflows of functions by their data: a step starts when its input arrives.

usage: sluice COMMAND [ARGUMENTS]

  serve                 run a server
  init DIR              write a small app that works
  validate DIR          check an app without deploying it
  deploy DIR            send an app to the server
  export FILE.py        the sluice.yaml of workflows that are written in Python
  graph [WORKFLOW]      a workflow of the app here as a picture
  explain WORKFLOW|RUN  what starts when, and why; what a run waits for
  eval EXPRESSION       the value of an expression of the language

  run WORKFLOW          start a run, wait for it, show its outputs
  get KIND [ID]         list or show runs, workflows, functions, workers, nodes
  logs RUN              what the functions of a run printed
  trace RUN             the timeline of a run, for https://ui.perfetto.dev
  answer RUN STEP       give a step that waits for an answer its outputs
  cancel RUN            stop a run
  delete app|run NAME   remove an app, or a run that has ended

  schema                the JSON Schema of sluice.yaml, for editors
  completion SHELL      a completion script for bash, zsh or fish
  version               of this program and of the server

`sluice COMMAND --help` explains each, with an example. The server is http://127.0.0.1:7600, or where
--url or SLUICE_URL point. Exit codes: 0 ok, 1 the run failed, 2 wrong usage, 3 invalid app, 4 not found,
5 unreachable or not allowed, 124 timeout, 130 interrupted.
)";

constexpr std::array kLater{"doctor", "dev", "top", "rerun"};

std::unexpected<Error> wrong_usage(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

// What CLI11 fills in. Lives until its fields were moved into the command.
struct Words {
  DeployCommand deploy;
  ValidateCommand validate;
  ExportCommand exported{.file = {}, .output = {}, .python = "/usr/bin/python3"};
  EvalCommand eval;
  GraphCommand graph{.directory = ".", .workflow = {}, .format = "svg", .output = {}};
  ExplainCommand explain{.directory = ".", .name = {}};
  InitCommand init{.language = "python", .directory = {}};
  RunCommand run;
  GetCommand get;
  LogsCommand logs;
  TraceCommand trace;
  AnswerCommand answer;
  CancelCommand cancel;
  DeleteCommand remove;
  VersionCommand version;
  std::vector<std::string> inputs;
  std::string format = "table";
  std::string shell;
  bool is_page = false;
  std::string url;
};

// CLI11 prints times and defaults as it likes; the rest of its help is what we want.
void add_format(CLI::App& command, Words& words, std::vector<std::string> choices,
                const std::string& help) {
  command.add_option("-o,--format", words.format, help)
      ->check(CLI::IsMember(std::move(choices)))
      ->type_name("FORMAT");
}

CLI::App* add_command(CLI::App& app, Words& words, const std::string& name, const std::string& help,
                      const std::string& example) {
  CLI::App* command = app.add_subcommand(name, help);
  command->footer("\nexample:\n" + example);
  command
      ->add_option("--url", words.url, "the server (default: SLUICE_URL, or http://127.0.0.1:7600)")
      ->type_name("URL");
  return command;
}

void add_app_commands(CLI::App& app, Words& words) {
  CLI::App* deploy =
      add_command(app, words, "deploy", "Checks the app in DIR and sends it to the server.",
                  "  sluice deploy ./wordcount");
  deploy->add_option("DIR", words.deploy.directory, "the directory with sluice.yaml")
      ->required()
      ->type_name("");
  add_format(*deploy, words, {"table", "json"}, "table (default) or json");

  CLI::App* validate =
      add_command(app, words, "validate", "Checks the app in DIR; needs no server.",
                  "  sluice validate ./wordcount");
  validate->add_option("DIR", words.validate.directory, "the directory with sluice.yaml")
      ->required()
      ->type_name("");
  add_format(*validate, words, {"table", "json"}, "table (default) or json");

  CLI::App* exported = add_command(
      app, words, "export",
      "Prints the sluice.yaml of the workflows in a Python file. Runs that file, on this machine.",
      "  sluice export wordcount/words.py -o wordcount/sluice.yaml && sluice deploy wordcount");
  exported->add_option("FILE", words.exported.file, "the file with @sluice.workflow in it")
      ->required()
      ->type_name("");
  exported
      ->add_option("-o,--output", words.exported.output,
                   "write to FILE, and only when there is no mistake")
      ->type_name("FILE");
  exported
      ->add_option("--python", words.exported.python,
                   "the interpreter (default: /usr/bin/python3, which runs the functions, too)")
      ->type_name("PROGRAM");

  CLI::App* eval =
      add_command(app, words, "eval",
                  "Prints the value of an expression as JSON; needs no server. A mistake: its "
                  "place, and exit 3.",
                  "  echo '{\"x\": [1, 2]}' | sluice eval 'x.map(e, e * 10)' --json -");
  eval->add_option("EXPRESSION", words.eval.expression, "what would stand in ${...}")
      ->required()
      ->type_name("");
  eval->add_option("--json", words.eval.json_path,
                   "names and their values, from a JSON file (-: standard input)")
      ->type_name("FILE");

  CLI::App* init = add_command(
      app, words, "init", "Writes a small app that works into DIR, which must be new or empty.",
      "  sluice init hello && sluice deploy hello");
  init->add_option("DIR", words.init.directory, "where to; its name becomes the app's")
      ->required()
      ->type_name("");
  init->add_option("--lang", words.init.language, "python (default), node, cpp or shell")
      ->check(CLI::IsMember(std::vector<std::string>{"python", "node", "cpp", "shell"}))
      ->type_name("LANGUAGE");
}

void add_graph_commands(CLI::App& app, Words& words) {
  CLI::App* graph = add_command(
      app, words, "graph", "Prints the graph of a workflow of the app in DIR; needs no server.",
      "  sluice graph -f ./wordcount wordcount > wordcount.svg    # open in a browser\n"
      "  sluice graph -f ./wordcount -o dot | dot -Tpdf > wordcount.pdf");
  graph
      ->add_option("WORKFLOW", words.graph.workflow,
                   "WORKFLOW or APP.WORKFLOW; may be left out where the app has only one")
      ->type_name("");
  graph
      ->add_option("-f,--folder", words.graph.directory,
                   "the directory with sluice.yaml (default: .)")
      ->type_name("DIR");
  graph
      ->add_option("-o,--format", words.graph.format,
                   "svg (default): a picture; dot: the language of Graphviz")
      ->check(CLI::IsMember(std::vector<std::string>{"svg", "dot"}))
      ->type_name("FORMAT");
  graph->add_option("--output", words.graph.output, "write to FILE")->type_name("FILE");

  CLI::App* explain = add_command(
      app, words, "explain",
      "Says of each step of a workflow when it starts, and why: what it waits for, what commits "
      "before, what skips it, what a failure does. Of a run: what each unfinished step waits for.",
      "  sluice explain -f ./wordcount wordcount\n"
      "  sluice explain 01jd3k0c7w8fqzv5m2n6x4r9ta");
  explain
      ->add_option("WORKFLOW", words.explain.name,
                   "a workflow of the app in DIR (needs no server), or the id of a run")
      ->required()
      ->type_name("");
  explain
      ->add_option("-f,--folder", words.explain.directory,
                   "the directory with sluice.yaml (default: .)")
      ->type_name("DIR");
}

void add_run_commands(CLI::App& app, Words& words) {
  CLI::App* run =
      add_command(app, words, "run",
                  "Starts a run, waits for its end and shows its outputs. Ctrl-C cancels it.",
                  "  sluice run wordcount -i text=@book.txt -i parts=4\n"
                  "  curl -s https://example.org/book.txt | sluice run wordcount -i text=@- -o raw "
                  "> total.json");
  run->add_option("WORKFLOW", words.run.workflow,
                  "APP.WORKFLOW, or WORKFLOW while only one app has it")
      ->required()
      ->type_name("");
  run->add_option("-i,--input", words.inputs,
                  "NAME=VALUE; NAME=@FILE and NAME=@- (standard input) are streamed; several times "
                  "for a list")
      ->allow_extra_args(false)  // Each -i takes one; what follows is something else.
      ->type_name("INPUT");
  run->add_option("--json", words.run.json_path,
                  "inputs from a JSON file of names and values (-: standard input)")
      ->type_name("FILE");
  run->add_flag("--detach", words.run.detach, "print the run's id and do not wait");
  run->add_option("--timeout", words.run.timeout,
                  "the run's deadline: 30s, 10m, 2h (then exit code 124)")
      ->type_name("TIME");
  run->add_option("--out", words.run.out_directory, "save every output as a file in DIR")
      ->type_name("DIR");
  run->add_option("--key", words.run.key,
                  "idempotency key: with the same key and inputs it is the same run")
      ->type_name("KEY");
  run->add_option("--output", words.run.output, "which output -o raw writes")->type_name("NAME");
  add_format(*run, words, {"table", "json", "raw"},
             "table (default); json: the run as a document; raw: the bytes of the only output");

  CLI::App* answer = add_command(app, words, "answer", "Answers a step that waits for an answer.",
                                 "  sluice answer 01jd3k0c7w8fqzv5m2n6x4r9ta approve -i ok=true");
  answer->add_option("RUN", words.answer.run, "the run's id")->required()->type_name("");
  answer->add_option("STEP", words.answer.step, "the step, or the path of its task: approve.7")
      ->required()
      ->type_name("");
  answer->add_option("--index", words.answer.index, "which element, where the step is a foreach")
      ->type_name("I");
  answer
      ->add_option("-i,--input", words.answer.inputs,
                   "NAME=VALUE of an output: JSON where it is JSON, else text")
      ->allow_extra_args(false)
      ->type_name("OUTPUT");

  CLI::App* cancel = add_command(app, words, "cancel", "Stops a run.",
                                 "  sluice cancel 01jd3k0c7w8fqzv5m2n6x4r9ta");
  cancel->add_option("RUN", words.cancel.run, "the run's id")->required()->type_name("");

  CLI::App* remove = add_command(app, words, "delete", "Removes an app, or a run that has ended.",
                                 "  sluice delete app wordcount");
  remove->add_option("KIND", words.remove.kind, "app or run")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>{"app", "run"}))
      ->type_name("");
  remove->add_option("NAME", words.remove.name, "the app's name or the run's id")
      ->required()
      ->type_name("");
}

void add_view_commands(CLI::App& app, Words& words) {
  CLI::App* get = add_command(
      app, words, "get", "Lists runs, workflows, functions, workers or nodes, or shows one.",
      "  sluice get runs --state FAILED\n  sluice get workflows wordcount -o yaml");
  get->add_option("KIND", words.get.kind, "runs, workflows, functions, workers or nodes")
      ->required()
      ->check(CLI::IsMember(
          std::vector<std::string>{"runs", "workflows", "functions", "workers", "nodes"}))
      // People say `get run ID`, and nothing else can be meant.
      ->transform(CLI::Transformer(std::map<std::string, std::string>{{"run", "runs"},
                                                                      {"workflow", "workflows"},
                                                                      {"function", "functions"},
                                                                      {"worker", "workers"},
                                                                      {"node", "nodes"}}))
      ->type_name("");
  get->add_option("ID", words.get.id, "one of them")->type_name("");
  get->add_option("--workflow", words.get.workflow, "only runs of this workflow")
      ->type_name("NAME");
  get->add_option("--state", words.get.state, "only runs in this state")->type_name("STATE");
  get->add_option("--limit", words.get.limit, "at most so many runs (default 50), the newest first")
      ->check(CLI::Range(1, 10'000))
      ->type_name("N");
  add_format(*get, words, {"table", "json", "yaml", "name"}, "table (default), json, yaml or name");

  CLI::App* logs = add_command(app, words, "logs", "Prints what the functions of a run printed.",
                               "  sluice logs 01jd3k0c7w8fqzv5m2n6x4r9ta --step count -f");
  logs->add_option("RUN", words.logs.run, "the run's id")->required()->type_name("");
  logs->add_option("--step", words.logs.step, "only of this step")->type_name("STEP");
  logs->add_flag("-f,--follow", words.logs.follow, "go on until the run has ended");

  CLI::App* trace = add_command(
      app, words, "trace", "Prints the timeline of a run as Chrome trace events.",
      "  sluice trace 01jd3k0c7w8fqzv5m2n6x4r9ta -o run.json   # open in ui.perfetto.dev");
  trace->add_option("RUN", words.trace.run, "the run's id")->required()->type_name("");
  trace->add_option("-o,--output", words.trace.file, "write to FILE")->type_name("FILE");

  CLI::App* version =
      add_command(app, words, "version", "Prints the version of this program and of the server.",
                  "  sluice version");
  add_format(*version, words, {"table", "json"}, "table (default) or json");

  CLI::App* schema = add_command(
      app, words, "schema",
      "Prints the JSON Schema of sluice.yaml, for editors. Put it beside the app and name it "
      "in the first line: # yaml-language-server: $schema=sluice.schema.json",
      "  sluice schema > sluice.schema.json");
  // For docs/reference/language.md; nobody else needs it.
  schema->add_flag("--page", words.is_page, "")->group("");

  CLI::App* completion =
      add_command(app, words, "completion", "Prints a completion script for a shell.",
                  "  source <(sluice completion bash)");
  completion->add_option("SHELL", words.shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>{"bash", "zsh", "fish"}))
      ->type_name("");
}

Format format_of(const std::string& name) {
  if (name == "json") return Format::kJson;
  if (name == "yaml") return Format::kYaml;
  if (name == "name") return Format::kName;
  if (name == "raw") return Format::kRaw;
  return Format::kTable;
}

Result<Command> run_command(Words& words) {
  RunCommand& run = words.run;
  run.format = format_of(words.format);
  for (const std::string& argument : words.inputs) {
    SLUICE_TRY(Given given, parse_given(argument));
    if (given.from == Given::From::kStdin && run.json_path == "-") {
      return wrong_usage("standard input is given twice: --json - and " + argument);
    }
    run.inputs.push_back(std::move(given));
  }
  if (!run.timeout.empty()) {
    const Result<Duration> timeout = parse_duration(run.timeout);
    if (!timeout) return wrong_usage("--timeout: " + timeout.error().message());
    if (timeout->count() == 0) return wrong_usage("--timeout: must be more than 0");
  }
  if (run.detach && (!run.out_directory.empty() || run.format == Format::kRaw)) {
    return wrong_usage(
        "--detach does not wait for outputs, so it goes with neither --out nor -o raw");
  }
  if (!run.output.empty() && run.format != Format::kRaw)
    return wrong_usage("--output says what -o raw writes");
  for (const char c : run.key) {
    if (c < 0x21 || c > 0x7e) return wrong_usage("--key: only visible ASCII characters");
  }
  return Command(std::move(run));
}

Result<Command> to_command(const std::string& name, Words& words, const CLI::App& app) {
  const Format format = format_of(words.format);
  if (name == "run") return run_command(words);
  if (name == "deploy") {
    words.deploy.format = format;
    return Command(std::move(words.deploy));
  }
  if (name == "validate") {
    words.validate.format = format;
    return Command(std::move(words.validate));
  }
  if (name == "get") {
    words.get.format = format;
    const bool has_filter = !words.get.workflow.empty() || !words.get.state.empty();
    if (has_filter && (words.get.kind != "runs" || !words.get.id.empty())) {
      return wrong_usage(
          "--workflow and --state choose among runs: sluice get runs --state FAILED");
    }
    return Command(std::move(words.get));
  }
  if (name == "schema") {
    return Command(
        ShowText{words.is_page ? model::language_page() : to_pretty_text(model::schema()) + "\n"});
  }
  if (name == "version") {
    words.version.format = format;
    return Command(words.version);
  }
  if (name == "export") return Command(std::move(words.exported));
  if (name == "eval") return Command(std::move(words.eval));
  if (name == "graph") return Command(std::move(words.graph));
  if (name == "explain") return Command(std::move(words.explain));
  if (name == "init") return Command(std::move(words.init));
  if (name == "logs") return Command(std::move(words.logs));
  if (name == "trace") return Command(std::move(words.trace));
  if (name == "answer") return Command(std::move(words.answer));
  if (name == "cancel") return Command(std::move(words.cancel));
  if (name == "delete") return Command(std::move(words.remove));
  std::vector<CommandWords> commands;
  for (const CLI::App* command : app.get_subcommands({})) {
    CommandWords& known =
        commands.emplace_back(CommandWords{.name = command->get_name(), .options = {}});
    for (const CLI::Option* option : command->get_options()) {
      if (option->get_group().empty()) continue;
      for (const std::string& text : option->get_lnames()) known.options.push_back("--" + text);
    }
  }
  return Command(ShowText{completion_script(words.shell, commands)});
}

// CLI11's messages start with the name of an exception here and there, and none says where to look.
std::string usage_text(const std::string& command, std::string_view message) {
  return fmt::format("{}\n  `sluice {} --help` shows how it is used", message, command);
}

Status check_command_name(const std::string& name, const CLI::App& app) {
  if (name == "serve") return {};
  for (const char* later : kLater) {
    if (name == later) return wrong_usage(fmt::format("`sluice {}` is not there yet", name));
  }
  std::vector<std::string> names{"serve"};
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == name) return {};
    names.push_back(command->get_name());
  }
  const std::string guess = model::did_you_mean(name, std::span<const std::string>(names));
  return wrong_usage(fmt::format("unknown command '{}': {}", model::shown(name),
                                 guess.empty() ? "`sluice --help` lists them" : guess));
}

// `sluice eval '-x + 1'`: a minus makes no option of an expression. `rest` is in reverse order.
void shield_expression(std::vector<std::string>& rest) {
  for (std::size_t i = rest.size(); i-- > 0;) {
    const std::string& word = rest[i];
    const bool is_option = word == "--json" || word == "--url";
    if (is_option && i > 0) --i;
    if (is_option || !word.starts_with('-') || word == "--help" || word == "-h" ||
        word.starts_with("--json=") || word.starts_with("--url=")) {
      continue;
    }
    if (word == "--") return;
    // What follows `--` is no option; so it goes to the end.
    std::string expression = word;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    rest.insert(rest.begin(), {std::move(expression), "--"});
    return;
  }
}

}  // namespace

Result<CommandLine> parse_command_line(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "--help";
  const bool is_help = name == "help" && argc > 2;  // `sluice help run`
  if (name == "--help" || name == "-h" || (name == "help" && !is_help)) {
    return CommandLine{.url = {}, .command = ShowText{std::string(kOverview)}};
  }
  const std::string command = name == "--version" ? "version" : (is_help ? argv[2] : name);
  if (is_help && command == "serve") {
    return CommandLine{.url = {}, .command = ShowText{"`sluice serve --help` explains it\n"}};
  }
  // CLI11 throws; nothing of it leaves this function.
  try {
    Words words;
    CLI::App app("", "sluice");
    app.get_formatter()->column_width(28);
    add_app_commands(app, words);
    add_graph_commands(app, words);
    add_run_commands(app, words);
    add_view_commands(app, words);
    SLUICE_OK(check_command_name(command, app));
    std::vector<std::string> rest;  // CLI11 takes them from the back.
    for (int i = argc - 1; i > (is_help ? 2 : 1); --i) rest.emplace_back(argv[i]);
    if (command == "eval") shield_expression(rest);
    if (is_help) rest.insert(rest.begin(), "--help");
    rest.push_back(command);
    try {
      app.parse(std::move(rest));
    } catch (const CLI::CallForHelp&) {
      return CommandLine{.url = {}, .command = ShowText{app.help()}};
    } catch (const CLI::ParseError& error) {
      return wrong_usage(usage_text(command, error.what()));
    }
    SLUICE_TRY(Command parsed, to_command(command, words, app));
    return CommandLine{.url = std::move(words.url), .command = std::move(parsed)};
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, fmt::format("command line: {}", error.what()));
  }
}

}  // namespace sluice::cli
