#include "cli/manual.h"

#include <fmt/format.h>

#include "base/version.h"
#include "settings/setting.h"

namespace sluice::cli {
namespace {

using settings::Setting;

// Text that roff shows as it is. Line ends stay; a line must not begin with roff's own characters.
std::string shielded(std::string_view text) {
  std::string out;
  bool is_line_start = true;
  for (const char c : text) {
    if (is_line_start && (c == '.' || c == '\'')) out += "\\&";
    is_line_start = c == '\n';
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':  // Else it becomes a hyphen, which nobody can copy into a shell.
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      default:
        out += c;
    }
  }
  return out;
}

void append_entry(std::string& out, const std::string& term, std::string_view help) {
  out += fmt::format(".TP\n{}\n{}\n", term, shielded(help));
}

std::string placeholder(std::string_view text) { return fmt::format("\\fI{}\\fR", shielded(text)); }
std::string bold(std::string_view text) { return fmt::format("\\fB{}\\fR", shielded(text)); }

std::string term_of(const OptionText& option) {
  if (is_word(option)) return placeholder(option.names);
  std::string term;
  for (const std::string& name : names_of(option)) {
    if (!term.empty()) term += ", ";
    term += bold(name);
  }
  if (!option.placeholder.empty()) term += ' ' + placeholder(option.placeholder);
  return term;
}

// The words that follow a command: `[OPTIONS] RUN STEP`.
std::string usage_of(const CommandText& command) {
  std::string usage = fmt::format("{} [{}]", bold("sluice " + command.name), placeholder("OPTION"));
  for (const OptionText& option : command.options) {
    if (!is_word(option)) continue;
    usage += option.required ? ' ' + placeholder(option.names)
                             : fmt::format(" [{}]", placeholder(option.names));
  }
  return usage;
}

void append_example(std::string& out, std::string_view example) {
  out += fmt::format(".PP\nExample:\n.PP\n.nf\n{}\n.fi\n", shielded(example));
}

void append_command(std::string& out, const CommandText& command) {
  out += fmt::format(".SS {}\n{}\n.PP\n{}\n", shielded(command.name), usage_of(command),
                     shielded(command.help));
  for (const OptionText& option : command.options) {
    if (!option.help.empty()) append_entry(out, term_of(option), option.help);
  }
  append_example(out, command.example);
}

void append_serve(std::string& out) {
  out += fmt::format(".SS serve\n{} [{}]\n.PP\nRuns a server.\n", bold("sluice serve"),
                     placeholder("OPTION"));
  for (const Setting& setting : settings::all_settings()) {
    if (!setting.has_flag || !is_read_by(setting, settings::Side::kServer)) continue;
    append_entry(out,
                 fmt::format("{} {}", bold(flag_of(setting)), placeholder(setting.placeholder)),
                 help_of(setting));
  }
  append_example(out, "  sluice serve --listen 127.0.0.1:0 --data ./data --ready-file ./url");
}

constexpr std::string_view kExitCodes = R"(.SH EXIT STATUS
.TP
0
ok
.TP
1
the run failed or was cancelled; anything that has no code of its own
.TP
2
wrong usage: the command line, inputs that do not fit
.TP
3
mistakes in an app or an expression
.TP
4
not found: app, workflow, run, file
.TP
5
no server, or it does not allow this or is too busy
.TP
124
the deadline of the run passed
.TP
130, 143
SIGINT, SIGTERM
)";

constexpr std::string_view kFiles = R"(.SH FILES
Settings are read from flags, then variables, then these files; each is taken from the first place that has it.
.TP
.I ./sluice.toml
.TQ
.I $XDG_CONFIG_HOME/sluice/config.toml
.TQ
.I /etc/sluice/config.toml
settings,
.B name = value
.TP
.I $XDG_DATA_HOME/sluice
.TQ
.I /var/lib/sluice
what a server keeps, of a user and of root
)";

void append_environment(std::string& out) {
  out += ".SH ENVIRONMENT\n";
  for (const Setting& setting : settings::all_settings()) {
    if (setting.has_variable) append_entry(out, bold(variable_of(setting)), help_of(setting));
  }
  append_entry(out, bold("NO_COLOR"), "no colours");
}

}  // namespace

std::string manual_page(const std::vector<CommandText>& commands) {
  std::string out = fmt::format(
      ".\\\" Made by `sluice man` from the descriptions of the commands.\n"
      ".TH SLUICE 1 \"\" \"sluice {}\" \"User Commands\"\n"
      ".SH NAME\nsluice \\- run workflows of functions by their data\n"
      ".SH SYNOPSIS\n.B sluice\n.I COMMAND\n[\\fIARGUMENT\\fR]...\n"
      ".SH DESCRIPTION\n"
      "Sluice runs workflows of functions by their data: a step starts when its input arrives.\n"
      "{} is the server, every other command talks to one.\n"
      "Data goes to standard output, everything else to standard error.\n"
      ".SH COMMANDS\n",
      shielded(version()), bold("sluice serve"));
  append_serve(out);
  for (const CommandText& command : commands) {
    if (!command.is_hidden) append_command(out, command);
  }
  out += kExitCodes;
  append_environment(out);
  out += kFiles;
  return out;
}

}  // namespace sluice::cli
