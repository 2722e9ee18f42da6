#include "cli/command_line.h"

#include <algorithm>
#include <array>
#include <map>

#include <CLI/CLI.hpp>

#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/manual.h"
#include "model/language_page.h"
#include "model/names.h"
#include "model/schema.h"
#include "settings/page.h"

namespace sluice::cli {
namespace {

constexpr std::array kLater{"top", "rerun"};

std::unexpected<Error> wrong_usage(std::string message) {
  return fail(ErrorCode::kInvalidArgument, std::move(message));
}

template <class... Handlers>
struct Match : Handlers... {
  using Handlers::operator()...;
};

void add_option(CLI::App& command, const OptionText& text) {
  CLI::Option* const option = std::visit(
      Match{[&](bool* flag) { return command.add_flag(text.names, *flag, text.help); },
            [&](auto* value) { return command.add_option(text.names, *value, text.help); }},
      text.target);
  if (text.help.empty()) option->group("");
  if (is_flag(text)) return;
  option->type_name(text.placeholder)->required(text.required);
  // Each -i takes one; what follows is something else.
  if (std::holds_alternative<std::vector<std::string>*>(text.target))
    option->allow_extra_args(false);
  if (!text.choices.empty()) option->check(CLI::IsMember(text.choices));
  if (!text.aliases.empty()) {
    option->transform(CLI::Transformer(
        std::map<std::string, std::string>(text.aliases.begin(), text.aliases.end())));
  }
  if (text.most != 0) option->check(CLI::Range(text.least, text.most));
}

void add_command(CLI::App& app, const CommandText& text) {
  CLI::App* const command = app.add_subcommand(text.name, text.help);
  command->footer("\nexample:\n" + text.example);
  for (const OptionText& option : text.options) add_option(*command, option);
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

Result<Command> to_command(const std::string& name, Words& words,
                           const std::vector<CommandText>& commands) {
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
    const bool has_task = !words.get.task.empty();
    const bool is_run = words.get.kind == "runs" && !words.get.id.empty();
    if (has_task != !words.get.output.empty() || (has_task && !is_run)) {
      return wrong_usage(
          "--task and --output name an output of a task of a run: sluice get runs RUN --task "
          "count.3 --output counts");
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
  if (name == "dev") return Command(std::move(words.dev));
  if (name == "doctor") {
    words.doctor.format = format;
    return Command(std::move(words.doctor));
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
  if (name == "man") {
    return Command(
        ShowText{words.is_configuration ? settings::configuration_page() : manual_page(commands)});
  }
  return Command(ShowText{completion_script(words.shell, commands)});
}

// CLI11's messages start with the name of an exception here and there, and none says where to look,
// or which option was perhaps meant.
std::string usage_text(const CommandText& command, std::string_view message) {
  std::string hint;
  if (const std::size_t at = message.find("--"); at != std::string_view::npos) {
    std::vector<std::string> known;
    for (const OptionText& option : command.options) {
      if (!is_word(option) && !option.help.empty()) known.push_back(names_of(option).back());
    }
    const std::string_view written = message.substr(at, message.find_first_of(" =:", at) - at);
    // One that is there has another mistake than its name.
    if (std::ranges::find(known, written) == known.end())
      hint = model::did_you_mean(written, std::span<const std::string>(known));
  }
  return fmt::format("{}{}{}\n  `sluice {} --help` shows how it is used", message,
                     hint.empty() ? "" : "; ", hint, command.name);
}

Status check_command_name(const std::string& name, const std::vector<CommandText>& commands) {
  if (name == "serve") return {};
  for (const char* later : kLater) {
    if (name == later) return wrong_usage(fmt::format("`sluice {}` is not there yet", name));
  }
  std::vector<std::string> names{"serve"};
  for (const CommandText& command : commands) {
    if (command.name == name) return {};
    if (!command.is_hidden) names.push_back(command.name);
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
    return CommandLine{.url = {}, .command = ShowText{overview()}};
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
    const std::vector<CommandText> commands = describe_commands(words);
    SLUICE_OK(check_command_name(command, commands));
    for (const CommandText& text : commands) add_command(app, text);
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
      const auto text = std::ranges::find(commands, command, &CommandText::name);
      return wrong_usage(usage_text(*text, error.what()));
    }
    SLUICE_TRY(Command parsed, to_command(command, words, commands));
    return CommandLine{.url = std::move(words.url), .command = std::move(parsed)};
  } catch (const std::exception& error) {
    return fail(ErrorCode::kInternal, fmt::format("command line: {}", error.what()));
  }
}

}  // namespace sluice::cli
