#include "model/explain.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "model/reading.h"

namespace sluice::model {
namespace {

constexpr std::size_t kWidth = 100;
// Of a step with that many values nobody reads all; the file has them.
constexpr std::size_t kSentencesMax = 64;
constexpr std::size_t kTextMax = 120;

// An expression as it stands in the file, on one line.
std::string quoted(std::string_view text) {
  std::string line;
  for (const char c : text) line += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  if (line.size() > kTextMax) {
    std::size_t end = kTextMax;
    while ((static_cast<unsigned char>(line[end]) & 0xc0) == 0x80) --end;
    line = line.substr(0, end) + "…";
  }
  return "`" + line + "`";
}

// A literal text without its quotes, all else as it is written.
std::string literal_or_code(const WrittenValue& value) {
  return value.names.empty() ? bare(value) : quoted(value.text);
}

std::string joined(const std::vector<std::string>& names, std::string_view last) {
  std::string all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) all += i + 1 == names.size() ? fmt::format(" {} ", last) : ", ";
    all += names[i];
  }
  return all;
}

// Whether it is one name and nothing else.
bool is_name(const WrittenValue& value) {
  return value.names.size() == 1 && bare(value.text) == value.names.front().text &&
         value.text.starts_with("${");
}

bool is_data(const WrittenName& name) {
  return name.kind == WrittenName::Kind::kStep || name.kind == WrittenName::Kind::kInput;
}

bool is_per_element(const WrittenValue& value) {
  return std::ranges::any_of(value.names, [](const WrittenName& name) {
    return name.kind == WrittenName::Kind::kItem || name.kind == WrittenName::Kind::kIndex;
  });
}

std::string errors_of(const std::vector<std::string>& errors) {
  return errors.empty() ? "any error" : joined(errors, "or");
}

class StepExplained {
 public:
  StepExplained(const Workflow& workflow, const WrittenStep& step)
      : workflow_(workflow), step_(step) {}

  std::vector<std::string> run();
  const std::vector<std::string>& barriers() const { return barriers_; }

 private:
  void say(std::string sentence) {
    const bool is_new = std::ranges::find(sentences_, sentence) == sentences_.end();
    if (is_new && sentences_.size() < kSentencesMax) sentences_.push_back(std::move(sentence));
  }
  void say_action();
  void say_foreach();
  void say_values(const WrittenAction& action);
  void say_value(const WrittenAction& action, const WrittenValue& value);
  void say_condition(const WrittenValue& value);
  void say_order();
  void say_commits();
  void say_absence();
  void say_loop();
  void say_limits();
  void say_failures();
  std::string action_text(const WrittenAction& action) const;
  std::string needs(const WrittenValue& value, Reader reader, std::string_view key);
  std::string need(const WrittenName& name, const WrittenValue& value, Reader reader,
                   std::string_view key);
  void add_barrier(std::string_view key, std::string_view what) {
    barriers_.push_back(fmt::format("{}: `{}` waits for {}", step_.name, key, what));
  }

  const Workflow& workflow_;
  const WrittenStep& step_;
  std::vector<std::string> sentences_;
  std::vector<std::string> barriers_;
};

std::string StepExplained::action_text(const WrittenAction& action) const {
  if (action.action == "call") return "calls the function " + action.target;
  if (action.action == "flow") return fmt::format("runs the workflow {} in place", action.target);
  if (action.action == "set") return "sets " + joined(action.outputs, "and");
  if (action.action == "fail")
    return "fails with " + (action.in.empty() ? "" : literal_or_code(action.in.front()));
  if (action.action == "wait" && action.is_answer) {
    return fmt::format("waits for an answer from outside (`sluice answer RUN {} -i {}=…`)",
                       step_.name, action.outputs.empty() ? "NAME" : action.outputs.front());
  }
  if (action.action == "wait" && !action.in.empty()) {
    const WrittenValue& time = action.in.front();
    return time.names.empty() ? "waits for " + literal_or_code(time)
                              : fmt::format("waits as long as {} says", literal_or_code(time));
  }
  return "does nothing";
}

