#include "model/parse.h"

#include <fmt/format.h>

#include "model/draft.h"
#include "model/internal/read_keys.h"
#include "model/internal/read_sections.h"
#include "model/names.h"
#include "model/yaml.h"

namespace sluice::model {
namespace {

void read_app_name(const YamlValue& root, Draft& draft, Report& report) {
  const YamlMember* app = root.find("app");
  if (app == nullptr) {
    report.add(root.place, "the app has no name", "write 'app: NAME' in the first line");
    return;
  }
  const std::optional<Word> word = read_word(*app, report);
  if (!word) return;
  draft.app = *word;
  if (const auto problem = name_problem(word->text)) {
    report.add(word->place, fmt::format("app '{}': {}", shown(word->text), problem->message),
               problem->hint);
  }
}

}  // namespace

std::unique_ptr<Draft> parse_app(std::string_view yaml, const Limits& limits, Mistakes& mistakes) {
  Report report(mistakes, "sluice.yaml");
  const std::optional<YamlValue> root = parse_yaml(yaml, limits, report);
  if (!root) {
    // What was said before the parser gave up may be wrong as well: the last one is the cause.
    if (mistakes.size() > 1) mistakes.erase(mistakes.begin(), mistakes.end() - 1);
    return nullptr;
  }
  if (root->is_null()) {
    report.add({}, "the file is empty", "'sluice init DIR' writes a small app that works");
    return nullptr;
  }
  if (!expect_map(*root, "an app", report, "it begins with 'app: NAME'")) return nullptr;

  auto draft = std::make_unique<Draft>();
  check_keys(*root, Section::kApp, report);
  read_app_name(*root, *draft, report);
  if (const YamlMember* functions = root->find("functions");
      functions != nullptr && !functions->value.is_null()) {
    draft->has_functions = expect_map(functions->value, "'functions'", report,
                                      "write each as 'NAME: { runtime: python3, handler: ... }'");
    for (const YamlMember& member : functions->value.members) {
      draft->functions.push_back(read_function(member, report));
    }
  }
  const YamlMember* workflows = root->find("workflows");
  if (workflows == nullptr || workflows->value.is_null()) {
    report.add(workflows == nullptr ? root->place : workflows->place, "the app has no workflow",
               "write 'workflows: { NAME: { steps: ... } }'");
    return draft;
  }
  if (!expect_map(workflows->value, "'workflows'", report, "write { NAME: { steps: ... } }")) {
    return draft;
  }
  if (workflows->value.members.empty()) {
    report.add(workflows->place, "the app has no workflow",
               "write 'workflows: { NAME: { steps: ... } }'");
  }
  for (const YamlMember& member : workflows->value.members) {
    draft->workflows.push_back(read_workflow(member, limits, report));
  }
  return draft;
}

std::vector<CodeWanted> code_wanted(const Draft& draft) {
  std::vector<CodeWanted> wanted;
  for (const DraftFunction& function : draft.functions) {
    if (function.is_broken) continue;
    wanted.push_back({function.name.text, *function.runtime, function.handler->text,
                      function.handler->place.line, function.handler->place.column});
    CodeWanted& last = wanted.back();
    last.has_ports = function.inputs.has_value() && function.outputs.has_value();
    if (!function.binary) continue;
    last.binary = function.binary->text;
    last.binary_line = function.binary->place.line;
    last.binary_column = function.binary->place.column;
  }
  return wanted;
}

}  // namespace sluice::model
