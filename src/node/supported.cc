#include "node/supported.h"

#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace sluice::node {
namespace {

std::optional<std::string_view> refused(const model::Function& function) {
  if (function.parallel > 1) return "'parallel'";
  if (function.workers) return "'workers'";
  return std::nullopt;
}

std::optional<std::string_view> refused(const model::Workflow& workflow) {
  if (workflow.keep != model::Keep::kOutputs) return "'keep: all'";
  return std::nullopt;
}

std::optional<std::string_view> refused(const model::Step& step) {
  if (step.cache) return "'cache'";
  return std::nullopt;
}

}  // namespace

model::Mistakes not_there_yet(const model::App& app) {
  model::Mistakes mistakes;
  std::set<std::pair<std::uint32_t, std::string_view>> said;  // The same step is told once.
  const auto refuse = [&](std::uint32_t line, std::string_view what, std::string_view where,
                          std::string_view name) {
    if (!said.emplace(line, what).second && line != 1) return;
    mistakes.push_back(
        {.file = "sluice.yaml",
         .line = line,
         .column = 1,
         .message = fmt::format("{} '{}': {} is part of the language but not there yet: this "
                                "server cannot run it",
                                where, name, what),
         .hint = ""});
  };
  for (const model::Function& function : app.functions) {
    if (const auto what = refused(function)) refuse(1, *what, "function", function.name);
  }
  for (const model::Workflow& workflow : app.workflows) {
    if (const auto what = refused(workflow)) refuse(1, *what, "workflow", workflow.name);
    for (const model::Step& step : workflow.steps) {
      const bool has_place = step.written < workflow.written.size();
      if (const auto what = refused(step))
        refuse(has_place ? workflow.written[step.written].line : 1, *what, "step", step.name);
    }
  }
  return mistakes;
}

}  // namespace sluice::node
