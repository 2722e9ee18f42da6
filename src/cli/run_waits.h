#pragma once

// What each unfinished step of a run waits for, from the documents of the server: the run with its
// counts, and its workflow with the links. Pure.

#include <string>
#include <string_view>

#include "base/json.h"

namespace sluice::cli {

// Whether the word is the id of a run and not the name of a workflow.
bool is_run_id(std::string_view word);
// What `sluice explain RUN` prints.
std::string explain_run(const Json& run, const Json& workflow);

}  // namespace sluice::cli
