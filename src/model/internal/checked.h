#pragma once

// The app after the check and before the lowering: every name is an index and every value has a
// type, but a step is still what the author wrote. Made by check_app, read by model/lower.

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/draft.h"
#include "model/expr/program.h"
#include "model/plan.h"

namespace sluice::model {

// What a name in an expression stands for. Steps are numbered as in the file.
struct Name {
  enum class Kind : std::uint8_t {
    kInput,   // Input `owner` of the workflow.
    kOutput,  // Output `output` of step `owner`.
    kItem,
    kIndex,
    kPrevious,  // Output `output` of the round before; in the condition of a
                // `while` of this one.
    kRound,
    kError,
    kRunId,
  };
  Kind kind = Kind::kInput;
  std::uint32_t owner = 0;
  std::uint32_t output = 0;
  friend auto operator<=>(const Name&, const Name&) = default;
};

// Variable i of the program is names[i].
struct Compiled {
  std::shared_ptr<const expr::Program> program;
  std::vector<Name> names;
};

// Exactly one of literal, link and compiled; none of them after a mistake.
struct CheckedValue {
  Place place;
  std::string text;  // As written, where it is a scalar.
  Type type;         // `optional`: may be absent.
  std::optional<Json> literal;
  std::optional<Name> link;
  std::optional<Compiled> compiled;  // Root 0.
  bool is_broken() const { return !literal && !link && !compiled; }
};

struct CheckedBinding {
  std::uint32_t port = 0;
  CheckedValue value;
};

struct CheckedAction {
  ActionKind kind = ActionKind::kNone;
  std::uint32_t target = 0;                 // kCall: function; kFlow: workflow, as in the file.
  std::vector<CheckedBinding> in;           // In order of ports. kWait: the time.
  std::vector<CheckedValue> set;            // One per output, where each is a task of its own.
  Compiled program;                         // kSet where all are one task; kFail: name and message.
  std::shared_ptr<const Function> command;  // kRun, checked.
  std::vector<Port> outputs;                // Of one task; `optional`: may be absent.
  bool outputs_known = false;  // False: nothing is said about a name that is not there.
  bool is_answer = false;      // kWait.
};

struct CheckedClause {
  std::vector<std::string> errors;
  CheckedAction action;
};

struct CheckedStep {
  const DraftStep* draft = nullptr;
  std::optional<CheckedValue> foreach;
  std::optional<CheckedValue> when;
  std::optional<CheckedValue> loop;
  std::vector<CheckedAction> branches;  // One, unless it is a `switch`.
  Compiled choice;                      // `switch`: the conditions; the last may be `true`.
  std::vector<CheckedClause> clauses;
  // Of one task: the union over branches and clauses. Outside, a foreach makes lists of them.
  std::vector<Port> outputs;
  bool outputs_known = false;
  std::vector<Port> published;  // The same as seen from outside.
  Type item;                    // Of a foreach: what one task sees.
};

struct CheckedOutput {
  std::string name;
  CheckedValue value;
};

struct CheckedWorkflow {
  const DraftWorkflow* draft = nullptr;
  std::vector<WorkflowInput> inputs;
  std::vector<CheckedStep> steps;    // As in the file.
  std::vector<std::uint32_t> order;  // Topological.
  std::vector<CheckedOutput> outputs;
  bool outputs_known = true;
};

}  // namespace sluice::model
