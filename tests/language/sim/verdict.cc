#include "verdict.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "yaml_json.h"

namespace sluice::language {
namespace {

// What an expected error does not say is not compared.
bool is_error(const Json& expected, const Ended& seen) {
  const Json* message = expected.find("message");
  const Json* task = expected.find("task");
  return *expected.find("name")->as_string() == seen.error_name &&
         (message == nullptr || seen.error_message.contains(*message->as_string())) &&
         (task == nullptr || *task->as_string() == step_of(seen.error_task));
}

Json list_of(const std::vector<std::string>& texts) {
  Json list = Json::list();
  for (const std::string& text : texts) list.push(Json(text));
  return list;
}

std::vector<std::string> sorted_texts(const Json& list) {
  std::vector<std::string> texts;
  for (const Json& each : *list.as_list()) texts.push_back(*each.as_string());
  std::ranges::sort(texts);
  return texts;
}

std::optional<std::string> effects_complaint(const CaseRun& expected, const Ended& seen) {
  const Json effects = list_of(seen.effects);
  if (expected.effects &&
      std::ranges::find(*expected.effects, effects) == expected.effects->end()) {
    return "the effects are " + to_text(effects) + ", expected " +
           to_text(Json(Json::List(*expected.effects))) + " (one of these)";
  }
  if (expected.effects_set && sorted_texts(*expected.effects_set) != sorted_texts(effects)) {
    return "the effects are " + to_text(effects) + ", expected in any order " +
           to_text(*expected.effects_set);
  }
  return std::nullopt;
}

std::optional<std::string> counts_complaint(const Json& expected,
                                            const std::map<std::string, std::int64_t>& seen,
                                            const std::string& what) {
  for (const auto& [step, count] : *expected.as_map()) {
    const auto found = seen.find(step);
    const std::int64_t number = found == seen.end() ? 0 : found->second;
    if (number != *count.as_int()) {
      return std::to_string(number) + " tasks of `" + step + "` " + what + ", expected " +
             std::to_string(*count.as_int());
    }
  }
  return std::nullopt;
}

}  // namespace

std::string step_of(std::string_view path) {
  std::string step;
  for (std::size_t at = 0; at < path.size(); ++at) {
    if (path[at] != '.') {
      step += path[at];
      continue;
    }
    while (at + 1 < path.size() && std::isdigit(static_cast<unsigned char>(path[at + 1])) != 0)
      ++at;
  }
  return step;
}

std::optional<std::string> complaint(const CaseRun& expected, const Ended& seen) {
  if (seen.state != expected.state) {
    return "it is " + seen.state + " (" + seen.error_name + ": " + seen.error_message +
           "), expected " + expected.state;
  }
  const auto is_seen = [&seen](const Json& outputs) { return same(outputs, seen.outputs); };
  if (!expected.outputs.empty() && std::ranges::none_of(expected.outputs, is_seen)) {
    return "the outputs are " + to_text(seen.outputs) + ", expected " +
           to_text(Json(Json::List(expected.outputs))) + " (one of these)";
  }
  const auto is_met = [&seen](const Json& error) { return is_error(error, seen); };
  if (!expected.errors.empty() && std::ranges::none_of(expected.errors, is_met)) {
    return "the error is " + seen.error_name + ": " + seen.error_message + " of " +
           seen.error_task + ", expected " + to_text(Json(Json::List(expected.errors)));
  }
  if (auto wrong = counts_complaint(expected.tasks, seen.succeeded, "succeeded")) return wrong;
  if (seen.reused) {
    if (auto wrong = counts_complaint(expected.reused, *seen.reused, "came from the cache"))
      return wrong;
  }
  return effects_complaint(expected, seen);
}

}  // namespace sluice::language
