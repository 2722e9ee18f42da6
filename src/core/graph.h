#pragma once

// What core derives from a workflow once, for all its runs: who reads which port and how. The
// inputs of a run are steps as well (behind the real ones, with one port each): then there is one
// kind of producer. No task and no run is known here.

#include <cstdint>
#include <span>
#include <vector>

#include "base/limits.h"
#include "core/table.h"
#include "core/types.h"

namespace sluice::core {

inline constexpr std::uint32_t kNone = 0xffffffff;
// Scopes of one foreach at a time: the others wait, so that memory is bounded.
inline constexpr std::uint32_t kScopesOpen = 4096;

// What a slot is bound to.
enum class Shape : std::uint8_t {
  kNothing,    // A literal or `${index}`: needs no data.
  kCell,       // One value.
  kList,       // The list that one task emits (or an input).
  kTaskCells,  // The list of the values of a foreach's tasks.
  kTaskLists,  // The list of the lists of a foreach's tasks.
};

struct Range {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

struct SlotInfo {
  std::uint32_t step = kNone;  // The producer.
  std::uint32_t port = kNone;  // Index into ports().
  Shape shape = Shape::kNothing;
  model::Access access = model::Access::kWhole;
  Binding::Kind literal = Binding::Kind::kLiteral;  // Of kNothing.
  model::Use use = model::Use::kPort;
  bool is_item = false;  // The element of the task, not the same for all tasks.
  bool is_peer = false;  // What the task of the same element of `step` has written.
  bool required = true;  // Neither optional nor with a default.
  bool waited = true;    // The task starts when it is there; operands are looked at as they come.
  bool late = false;     // An early task starts without it, and is done when it is there.

  bool by_element() const { return is_item || is_peer; }
};

struct Link {
  std::uint32_t step = 0;
  std::uint32_t slot = 0;  // Of the step.
};

struct PortInfo {
  std::uint32_t step = 0;
  std::uint32_t number = 0;  // Among the step's outputs.
  bool is_list = false;      // One task emits a list.
  std::uint32_t weight = 0;  // Tasks that one element brings about, in all steps behind.
  Range drivers;             // Steps that iterate over it.
  Range commons;             // Slots that read it as a whole: the same for every task.
  Range peers;               // Slots of which each task reads what its peer has written.
  Range outputs;             // Outputs of the workflow.
  Range rooted;              // All steps whose elements are those of this list; ascending.
};

struct StepInfo {
  Range slots;
  Range ports;
  Range after;                        // Steps that wait for this one by `after`.
  std::uint32_t after_count = 0;      // Steps that this one waits for.
  std::uint32_t common_count = 0;     // Slots with the same data for every task.
  std::uint32_t step_sources = 0;     // Those of them that are bound to steps, not to inputs.
  std::uint32_t driver_step = kNone;  // foreach: what it iterates over,
  std::uint32_t driver_port = kNone;
  std::uint32_t root_step = kNone;  // and the list that its elements come from in the end.
  std::uint32_t root_port = kNone;
  std::uint32_t concurrency = 0;
  std::uint32_t first_error = 0;  // Number of the port of the first clause of its `catch`.
  model::Action action = model::Action::kCall;
  bool is_foreach = false;
  bool is_input = false;
  bool has_timeout = false;   // Only attempts of functions have one by default.
  bool is_scope = false;      // Its tasks open scopes: kFlow, kLoop.
  bool by_port = false;       // Each of its ports ends by itself, not all with the task.
  bool on_committed = false;  // Starts when all that it is made from is committed.
  bool has_peers = false;     // Slots that are waited for and read the task of the same element.
  bool item_may_be_open = false;  // `${item}` is only read as a pipe or a stream.
  bool early = false;             // Starts before its inputs are there.
  bool cached = false;            // What it came to before is asked for first (Recall).
  std::uint32_t late_count = 0;   // Of `common_count`: slots that it starts without.
  bool feeds_early = false;       // Such a step reads one of its ports.
  Duration timeout{};
};

class Graph {
 public:
  // The app must outlive the graph's use: a run holds both.
  // `inner`: for a scope of a flow or loop, whose list inputs are known element by element: each
  // is like a foreach that others run.
  Graph(const model::App& app, std::uint32_t workflow, const Limits& limits, bool inner = false);

  const model::App& app() const { return *app_; }
  const model::Workflow& workflow() const { return *workflow_; }
  std::uint32_t step_count() const { return step_count_; }  // Without the inputs.
  const Array<StepInfo>& steps() const { return steps_; }
  const Array<PortInfo>& ports() const { return ports_; }
  const StepInfo& step(std::uint32_t i) const { return steps_[i]; }
  const PortInfo& port(std::uint32_t i) const { return ports_[i]; }
  const SlotInfo& slot(std::uint32_t step, std::uint32_t slot) const {
    return slots_[steps_[step].slots.first + slot];
  }
  const SlotInfo& output(std::uint32_t i) const { return outputs_[i]; }  // As if it were a slot.
  bool has_scopes() const { return has_scopes_; }
  std::uint32_t slot_count() const { return static_cast<std::uint32_t>(slots_.size()); }

  std::span<const std::uint32_t> drivers(std::uint32_t port) const {
    return view(indexes_, ports_[port].drivers);
  }
  std::span<const std::uint32_t> outputs_of(std::uint32_t port) const {
    return view(indexes_, ports_[port].outputs);
  }
  std::span<const std::uint32_t> rooted(std::uint32_t port) const {
    return view(indexes_, ports_[port].rooted);
  }
  std::span<const std::uint32_t> after(std::uint32_t step) const {
    return view(indexes_, steps_[step].after);
  }
  std::span<const Link> commons(std::uint32_t port) const {
    return view(links_, ports_[port].commons);
  }
  std::span<const Link> peers(std::uint32_t port) const { return view(links_, ports_[port].peers); }
  std::size_t memory_bytes() const;

 private:
  template <class T>
  static std::span<const T> view(const std::vector<T>& all, Range range) {
    return {all.data() + range.first, range.count};
  }
  void add_ports();
  void add_slots(const Limits& limits);
  template <class Drivers, class Rooted, class Commons, class Peers, class Outputs, class After>
  void for_each_connection(const Drivers& drivers, const Rooted& rooted, const Commons& commons,
                           const Peers& peers, const Outputs& outputs, const After& after);
  void link();
  // Where a reference leads; `item` of which step it is asked for.
  SlotInfo resolve(const model::Source& source, const StepInfo* reader) const;

  const bool inner_;
  bool has_scopes_ = false;
  const model::App* app_;
  const model::Workflow* workflow_;
  std::uint32_t step_count_ = 0;
  Array<StepInfo> steps_;
  Array<PortInfo> ports_;
  Array<SlotInfo> slots_;
  Array<SlotInfo> outputs_;
  std::vector<std::uint32_t> indexes_;
  std::vector<Link> links_;
};

}  // namespace sluice::core
