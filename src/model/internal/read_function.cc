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
  if (word->text == "python3") return Runtime::kPython3;
  if (word->text == "nodejs" || word->text == "native") {
    report.add(word->place, fmt::format("runtime {} is not there yet", word->text),
               "this version runs python3");
    return std::nullopt;
  }
  constexpr std::array<std::string_view, 3> kRuntimes{"python3", "nodejs", "native"};
  std::string hint = did_you_mean(word->text, std::span<const std::string_view>(kRuntimes));
  if (word->text.starts_with("py")) hint = "did you mean 'python3'?";
  if (hint.empty()) hint = "there are python3, nodejs and native";
  report.add(word->place, fmt::format("unknown runtime '{}'", shown(word->text)), std::move(hint));
  return std::nullopt;
}

std::optional<Word> read_handler(const YamlMember& member, Report& report) {
  std::optional<Word> word = read_word(member, report);
  if (!word) return word;
  std::string_view rest = word->text;
  std::size_t parts = 0;
  bool is_valid = true;
  while (is_valid) {
    const std::size_t dot = rest.find('.');
    is_valid = is_identifier(rest.substr(0, dot));
    ++parts;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  if (is_valid && parts >= 2 && !word->text.ends_with(".py")) return word;
  std::string hint = "write MODULE.FUNCTION, like words.count for 'def count' in words.py";
  if (const std::size_t colon = word->text.find(':'); colon != std::string::npos) {
    std::string module = word->text.substr(0, colon);
    if (module.ends_with(".py")) module.resize(module.size() - 3);
    std::string fixed = module + "." + word->text.substr(colon + 1);
    for (char& c : fixed) c = c == '/' ? '.' : c;
    hint = fmt::format("write {}", shown(fixed));
  }
  report.add(word->place, fmt::format("'{}' names no Python function", shown(word->text)), hint);
  return std::nullopt;
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
  const YamlMember* handler = map.find("handler");
  // The handlers of other runtimes have other rules, which come with them.
  if (handler != nullptr && function.runtime == Runtime::kPython3) {
    function.handler = read_handler(*handler, report);
  } else if (handler == nullptr && function.runtime == Runtime::kPython3) {
    report.add(member.place, fmt::format("function '{}' has no handler", shown(member.key)),
               "write 'handler: MODULE.FUNCTION', like words.count for 'def count' in words.py");
  }
  function.is_broken = !function.runtime || !function.handler;

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
