#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/expr/syntax.h"
#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/names.h"

namespace sluice::model {
namespace {

void read_env(const YamlMember& member, DraftFunction& function, Report& report) {
  if (!expect_map(member.value, "'env'", report, "write { NAME: value }")) return;
  for (const YamlMember& variable : member.value.members) {
    const bool is_valid =
        !variable.key.empty() && variable.key.size() <= 256 &&
        variable.key.find_first_of(std::string_view("=\0", 2)) == std::string::npos;
    if (!is_valid) {
      report.add(variable.place,
                 fmt::format("'{}' cannot be the name of a variable", shown(variable.key)));
    }
    if (variable.value.is_null()) {
      function.env.emplace_back(variable.key, "");
    } else if (expr::has_expression(variable.value.text)) {
      report.add(variable.value.place,
                 fmt::format("'${{...}}' cannot stand in the variable '{}'", shown(variable.key)),
                 "'env' has fixed values; give what differs from run to run to an input");
    } else if (const auto word = read_word(variable, report)) {
      function.env.emplace_back(variable.key, expr::plain_text(word->text));
    }
  }
}

std::optional<Runtime> read_runtime(const YamlMember& member, Report& report) {
  const std::optional<Word> word = read_word(member, report);
  if (!word) return std::nullopt;
  constexpr std::array kRuntimes{Runtime::kPython3, Runtime::kNodejs, Runtime::kNative};
  std::array<std::string_view, kRuntimes.size()> names;
  for (std::size_t i = 0; i < kRuntimes.size(); ++i) {
    names[i] = to_text(kRuntimes[i]);
    if (word->text == names[i]) return kRuntimes[i];
  }
  std::string hint = did_you_mean(word->text, std::span<const std::string_view>(names));
  if (word->text.starts_with("py")) hint = "did you mean 'python3'?";
  for (const std::string_view other : {"node", "javascript", "js", "typescript", "ts"}) {
    if (word->text == other) hint = "did you mean 'nodejs'?";
  }
  for (const std::string_view other : {"cpp", "c++", "cc", "rust", "go", "binary"}) {
    if (word->text == other) hint = "did you mean 'native'?";
  }
  if (hint.empty()) hint = "there are python3, nodejs and native";
  report.add(word->place, fmt::format("unknown runtime '{}'", shown(word->text)), std::move(hint));
  return std::nullopt;
}

// What the handlers of a runtime look like.
struct HandlerRules {
  Runtime runtime;
  bool has_file;               // The part before the last dot says where the code is.
  bool may_have_dashes;        // In names of files.
  std::string_view extension;  // Mistaken for a part of the handler.
  std::string_view what;
  std::string_view how;
  std::string_view example;
};

const HandlerRules& rules_of(Runtime runtime) {
  static constexpr std::array kRules{
      HandlerRules{Runtime::kPython3, true, false, ".py", "names no Python function",
                   "MODULE.FUNCTION", "words.count for 'def count' in words.py"},
      HandlerRules{Runtime::kNodejs, true, true, ".mjs", "names no function of a JavaScript file",
                   "FILE.EXPORT", "words.count for 'export function count' in words.mjs"},
      HandlerRules{Runtime::kNative, false, true, "", "names no function of a program", "NAME",
                   "merge for a program with sluice::serve(argc, argv, {{\"merge\", merge}})"},
  };
  return *std::ranges::find(kRules, runtime, &HandlerRules::runtime);
}

bool is_handler(std::string_view text, const HandlerRules& rules) {
  if (rules.runtime == Runtime::kNative) return !name_problem(text);
  if (text.ends_with(rules.extension) || text.ends_with(".js")) return false;
  std::size_t parts = 0;
  for (std::string_view rest = text;; ++parts) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const bool is_last = dot == std::string_view::npos;
    if (is_last) return parts >= 1 && is_identifier(part);
    if (!is_identifier(part) && (!rules.may_have_dashes || name_problem(part))) return false;
    rest.remove_prefix(dot + 1);
  }
}

std::optional<Word> read_handler(const YamlMember& member, Runtime runtime, Report& report) {
  std::optional<Word> word = read_word(member, report);
  const HandlerRules& rules = rules_of(runtime);
  if (!word || is_handler(word->text, rules)) return word;
  std::string hint = fmt::format("write {}, like {}", rules.how, rules.example);
  if (const std::size_t colon = word->text.find(':');
      colon != std::string::npos && rules.has_file) {
    std::string file = word->text.substr(0, colon);
    for (const std::string_view extension : {rules.extension, std::string_view(".js")}) {
      if (file.ends_with(extension)) file.resize(file.size() - extension.size());
    }
    std::string fixed = file + "." + word->text.substr(colon + 1);
    for (char& c : fixed) c = c == '/' ? '.' : c;
    hint = fmt::format("write {}", shown(fixed));
  }
  report.add(word->place, fmt::format("'{}' {}", shown(word->text), rules.what), hint);
  return std::nullopt;
}

// A path below the app's folder.
bool is_path_inside(std::string_view path) {
  if (path.empty() || path.size() > 1024) return false;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == ".." || part.find('\0') != std::string_view::npos) {
      return false;
    }
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

// Where the code of the function is: `handler`, and `binary` for a native one.
void read_code(const YamlMember& member, DraftFunction& function, Report& report) {
  const YamlMember* handler = member.value.find("handler");
  const YamlMember* binary = member.value.find("binary");
  if (!function.runtime) {
    function.is_broken = true;
    return;
  }
  if (handler != nullptr) {
    function.handler = read_handler(*handler, *function.runtime, report);
  } else {
    const HandlerRules& rules = rules_of(*function.runtime);
    report.add(member.place, fmt::format("function '{}' has no handler", shown(member.key)),
               fmt::format("write 'handler: {}', like {}", rules.how, rules.example));
  }
  function.is_broken = !function.handler;
  if (*function.runtime != Runtime::kNative) {
    if (binary != nullptr) {
      report.add(binary->place,
                 fmt::format("'binary' is for native functions; '{}' is one of {}",
                             shown(member.key), to_text(*function.runtime)),
                 "take it away, or write 'runtime: native'");
    }
    return;
  }
  if (binary == nullptr) {
    report.add(member.place, fmt::format("function '{}' has no binary", shown(member.key)),
               "write 'binary: PATH' of the program in the app's folder, like bin/words");
    function.is_broken = true;
  } else if (auto word = read_word(*binary, report); !word) {
    function.is_broken = true;
  } else if (is_path_inside(word->text)) {
    function.binary = std::move(word);
  } else {
    report.add(word->place,
               fmt::format("'{}' is no path of a file in the app's folder", shown(word->text)),
               "write it relative to sluice.yaml and without '..', like bin/words");
    function.is_broken = true;
  }
  for (const std::string_view ports : {"inputs", "outputs"}) {
    const YamlMember* declared = member.value.find(ports);
    if (declared != nullptr && !declared->value.is_null()) continue;
    report.add(member.place, fmt::format("function '{}' declares no {}", shown(member.key), ports),
               fmt::format("a native function has no source to read them from: write '{}: {{ NAME: "
                           "TYPE }}', the {} in their order",
                           ports, ports == "inputs" ? "parameters" : "results"));
  }
}

void read_workers(const YamlMember& member, DraftFunction& function, Report& report) {
  if (!expect_map(member.value, "'workers'", report, "write { min: 1, max: 4 }")) return;
  check_keys(member.value, Section::kWorkers, report);
  Function::Workers workers;
  if (const YamlMember* min = member.value.find("min")) {
    workers.min = read_count(*min, Section::kWorkers, report).value_or(0);
  }
  if (const YamlMember* max = member.value.find("max")) {
    workers.max = read_count(*max, Section::kWorkers, report).value_or(0);
    if (workers.max != 0 && workers.max < workers.min) {
      report.add(max->value.place,
                 fmt::format("'max' ({}) is less than 'min' ({})", workers.max, workers.min));
    }
  }
  if (const YamlMember* idle = member.value.find("idle"))
    workers.idle = read_duration(*idle, report);
  function.workers = workers;
}

void read_settings(const YamlValue& map, DraftFunction& function, Report& report) {
  if (const YamlMember* member = map.find("resources")) {
    const Resources resources = read_resources(*member, report);
    function.cpu = resources.cpu.value_or(1);
    function.memory = resources.memory;
  }
  if (const YamlMember* env = map.find("env")) read_env(*env, function, report);
  if (const YamlMember* timeout = map.find("timeout")) {
    function.timeout = read_duration(*timeout, report);
  }
  if (const YamlMember* retry = map.find("retry")) function.retry = read_retry(*retry, report);
  if (const YamlMember* replay = map.find("replay")) {
    function.effects = read_replay(*replay, Section::kFunction, report).value_or(false);
  }
  if (const YamlMember* cache = map.find("cache")) {
    function.cache = read_flag(*cache, report).value_or(false);
    if (function.cache && function.effects) {
      report.add(cache->place, "'cache: true' with 'replay: never'",
                 "what is taken from the cache has no effects: remove one of them");
    }
  }
  if (const YamlMember* parallel = map.find("parallel")) {
    function.parallel = read_count(*parallel, Section::kFunction, report).value_or(1);
  }
  if (const YamlMember* workers = map.find("workers")) read_workers(*workers, function, report);
}

}  // namespace

