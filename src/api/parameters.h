#pragma once

// Text of a request as values. Pure.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "api/control.h"
#include "api/problem.h"
#include "api/target.h"

namespace sluice::api {

// A run that cannot be is a run that is not there: 404.
OrProblem<RunId> parse_run_id(std::string_view text);
OrProblem<std::uint32_t> parse_index(std::string_view text);
// Each segment is an index, or several with escaped slashes between them: clients that are
// generated from the description escape them.
OrProblem<OutputPath> parse_output_path(std::span<const std::string> segments);
// `30` and `1.5` are seconds, `250ms` and `2h` carry their unit. At most a year.
OrProblem<Duration> parse_seconds(std::string_view name, std::string_view text);

OrProblem<std::optional<Duration>> read_seconds(const Target& target, std::string_view name);
// `follow`, `follow=true`, `follow=1`; `false`, `0`.
OrProblem<bool> read_flag(const Target& target, std::string_view name);
OrProblem<RunFilter> read_run_filter(const Target& target);
OrProblem<TaskFilter> read_task_filter(const Target& target);
// Nothing where neither `limit` nor `cursor` is there: all of the list is wanted.
OrProblem<std::optional<ListPage>> read_list_page(const Target& target);

}  // namespace sluice::api
