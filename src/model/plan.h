#pragma once

// The validated graph of an app: what parse and validate produce, and all that core, node and api
// know of an app. Immutable; shared by all runs of a version. Every reference is an index; names
// are kept for people. Indexes of steps are in topological order.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/units.h"
#include "model/type.h"

namespace sluice::model {

enum class Runtime : std::uint8_t { kPython3, kNodejs, kNative };

struct Retry {
  std::uint32_t attempts = 1;  // In all, the first included.
  Duration backoff = std::chrono::seconds(1);
  double factor = 2;
  Duration backoff_max = std::chrono::minutes(1);
  bool full_jitter = true;
  std::vector<std::string> errors;  // Empty: every error that may be retried.
};

struct Port {
  std::string name;
  Type type;
  std::optional<Json> default_value;  // Inputs only.
};

struct Function {
  std::string name;
  Runtime runtime = Runtime::kPython3;
  std::string handler;
  std::string binary;  // kNative: path in the bundle.
  std::vector<Port> inputs;
  std::vector<Port> outputs;  // Exactly what it may emit; at least one.
  std::optional<ByteCount> memory;
  double cpu = 1;
  std::optional<Duration> timeout;
  std::optional<Retry> retry;
  std::vector<std::pair<std::string, std::string>> env;
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
using Source = std::variant<Literal, InputRef, StepRef, ItemRef, IndexRef>;

struct Slot {
  std::uint32_t port;  // Index into Function::inputs.
  Source source;
};

struct Step {
  std::string name;
  std::uint32_t function;   // Index into App::functions.
  std::vector<Slot> slots;  // At most one per port, in order of ports; a port without a slot has
                            // its default or is absent.
  std::optional<Source> foreach;  // InputRef or StepRef (or ItemRef never): the driving list.
  std::uint32_t concurrency = 0;  // Tasks at a time in a foreach; 0: as many as the node runs.
  std::vector<std::uint32_t> after;
  std::optional<Duration> timeout;  // The step's wins over the function's.
  std::optional<Retry> retry;
};

struct WorkflowInput {
  std::string name;
  Type type;
  std::optional<Json> default_value;
};

struct WorkflowOutput {
  std::string name;
  Source source;  // StepRef, InputRef or Literal.
  Type type;
};

struct Workflow {
  std::string name;
  std::vector<WorkflowInput> inputs;
  std::vector<Step> steps;
  std::vector<WorkflowOutput> outputs;
  std::optional<Duration> timeout;  // Of a run.

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
