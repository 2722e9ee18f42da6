#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "model/internal/read_keys.h"
#include "model/names.h"

namespace sluice::model {
namespace {

constexpr std::array<KeyRule, 15> kFunctionKeys{{{"runtime"},
                                                 {"handler"},
                                                 {"inputs"},
                                                 {"outputs"},
                                                 {"resources"},
                                                 {"timeout"},
                                                 {"retry"},
                                                 {"env"},
                                                 {"binary", KeyState::kNotYet},
                                                 {"replay", KeyState::kNotYet},
                                                 {"cache", KeyState::kNotYet},
                                                 {"parallel", KeyState::kNotYet},
                                                 {"workers", KeyState::kNotYet},
                                                 {"network", KeyState::kReserved},
                                                 {"secrets", KeyState::kReserved}}};
constexpr KeyRule kIsolation{"isolation", KeyState::kReserved};
constexpr std::array<KeyHint, 14> kFunctionHints{
    {{"language", "write 'runtime: python3'"},
     {"lang", "write 'runtime: python3'"},
     {"entrypoint", "write 'handler: MODULE.FUNCTION'"},
     {"entry", "write 'handler: MODULE.FUNCTION'"},
     {"code", "write 'handler: MODULE.FUNCTION'"},
     {"module", "write 'handler: MODULE.FUNCTION'"},
     {"file", "write 'handler: MODULE.FUNCTION'"},
     {"function", "write 'handler: MODULE.FUNCTION'"},
     {"memory", "write 'resources: { memory: 256Mi }'"},
     {"cpu", "write 'resources: { cpu: 1 }'"},
     {"environment", "did you mean 'env'?"},
     {"in", "did you mean 'inputs'?"},
     {"out", "did you mean 'outputs'?"},
     {"concurrency", "'concurrency' belongs to a step with 'foreach'"}}};
constexpr std::array<KeyRule, 2> kResourceKeys{{{"cpu"}, {"memory"}}};
constexpr std::array<KeyHint, 3> kResourceHints{{{"mem", "did you mean 'memory'?"},
                                                 {"cpus", "did you mean 'cpu'?"},
                                                 {"ram", "did you mean 'memory'?"}}};
constexpr std::array<KeyRule, 2> kPortKeys{{{"type"}, {"default"}}};
constexpr std::array<KeyHint, 3> kPortHints{{{"optional", "write the type as optional<T>"},
                                             {"required",
                                              "every input is required unless its type is "
                                              "optional<T> or it has a default"},
                                             {"value", "did you mean 'default'?"}}};
constexpr std::array<KeyRule, 6> kRetryKeys{
    {{"attempts"}, {"backoff"}, {"factor"}, {"max_backoff"}, {"jitter"}, {"errors"}}};
constexpr std::array<KeyHint, 14> kRetryHints{
    {{"max", "write 'attempts': all of them, the first included"},
     {"max_attempts", "write 'attempts': all of them, the first included"},
     {"maxAttempts", "write 'attempts': all of them, the first included"},
     {"retries", "write 'attempts': all of them, the first included"},
     {"count", "write 'attempts': all of them, the first included"},
     {"limit", "write 'attempts': all of them, the first included"},
     {"times", "write 'attempts': all of them, the first included"},
     {"on", "write 'errors: [NAME]'"},
     {"delay", "did you mean 'backoff'?"},
     {"interval", "did you mean 'backoff'?"},
     {"wait", "did you mean 'backoff'?"},
     {"multiplier", "did you mean 'factor'?"},
     {"max_delay", "did you mean 'max_backoff'?"},
     {"backoff_max", "did you mean 'max_backoff'?"}}};
// Trying again cannot change these (contracts: failures).
constexpr std::array<std::string_view, 7> kNeverRetried{
    "LoadError", "InvalidInput", "InvalidOutput", "BadExpression",
    "TooLarge",  "LoopLimit",    "Cancelled"};

std::string_view what_of(PortsOf of) {
  switch (of) {
    case PortsOf::kFunctionInputs:
      return "input";
    case PortsOf::kFunctionOutputs:
      return "output";
    case PortsOf::kWorkflowInputs:
      return "input";
  }
  return "port";
}

// The message of parse_type holds the advice after a ';' or as "did you mean".
void report_type(Place place, const std::string& message, Report& report) {
  const std::size_t cut = message.find("; ");
  if (cut == std::string::npos) {
    report.add(place, message);
  } else {
    report.add(place, message.substr(0, cut), message.substr(cut + 2));
  }
}

void read_type(const YamlMember& member, PortsOf of, DraftPort& port, Report& report) {
  const YamlValue& value = member.value;
  port.type_place = value.place;
  if (value.kind == YamlValue::Kind::kBroken) {
    port.is_broken = true;
    return;
  }
  if (value.is_null()) return;  // From the code, or `any`.
  if (value.kind != YamlValue::Kind::kScalar) {
    report.add(value.place, fmt::format("the type of '{}' must be a word", shown(port.name.text)),
               value.kind == YamlValue::Kind::kList ? "write list<T>" : "");
    port.is_broken = true;
    return;
  }
  if (has_expression(value.text)) {
    report.add(value.place, "'${...}' cannot stand where a type is wanted",
               of == PortsOf::kFunctionOutputs
                   ? "what a step gets is written in its 'in'"
                   : "write the type here; what a step gets is written in its 'in'");
    port.is_broken = true;
    return;
  }
  Result<Type> type = parse_type(value.text);
  if (!type) {
    report_type(value.place, type.error().message(), report);
    port.is_broken = true;
    return;
  }
  if (of != PortsOf::kFunctionInputs && type->access != Access::kWhole) {
    const bool is_stream = type->access == Access::kStream;
    Type plain = *type;
    plain.access = Access::kWhole;
    report.add(
        value.place,
        fmt::format("'{}' is a way to read an input of a function, not the type of {}",
                    is_stream ? "stream" : "pipe",
                    of == PortsOf::kFunctionOutputs ? "an output" : "an input of a workflow"),
        fmt::format("write {}: its readers may still take it as it grows", to_text(plain)));
    port.is_broken = true;
    return;
  }
  port.type = *type;
}

DraftPort read_port(const YamlMember& member, PortsOf of, Report& report) {
  DraftPort port;
  port.name = {member.key, member.place};
  port.type_place = member.value.place;
  if (const auto problem = identifier_problem(member.key)) {
    report.add(member.place,
               fmt::format("{} '{}': {}", what_of(of), shown(member.key), problem->message),
               problem->hint);
  }
  if (member.value.kind != YamlValue::Kind::kMap) {
    read_type(member, of, port, report);
    return port;
  }
  check_keys(member.value, kPortKeys, kPortHints, "a port", report);
  if (const YamlMember* type = member.value.find("type")) read_type(*type, of, port, report);
  if (const YamlMember* value = member.value.find("default")) {
    port.default_place = value->value.place;
    if (of == PortsOf::kFunctionOutputs) {
      report.add(value->place, fmt::format("output '{}' cannot have a default", shown(member.key)),
                 "an output that may be missing is optional<T>");
    } else {
      port.default_value = read_literal(value->value, "a default", report);
    }
  }
  return port;
}

void read_resources(const YamlMember& member, DraftFunction& function, Report& report) {
  if (!expect_map(member.value, "'resources'", report, "write { cpu: 1, memory: 256Mi }")) return;
  check_keys(member.value, kResourceKeys, kResourceHints, "'resources'", report);
  if (const YamlMember* cpu = member.value.find("cpu")) {
    function.cpu = read_number(*cpu, {.least = 0.01, .most = 1024}, report).value_or(1);
  }
  if (const YamlMember* memory = member.value.find("memory")) {
    function.memory = read_size(*memory, report);
  }
}

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
    } else if (has_expression(variable.value.text)) {
      report.add(variable.value.place,
                 fmt::format("'${{...}}' cannot stand in the variable '{}'", shown(variable.key)),
                 "'env' has fixed values; give what differs from run to run to an input");
    } else if (const auto word = read_word(variable, report)) {
      function.env.emplace_back(variable.key, read_reference(word->text, Limits{}).text);
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

}  // namespace

std::optional<std::vector<DraftPort>> read_ports(const YamlValue& map, PortsOf of, Report& report) {
  std::vector<DraftPort> ports;
  if (!expect_map(map, of == PortsOf::kFunctionOutputs ? "'outputs'" : "'inputs'", report,
                  "write { NAME: TYPE }")) {
    return std::nullopt;
  }
  for (const YamlMember& member : map.members) ports.push_back(read_port(member, of, report));
  return ports;
}

std::optional<Retry> read_retry(const YamlMember& member, const Limits& limits, Report& report) {
  const YamlValue& map = member.value;
  const std::string example = map.kind == YamlValue::Kind::kScalar && !map.is_null()
                                  ? fmt::format("write retry: {{ attempts: {} }}", shown(map.text))
                                  : "write retry: { attempts: 3 }";
  if (!expect_map(map, "'retry'", report, example)) return std::nullopt;
  check_keys(map, kRetryKeys, kRetryHints, "'retry'", report);
  Retry retry;
  if (const YamlMember* attempts = map.find("attempts")) {
    const double most = limits.attempts_max;
    retry.attempts = read_count(*attempts, {.least = 1, .most = most}, report).value_or(1);
  } else {
    report.add(member.place, "'retry' does not say how many attempts", example);
  }
  if (const YamlMember* backoff = map.find("backoff")) {
    retry.backoff = read_duration(*backoff, report).value_or(retry.backoff);
  }
  if (const YamlMember* factor = map.find("factor")) {
    retry.factor = read_number(*factor, {.least = 1, .most = 100}, report).value_or(retry.factor);
  }
  if (const YamlMember* most = map.find("max_backoff")) {
    retry.backoff_max = read_duration(*most, report).value_or(retry.backoff_max);
  }
  if (const YamlMember* jitter = map.find("jitter")) {
    const std::optional<Word> word = read_word(*jitter, report);
    if (word && word->text != "full" && word->text != "none") {
      report.add(word->place, fmt::format("unknown jitter '{}'", shown(word->text)),
                 "there are full and none");
    }
    retry.full_jitter = !word || word->text != "none";
  }
  if (const YamlMember* errors = map.find("errors")) {
    if (expect_list(errors->value, "'errors'", report, "write [NAME, NAME]")) {
      for (const YamlValue& item : errors->value.items) {
        const std::optional<Word> word = read_word({"errors", item.place, item}, report);
        if (!word) continue;
        if (std::ranges::find(kNeverRetried, word->text) != kNeverRetried.end()) {
          report.add(word->place, fmt::format("'{}' is never retried", word->text),
                     "it would end the same way: remove it");
        }
        retry.errors.push_back(word->text);
      }
    }
  }
  return retry;
}

DraftFunction read_function(const YamlMember& member, const Limits& limits, Report& report) {
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
  std::vector<KeyRule> rules(kFunctionKeys.begin(), kFunctionKeys.end());
  rules.push_back(kIsolation);
  check_keys(map, rules, kFunctionHints, "a function", report);

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
      function.inputs = read_ports(inputs->value, PortsOf::kFunctionInputs, report);
    }
  }
  if (const YamlMember* outputs = map.find("outputs")) {
    function.outputs_place = outputs->place;
    if (!outputs->value.is_null()) {
      function.outputs = read_ports(outputs->value, PortsOf::kFunctionOutputs, report);
      if (outputs->value.kind == YamlValue::Kind::kMap && outputs->value.members.empty()) {
        report.add(outputs->place,
                   fmt::format("function '{}' declares no output", shown(member.key)),
                   "leave 'outputs' out: what it returns is then the output 'result'");
      }
    }
  }
  if (const YamlMember* resources = map.find("resources"))
    read_resources(*resources, function, report);
  if (const YamlMember* env = map.find("env")) read_env(*env, function, report);
  if (const YamlMember* timeout = map.find("timeout")) {
    function.timeout = read_duration(*timeout, report);
  }
  if (const YamlMember* retry = map.find("retry")) {
    function.retry = read_retry(*retry, limits, report);
  }
  return function;
}

}  // namespace sluice::model
