#pragma once

// Commands that look at an app on this machine and need no server.

#include <filesystem>
#include <string_view>
#include <variant>

#include "cli/exit_code.h"
#include "cli/terminal.h"
#include "model/mistake.h"
#include "model/plan.h"

namespace sluice::cli {

// The app in the directory; or, after the user was told of its mistakes, the code to end with.
Result<std::variant<model::App, ExitCode>> read_app(const Terminal& terminal,
                                                    const std::filesystem::path& directory);
// What is wrong with the directory itself (a link in it, too large) is a mistake of the app; that
// it is missing or cannot be read is not.
Result<ExitCode> bundle_failure(const Terminal& terminal, Error error);
void print_mistakes(const Terminal& terminal, const model::Mistakes& mistakes);

// `WORKFLOW` or `APP.WORKFLOW`; empty: the only one. kNotFound with what was perhaps meant.
Result<const model::Workflow*> find_workflow(const model::App& app, std::string_view name);

}  // namespace sluice::cli
