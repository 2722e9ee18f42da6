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

// A step that has not ended, with what there is to say of it.
class OpenStep {
 public:
  OpenStep(const RunPicture& picture, const Json& step)
      : picture_(picture),
        step_(step),
        path_(text_member(step, "name")),
        around_(step_around(path_)),
        name_(path_.substr(around_.empty() ? 0 : around_.size() + 1)) {
    const auto found = picture.workflows.find(std::string(around_));
    if (found != picture.workflows.end()) workflow_ = &found->second;
  }

  std::string text();

 private:
  std::vector<std::string> open_sources() const;
  std::string wait_text() const;
  std::string paths(std::initializer_list<const char*> states) const;
  void say(std::int64_t count, std::string_view what, std::initializer_list<const char*> states);

  const RunPicture& picture_;
  const Json& step_;
  std::string_view path_;
  std::string_view around_;
  std::string_view name_;
  const Json* workflow_ = nullptr;  // That the step belongs to; none: not known.
  std::string out_;
};

// Steps beside this one that have not ended and that it has a link from.
std::vector<std::string> OpenStep::open_sources() const {
  std::vector<std::string> sources;
  if (workflow_ == nullptr) return sources;
  for (const Json& link : list_member(*workflow_, "links")) {
    if (text_member(link, "to") != name_) continue;
    std::string from(text_member(link, "from"));
    if (!around_.empty()) from = fmt::format("{}~{}", around_, from);
    const Json* step = named(list_member(picture_.run, "steps"), from);
    if (step == nullptr || has_ended(*step)) continue;
    sources.push_back(fmt::format("{} ({}; {} ended)", from, how(text_member(link, "carries")),
                                  counted(ended_tasks(*step), *step)));
  }
  return sources;
}

// Where the step's own path says more than the task's: nothing.
std::string OpenStep::paths(std::initializer_list<const char*> states) const {
  const auto known = picture_.tasks.find(std::string(path_));
  if (known == picture_.tasks.end()) return {};
  std::vector<std::string> shown;
  for (const char* state : states) {
    const auto found = known->second.find(state);
    if (found != known->second.end())
      shown.insert(shown.end(), found->second.begin(), found->second.end());
  }
  if (shown.empty() || (shown.size() == 1 && shown.front() == path_)) return {};
  const bool are_more = shown.size() > kPathsShown;
  if (are_more) shown.resize(kPathsShown);
  for (std::string& path : shown) path = printable_line(path);
  return fmt::format(": {}{}", fmt::join(shown, ", "), are_more ? ", …" : "");
}

// How a step that waits for the world is told to go on; empty for others.
std::string OpenStep::wait_text() const {
  const Json* step =
      workflow_ != nullptr ? named(list_member(*workflow_, "steps"), name_) : nullptr;
  if (step == nullptr || step->find("wait") == nullptr) return {};
  const Json* bindings = step->find("in");
  if (bindings != nullptr && bindings->find("time") != nullptr)
    return "for its time: " + printable_line(text_member(*bindings, "time"));
  std::string task(path_);
  if (const auto known = picture_.tasks.find(task); known != picture_.tasks.end()) {
    const auto found = known->second.find("RUNNING");
    if (found != known->second.end() && !found->second.empty()) task = found->second.front();
  }
  return fmt::format("for an answer: `sluice answer {} {} -i NAME=VALUE`",
                     text_member(picture_.run, "id"), printable_line(task));
}

void OpenStep::say(std::int64_t count, std::string_view what,
                   std::initializer_list<const char*> states) {
  if (count > 0) out_ += fmt::format("  - {} {}{}\n", counted(count, step_), what, paths(states));
}

std::string OpenStep::text() {
  out_ = fmt::format("\n{}\n", printable_line(path_));
  const std::string wait = wait_text();
  const std::int64_t running = int_member(step_, "running") + int_member(step_, "preparing");
  const std::int64_t waiting = int_member(step_, "waiting");
  if (running > 0 && !wait.empty()) {
    say(running, (running == 1 ? "waits " : "wait ") + wait, {"RUNNING", "PREPARING"});
  } else {
    say(running, running == 1 ? "is running" : "are running", {"RUNNING", "PREPARING"});
  }
  say(int_member(step_, "blocked"), "started, and wait for data that they read", {"BLOCKED"});
  say(int_member(step_, "ready"), "could start: for a worker and a processor they wait their turn",
      {"READY"});
  say(int_member(step_, "finished"), "ended, and wait for what they were made from to be committed",
      {"FINISHED"});
  const bool may_grow = !bool_member(step_, "total_is_final");
  if (waiting == 0 && !may_grow) return std::move(out_);
  const std::string who =
      may_grow && waiting == 0 ? "more tasks may come" : counted(waiting, step_);
  const std::vector<std::string> sources = open_sources();
  if (!sources.empty()) {
    out_ += fmt::format("  - {}: waiting for {}\n", who, fmt::join(sources, ", "));
  } else if (!wait.empty()) {
    out_ += fmt::format("  - {}: waiting {}\n", who, wait);
  } else if (!around_.empty()) {
    out_ += fmt::format("  - {}: waiting for what {} is given, or for commits\n", who,
                        printable_line(around_));
  } else {
    out_ += fmt::format("  - {}: waiting for inputs of the run, or for commits\n", who);
  }
  return std::move(out_);
}

}  // namespace

bool is_run_id(std::string_view word) {
  return word.size() == 26 && std::ranges::all_of(word, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
         });
}

std::vector<std::string> open_steps(const Json& run) {
  std::vector<std::string> open;
  for (const Json& step : list_member(run, "steps"))
    if (!has_ended(step)) open.emplace_back(text_member(step, "name"));
  return open;
}

std::vector<std::string> states_of_tasks(const Json& run, std::string_view step) {
  std::vector<std::string> states;
  const Json* counts = named(list_member(run, "steps"), step);
  for (const char* state : {"RUNNING", "PREPARING", "BLOCKED", "READY", "FINISHED"}) {
    std::string key(state);
    for (char& c : key) c = static_cast<char>(c - 'A' + 'a');
    if (counts != nullptr && int_member(*counts, key) > 0) states.emplace_back(state);
  }
  return states;
}

std::string_view step_around(std::string_view step) {
  const std::size_t last = step.rfind('~');
  return last == std::string_view::npos ? std::string_view() : step.substr(0, last);
}

std::string explain_run(const RunPicture& picture) {
  const Json& run = picture.run;
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
      open += OpenStep(picture, step).text();
    }
  }
  if (!ended.empty()) out += fmt::format("ended: {}\n", fmt::join(ended, ", "));
  return out + open;
}

}  // namespace sluice::cli