void StepExplained::say_action() {
  std::string each;
  if (step_.foreach) {
    each = fmt::format(", one task for each element of {}", is_name(*step_.foreach)
                                                                ? step_.foreach->names.front().text
                                                                : quoted(step_.foreach->text));
  }
  if (!step_.is_switch) {
    const WrittenAction& action = step_.actions.front();
    say(fmt::format("It {}{}.", action_text(action), each));
    if (action.action == "flow") {
      say("The steps inside start each when what it uses itself is there; lists grow through it.");
    }
    return;
  }
  say(fmt::format("It takes the first branch whose condition is true{}.", each));
  for (const WrittenAction& branch : step_.actions) {
    say(branch.when ? fmt::format("If {}, it {}.", quoted(branch.when->text), action_text(branch))
                    : fmt::format("Otherwise it {}.", action_text(branch)));
  }
  if (step_.actions.back().when)
    say("If no condition is true it is skipped, and its outputs are absent.");
}

// What must be there of one name before the value is.
std::string StepExplained::need(const WrittenName& name, const WrittenValue& value, Reader reader,
                                std::string_view key) {
  const bool is_step = name.kind == WrittenName::Kind::kStep;
  const bool is_list = name.type.is_list();
  const std::string whole =
      is_step ? fmt::format("all of {}: the list is closed and every element there", name.text)
              : fmt::format("all of {}, to the last element", name.text);
  const Carries carries = carried(name, value, reader);
  if (carries == Carries::kWholeList || (is_list && name.take == Take::kWhole)) {
    if (is_step) add_barrier(key, "all of " + name.text);
    return whole;
  }
  if (carries == Carries::kElements && name.take == Take::kElement)
    return "one element of " + name.text;
  if (carries == Carries::kStream && !is_list) return "the first byte of " + name.text;
  if (carries == Carries::kStream) return "the first element of " + name.text;
  return name.text;
}

std::string StepExplained::needs(const WrittenValue& value, Reader reader, std::string_view key) {
  std::vector<std::string> all;
  for (const WrittenName& name : value.names) {
    if (is_data(name)) all.push_back(need(name, value, reader, key));
    if (name.kind == WrittenName::Kind::kItem) all.emplace_back("the element");
    if (name.kind == WrittenName::Kind::kPrevious)
      all.push_back(fmt::format("{} of the round before", name.output));
  }
  return joined(all, "and");
}

void StepExplained::say_foreach() {
  if (!step_.foreach) return;
  const WrittenValue& list = *step_.foreach;
  if (list.names.empty()) return;
  const bool grows = std::ranges::all_of(list.names, [&](const WrittenName& name) {
    return !is_data(name) || carried(name, list, Reader::kForeach) == Carries::kElements;
  });
  if (grows && list.type.is_list()) {
    const bool is_step = list.names.front().kind == WrittenName::Kind::kStep;
    say(fmt::format("Task i may start once element i is there, while {}: `foreach` is no barrier.",
                    is_step ? "the others are still being made" : "the others are still uploaded"));
    return;
  }
  say(fmt::format("Its tasks exist once the list does; that needs {}.",
                  needs(list, Reader::kForeach, "foreach")));
}

void StepExplained::say_value(const WrittenAction& action, const WrittenValue& value) {
  const Reader reader = reader_of(action);
  const std::string key = fmt::format("in.{}", value.name);
  if (is_name(value) && value.names.front().kind == WrittenName::Kind::kItem) {
    return say(fmt::format("{} gets the element.", value.name));
  }
  const bool has_need = std::ranges::any_of(value.names, [](const WrittenName& name) {
    return is_data(name) || name.kind == WrittenName::Kind::kItem ||
           name.kind == WrittenName::Kind::kPrevious;
  });
  if (!has_need) return;
  const std::string is = is_name(value) ? "" : fmt::format(" is {}, which", quoted(value.text));
  const std::string type = to_text(value.type);
  const WrittenName& first = value.names.front();
  const std::string need = needs(value, reader, key);
  if (reader == Reader::kFlow)
    return say(fmt::format("Inside, {}{} needs {}; nothing waits for it that does not use it.",
                           value.name, is, need));
  if (reader == Reader::kSet) {
    const bool hands_on = std::ranges::all_of(
        value.names, [](const WrittenName& name) { return name.take == Take::kHandOn; });
    return say(
        fmt::format("{}{} needs {}{}.", value.name, is, need,
                    hands_on && first.type.is_list() ? ", and is handed on while it grows" : ""));
  }
  if (reader == Reader::kPlain) return say(fmt::format("{}{} needs {}.", value.name, is, need));
  if (value.type.access == Access::kStream || value.type.access == Access::kPipe) {
    return say(fmt::format("{}{} waits for {}, then is read on while it is made (the port is {}).",
                           value.name, is, need, type));
  }
  std::string why;
  if (is_name(value) && first.type.is_list() && first.take == Take::kHandOn) {
    why = fmt::format(" (the port is {}{})", type,
                      value.type.is_list()
                          ? fmt::format("; stream<{}> would start with the first element",
                                        to_text(value.type.element()))
                          : "");
  }
  say(fmt::format("{}{} waits for {}{}.", value.name, is, need, why));
}

