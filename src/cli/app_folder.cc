#include "cli/app_folder.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/limits.h"
#include "bundle/bundle.h"
#include "model/names.h"

namespace sluice::cli {

Result<ExitCode> bundle_failure(const Terminal& terminal, Error error) {
  const bool is_mistake =
      error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kResourceExhausted;
  if (!is_mistake) return fail(std::move(error));
  write_error_line(terminal, "error", error.message());
  return ExitCode::kInvalidApp;
}

void print_mistakes(const Terminal& terminal, const model::Mistakes& mistakes) {
  for (const model::Mistake& mistake : mistakes)
    write_error(printable(model::to_text(mistake)) + '\n');
  write_error_line(
      terminal, "error",
      fmt::format("{} mistake{} in the app", mistakes.size(), mistakes.size() == 1 ? "" : "s"));
}

Result<std::variant<model::App, ExitCode>> read_app(const Terminal& terminal,
                                                    const std::filesystem::path& directory) {
  Result<bundle::Checked> checked = bundle::check(directory, Limits{});
  if (!checked) {
    SLUICE_TRY(const ExitCode code, bundle_failure(terminal, std::move(checked).error()));
    return code;
  }
  if (!checked->app) {
    print_mistakes(terminal, checked->mistakes);
    return ExitCode::kInvalidApp;
  }
  return std::move(*checked->app);
}

Result<const model::Workflow*> find_workflow(const model::App& app, std::string_view name) {
  std::vector<std::string> names;
  for (const model::Workflow& workflow : app.workflows) {
    if (!workflow.is_internal) names.push_back(workflow.name);
  }
  if (name.empty()) {
    if (names.size() == 1) return app.find_workflow(names.front());
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("the app '{}' has {} workflows; say which: {}", app.name, names.size(),
                            fmt::join(names, ", ")));
  }
  std::string_view wanted = name;
  if (wanted.starts_with(app.name + ".")) wanted.remove_prefix(app.name.size() + 1);
  if (const model::Workflow* found = app.find_workflow(wanted)) return found;
  return fail(ErrorCode::kNotFound,
              fmt::format("the app '{}' has no workflow '{}': {}", app.name, model::shown(wanted),
                          model::did_you_mean_or_list(wanted, names)));
}

}  // namespace sluice::cli
