#include "node/written_steps.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

namespace sluice::node {
namespace {

// What says more about the task than the other part's state.
int weight(core::TaskState state) {
  switch (state) {
    case core::TaskState::kSkipped:
      return 0;
    case core::TaskState::kWaiting:
      return 1;
    case core::TaskState::kSucceeded:
      return 2;
    case core::TaskState::kFinished:
      return 3;
    case core::TaskState::kCancelled:
      return 4;
    case core::TaskState::kFailed:
      return 5;
    case core::TaskState::kReady:
      return 6;
    case core::TaskState::kPreparing:
      return 7;
    case core::TaskState::kBlocked:
      return 8;
    case core::TaskState::kRunning:
      return 9;
  }
  std::abort();
}

// One name of a path, and how many numbers stand behind it.
struct PathName {
  std::string_view text;
  std::string_view name;
  std::size_t numbers = 0;
};

Result<std::vector<PathName>> names_of(std::string_view whole) {
  std::vector<PathName> names;
  std::string_view path = whole;
  const auto wrong = [&] {
    return fail(ErrorCode::kNotFound, fmt::format("'{}' is no path of a step, such as `rows.3~add`",
                                                  whole.substr(0, 128)));
  };
  for (bool is_last = false; !is_last;) {
    const std::size_t end = path.find('~');
    is_last = end == std::string_view::npos;
    PathName one{.text = path.substr(0, end), .name = {}, .numbers = 0};
    path.remove_prefix(is_last ? path.size() : end + 1);
    std::string_view rest = one.text;
    one.name = rest.substr(0, rest.find('.'));
    rest.remove_prefix(one.name.size());
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const std::string_view number = rest.substr(0, rest.find('.'));
      const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
      if (number.empty() || !std::all_of(number.begin(), number.end(), is_digit)) return wrong();
      ++one.numbers;
      rest.remove_prefix(number.size());
    }
    if (one.name.empty()) return wrong();
    names.push_back(one);
  }
  return names;
}

bool is_scope(const model::Step& step) {
  return step.action == model::Action::kFlow || step.action == model::Action::kLoop;
}

// The parts that do the step's work, those in workflows that nobody wrote instead of these.
void add_parts(const model::App& app, std::uint32_t workflow, const ShownStep& step,
               std::vector<NamedPart>& parts) {
  for (const std::uint32_t part : step.parts) {
    const model::Step& one = app.workflows[workflow].steps[part];
    if (is_scope(one) && app.workflows[one.workflow].is_internal) {
      for (const ShownStep& inner : shown_steps(app.workflows[one.workflow]))
        add_parts(app, one.workflow, inner, parts);
    } else {
      parts.push_back({workflow, part});
    }
  }
}

// Why a path does not name a task of the step.
std::string about_tasks(std::string_view step, bool is_foreach, bool is_loop) {
  if (is_foreach && is_loop)
    return fmt::format("step '{0}' is a loop in a foreach, its first task is '{0}.0.1'", step);
  if (is_foreach) return fmt::format("step '{0}' is a foreach, its first task is '{0}.0'", step);
  if (is_loop) return fmt::format("step '{0}' is a loop, its first task is '{0}.1'", step);
  return fmt::format("step '{0}' has one task, '{0}'", step);
}

}  // namespace

