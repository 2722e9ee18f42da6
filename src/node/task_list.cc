// The tasks of a run, page by page (views.h: tasks_document): those of its workflow, and behind
// each task of a flow or a loop those inside of it.

#include <algorithm>
#include <charconv>
#include <span>
#include <unordered_map>

#include "node/scope_view.h"
#include "node/views.h"

namespace sluice::node {
namespace {

// Tasks that one page may look at: where few of them are wanted it may be short, or empty, and
// still have a cursor. The loop stops for a few milliseconds at most.
constexpr std::uint32_t kLookedAt = 100'000;

// Where a task stands: the number of its step and its own, and in front of them those of the task
// around it with the part of the plan and the round that lead inside. A place is before all places
// that begin with it.
using Place = std::vector<std::uint32_t>;

Result<Place> read_cursor(std::string_view cursor) {
  Place place;
  const char* at = cursor.data();
  const char* const end = at + cursor.size();
  while (at != end) {
    std::uint32_t number = 0;
    const auto read = std::from_chars(at, end, number);
    const bool goes_on = read.ec == std::errc{} && read.ptr != end;
    if (read.ec != std::errc{} || (goes_on && (*read.ptr != '.' || read.ptr + 1 == end)))
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("'{}' is not a cursor of this list", cursor.substr(0, 64)));
    place.push_back(number);
    at = read.ptr + (goes_on ? 1 : 0);
  }
  if (!place.empty() && place.size() % 4 != 2)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not a cursor of this list", cursor.substr(0, 64)));
  return place;
}

Json failure_json(const core::Failure& failure) {
  Json error;
  error.set("name", failure.name).set("message", failure.message);
  return error;
}

void add_times(Json& entry, const AttemptRecord& record) {
  const auto set = [&](std::string_view key, std::int64_t value) {
    if (value > 0) entry.set(key, value);
  };
  set("ready_us", record.ready);
  set("assigned_us", record.assigned);
  set("started_us", record.started);
  set("first_input_us", record.first_input);
  set("first_output_us", record.first_output);
  set("ended_us", record.ended);
  set("committed_us", record.committed);
  entry.set("bytes_in", record.bytes_in).set("bytes_out", record.bytes_out);
}

class TaskList {
 public:
  TaskList(const RunTable& runs, const RunRecord& run, const api::TaskFilter& filter)
      : runs_(runs), run_(run), filter_(filter) {}

  void list(std::span<const std::uint32_t> from) {
    ScopeView view(runs_, run_, 0);
    list_scope(view, {}, {}, 0, from);
  }
  Json take_entries();
  const std::string& cursor() const { return cursor_; }

 private:
  struct Entry {
    Json json;
    const AttemptRecord* newest = nullptr;
    const AttemptRecord* caught = nullptr;
  };

  // The tasks of a scope that stand at `from` or behind; `path` is that of the task around it,
  // `step` the same without numbers. A round of a loop is the only task of its scope.
  void list_scope(ScopeView& view, const std::string& path, const std::string& step,
                  std::uint32_t round, std::span<const std::uint32_t> from);
  void list_inside(ScopeView& view, std::uint32_t number, std::uint32_t index,
                   const std::string& path, const std::string& step,
                   std::span<const std::uint32_t> from);
  bool add(ScopeView& view, std::uint32_t number, std::uint32_t index, const std::string& path,
           const std::string& step, std::uint32_t round);
  // The next element of the step that has tasks inside.
  std::uint32_t next_inside(const ScopeView& view, std::uint32_t number, std::uint32_t index) const;
  bool is_wanted(std::string_view step) const {
    return filter_.step.empty() || filter_.step == step;
  }
  bool may_have_wanted(std::string_view step) const {
    return filter_.step.empty() || filter_.step == step ||
           (filter_.step.size() > step.size() && filter_.step.starts_with(step) &&
            filter_.step[step.size()] == '~');
  }