void StepExplained::say_values(const WrittenAction& action) {
  for (const WrittenValue& value : action.in) {
    say_value(action, value);
    if (value.is_timed)
      say(fmt::format("{} depends on what comes first (`any`); the choice is recorded.",
                      value.name));
  }
}

void StepExplained::say_condition(const WrittenValue& value) {
  const std::string need = needs(value, Reader::kCondition, "when");
  say(fmt::format("Unless {} is true {} skipped, and the outputs are absent; it is asked {}{}{}.",
                  quoted(value.text),
                  step_.foreach && is_per_element(value) ? "the task is" : "the step is",
                  step_.foreach && is_per_element(value) ? "for each element" : "once",
                  need.empty() ? "" : " and needs ", need));
}

void StepExplained::say_order() {
  if (step_.after.empty()) return;
  std::vector<std::string> before;
  for (const std::uint32_t one : step_.after) before.push_back(workflow_.written[one].name);
  const std::string names = joined(before, "and");
  say(fmt::format("Nothing of it starts before all tasks of {} are committed or skipped (`after`).",
                  names));
  add_barrier("after", fmt::format("the end of {}", names));
}

void StepExplained::say_commits() {
  const bool effects = std::ranges::any_of(
      step_.actions, [](const WrittenAction& action) { return action.effects; });
  const bool waits = std::ranges::any_of(
      step_.actions, [](const WrittenAction& action) { return action.action == "wait"; });
  if (effects) {
    say("It has effects outside (`replay: never`): it starts once all that it is made from is "
        "committed, never on early data.");
  } else if (waits) {
    say("A `wait` begins once all that it is made from is committed, never on early data.");
  }
  if ((effects || waits) && !step_.uses.empty()) {
    add_barrier(effects ? "replay: never" : "wait",
                "the commits of what it is made from: no early data");
  }
  if (step_.starts_early)
    say("Its code starts once its first producer has (`start: early`); inputs are waited for "
        "where they are read.");
}

void StepExplained::say_absence() {
  for (const WrittenAction& action : step_.actions) {
    if (reader_of(action) != Reader::kFunction) continue;
    for (const WrittenValue& value : action.in) {
      if (value.type.optional || value.has_default || !is_name(value)) continue;
      const WrittenName& name = value.names.front();
      if (!name.type.optional || !is_data(name)) continue;
      say(
          fmt::format("It is skipped where {} is absent: the port {} is not optional and has no "
                      "default.",
                      name.text, value.name));
    }
  }
}

void StepExplained::say_loop() {
  if (!step_.loop) return;
  say(
      fmt::format("After a round it is run again while {} is true, {} rounds at most, then it "
                  "fails with LoopLimit.",
                  quoted(step_.loop->text), step_.rounds));
  say("Outside only the outputs of the last round exist: who reads them waits for it (`while`).");
  for (const WrittenName& name : step_.loop->names) {
    if (is_data(name))
      say(fmt::format("The condition needs {}.",
                      need(name, *step_.loop, Reader::kCondition, "while")));
  }
  barriers_.push_back(
      fmt::format("{}: `while` keeps its outputs back until the last round", step_.name));
}

void StepExplained::say_limits() {
  if (step_.concurrency != 0) {
    say(fmt::format("At most {} of its tasks run at a time (`concurrency`).", step_.concurrency));
  }
  std::vector<std::string> said;
  for (const WrittenAction& action : step_.actions) {
    std::string text;
    if (action.timeout)
      text += fmt::format("An attempt may take {}, then it fails with Timeout.",
                          sluice::to_text(*action.timeout));
    if (action.retry.attempts > 1) {
      const Retry& retry = action.retry;
      text += fmt::format(
          "{}It is tried {} times in all{}, with a pause of {}, each {} times the one before, {} "
          "at most{}.",
          text.empty() ? "" : " ", retry.attempts,
          retry.errors.empty() ? ""
                               : fmt::format(" if it fails with {}", joined(retry.errors, "or")),
          sluice::to_text(retry.backoff), retry.factor, sluice::to_text(retry.backoff_max),
          retry.full_jitter ? ", of random length up to that" : "");
    }
    if (text.empty() || std::ranges::find(said, text) != said.end()) continue;
    said.push_back(text);
    say(text);
  }
}