Result<std::vector<NamedPart>> named_parts(const model::App& app, std::uint32_t workflow,
                                           std::string_view path, PathOf kind) {
  SLUICE_TRY(const std::vector<PathName> names, names_of(path));
  std::vector<std::uint32_t> workflows{workflow};
  std::vector<NamedPart> parts;
  for (std::size_t depth = 0; depth < names.size(); ++depth) {
    const PathName& name = names[depth];
    parts.clear();
    bool is_foreach = false;
    bool is_loop = false;
    for (const std::uint32_t at : workflows) {
      for (const ShownStep& step : shown_steps(app.workflows[at])) {
        if (step.name != name.name) continue;
        is_foreach = step.is_foreach;
        is_loop = std::any_of(step.parts.begin(), step.parts.end(), [&](std::uint32_t part) {
          return app.workflows[at].steps[part].action == model::Action::kLoop;
        });
        add_parts(app, at, step, parts);
      }
    }
    if (parts.empty() && depth == 0) {
      return fail(ErrorCode::kNotFound, fmt::format("workflow '{}' has no step '{}'",
                                                    app.workflows[workflow].name, name.name));
    }
    if (parts.empty()) {
      return fail(ErrorCode::kNotFound, fmt::format("there is no step '{}' inside of step '{}'",
                                                    name.name, names[depth - 1].name));
    }
    const std::size_t wanted =
        kind == PathOf::kTask ? std::size_t{is_foreach} + std::size_t{is_loop} : 0;
    if (name.numbers != wanted) {
      return fail(ErrorCode::kNotFound,
                  kind == PathOf::kTask
                      ? fmt::format("there is no task '{}': {}", path.substr(0, 128),
                                    about_tasks(name.name, is_foreach, is_loop))
                      : fmt::format("'{}' names a task: a step is written without numbers",
                                    path.substr(0, 128)));
    }
    workflows.clear();
    for (const NamedPart& part : parts) {
      const model::Step& step = app.workflows[part.workflow].steps[part.step];
      if (is_scope(step)) workflows.push_back(step.workflow);
    }
  }
  return parts;
}

std::vector<ShownStep> shown_steps(const model::Workflow& workflow) {
  std::vector<ShownStep> shown;
  if (workflow.written.empty()) {
    for (std::uint32_t i = 0; i < workflow.steps.size(); ++i) {
      const model::Step& step = workflow.steps[i];
      if (!step.helper)
        shown.push_back({.name = step.name, .parts = {i}, .is_foreach = step.foreach.has_value()});
    }
    return shown;
  }
  for (const model::WrittenStep& written : workflow.written) {
    ShownStep step{.name = written.name, .parts = {}, .is_foreach = written.is_foreach()};
    for (const std::uint32_t part : written.parts) {
      if (!workflow.steps[part].helper) step.parts.push_back(part);
    }
    if (!step.parts.empty()) shown.push_back(std::move(step));
  }
  return shown;
}

std::string step_in(std::string_view task_path) {
  std::string step;
  bool is_number = false;
  for (const char c : task_path) {
    if (c == '.' || c == '~') is_number = c == '.';
    if (!is_number) step.push_back(c);
  }
  return step;
}

core::TaskState joined(core::TaskState a, core::TaskState b) {
  return weight(a) >= weight(b) ? a : b;
}

core::TaskState shown_state(const ShownStep& step, const std::vector<StepCounts>& counts,
                            const StateOf& state, std::uint32_t index) {
  core::TaskState result = core::TaskState::kSkipped;
  for (std::size_t i = 0; i < step.parts.size(); ++i) {
    // A part that was skipped as a whole has one task for all elements.
    if (index < counts[i].total) result = joined(result, state(step.parts[i], index));
  }
  return result;
}

StepCounts counts_of(std::string_view states) {
  StepCounts counts{.total = static_cast<std::uint32_t>(states.size()), .total_is_final = true};
  for (const char state : states) ++counts.by_state[static_cast<std::size_t>(state)];
  return counts;
}

StepCounts shown_counts(const ShownStep& step, const CountsOf& counts, const StateOf& state) {
  if (step.parts.size() == 1) return counts(step.parts.front());
  std::vector<StepCounts> parts;
  StepCounts result{.total = 0, .total_is_final = true};
  for (const std::uint32_t part : step.parts) {
    parts.push_back(counts(part));
    result.total = std::max(result.total, parts.back().total);
    result.total_is_final = result.total_is_final && parts.back().total_is_final;
  }
  for (std::uint32_t i = 0; i < result.total; ++i)
    ++result.by_state[static_cast<std::size_t>(shown_state(step, parts, state, i))];
  return result;
}

}  // namespace sluice::node
