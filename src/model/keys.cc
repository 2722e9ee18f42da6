#include "model/keys.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/limits.h"

namespace sluice::model {
namespace {

using enum KeyShape;
using enum KeyState;

constexpr double kElementsMax = Limits{}.elements_per_list;
constexpr double kAttemptsMax = Limits{}.attempts_max;
// More rounds than this are no loop but a service; each costs a record.
constexpr double kRoundsMax = 100'000;
// Workers of one function, and tasks in one worker: above it the machine is the limit.
constexpr double kWorkersMax = 10'000;
constexpr double kParallelMax = 1024;

constexpr std::array kApp{
    Key{.name = "app",
        .shape = kWord,
        .about = "The name of the app: part of the address of its workflows, "
                 "`app.workflow`.",
        .pattern = kNamePattern,
        .is_required = true},
    Key{.name = "functions",
        .shape = kMaps,
        .about = "The functions that steps call.",
        .of = Section::kFunction,
        .pattern = kNamePattern},
    Key{.name = "workflows",
        .shape = kMaps,
        .about = "The workflows. All of an app are deployed together, as one "
                 "version.",
        .of = Section::kWorkflow,
        .pattern = kNamePattern,
        .is_required = true},
};

constexpr std::array kFunction{
    Key{.name = "runtime",
        .shape = kChoice,
        .about = "What runs the code.",
        .choices = "python3|nodejs|native",
        .is_required = true},
    Key{.name = "handler",
        .shape = kWord,
        .about = "The code: `module.function` in Python, `file.export` in "
                 "JavaScript, the name that a native program serves it by.",
        .pattern = "^[A-Za-z0-9_][A-Za-z0-9_-]*(\\.[A-Za-z0-9_][A-Za-z0-9_-]*)*$",
        .is_required = true},
    Key{.name = "binary",
        .shape = kWord,
        .about = "The program with the code of a native function, in the app's "
                 "folder."},
    Key{.name = "inputs",
        .shape = kPorts,
        .about = "The input ports. Left out, they follow from the parameters "
                 "in the code."},
    Key{.name = "outputs",
        .shape = kPorts,
        .about = "The output ports. Left out, they follow from the annotation "
                 "of the result."},
    Key{.name = "resources",
        .shape = kMap,
        .about = "What one task needs.",
        .of = Section::kResources},
    Key{.name = "timeout",
        .shape = kDuration,
        .about = "The time of one attempt; waiting for data does not count."},
    Key{.name = "retry",
        .shape = kMap,
        .about = "How often and when a failed attempt is made again.",
        .of = Section::kRetry},
    Key{.name = "env", .shape = kTexts, .about = "Variables of the worker's environment."},
    Key{.name = "replay",
        .shape = kChoice,
        .about = "`never`: it has effects outside, so it starts on committed "
                 "data only.",
        .choices = "never"},
    Key{.name = "cache",
        .shape = kFlag,
        .about = "Reuse the committed outputs of the same function version and the "
                 "same inputs, which it waits for as a whole."},
    Key{.name = "parallel",
        .shape = kCount,
        .about = "Tasks at once in one worker.",
        .least = 1,
        .most = kParallelMax},
    Key{.name = "workers",
        .shape = kMap,
        .about = "How many workers there are.",
        .of = Section::kWorkers},
    Key{.name = "network", .shape = kAnything, .about = "Reserved.", .state = kReserved},
    Key{.name = "secrets", .shape = kAnything, .about = "Reserved.", .state = kReserved},
    Key{.name = "isolation", .shape = kAnything, .about = "Reserved.", .state = kReserved},
};

constexpr std::array kPort{
    Key{.name = "type",
        .shape = kType,
        .about = "bytes, text, json, int, float, bool, array, file, any, "
                 "list<T>, optional<T>; for "
                 "inputs of functions also stream<T> and pipe."},
    Key{.name = "default",
        .shape = kLiteral,
        .about = "The value where nothing is given. Inputs only."},
};

constexpr std::array kResources{
    Key{.name = "cpu",
        .shape = kNumber,
        .about = "Processors, 0.5 for half of one.",
        .least = 0.01,
        .most = 1024},
    Key{.name = "memory", .shape = kSize, .about = "Memory, like 256Mi."},
};

constexpr std::array kRetry{
    Key{.name = "attempts",
        .shape = kCount,
        .about = "Attempts in all, the first included.",
        .least = 1,
        .most = kAttemptsMax,
        .is_required = true},
    Key{.name = "backoff", .shape = kDuration, .about = "The pause before the second attempt."},
    Key{.name = "factor",
        .shape = kNumber,
        .about = "By how much each pause is longer than the one before.",
        .least = 1,
        .most = 100},
    Key{.name = "max_backoff", .shape = kDuration, .about = "The longest pause."},
    Key{.name = "jitter",
        .shape = kChoice,
        .about = "`full`: each pause is drawn from nothing to its length; "
                 "`none`: it is its length.",
        .choices = "full|none"},
    Key{.name = "errors",
        .shape = kWords,
        .about = "The errors that are worth another attempt. Left out: all "
                 "that may be."},
};

constexpr std::array kWorkers{
    Key{.name = "min",
        .shape = kCount,
        .about = "Workers that are kept ready.",
        .least = 0,
        .most = kWorkersMax},
    Key{.name = "max",
        .shape = kCount,
        .about = "Workers at most.",
        .least = 1,
        .most = kWorkersMax},
    Key{.name = "idle", .shape = kDuration, .about = "How long a worker without work is kept."},
};

constexpr std::array kWorkflow{
    Key{.name = "inputs", .shape = kPorts, .about = "What a run is given."},
    Key{.name = "steps",
        .shape = kMaps,
        .about = "The steps. Their order follows from who uses whose data.",
        .of = Section::kStep,
        .pattern = kIdentifierPattern,
        .is_required = true},
    Key{.name = "outputs", .shape = kValues, .about = "What a run results in: `${STEP.OUTPUT}`."},
    Key{.name = "timeout", .shape = kDuration, .about = "The time of a run, then TIMED_OUT."},
    Key{.name = "on_failure",
        .shape = kChoice,
        .about = "`stop`: a failed step cancels what runs; `continue`: all "
                 "goes on that can.",
        .choices = "stop|continue"},
    Key{.name = "durability",
        .shape = kChoice,
        .about = "`durable`: a run outlives a crash of the node; `express`: it "
                 "does not.",
        .choices = "durable|express"},
    Key{.name = "keep",
        .shape = kChoice,
        .about = "What is kept of a run that has ended: its outputs, or those of all "
                 "its tasks as well.",
        .choices = "outputs|all"},
};

constexpr Key kCallKey{
    .name = "call", .shape = kWord, .about = "Calls a function.", .pattern = kNamePattern};
constexpr Key kFlowKey{.name = "flow",
                       .shape = kWord,
                       .about = "Runs another workflow in place; it sees only its inputs.",
                       .pattern = kNamePattern};
constexpr Key kSetKey{
    .name = "set", .shape = kValues, .about = "Outputs that are expressions; needs no worker."};
constexpr Key kWaitKey{.name = "wait",
                       .shape = kTimeOrPorts,
                       .about =
                           "Waits for a duration, until a time, or for "
                           "outputs that `sluice answer` brings."};
constexpr Key kFailKey{.name = "fail", .shape = kMap, .about = "Fails.", .of = Section::kFailure};
constexpr Key kRunKey{.name = "run",
                      .shape = kCommand,
                      .about =
                          "Runs a program: a list is the program and its arguments, a text is a "
                          "command of /bin/sh."};
constexpr Key kOutKey{.name = "out",
                      .shape = kProducts,
                      .about =
                          "The outputs of `run`: a path in its folder, a glob, or `-` for what it "
                          "prints. Left out: `result: -`.",
                      .of = Section::kProduct};
constexpr Key kInKey{.name = "in",
                     .shape = kValues,
                     .about = "What each input port gets: a literal, or `${…}` at any depth."};

constexpr std::array kStep{
    kCallKey,
    kRunKey,
    kFlowKey,
    kSetKey,
    kWaitKey,
    kFailKey,
    Key{.name = "switch",
        .shape = kMapList,
        .about = "The first branch whose `when` is true; the last may have none.",
        .of = Section::kBranch},
    kInKey,
    kOutKey,
    Key{.name = "foreach",
        .shape = kList,
        .about = "One task per element; `${item}` and `${index}` inside."},
    Key{.name = "concurrency",
        .shape = kCount,
        .about = "Elements of a foreach at a time.",
        .least = 1,
        .most = kElementsMax},
    Key{.name = "when",
        .shape = kCondition,
        .about = "Not true: the step is skipped and its outputs are absent."},
    Key{.name = "after",
        .shape = kWords,
        .about = "Steps that must be committed or skipped before: order "
                 "without data."},
    Key{.name = "while",
        .shape = kCondition,
        .about = "Asked after each round, with `${previous.X}`; true: another "
                 "round."},
    Key{.name = "max",
        .shape = kCount,
        .about = "The most rounds of a `while`; then LoopLimit.",
        .least = 1,
        .most = kRoundsMax},
    Key{.name = "retry",
        .shape = kMap,
        .about = "How often and when a failed attempt is made again.",
        .of = Section::kRetry},
    Key{.name = "timeout",
        .shape = kDuration,
        .about = "The time of one attempt; waiting for other steps does not count. "
                 "Of a `wait`: since it began."},
    Key{.name = "catch",
        .shape = kMapOrMapList,
        .about = "What runs instead when the attempts are used up.",
        .of = Section::kClause},
    Key{.name = "start",
        .shape = kChoice,
        .about = "When the code may start: `ready`, once its inputs are there; "
                 "`early`, once its "
                 "first producer has started.",
        .choices = "auto|ready|early"},
    Key{.name = "replay",
        .shape = kChoice,
        .about = "`never`: it has effects outside, so it starts on committed "
                 "data only.",
        .choices = "never"},
    Key{.name = "cache",
        .shape = kFlag,
        .about = "Reuse the committed outputs of the same function version and the "
                 "same inputs, which it waits for as a whole."},
    Key{.name = "resources",
        .shape = kMap,
        .about = "What one task needs.",
        .of = Section::kResources},
};

constexpr std::array kFailure{
    Key{.name = "name",
        .shape = kText,
        .about = "The name of the error, by which `retry` and `catch` decide.",
        .is_required = true},
    Key{.name = "message", .shape = kText, .about = "What people read."},
};

constexpr std::array kBranch{
    Key{.name = "when",
        .shape = kCondition,
        .about = "The branch is taken if this is true and no branch before it was."},
    kCallKey,
    kRunKey,
    kFlowKey,
    kSetKey,
    kWaitKey,
    kFailKey,
    kInKey,
    kOutKey,
};

constexpr std::array kClause{
    Key{.name = "errors", .shape = kWords, .about = "The errors that it is for. Left out: all."},
    kCallKey,
    kRunKey,
    kFlowKey,
    kSetKey,
    kWaitKey,
    kFailKey,
    kInKey,
    kOutKey,
};

constexpr std::array kProduct{
    Key{.name = "path",
        .shape = kText,
        .about = "A path in the folder of the program, a glob, or `-` for what it prints.",
        .is_required = true},
    Key{.name = "type",
        .shape = kType,
        .about =
            "What it is: `file`, of a glob `list<file>`, of `-` `text`, where nothing is said."},
    Key{.name = "emit",
        .shape = kChoice,
        .about = "`closed`: a file is an output as soon as it is closed for the first time.",
        .choices = "closed"},
};

}  // namespace

std::span<const Key> keys_of(Section section) {
  switch (section) {
    case Section::kApp:
      return kApp;
    case Section::kFunction:
      return kFunction;
    case Section::kPort:
      return kPort;
    case Section::kResources:
      return kResources;
    case Section::kRetry:
      return kRetry;
    case Section::kWorkers:
      return kWorkers;
    case Section::kWorkflow:
      return kWorkflow;
    case Section::kStep:
      return kStep;
    case Section::kFailure:
      return kFailure;
    case Section::kBranch:
      return kBranch;
    case Section::kClause:
      return kClause;
    case Section::kProduct:
      return kProduct;
  }
  std::abort();  // Every section is named above.
}

const Key* find_key(Section section, std::string_view name) {
  const std::span<const Key> keys = keys_of(section);
  const auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

std::string_view section_name(Section section) {
  switch (section) {
    case Section::kApp:
      return "an app";
    case Section::kFunction:
      return "a function";
    case Section::kPort:
      return "a port";
    case Section::kResources:
      return "'resources'";
    case Section::kRetry:
      return "'retry'";
    case Section::kWorkers:
      return "'workers'";
    case Section::kWorkflow:
      return "a workflow";
    case Section::kStep:
      return "a step";
    case Section::kFailure:
      return "'fail'";
    case Section::kBranch:
      return "a branch";
    case Section::kClause:
      return "a 'catch'";
    case Section::kProduct:
      return "an output of 'run'";
  }
  std::abort();  // Every section is named above.
}

std::string_view section_about(Section section) {
  switch (section) {
    case Section::kApp:
      return "An app: functions and workflows that are deployed together.";
    case Section::kFunction:
      return "A function: code that a step calls.";
    case Section::kPort:
      return "A port with a default; `NAME: TYPE` is short for the type alone.";
    case Section::kResources:
      return "What one task needs.";
    case Section::kRetry:
      return "How often and when a failed attempt is made again.";
    case Section::kWorkers:
      return "How many workers a function has.";
    case Section::kWorkflow:
      return "A workflow: steps, and what goes in and comes out.";
    case Section::kStep:
      return "A step: exactly one action (call, run, flow, set, wait, fail or switch) "
             "and what it "
             "depends on.";
    case Section::kFailure:
      return "The failure with which a step ends.";
    case Section::kBranch:
      return "A branch: `when`, one action and its `in`.";
    case Section::kClause:
      return "What runs instead of a step that failed. Without an action its "
             "outputs are absent.";
    case Section::kProduct:
      return "An output of a program.";
  }
  std::abort();  // Every section is named above.
}

bool is_action(std::string_view key) {
  return std::ranges::find(kActions, key) != std::end(kActions);
}

}  // namespace sluice::model