DraftFunction read_function(const YamlMember& member, Report& report) {
  DraftFunction function;
  function.name = {member.key, member.place};
  if (const auto problem = name_problem(member.key)) {
    report.add(member.place, fmt::format("function '{}': {}", shown(member.key), problem->message),
               problem->hint);
  }
  const YamlValue& map = member.value;
  if (!expect_map(map, fmt::format("function '{}'", shown(member.key)), report,
                  "write { runtime: python3, handler: MODULE.FUNCTION }")) {
    function.is_broken = true;
    return function;
  }
  check_keys(map, Section::kFunction, report);

  if (const YamlMember* runtime = map.find("runtime")) {
    function.runtime = read_runtime(*runtime, report);
  } else {
    report.add(member.place, fmt::format("function '{}' has no runtime", shown(member.key)),
               "write 'runtime: python3'");
  }
  read_code(member, function, report);

  if (const YamlMember* inputs = map.find("inputs")) {
    function.inputs_place = inputs->place;
    if (!inputs->value.is_null()) {
      function.inputs = read_ports(*inputs, PortsOf::kFunctionInputs, report);
    }
  }
  if (const YamlMember* outputs = map.find("outputs")) {
    function.outputs_place = outputs->place;
    if (!outputs->value.is_null()) {
      function.outputs = read_ports(*outputs, PortsOf::kFunctionOutputs, report);
      if (outputs->value.kind == YamlValue::Kind::kMap && outputs->value.members.empty()) {
        report.add(outputs->place,
                   fmt::format("function '{}' declares no output", shown(member.key)),
                   "leave 'outputs' out: what it returns is then the output 'result'");
      }
    }
  }
  read_settings(map, function, report);
  return function;
}

}  // namespace sluice::model
