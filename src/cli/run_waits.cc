#include "cli/run_waits.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/document.h"
#include "cli/exit_code.h"
#include "cli/terminal.h"

namespace sluice::cli {
namespace {

std::int64_t ended_tasks(const Json& step) {
  return int_member(step, "succeeded") + int_member(step, "failed") + int_member(step, "skipped") +
         int_member(step, "cancelled");
}

bool has_ended(const Json& step) {
  return bool_member(step, "total_is_final") && ended_tasks(step) == int_member(step, "total");
}

const Json* named(const Json::List& things, std::string_view name) {
  const auto found = std::ranges::find_if(
      things, [&](const Json& thing) { return text_member(thing, "name") == name; });
  return found == things.end() ? nullptr : &*found;
}

// `3 of 8 tasks`; `3 tasks so far` while more may come.
std::string counted(std::int64_t some, const Json& step) {
  const std::int64_t total = int_member(step, "total");
  if (!bool_member(step, "total_is_final"))
    return fmt::format("{} of {} task{} so far", some, total, total == 1 ? "" : "s");
  if (total == 1) return some == 1 ? "its task" : "no task";
  return fmt::format("{} of {} tasks", some, total);
}

std::string_view how(std::string_view carries) {
  if (carries == "elements") return "element by element";
  if (carries == "stream") return "its first element";
  if (carries == "list") return "its whole list";
  if (carries == "condition") return "for a condition";
  if (carries == "after") return "its end (`after`)";
  return "its value";
}

// Steps that have not ended and that this one has a link from.
std::vector<std::string> open_sources(std::string_view name, const Json& workflow,
                                      const Json::List& steps) {
  std::vector<std::string> sources;
  for (const Json& link : list_member(workflow, "links")) {
    if (text_member(link, "to") != name) continue;
    const std::string_view from = text_member(link, "from");
    const Json* step = named(steps, from);
    if (step == nullptr || has_ended(*step)) continue;
    sources.push_back(fmt::format("{} ({}; {} ended)", from, how(text_member(link, "carries")),
                                  counted(ended_tasks(*step), *step)));
  }
  return sources;
}

// How a step that waits for the world is told to go on; empty for others.
std::string wait_text(std::string_view name, const Json& workflow, std::string_view run) {
  const Json* step = named(list_member(workflow, "steps"), name);
  if (step == nullptr || step->find("wait") == nullptr) return {};
  const Json* bindings = step->find("in");
  if (bindings != nullptr && bindings->find("time") != nullptr)
    return "for its time: " + printable_line(text_member(*bindings, "time"));
  return fmt::format("for an answer: `sluice answer {} {} -i NAME=VALUE`", run, name);
}

std::string step_text(const Json& step, const Json& run, const Json& workflow) {
  const std::string_view name = text_member(step, "name");
  const std::string wait = wait_text(name, workflow, text_member(run, "id"));
  std::vector<std::string> lines;
  const std::int64_t running = int_member(step, "running") + int_member(step, "preparing");
  const std::int64_t blocked = int_member(step, "blocked");
  const std::int64_t ready = int_member(step, "ready");
  const std::int64_t finished = int_member(step, "finished");
  const std::int64_t waiting = int_member(step, "waiting");
  const auto say = [&](std::int64_t count, std::string_view what) {
    if (count > 0) lines.push_back(fmt::format("{} {}", counted(count, step), what));
  };
  if (running > 0 && !wait.empty()) {
    say(running, "waits " + wait);
  } else {
    say(running, running == 1 ? "is running" : "are running");
  }
  say(blocked, "started, and wait for data that they read");
  say(ready, "could start: for a worker and a processor they wait their turn");
  say(finished, "ended, and wait for what they were made from to be committed");
  const std::vector<std::string> sources = open_sources(name, workflow, list_member(run, "steps"));
  const bool may_grow = !bool_member(step, "total_is_final");
  if (waiting > 0 || may_grow) {
    const std::string who =
        may_grow && waiting == 0 ? "more tasks may come" : counted(waiting, step);
    if (!sources.empty()) {
      lines.push_back(fmt::format("{}: waiting for {}", who, fmt::join(sources, ", ")));
    } else if (!wait.empty()) {
      lines.push_back(fmt::format("{}: waiting {}", who, wait));
    } else {
      lines.push_back(fmt::format("{}: waiting for inputs of the run, or for commits", who));
    }
  }
  std::string out = fmt::format("\n{}\n", printable_line(name));
  for (const std::string& line : lines) out += fmt::format("  - {}\n", line);
  return out;
}

}  // namespace

bool is_run_id(std::string_view word) {
  return word.size() == 26 && std::ranges::all_of(word, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
         });
}

std::string explain_run(const Json& run, const Json& workflow) {
  const std::string_view state = text_member(run, "state");
  std::string out =
      fmt::format("run {} of {}: {}\n", printable_line(text_member(run, "id")),
                  printable_line(text_member(run, "workflow")), printable_line(state));
  if (cli::has_ended(state)) {
    if (const Json* error = run.find("error")) {
      out += fmt::format("  - {}: {}\n", printable_line(text_member(*error, "name")),
                         printable_line(text_member(*error, "message")));
    }
    return out + "it has ended: nothing waits\n";
  }
  std::vector<std::string> ended;
  std::string open;
  for (const Json& step : list_member(run, "steps")) {
    if (has_ended(step)) {
      ended.push_back(printable_line(text_member(step, "name")));
    } else {
      open += step_text(step, run, workflow);
    }
  }
  if (!ended.empty()) out += fmt::format("ended: {}\n", fmt::join(ended, ", "));
  return out + open;
}

}  // namespace sluice::cli
