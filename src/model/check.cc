#include <algorithm>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "model/draft.h"
#include "model/internal/check_workflow.h"
#include "model/internal/resolve_function.h"
#include "model/names.h"
#include "model/parse.h"

namespace sluice::model {
namespace {

// By place, `sluice.yaml` first; the same thing is said once.
void sort_mistakes(Mistakes& mistakes) {
  const auto key = [](const Mistake& mistake) {
    return std::tie(mistake.file, mistake.line, mistake.column, mistake.message);
  };
  std::ranges::sort(mistakes, [&](const Mistake& a, const Mistake& b) {
    const bool a_first = a.file == "sluice.yaml";
    const bool b_first = b.file == "sluice.yaml";
    if (a_first != b_first) return a_first;
    return key(a) < key(b);
  });
  const auto rest = std::ranges::unique(mistakes);
  mistakes.erase(rest.begin(), rest.end());
}

}  // namespace

std::optional<App> check_app(const Draft& draft, const std::vector<CodePorts>& code, const Limits&,
                             Mistakes& mistakes) {
  Report report(mistakes, "sluice.yaml");
  std::unordered_map<std::string_view, const CodePorts*> code_of;
  for (const CodePorts& ports : code) code_of.emplace(ports.function, &ports);

  std::vector<ResolvedFunction> functions;
  const DraftFunction* first_unknown = nullptr;
  for (const DraftFunction& function : draft.functions) {
    const auto found = code_of.find(function.name.text);
    functions.push_back(
        resolve_function(function, found == code_of.end() ? nullptr : found->second, report));
    ResolvedFunction& resolved = functions.back();
    if (function.is_broken) {
      resolved.inputs_known = resolved.inputs_known && function.inputs.has_value();
      resolved.outputs_known = resolved.outputs_known && function.outputs.has_value();
    }
    if ((!resolved.inputs_known || !resolved.outputs_known) && first_unknown == nullptr) {
      first_unknown = &function;
    }
  }
  App app;
  app.name = draft.app.text;
  for (const DraftWorkflow& workflow : draft.workflows) {
    app.workflows.push_back(check_workflow(workflow, functions, draft.has_functions, report));
  }
  if (mistakes.empty() && first_unknown != nullptr) {
    report.add(
        first_unknown->name.place,
        fmt::format("the ports of function '{}' are not known", shown(first_unknown->name.text)),
        "declare 'inputs' and 'outputs'");
  }
  sort_mistakes(mistakes);
  if (!mistakes.empty()) return std::nullopt;
  for (ResolvedFunction& function : functions)
    app.functions.push_back(std::move(function.function));
  return app;
}

}  // namespace sluice::model
