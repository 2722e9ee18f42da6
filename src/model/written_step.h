#pragma once

// A step as its author knows it, and where its lowered parts are. Lowering takes a step apart, so
// what people are shown (views, `sluice graph`, `sluice explain`) is kept here: what each value is
// bound to, as it stands in the file, and which names of the workflow it is made from.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "model/retry.h"
#include "model/type.h"

namespace sluice::model {

// What a value does with something it names: how much of it must be there.
enum class Take : std::uint8_t {
  kHandOn,   // The name alone, or `first`, `present`, `any` of it: a list goes on while it grows.
  kElement,  // `x[i]`: one element.
  kWhole,    // Looked into: a list must be closed.
};

// A name in a value, resolved.
struct WrittenName {
  enum class Kind : std::uint8_t {
    kInput,  // Input `owner` of the workflow.
    kStep,   // Output `output` of written step `owner`.
    kItem,
    kIndex,
    kPrevious,
    kRound,
    kError,
    kRunId,
  };
  Kind kind = Kind::kInput;
  std::uint32_t owner = 0;
  std::string output;
  std::string text;  // `split.chunks`, `inputs.text`, `item`.
  Type type;         // As it is seen in the step.
  Take take = Take::kHandOn;
};

// What is bound to a port, is a condition, or goes over a list.
struct WrittenValue {
  std::string name;  // Of the port; of `set`, `wait` and `fail`: of the output, or of the key.
  std::string text;  // As written: `${split.chunks}`, `5`, `part ${index}`.
  Type type;         // Of the port: how it is read. Else what the value gives.
  bool has_default = false;  // The port: nothing is skipped where the value is absent.
  bool is_timed = false;     // Has an `any`: depends on what comes first.
  std::vector<WrittenName> names;
};

// What a step, a branch or a clause does.
struct WrittenAction {
  std::string action;       // `call`, `run`, `flow`, `set`, `wait`, `fail`; none: a clause without.
  std::string target;       // Name of the function, program or workflow.
  std::uint32_t index = 0;  // `call`: into App::functions; `flow`: into App::workflows.
  bool is_answer = false;   // `wait` for outputs from outside.
  std::optional<WrittenValue> when;  // Of a branch.
  std::vector<std::string> errors;   // Of a clause; none: all.
  std::vector<WrittenValue> in;      // In order of ports; a port without a value is not there.
  std::vector<std::string> outputs;
  // What holds for it, whether it was said of the step or of the function.
  Retry retry;
  std::optional<Duration> timeout;
  bool effects = false;
  bool cache = false;
};

// Texts are as written; empty where the step has no such key.
struct WrittenStep {
  std::string name;
  std::uint32_t line = 0;            // In sluice.yaml, from 1.
  std::vector<std::uint32_t> parts;  // Steps of the plan, helpers included, in order.
  std::vector<std::uint32_t> uses;   // Other written steps whose data it uses, ascending.
  std::vector<std::uint32_t> after;  // Those that it waits for without data, ascending.
  bool is_switch = false;
  std::vector<WrittenAction> actions;  // One, or the branches of a `switch`.
  std::vector<WrittenAction> clauses;  // Of `catch`.
  std::optional<WrittenValue> foreach;
  std::optional<WrittenValue> when;
  std::optional<WrittenValue> loop;  // `while`
  std::uint32_t rounds = 0;          // `max`
  std::uint32_t concurrency = 0;     // 0: no limit.
  bool starts_early = false;         // `start: early`

  bool is_foreach() const { return foreach.has_value(); }
  bool is_loop() const { return loop.has_value(); }
  // `call`, …, or `switch`.
  std::string_view action() const;
  // Function or workflow of `call` and `flow`; of a `switch` all, with `|`.
  std::string target() const;
};

}  // namespace sluice::model
