#pragma once

// What the user asked for, as values: one struct per command. CLI11 is named in command_line.cc
// alone.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "cli/inputs.h"

namespace sluice::cli {

enum class Format : std::uint8_t { kTable, kJson, kYaml, kName, kRaw };

struct DeployCommand {
  std::filesystem::path directory;
  Format format = Format::kTable;
};
struct ValidateCommand {
  std::filesystem::path directory;
  Format format = Format::kTable;
};
struct ExportCommand {
  std::filesystem::path file;
  std::filesystem::path output;  // Empty: standard output.
  std::filesystem::path python;
};
struct EvalCommand {
  std::string expression;
  std::string json_path;  // Empty: no variables; `-`: standard input.
};
struct GraphCommand {
  std::filesystem::path directory;  // With the app.
  std::string workflow;             // Empty: the only one.
  std::string format;               // dot, svg
  std::filesystem::path output;     // Empty: standard output.
};
struct ExplainCommand {
  std::filesystem::path directory;
  std::string name;  // Of a workflow in the app, or a run's id.
};
struct InitCommand {
  std::string language;
  std::filesystem::path directory;
};
struct DevCommand {
  std::filesystem::path directory;
  std::filesystem::path data;  // Empty: a temporary one.
  std::string listen;          // Empty: as `serve`, or a free port where that is taken.
};
struct DoctorCommand {
  std::string data;  // As of `serve`; empty: what the settings say.
  std::string listen;
  Format format = Format::kTable;
};
struct RunCommand {
  std::string workflow;
  std::vector<Given> inputs;
  std::string json_path;  // Empty: none; `-`: standard input.
  bool detach = false;
  std::string timeout;  // As written; checked.
  std::string key;
  std::string output;
  std::filesystem::path out_directory;
  Format format = Format::kTable;
};
struct GetCommand {
  std::string kind;  // runs, workflows, functions, workers, nodes
  std::string id;
  std::string workflow;  // Filters of runs.
  std::string state;
  std::string task;    // Of the run: one output of it, as it is.
  std::string output;  // `NAME`, or `NAME/3`.
  std::uint32_t limit = 50;
  Format format = Format::kTable;
};
struct LogsCommand {
  std::string run;
  std::string step;
  bool follow = false;
};
struct TraceCommand {
  std::string run;
  std::filesystem::path file;  // Empty: standard output.
};
struct AnswerCommand {
  std::string run;
  std::string step;
  std::optional<std::uint32_t> index;
  std::vector<std::string> inputs;  // NAME=VALUE
};
struct CancelCommand {
  std::string run;
};
struct DeleteCommand {
  std::string kind;  // app, run
  std::string name;
};
struct VersionCommand {
  Format format = Format::kTable;
};
// Text for standard output: help, a completion script.
struct ShowText {
  std::string text;
};

using Command = std::variant<DeployCommand, DevCommand, DoctorCommand, ValidateCommand,
                             ExportCommand, EvalCommand, GraphCommand, ExplainCommand, InitCommand,
                             RunCommand, GetCommand, LogsCommand, TraceCommand, AnswerCommand,
                             CancelCommand, DeleteCommand, VersionCommand, ShowText>;

struct CommandLine {
  std::string url;  // --url; empty: not given.
  Command command;
};

// kInvalidArgument: wrong usage, with what to do.
Result<CommandLine> parse_command_line(int argc, char** argv);

}  // namespace sluice::cli