  const RunTable& runs_;
  const RunRecord& run_;
  const api::TaskFilter& filter_;
  Place here_;  // Of the scope that is being listed.
  std::uint32_t looked_at_ = 0;
  std::vector<Entry> entries_;
  std::unordered_map<core::TaskKey, std::size_t, TaskHash> entry_of_;
  std::string cursor_;
};

void TaskList::list_scope(ScopeView& view, const std::string& path, const std::string& step,
                          std::uint32_t round, std::span<const std::uint32_t> from) {
  // The body of a loop, or of several parts under one limit, is a workflow that nobody wrote.
  const bool is_internal =
      view.scope() != 0 && run_.scopes.workflow(run_.scopes.at(view.scope()).workflow).is_internal;
  const std::uint32_t first = from.empty() ? 0 : from[0];
  for (std::uint32_t number = first; number < view.steps().size() && cursor_.empty(); ++number) {
    const ShownStep& shown = view.steps()[number];
    std::string own = step;
    std::string own_path = path;
    if (!is_internal) {
      own += (own.empty() ? "" : "~") + std::string(shown.name);
      own_path += (own_path.empty() ? "" : "~") + std::string(shown.name);
    }
    if (!may_have_wanted(own)) continue;
    const bool is_shown = is_wanted(own) && (!is_internal || round > 0);
    const std::uint32_t total = view.counts(number).total;
    const bool is_first = !from.empty() && number == first;
    for (std::uint32_t index = is_first ? from[1] : 0; index < total && cursor_.empty();) {
      const bool is_here = is_first && index == from[1];
      const std::string task = shown.is_foreach ? fmt::format("{}.{}", own_path, index) : own_path;
      const auto behind = is_here ? from.subspan(2) : std::span<const std::uint32_t>();
      if (is_shown && behind.empty() && !add(view, number, index, task, own, round)) return;
      list_inside(view, number, index, task, own, behind);
      index = is_shown ? index + 1 : next_inside(view, number, index + 1);
    }
  }
}

std::uint32_t TaskList::next_inside(const ScopeView& view, std::uint32_t number,
                                    std::uint32_t index) const {
  std::uint32_t next = UINT32_MAX;
  for (const std::uint32_t part : view.steps()[number].parts) {
    const auto found = run_.scopes.visible().lower_bound({view.scope(), part, index, 0});
    if (found != run_.scopes.visible().end() && found->first.scope == view.scope() &&
        found->first.step == part)
      next = std::min(next, found->first.index);
  }
  return next;
}

void TaskList::list_inside(ScopeView& view, std::uint32_t number, std::uint32_t index,
                           const std::string& path, const std::string& step,
                           std::span<const std::uint32_t> from) {
  for (const std::uint32_t part : view.steps()[number].parts) {
    if (!from.empty() && part < from[0]) continue;
    const bool is_first = !from.empty() && part == from[0];
    auto at =
        run_.scopes.visible().lower_bound({view.scope(), part, index, is_first ? from[1] : 0});
    for (; at != run_.scopes.visible().end() && cursor_.empty(); ++at) {
      const RunScopes::Key& key = at->first;
      if (key.scope != view.scope() || key.step != part || key.index != index) break;
      here_.insert(here_.end(), {number, index, part, key.round});
      ScopeView inside(runs_, run_, at->second);
      list_scope(
          inside, key.round > 0 ? fmt::format("{}.{}", path, key.round) : path, step, key.round,
          is_first && key.round == from[1] ? from.subspan(2) : std::span<const std::uint32_t>());
      here_.resize(here_.size() - 4);
    }
  }
}

bool TaskList::add(ScopeView& view, std::uint32_t number, std::uint32_t index,
                   const std::string& path, const std::string& step, std::uint32_t round) {
  const std::string_view state = to_string(view.state(number, index));
  const bool is_wanted = filter_.state.empty() || filter_.state == state;
  if ((is_wanted && entries_.size() == filter_.limit) || looked_at_ == kLookedAt) {
    for (const std::uint32_t one : here_) cursor_ += fmt::format("{}.", one);
    cursor_ += fmt::format("{}.{}", number, index);
    return false;
  }
  ++looked_at_;
  if (!is_wanted) return true;
  Entry entry;
  entry.json.set("path", path).set("step", step);
  if (view.steps()[number].is_foreach) entry.json.set("index", index);
  if (round > 0) entry.json.set("round", round);
  entry.json.set("state", state);
  for (const core::TaskKey& part : view.parts_of(number, index)) entry_of_[part] = entries_.size();
  entries_.push_back(std::move(entry));
  return true;
}

// With the newest attempt of each, also after core has forgotten the run: of the part that began
// last.
Json TaskList::take_entries() {
  for (const AttemptRecord& record : run_.attempts) {
    const auto found = entry_of_.find(
        {.run = run_.key, .step = record.step, .index = record.index, .scope = record.scope});
    if (found == entry_of_.end()) continue;
    entries_[found->second].newest = &record;
    if (record.is_caught && record.failure) entries_[found->second].caught = &record;
  }
  Json list = Json::list();
  for (Entry& entry : entries_) {
    if (entry.newest != nullptr) {
      const AttemptRecord& record = *entry.newest;
      entry.json.set("attempt", record.number);
      // A step that waits has none.
      if (record.worker != 0)
        entry.json.set("worker", record.worker).set("start", record.cold ? "cold" : "warm");
      if (record.is_cached) entry.json.set("start", "cached");
      add_times(entry.json, record);
      if (record.failure) entry.json.set("error", failure_json(*record.failure));
    }
    if (entry.caught != nullptr) entry.json.set("caught", failure_json(*entry.caught->failure));
    list.push(std::move(entry.json));
  }
  return list;
}

}  // namespace

Result<Json> tasks_document(const RunTable& runs, const RunRecord& run,
                            const api::TaskFilter& filter) {
  SLUICE_TRY(const Place from, read_cursor(filter.cursor));
  if (!filter.step.empty())
    SLUICE_OK(named_parts(run.app(), run.workflow, filter.step, PathOf::kStep));
  TaskList tasks(runs, run, filter);
  tasks.list(from);
  Json document;
  document.set("tasks", tasks.take_entries());
  if (run.attempts_dropped > 0) document.set("attempts_dropped", run.attempts_dropped);
  if (run.scopes.beyond() > 0) document.set("scopes_dropped", run.scopes.beyond());
  if (!tasks.cursor().empty()) document.set("cursor", tasks.cursor());
  return document;
}

}  // namespace sluice::node
