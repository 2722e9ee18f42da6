#pragma once

// The commands as data: their words, what each option takes, where it goes, an example. Parsing
// (command_line.cc), `--help`, the overview, completion scripts and the manual page are made from
// these descriptions, so that a command is described once.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "cli/command_line.h"
#include "settings/setting.h"

namespace sluice::cli {

// What the words of the command line are put into. Lives until its fields were moved into the
// command.
struct Words {
  DeployCommand deploy;
  DevCommand dev;
  DoctorCommand doctor;
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
  bool is_page = false;           // Of `schema`: docs/reference/language.md.
  bool is_configuration = false;  // Of `man`: docs/reference/configuration.md.
  std::string url;
};

using Target = std::variant<std::string*, std::filesystem::path*, bool*, std::uint32_t*,
                            std::optional<std::uint32_t>*, std::vector<std::string>*>;

// What a shell offers for a value beside `choices`.
// kThing: of the kind that the word before it names.
enum class Completes : std::uint8_t { kNothing, kFile, kFolder, kWorkflow, kRun, kThing };

struct OptionText {
  std::string names;  // `-o,--format`; an argument without a dash is a word of its own: `RUN`.
  std::string help;   // Empty: for the project itself, shown nowhere.
  Target target;
  std::string placeholder;  // `FILE` of `--json FILE`; empty: a word of its own, or a flag.
  bool required = false;
  std::vector<std::string> choices;
  std::vector<std::string> suggestions;  // For completion, where the server decides.
  std::vector<std::pair<std::string, std::string>> aliases;  // Other words for some choices.
  std::uint32_t least = 0;                                   // Of a number; both 0: any.
  std::uint32_t most = 0;
  Completes completes = Completes::kNothing;
};

enum class Chapter : std::uint8_t { kApps, kRuns, kProgram };

struct CommandText {
  std::string name;
  Chapter chapter = Chapter::kProgram;
  std::string synopsis;  // What follows the name in the overview: `RUN STEP`.
  std::string summary;   // Of the overview.
  std::string help;
  std::string example;
  std::vector<OptionText> options;
  bool asks_server = true;  // Takes --url.
  bool is_hidden = false;   // For packages and the project itself.
};

// All of them but `serve`, in the order of the overview. Targets point into `words`.
std::vector<CommandText> describe_commands(Words& words);
// One chapter each.
void describe_app_commands(Words& words, std::vector<CommandText>& commands);
void describe_run_commands(Words& words, std::vector<CommandText>& commands);
void describe_program_commands(Words& words, std::vector<CommandText>& commands);

// `-o, --format` chooses among these; the first is the default.
OptionText format_option(Words& words, std::vector<std::string> choices, std::string help);
// A setting of `serve`, as an option of a command that is about a server of its own.
OptionText serve_option(settings::SettingId id, Target target, std::string help);
bool is_word(const OptionText& option);
bool is_flag(const OptionText& option);
// `--format` of `-o,--format`; the names apart.
std::vector<std::string> names_of(const OptionText& option);

// What `sluice --help` prints.
std::string overview();

}  // namespace sluice::cli
