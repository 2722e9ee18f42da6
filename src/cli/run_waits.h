#pragma once

// What each unfinished step of a run waits for, also inside of flows and loops, from the documents
// of the server: the run with its counts, the workflows with their links, and the paths of tasks.
// Pure.

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace sluice::cli {

struct RunPicture {
  Json run;
  // By the step that is the workflow (`rows`, `rows~each`); the run's own stands at "".
  std::map<std::string, Json> workflows;
  // Paths of the first tasks of a step in a state: `rows~add` -> `RUNNING` -> `rows.3~add.0`.
  std::map<std::string, std::map<std::string, std::vector<std::string>>> tasks;
};

// Of a step and a state so many paths are shown; one more says that there are others.
inline constexpr std::size_t kPathsShown = 4;

// Whether the word is the id of a run and not the name of a workflow.
bool is_run_id(std::string_view word);
// Steps of the run's document that have not ended.
std::vector<std::string> open_steps(const Json& run);
// The states in which an open step has tasks, as lists of tasks name them.
std::vector<std::string> states_of_tasks(const Json& run, std::string_view step);
// `rows` of `rows~add`; "" of a step of the run's own workflow.
std::string_view step_around(std::string_view step);
// What `sluice explain RUN` prints.
std::string explain_run(const RunPicture& picture);

}  // namespace sluice::cli
