#include "case_file.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <numeric>
#include <set>
#include <utility>

#include "base/file.h"
#include "yaml_json.h"

namespace sluice::language {
namespace {

constexpr std::string_view kEnds[] = {"outputs", "outputs_any_of", "error", "error_any_of",
                                      "state"};

bool is_word(char letter) {
  return std::isalnum(static_cast<unsigned char>(letter)) != 0 || letter == '_';
}

// The names after `call: `.
std::set<std::string, std::less<>> called_in(std::string_view workflows) {
  constexpr std::string_view kCall = "call: ";
  std::set<std::string, std::less<>> names;
  for (std::size_t at = workflows.find(kCall); at != std::string_view::npos;
       at = workflows.find(kCall, at + 1)) {
    if (at > 0 && is_word(workflows[at - 1])) continue;
    const std::string_view rest = workflows.substr(at + kCall.size());
    const auto end = std::ranges::find_if_not(rest, is_word);
    names.emplace(rest.begin(), end);
  }
  return names;
}

std::string app_of(const std::string& workflows, const Library& library) {
  std::string functions;
  const auto names = called_in(workflows);
  for (const auto& [name, function] : library)
    if (names.contains(name)) functions += function.declaration;
  if (functions.empty()) functions = library.at("double").declaration;
  std::string indented;
  for (std::size_t begin = 0; begin < workflows.size();) {
    const std::size_t end = std::min(workflows.find('\n', begin), workflows.size() - 1) + 1;
    const std::string line = workflows.substr(begin, end - begin);
    if (line.find_first_not_of(" \n") != std::string::npos) indented += "  ";
    indented += line;
    begin = end;
  }
  return "app: corpus\nfunctions:\n" + functions + "workflows:\n" + indented;
}

// `$range: n` is [0 … n-1], `$repeat: [text, n]` the text n times.
Json expand(const Json& value) {
  if (const Json::List* list = value.as_list()) {
    Json::List result;
    for (const Json& each : *list) result.push_back(expand(each));
    return result;
  }
  const Json::Map* map = value.as_map();
  if (map == nullptr) return value;
  if (map->size() == 1 && map->front().first == "$range") {
    Json::List result;
    for (std::int64_t i = 0; i < *map->front().second.as_int(); ++i) result.emplace_back(i);
    return result;
  }
  if (map->size() == 1 && map->front().first == "$repeat") {
    const Json::List& parts = *map->front().second.as_list();
    std::string result;
    for (std::int64_t i = 0; i < *parts[1].as_int(); ++i) result += *parts[0].as_string();
    return result;
  }
  Json result = Json::map();
  for (const auto& [key, each] : *map) result.set(key, expand(each));
  return result;
}

std::vector<Json> items(const Json& list) { return *list.as_list(); }

Result<CaseRun> read_run(std::string name, const Json& written) {
  CaseRun run{.name = std::move(name)};
  if (const Json* inputs = written.find("inputs")) run.inputs = expand(*inputs);
  if (const Json* answers = written.find("answers")) run.answers = *answers;
  if (const Json* tasks = written.find("tasks")) run.tasks = *tasks;
  if (const Json* reused = written.find("reused")) run.reused = *reused;
  if (const Json* effects = written.find("effects")) run.effects = std::vector<Json>{*effects};
  if (const Json* effects = written.find("effects_any_of")) run.effects = items(*effects);
  if (const Json* effects = written.find("effects_set")) run.effects_set = *effects;

  const auto ends = std::ranges::count_if(
      kEnds, [&](std::string_view key) { return written.find(key) != nullptr; });
  if (ends != 1)
    return fail(ErrorCode::kInvalidArgument, run.name + ": one key says how it ends, not several");
  if (const Json* outputs = written.find("outputs")) run.outputs = {expand(*outputs)};
  if (const Json* outputs = written.find("outputs_any_of")) run.outputs = items(expand(*outputs));
  if (const Json* error = written.find("error")) run.errors = {*error};
  if (const Json* names = written.find("error_any_of")) {
    for (const Json& each : *names->as_list()) run.errors.push_back(Json::map().set("name", each));
  }
  const Json* state = written.find("state");
  run.state = state != nullptr ? *state->as_string() : run.outputs.empty() ? "FAILED" : "SUCCEEDED";
  return run;
}

Result<Case> read_case(std::string name, const Json& written, const Library& library) {
  Case result{.name = std::move(name)};
  result.rule = *written.find("rule")->as_string();
  result.app = app_of(*written.find("workflows")->as_string(), library);
  if (const Json* sim = written.find("sim")) {
    if (const Json* faults = sim->find("faults")) result.faults = *faults->as_bool();
    if (const Json* skip = sim->find("skip")) result.skip = *skip->as_string();
  }
  const Json* runs = written.find("runs");
  if (runs == nullptr) {
    SLUICE_TRY(CaseRun run, read_run(result.name, written));
    result.runs.push_back(std::move(run));
    return result;
  }
  for (const Json& each : *runs->as_list()) {
    SLUICE_TRY(CaseRun run,
               read_run(result.name + "#" + std::to_string(result.runs.size() + 1), each));
    result.runs.push_back(std::move(run));
  }
  return result;
}

}  // namespace

Result<std::vector<Case>> load_cases(const std::string& folder, const Library& library) {
  std::set<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.insert(entry.path());
  std::vector<Case> cases;
  for (const std::filesystem::path& file : files) {
    SLUICE_TRY(std::string text, read_file(file, kFileMax));
    SLUICE_TRY(Json document, yaml_to_json(text, file.filename().string()));
    for (const auto& [name, written] : *document.as_map()) {
      SLUICE_TRY(Case each, read_case(file.stem().string() + "/" + name, written, library));
      cases.push_back(std::move(each));
    }
  }
  return cases;
}

Json to_json(const Case& each) {
  Json runs = Json::list();
  for (const CaseRun& run : each.runs) {
    Json written = Json::map();
    written.set("name", run.name).set("inputs", run.inputs).set("answers", run.answers);
    written.set("state", run.state).set("outputs", Json::List(run.outputs));
    written.set("errors", Json::List(run.errors)).set("tasks", run.tasks).set("reused", run.reused);
    written.set("effects", run.effects ? Json(Json::List(*run.effects)) : Json());
    written.set("effects_set", run.effects_set.value_or(Json()));
    runs.push(std::move(written));
  }
  Json result = Json::map();
  result.set("name", each.name).set("rule", each.rule).set("app", each.app);
  result.set("runs", std::move(runs)).set("faults", each.faults).set("skip", each.skip);
  return result;
}

}  // namespace sluice::language
