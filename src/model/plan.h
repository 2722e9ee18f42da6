#pragma once

// The validated graph of an app: what parse and validate produce, and all that core, node and api
// know of an app. Immutable; shared by all runs of a version. Every reference is an index; names
// are kept for people. Indexes of steps are in topological order.
//
// It is not the app as written: what an author says in one step (`when`, `switch`, `catch`,
// `while`, computed inputs) is lowered into several plain ones, so that core has few kinds of step
// and no special cases (docs/decisions/0007-lowering.md). `Workflow::written` tells which belong
// together.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/units.h"
#include "model/command.h"
#include "model/retry.h"
#include "model/type.h"
#include "model/written_step.h"

namespace sluice::expr {
class Program;  // A compiled expression or several: model/expr/program.h.
}

namespace sluice::model {

enum class Runtime : std::uint8_t {
  kPython3,
  kNodejs,
  kNative,
  kProgram,  // A step with `run:`: lowering makes a function of it, which nobody else calls.
};
std::string_view to_text(Runtime runtime);  // As the file spells it.

struct Port {
  std::string name;
  Type type;
  std::optional<Json> default_value;  // Inputs only.
};

struct Function {
  std::string name;
  Runtime runtime = Runtime::kPython3;
  std::string handler;
  std::string binary;                      // kNative: path in the bundle.
  std::shared_ptr<const Command> command;  // kProgram, and only there.
  std::vector<Port> inputs;
  std::vector<Port> outputs;  // Exactly what it may emit; at least one.
  std::optional<ByteCount> memory;
  double cpu = 1;
  std::optional<Duration> timeout;
  std::optional<Retry> retry;
  std::vector<std::pair<std::string, std::string>> env;
  bool effects = false;  // `replay: never`. A step's own `replay` and `cache` win.
  bool cache = false;
  std::uint32_t parallel = 1;  // Tasks at once in one worker.
  struct Workers {
    std::uint32_t min = 0;
    std::uint32_t max = 0;  // 0: as many as the node allows.
    std::optional<Duration> idle;
  };
  std::optional<Workers> workers;
};

// What is bound to an input slot, or read by a workflow output, or iterated by `foreach`.
struct Literal {
  Json value;
  friend bool operator==(const Literal&, const Literal&) = default;
};
struct InputRef {
  std::uint32_t input;
  friend bool operator==(const InputRef&, const InputRef&) = default;
};
struct StepRef {
  std::uint32_t step;
  std::uint32_t output;
  friend bool operator==(const StepRef&, const StepRef&) = default;
};
struct ItemRef {
  friend bool operator==(const ItemRef&, const ItemRef&) = default;
};  // ${item}
struct IndexRef {
  friend bool operator==(const IndexRef&, const IndexRef&) = default;
};  // ${index}
// The output of the task of the same element of another step that has the same `foreach`: how a
// step is linked to its helpers, its parts and its merges.
struct PeerRef {
  std::uint32_t step;
  std::uint32_t output;
  friend bool operator==(const PeerRef&, const PeerRef&) = default;
};
// `${error}`: how the step's task (of the same element) failed, as {name, message}, where clause
// `clause` of its `catch` names it; else absent. Only an operand of an expression, or a gate.
struct ErrorRef {
  std::uint32_t step;
  std::uint32_t clause;
  friend bool operator==(const ErrorRef&, const ErrorRef&) = default;
};
struct RoundRef {  // `${round}` of the loop whose body this workflow is.
  friend bool operator==(const RoundRef&, const RoundRef&) = default;
};
struct RunIdRef {  // `${run.id}`
  friend bool operator==(const RunIdRef&, const RunIdRef&) = default;
};
using Source = std::variant<Literal, InputRef, StepRef, ItemRef, IndexRef, PeerRef, ErrorRef,
                            RoundRef, RunIdRef>;

// What a slot is for.
enum class Use : std::uint8_t {
  kPort,     // Bound to input port `port` of the function or of the inner workflow.
  kOperand,  // kCompute: variable `port` of the program.
  kGate,     // No port: the task runs only if this is there. Absent: it is skipped. An error in it
             // fails the step past its `catch` (`when`; the gate of a whole flow).
  kChoice,   // A gate inside of `catch` and `retry`: a branch of a `switch`, the clause of a
             // `catch`.
};

struct Slot {
  std::uint32_t port;
  Source source;
  Use use = Use::kPort;
};

enum class Action : std::uint8_t {
  kCall,     // A function, on a worker.
  kCompute,  // Expressions (`set`, `fail`, and helpers): no worker, no CPU slot.
  kFlow,     // Another workflow in place: a scope of its own per task.
  kLoop,     // Another workflow, round after round, while its output `again` is there.
  kWait,     // A timer (slot 0 is the time), or outputs that come from outside.
};

// kCompute: what the roots of its program are. Root i belongs to output i. An error in a root of a
// helper is its output (kBroken): whoever needs it fails. In any other step it fails the task.
enum class Roots : std::uint8_t {
  // The type of the output says what shape is wanted, a list (is_list()) or one value, whatever the
  // expression yields: JSON is taken apart, a list is put together.
  kValues,
  // Conditions. True: the output is there, without a value; false or absent: it is absent.
  kFlags,
  // The conditions of a `switch`, asked in order: the output of the first that is true is there.
  // An error before that is the output of its root. All others are absent.
  kChoice,
  // `fail`: root 0 is the name, root 1 the message. There is no output. The task is skipped if one
  // of them is absent (`fail` on what is there only after a failure).
  kFailure,
};

enum class StartMode : std::uint8_t { kAuto, kReady, kEarly };

struct Step {
  std::string name;            // As written; a helper has the name of the step that it serves.
  std::uint32_t function = 0;  // kCall: index into App::functions.
  std::vector<Slot> slots;  // At most one per port, in order of ports, gates behind; a port without
                            // a slot has its default or is absent.
  std::optional<Source> foreach;  // InputRef or StepRef (or ItemRef never): the driving list.
  std::uint32_t concurrency = 0;  // Tasks at a time in a foreach; 0: as many as the node runs.
  std::vector<std::uint32_t> after;
  std::optional<Duration> timeout;  // The step's wins over the function's.
  std::optional<Retry> retry;

