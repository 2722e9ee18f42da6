#include "api/parameters.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace sluice::api {
namespace {

constexpr std::uint32_t kLimitMax =
    1000;  // Of a page: a list never grows with the table behind it.
constexpr std::array<std::string_view, 7> kRunStates = {
    "QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "QUARANTINED"};
constexpr std::array<std::string_view, 10> kTaskStates = {
    "WAITING",  "READY",     "PREPARING", "RUNNING", "BLOCKED",
    "FINISHED", "SUCCEEDED", "FAILED",    "SKIPPED", "CANCELLED"};

OrProblem<std::uint32_t> read_limit(const Target& target, std::uint32_t fallback) {
  const std::string* text = target.find("limit");
  if (text == nullptr) return fallback;
  const auto value = parse_index(*text);
  if (!value || *value == 0 || *value > kLimitMax) {
    return refuse(400, fmt::format("'limit' is a number from 1 to {}", kLimitMax));
  }
  return *value;
}

template <std::size_t n>
OrProblem<std::string> read_state(const Target& target,
                                  const std::array<std::string_view, n>& known) {
  const std::string* text = target.find("state");
  if (text == nullptr || std::ranges::find(known, *text) != known.end())
    return text == nullptr ? "" : *text;
  return refuse(400, fmt::format("'state' is one of {}", fmt::join(known, ", ")));
}

std::string text_of(const Target& target, std::string_view name) {
  const std::string* text = target.find(name);
  return text == nullptr ? std::string() : *text;
}

}  // namespace

OrProblem<RunId> parse_run_id(std::string_view text) {
  auto id = RunId::parse(text);
  if (!id) return refuse(404, fmt::format("there is no run '{}'", text.substr(0, 64)));
  return *id;
}

OrProblem<std::uint32_t> parse_index(std::string_view text) {
  std::uint32_t value = 0;
  const auto [stop, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || stop != text.data() + text.size()) {
    return refuse(400, fmt::format("'{}' is not an index", text.substr(0, 64)));
  }
  return value;
}

OrProblem<OutputPath> parse_output_path(std::span<const std::string> segments) {
  OutputPath path;
  for (std::string_view rest : segments) {
    while (true) {
      const std::size_t slash = rest.find('/');
      const auto index = parse_index(rest.substr(0, slash));
      if (!index) return std::unexpected(index.error());
      path.push_back(*index);
      if (slash == std::string_view::npos) break;
      rest.remove_prefix(slash + 1);
    }
  }
  return path;
}

OrProblem<Duration> parse_seconds(std::string_view name, std::string_view text) {
  constexpr double kYear = 366.0 * 24 * 3600;
  double seconds = -1;
  const auto [stop, failure] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  if (failure != std::errc() || stop != text.data() + text.size()) {
    const auto duration = parse_duration(text);
    seconds = duration ? std::chrono::duration<double>(*duration).count() : -1;
  }
  if (!(seconds >= 0 && seconds <= kYear)) {
    return refuse(400, fmt::format("'{}' is a number of seconds, or a time like 250ms, 2h", name));
  }
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

OrProblem<std::optional<Duration>> read_seconds(const Target& target, std::string_view name) {
  const std::string* text = target.find(name);
  if (text == nullptr) return std::nullopt;
  const auto value = parse_seconds(name, *text);
  if (!value) return std::unexpected(value.error());
  return std::optional(*value);
}

OrProblem<bool> read_flag(const Target& target, std::string_view name) {
  const std::string* text = target.find(name);
  if (text == nullptr || *text == "false" || *text == "0") return false;
  if (text->empty() || *text == "true" || *text == "1") return true;
  return refuse(400, fmt::format("'{}' is true or false", name));
}

OrProblem<RunFilter> read_run_filter(const Target& target) {
  RunFilter filter{.workflow = text_of(target, "workflow"), .cursor = text_of(target, "cursor")};
  const auto limit = read_limit(target, filter.limit);
  if (!limit) return std::unexpected(limit.error());
  filter.limit = *limit;
  const auto state = read_state(target, kRunStates);
  if (!state) return std::unexpected(state.error());
  filter.state = *state;
  return filter;
}

OrProblem<TaskFilter> read_task_filter(const Target& target) {
  TaskFilter filter{.step = text_of(target, "step"), .cursor = text_of(target, "cursor")};
  const auto limit = read_limit(target, filter.limit);
  if (!limit) return std::unexpected(limit.error());
  filter.limit = *limit;
  const auto state = read_state(target, kTaskStates);
  if (!state) return std::unexpected(state.error());
  filter.state = *state;
  return filter;
}

OrProblem<std::optional<ListPage>> read_list_page(const Target& target) {
  const std::string* cursor = target.find("cursor");
  if (cursor == nullptr && target.find("limit") == nullptr) return std::nullopt;
  ListPage page;
  const auto limit = read_limit(target, page.limit);
  if (!limit) return std::unexpected(limit.error());
  page.limit = *limit;
  if (cursor != nullptr) {
    const auto first = parse_index(*cursor);
    if (!first) return refuse(400, "'cursor' is what the page before has as its cursor");
    page.first = *first;
  }
  return page;
}

}  // namespace sluice::api
