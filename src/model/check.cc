#include <algorithm>
#include <tuple>
#include <unordered_map>

#include <fmt/format.h>

#include "model/draft.h"
#include "model/internal/check_workflow.h"
#include "model/internal/order_steps.h"
#include "model/internal/resolve_function.h"
#include "model/lower.h"
#include "model/names.h"
#include "model/parse.h"

namespace sluice::model {
namespace {

// How deep workflows may run in each other. Every level is a table of its own
// per task; what nests deeper has been generated and can be flattened where it
// is.
constexpr std::size_t kFlowDepthMax = 16;

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

class AppChecker {
 public:
  AppChecker(const Draft& draft, const std::vector<CodePorts>& code, Mistakes& mistakes)
      : draft_(draft), mistakes_(mistakes), report_(mistakes, "sluice.yaml") {
    for (const CodePorts& ports : code) code_of_.emplace(ports.function, &ports);
  }

  std::optional<App> run();

 private:
  void check_functions();
  // Each workflow behind those that it runs; reports those that contain
  // themselves.
  std::vector<std::uint32_t> order_workflows();
  void report_cycle(const std::vector<std::uint32_t>& cycle);
  void check_depth(const std::vector<std::uint32_t>& order);
  const Word* flow_between(std::uint32_t outer, std::uint32_t inner) const;

  const Draft& draft_;
  Mistakes& mistakes_;
  Report report_;
  std::unordered_map<std::string_view, const CodePorts*> code_of_;
  std::vector<ResolvedFunction> functions_;
  const DraftFunction* first_unknown_ = nullptr;
  Callables callables_;
};

void AppChecker::check_functions() {
  for (const DraftFunction& function : draft_.functions) {
    const auto found = code_of_.find(function.name.text);
    functions_.push_back(
        resolve_function(function, found == code_of_.end() ? nullptr : found->second, report_));
    ResolvedFunction& resolved = functions_.back();
    if (function.is_broken) {
      resolved.inputs_known = resolved.inputs_known && function.inputs.has_value();
      resolved.outputs_known = resolved.outputs_known && function.outputs.has_value();
    }
    if ((!resolved.inputs_known || !resolved.outputs_known) && first_unknown_ == nullptr) {
      first_unknown_ = &function;
    }
  }
  callables_.functions = functions_;
  callables_.has_functions = draft_.has_functions;
  for (std::uint32_t i = 0; i < functions_.size(); ++i) {
    callables_.function_index.emplace(functions_[i].function.name, i);
  }
  for (std::uint32_t i = 0; i < draft_.workflows.size(); ++i) {
    callables_.workflows.push_back(signature_of(draft_.workflows[i]));
    callables_.workflow_index.emplace(draft_.workflows[i].name.text, i);
  }
}

const Word* AppChecker::flow_between(std::uint32_t outer, std::uint32_t inner) const {
  for (const Word* flow : flows_of(draft_.workflows[outer])) {
    const auto found = callables_.workflow_index.find(flow->text);
    if (found != callables_.workflow_index.end() && found->second == inner) return flow;
  }
  return nullptr;
}

void AppChecker::report_cycle(const std::vector<std::uint32_t>& cycle) {
  std::string path;
  for (std::size_t i = 0; i < cycle.size() && i < 8; ++i) {
    path += fmt::format("'{}' runs ", shown(draft_.workflows[cycle[i]].name.text));
  }
  if (cycle.size() > 8) path += "... runs ";
  const std::string& name = draft_.workflows[cycle.front()].name.text;
  const Word* flow = flow_between(cycle.front(), cycle[1 % cycle.size()]);
  report_.add(flow == nullptr ? draft_.workflows[cycle.front()].name.place : flow->place,
              cycle.size() == 1
                  ? fmt::format("workflow '{}' contains itself", shown(name))
                  : fmt::format("workflows contain each other: {}'{}'", path, shown(name)),
              "to repeat something write 'while' and 'max' in a step");
}

std::vector<std::uint32_t> AppChecker::order_workflows() {
  std::vector<std::vector<std::uint32_t>> needs(draft_.workflows.size());
  for (std::uint32_t i = 0; i < draft_.workflows.size(); ++i) {
    for (const Word* flow : flows_of(draft_.workflows[i])) {
      const auto found = callables_.workflow_index.find(flow->text);
      if (found != callables_.workflow_index.end()) needs[i].push_back(found->second);
    }
  }
  const StepOrder ordered = order_steps(needs);
  for (const auto& cycle : ordered.cycles) report_cycle(cycle);
  std::vector<std::uint32_t> order = ordered.order;
  check_depth(order);
  std::vector<bool> is_ordered(draft_.workflows.size(), false);
  for (const std::uint32_t workflow : order) is_ordered[workflow] = true;
  for (std::uint32_t i = 0; i < draft_.workflows.size(); ++i) {
    if (!is_ordered[i]) order.push_back(i);
  }
  return order;
}

void AppChecker::check_depth(const std::vector<std::uint32_t>& order) {
  std::vector<std::size_t> depth(draft_.workflows.size(), 0);
  for (const std::uint32_t workflow : order) {
    for (const Word* flow : flows_of(draft_.workflows[workflow])) {
      const auto found = callables_.workflow_index.find(flow->text);
      if (found == callables_.workflow_index.end()) continue;
      depth[workflow] = std::max(depth[workflow], depth[found->second] + 1);
      if (depth[workflow] != kFlowDepthMax + 1 || depth[found->second] != kFlowDepthMax) continue;
      report_.add(flow->place,
                  fmt::format("workflows run in each other deeper than {} levels", kFlowDepthMax),
                  "put the steps of some of them into one");
      break;
    }
  }
}

std::optional<App> AppChecker::run() {
  check_functions();
  std::vector<CheckedWorkflow> workflows(draft_.workflows.size());
  for (const std::uint32_t i : order_workflows()) {
    workflows[i] =
        check_workflow(draft_.workflows[i], callables_, report_, callables_.workflows[i]);
  }
  if (mistakes_.empty() && first_unknown_ != nullptr) {
    report_.add(
        first_unknown_->name.place,
        fmt::format("the ports of function '{}' are not known", shown(first_unknown_->name.text)),
        "declare 'inputs' and 'outputs'");
  }
  sort_mistakes(mistakes_);
  if (!mistakes_.empty()) return std::nullopt;
  App app;
  app.name = draft_.app.text;
  for (ResolvedFunction& function : functions_)
    app.functions.push_back(std::move(function.function));
  lower(workflows, app);
  return app;
}

}  // namespace

std::optional<App> check_app(const Draft& draft, const std::vector<CodePorts>& code, const Limits&,
                             Mistakes& mistakes) {
  return AppChecker(draft, code, mistakes).run();
}

}  // namespace sluice::model