  Action action = Action::kCall;
  std::uint32_t written = 0;  // Index into Workflow::written.
  bool helper = false;  // Not what the author calls the step: never shown as a task of its own.
  std::vector<Port> outputs;  // Of every action but kCall, whose outputs are the function's.
  std::shared_ptr<const expr::Program> program;  // kCompute: output i is root i, variable i the
                                                 // operand with port i.
  Roots roots = Roots::kValues;
  std::string text;            // kCompute, kWait: what is computed or waited for, as
                               // written. For people.
  std::uint32_t workflow = 0;  // kFlow, kLoop: index into App::workflows.
  std::uint32_t again = 0;     // kLoop: output of that workflow that is there if it goes on.
  std::uint32_t rounds = 0;    // kLoop: at most; then LoopLimit.
  bool is_answer = false;      // kWait: outputs come from outside; else it ends by time.
  // Clauses of its `catch`: the names each is for (none: all). A task that fails in the end with a
  // name of a clause ends well, without outputs, and ErrorRef{this, clause} is there.
  std::vector<std::vector<std::string>> catches;
  bool effects = false;  // `replay: never`: starts on committed data only.
  bool cache = false;
  StartMode start = StartMode::kAuto;
  std::optional<double> cpu;  // The step's `resources` win over the function's.
  std::optional<ByteCount> memory;
};

// Step::written of a helper that computes an output of the workflow: it belongs to no step.
inline constexpr std::uint32_t kNoWritten = 0xffffffff;

struct WorkflowInput {
  std::string name;
  Type type;
  std::optional<Json> default_value;
  // In the body of a loop: the output of the workflow that stands here in the next round. In the
  // first one it is absent; the loop has no slot for it.
  std::optional<std::uint32_t> previous;
};

struct WorkflowOutput {
  std::string name;
  Source source;  // StepRef, InputRef or Literal.
  Type type;
};

enum class OnFailure : std::uint8_t { kStop, kContinue };
enum class Keep : std::uint8_t { kOutputs, kAll };

struct Workflow {
  std::string name;
  std::vector<WorkflowInput> inputs;
  std::vector<Step> steps;
  std::vector<WorkflowOutput> outputs;
  std::optional<Duration> timeout;            // Of a run.
  std::vector<WrittenStep> written;           // In topological order.
  std::vector<WrittenValue> written_outputs;  // As `outputs`; none in an internal one.
  bool is_internal = false;  // The body of a loop: made by lowering, cannot be run by name.
  OnFailure on_failure = OnFailure::kStop;
  Keep keep = Keep::kOutputs;

  // The type of output `output` of step `step` as the rest of the workflow sees it: in a foreach,
  // the list of the tasks' outputs.
  Type output_type(const struct App& app, std::uint32_t step, std::uint32_t output) const;
};

struct App {
  std::string name;
  std::vector<Function> functions;
  std::vector<Workflow> workflows;

  const Workflow* find_workflow(std::string_view name) const;
};

// Effective values: the step's where it has one, else the function's, else the default.
Retry effective_retry(const App& app, const Step& step);
std::optional<Duration> effective_timeout(const App& app, const Step& step);

}  // namespace sluice::model