void StepExplained::say_failures() {
  bool catches_all = false;
  for (const WrittenAction& clause : step_.clauses) {
    const std::string what =
        clause.action.empty() ? "its outputs are absent" : "it " + action_text(clause) + " instead";
    say(fmt::format("If its attempts are used up with {}, {} (`catch`).", errors_of(clause.errors),
                    what));
    say_values(clause);
    catches_all = catches_all || clause.errors.empty();
  }
  const bool is_fail = !step_.is_switch && step_.actions.front().action == "fail";
  say(fmt::format("{} fails the workflow once that is committed; {}.",
                  is_fail                 ? "That"
                  : catches_all           ? "A failure of the `catch`"
                  : step_.clauses.empty() ? "A failure"
                                          : "Any other failure",
                  workflow_.on_failure == OnFailure::kStop
                      ? "what runs is cancelled"
                      : "what still can goes on (`on_failure: continue`)"));
}

std::vector<std::string> StepExplained::run() {
  say_action();
  say_order();
  say_foreach();
  if (step_.when) say_condition(*step_.when);
  const bool has_after = !step_.after.empty();
  for (const WrittenAction& branch : step_.actions) {
    if (branch.when) {
      const std::string need = needs(*branch.when, Reader::kCondition, "switch");
      if (!need.empty())
        say(fmt::format("The condition {} needs {}.", quoted(branch.when->text), need));
    }
    say_values(branch);
  }
  const bool needs_nothing = step_.uses.empty() && !has_after && !step_.foreach && !step_.when &&
                             std::ranges::none_of(step_.actions, [](const WrittenAction& action) {
                               return std::ranges::any_of(action.in, [](const WrittenValue& value) {
                                 return !value.names.empty();
                               });
                             });
  if (needs_nothing && !step_.is_switch) say("It starts at once: it needs nothing.");
  say_commits();
  say_absence();
  say_loop();
  say_limits();
  say_failures();
  return std::move(sentences_);
}

// `- ` and the sentence, in lines of at most kWidth columns as bytes.
void append_item(std::string& out, std::string_view sentence) {
  std::string line = "  -";
  while (!sentence.empty()) {
    const std::size_t end = std::min(sentence.find(' '), sentence.size());
    if (line.size() + 1 + end > kWidth && line.size() > 4) {
      out += line + '\n';
      line = "   ";
    }
    line += ' ';
    line += sentence.substr(0, end);
    sentence.remove_prefix(std::min(end + 1, sentence.size()));
  }
  out += line + '\n';
}

std::string output_text(const WorkflowOutput& output, const WrittenValue& value) {
  std::string text = is_name(value) ? fmt::format("{} is {}", output.name, value.names.front().text)
                                    : fmt::format("{} is {}", output.name, quoted(value.text));
  if (output.type.optional) text += ", if that is not absent";
  if (value.type.is_list() || output.type.is_list())
    text += "; its elements can be fetched as each is committed";
  return text + ".";
}

}  // namespace

std::string explain(const App& app, const Workflow& workflow) {
  std::string out = fmt::format("{}.{}\n", app.name, workflow.name);
  for (const WorkflowInput& input : workflow.inputs) {
    append_item(out, fmt::format("A run is given {} ({}{}).", input.name, to_text(input.type),
                                 input.default_value
                                     ? "; left out: " + quoted(to_text(*input.default_value))
                                     : ""));
  }
  std::vector<std::string> barriers;
  for (const WrittenStep& step : workflow.written) {
    StepExplained explained(workflow, step);
    out += fmt::format("\n{}\n", step.name);
    for (const std::string& sentence : explained.run()) append_item(out, sentence);
    barriers.insert(barriers.end(), explained.barriers().begin(), explained.barriers().end());
  }
  out += "\noutputs\n";
  for (std::size_t i = 0; i < workflow.outputs.size(); ++i)
    append_item(out, output_text(workflow.outputs[i], workflow.written_outputs[i]));
  append_item(out,
              "A result is committed after all that it was made from; until then it may be undone "
              "and made again. Clients see committed results only.");
  if (workflow.timeout) {
    append_item(out, fmt::format("A run may take {}, then it is TIMED_OUT (`timeout`).",
                                 sluice::to_text(*workflow.timeout)));
  }
  out +=
      barriers.empty() ? "\nno barriers: every step starts with its first data\n" : "\nbarriers\n";
  for (const std::string& barrier : barriers) append_item(out, barrier);
  return out;
}

}  // namespace sluice::model
