#include "model/internal/lower_step.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "model/internal/check_value.h"
#include "model/internal/small_programs.h"
#include "model/literal.h"

namespace sluice::model {
namespace {

const Type kFlag{.kind = Kind::kBool};

// A step of the plan that does what the author wants (no helper), and what it gives.
struct Part {
  std::uint32_t step = 0;
  std::vector<Port> outputs;
};

class StepLowering {
 public:
  StepLowering(const CheckedStep& step, std::uint32_t written, const SourceOf& source_of,
               Building& building)
      : checked_(step),
        draft_(*step.draft),
        written_(written),
        outer_(source_of),
        source_of_(source_of),
        building_(building) {}

  // In the workflow of the file.
  std::vector<StepRef> run(std::vector<std::uint32_t> after);
  // Inside of an internal workflow: no foreach, gates or `after`; the clauses only if wanted.
  std::vector<StepRef> run_inside(bool with_clauses);

 private:
  void lower_driver();
  void lower_when();
  std::vector<Part> lower_branches();
  std::vector<Part> lower_action(const CheckedAction& action, Step base);
  Part lower_in_scope();
  void lower_clauses(std::vector<Part>& parts);
  std::vector<StepRef> merge(const std::vector<Part>& parts, std::size_t count);
  std::vector<std::vector<std::string>> catches() const;

  Step new_step() const;
  Step main_step() const;  // With what the author says of each attempt.
  std::uint32_t add(Step step) { return building_.add(std::move(step)); }
  std::vector<Slot> operands(const Compiled& compiled) const;
  // Also as a foreach where it is one for each element.
  std::uint32_t add_helper(const Compiled& compiled, Roots roots, std::vector<Port> outputs,
                           std::string text);
  Source link(std::uint32_t helper, std::uint32_t output) const;
  Source bind(const CheckedValue& value, const Port& port, bool is_flow);
  Source as_object(Source source, const Name& name, const Type& type, bool is_flow);
  Source convert(Source source, const Type& from, const Port& port);
  Source with_default(Source source, const Type& type, const Port& port);
  void bind_flow_defaults(const CheckedAction& action, Step& step);
  const Port input_port(const CheckedAction& action, std::uint32_t port) const;

  const CheckedStep& checked_;
  const DraftStep& draft_;
  const std::uint32_t written_;
  const SourceOf& outer_;
  SourceOf source_of_;  // With `error`, inside of a clause.
  Building& building_;
  std::optional<Source> driver_;
  std::vector<Slot> gates_;
  std::vector<std::uint32_t> after_;
  bool with_clauses_ = true;
};

bool needs_merge_or_clause(const CheckedStep& step) {
  return step.branches.size() > 1 ||
         std::ranges::any_of(step.clauses, [](const CheckedClause& clause) {
           return clause.action.kind != ActionKind::kNone;
         });
}

// What is computed, as written; of several outputs each with its name.
std::string text_of(const DraftAction& action) {
  const auto text = [](const DraftValue& value) {
    return value.text.empty() && value.literal ? to_text(*value.literal) : value.text;
  };
  if (action.time) return text(*action.time);
  if (action.fail_name) {
    return text(*action.fail_name) + (action.fail_message ? ": " + text(*action.fail_message) : "");
  }
  std::string all;
  for (const DraftBinding& binding : action.set) {
    all += fmt::format("{}{}: {}", all.empty() ? "" : ", ", binding.port.text, text(binding.value));
  }
  return all;
}

Step StepLowering::new_step() const {
  Step step;
  step.name = draft_.name.text;
  step.written = written_;
  return step;
}

Step StepLowering::main_step() const {
  Step step = new_step();
  step.foreach = driver_;
  if (driver_) step.concurrency = draft_.concurrency;
  step.after = after_;
  step.timeout = draft_.timeout;
  step.retry = draft_.retry;
  if (with_clauses_) step.catches = catches();
  return step;
}

bool is_per_element(const Source& source) {
  return std::holds_alternative<ItemRef>(source) || std::holds_alternative<IndexRef>(source) ||
         std::holds_alternative<PeerRef>(source) || std::holds_alternative<ErrorRef>(source);
}

// A number, an id, a failure: known to core and node, but no object.
bool is_no_object(const Source& source) {
  return std::holds_alternative<IndexRef>(source) || std::holds_alternative<RoundRef>(source) ||
         std::holds_alternative<RunIdRef>(source) || std::holds_alternative<ErrorRef>(source);
}

std::vector<std::vector<std::string>> StepLowering::catches() const {
  std::vector<std::vector<std::string>> all;
  for (const CheckedClause& clause : checked_.clauses) all.push_back(clause.errors);
  return all;
}

std::vector<Slot> StepLowering::operands(const Compiled& compiled) const {
  std::vector<Slot> slots;
  for (std::uint32_t i = 0; i < compiled.names.size(); ++i) {
    slots.push_back({i, source_of_(compiled.names[i]), Use::kOperand});
  }
  return slots;
}

std::uint32_t StepLowering::add_helper(const Compiled& compiled, Roots roots,
                                       std::vector<Port> outputs, std::string text) {
  Step helper = new_step();
  helper.action = Action::kCompute;
  helper.helper = true;
  helper.roots = roots;
  helper.program = compiled.program;
  helper.slots = operands(compiled);
  helper.outputs = std::move(outputs);
  helper.text = std::move(text);
  if (driver_ && is_per_element(compiled)) helper.foreach = driver_;
  return add(std::move(helper));
}

Source StepLowering::link(std::uint32_t helper, std::uint32_t output) const {
  if (building_.workflow.steps[helper].foreach) return PeerRef{helper, output};
  return StepRef{helper, output};
}

void StepLowering::lower_driver() {
  if (!checked_.foreach) return;
  const CheckedValue& driver = *checked_.foreach;
  if (driver.link && driver.type.is_list()) {
    driver_ = source_of_(*driver.link);
    return;
  }
  Type list = checked_.item;
  list.optional = driver.type.is_list() && driver.type.element().optional;
  const Port port{"foreach", list.list_of(), std::nullopt};
  std::uint32_t helper = 0;
  if (driver.literal) {
    helper = add_constant_helper(building_, draft_.name.text, written_, *driver.literal, port);
  } else if (driver.link) {
    driver_ = convert(source_of_(*driver.link), driver.type, port);
    return;
  } else {
    helper = add_helper(*driver.compiled, Roots::kValues, {port}, driver.text);
  }
  driver_ = StepRef{helper, 0};
}

void StepLowering::lower_when() {
  if (!checked_.when) return;
  const CheckedValue& when = *checked_.when;
  Compiled compiled;
  if (when.literal) {
    compiled.program = constant_program(*when.literal);
  } else if (when.link) {
    const Type type = when.type;
    compiled = {first_program({&type, 1}), {*when.link}};
  } else {
    compiled = *when.compiled;
  }
  const std::uint32_t helper =
      add_helper(compiled, Roots::kFlags, {{"when", kFlag, std::nullopt}}, when.text);
  gates_.push_back({0, link(helper, 0), Use::kGate});
}

// What is no object for core becomes one, except an index for a function: the node has that.
Source StepLowering::as_object(Source source, const Name& name, const Type& type, bool is_flow) {
  const bool is_fine =
      !is_no_object(source) || (std::holds_alternative<IndexRef>(source) && !is_flow);
  if (is_fine) return source;
  return convert(std::move(source), type, {text_of(name, building_.checked), type, std::nullopt});
}

// One value in place of another shape: a list as JSON, JSON as a list.
Source StepLowering::convert(Source source, const Type& from, const Port& port) {
  Step helper = new_step();
  helper.action = Action::kCompute;
  helper.helper = true;
  helper.program = first_program({&from, 1});
  if (driver_ && is_per_element(source)) helper.foreach = driver_;
  helper.slots = {{0, std::move(source), Use::kOperand}};
  Port output = port;
  output.default_value.reset();
  output.type = as_computed(port.type);
  output.type.optional = from.optional;
  helper.outputs = {std::move(output)};
  helper.text = port.name;
  return link(add(std::move(helper)), 0);
}

// A workflow in place does not know who gave nothing: its defaults are applied outside.
Source StepLowering::with_default(Source source, const Type& type, const Port& port) {
  Port output{port.name, port.type, std::nullopt};
  output.type.optional = false;
  const std::uint32_t value =
      add_constant_helper(building_, draft_.name.text, written_, *port.default_value, output);
  Step helper = new_step();
  helper.action = Action::kCompute;
  helper.helper = true;
  const std::vector<Type> types{type, output.type};
  helper.program = first_program(types);
  if (driver_ && is_per_element(source)) helper.foreach = driver_;
  helper.slots = {{0, std::move(source), Use::kOperand}, {1, StepRef{value, 0}, Use::kOperand}};
  helper.text = fmt::format("first({}, default)", port.name);
  helper.outputs = {std::move(output)};
  return link(add(std::move(helper)), 0);
}

Source StepLowering::bind(const CheckedValue& value, const Port& port, bool is_flow) {
  if (value.literal) {
    if (!is_flow) return Literal{*value.literal};
    return StepRef{add_constant_helper(building_, draft_.name.text, written_, *value.literal, port),
                   0};
  }
  Source source;
  Type type = value.type;
  if (value.link) {
    source = as_object(source_of_(*value.link), *value.link, type, is_flow);
    if (is_flow && type.lists != port.type.lists) {
      source = convert(std::move(source), type, port);
      type = port.type;
    }
  } else {
    // What takes anything, and what reads bytes as they come, gets the value as it is.
    const bool is_open =
        !port.type.is_list() && (port.type.kind == Kind::kAny || port.type.access == Access::kPipe);
    Port output{port.name, as_computed(is_open && !is_flow ? type : port.type), std::nullopt};
    output.type.optional = type.optional;
    source = link(add_helper(*value.compiled, Roots::kValues, {std::move(output)}, value.text), 0);
    type = port.type;
  }
  if (is_flow && port.default_value) return with_default(std::move(source), type, port);
  return source;
}

const Port StepLowering::input_port(const CheckedAction& action, std::uint32_t port) const {
  if (action.kind == ActionKind::kCall) {
    return building_.app.functions[action.target].inputs[port];
  }
  if (action.kind == ActionKind::kRun) return action.command->inputs[port];
  const WorkflowInput& input = building_.app.workflows[action.target].inputs[port];
  return {input.name, input.type, input.default_value};
}

void StepLowering::bind_flow_defaults(const CheckedAction& action, Step& step) {
  const std::vector<WorkflowInput>& inputs = building_.app.workflows[action.target].inputs;
  for (std::uint32_t i = 0; i < inputs.size(); ++i) {
    const auto is_bound = [&](const Slot& slot) { return slot.port == i; };
    if (!inputs[i].default_value || std::ranges::any_of(step.slots, is_bound)) continue;
    const Port port{inputs[i].name, inputs[i].type, std::nullopt};
    const std::uint32_t value =
        add_constant_helper(building_, draft_.name.text, written_, *inputs[i].default_value, port);
    step.slots.push_back({i, StepRef{value, 0}, Use::kPort});
  }
  std::ranges::sort(step.slots, {}, &Slot::port);
}

// `base` has what is the same for all parts. Its slots are gates and go behind.
std::vector<Part> StepLowering::lower_action(const CheckedAction& action, Step base) {
  std::vector<Slot> gates = std::move(base.slots);
  base.slots.clear();
  const auto finish = [&](Step step, const std::vector<Port>& outputs) {
    step.slots.insert(step.slots.end(), gates.begin(), gates.end());
    return Part{add(std::move(step)), outputs};
  };
  switch (action.kind) {
    case ActionKind::kNone:
      return {};
    case ActionKind::kCall:
    case ActionKind::kRun: {
      base.function = action.kind == ActionKind::kCall
                          ? action.target
                          : add_program(building_, draft_.name.text, action);
      for (const CheckedBinding& binding : action.in) {
        base.slots.push_back(
            {binding.port, bind(binding.value, input_port(action, binding.port), false)});
      }
      return {finish(std::move(base), action.outputs)};
    }
    case ActionKind::kFlow:
      base.action = Action::kFlow;
      base.workflow = action.target;
      base.outputs = action.outputs;
      for (const CheckedBinding& binding : action.in) {
        base.slots.push_back(
            {binding.port, bind(binding.value, input_port(action, binding.port), true)});
      }
      bind_flow_defaults(action, base);
      return {finish(std::move(base), action.outputs)};
    case ActionKind::kSet: {
      base.action = Action::kCompute;
      if (action.program.program != nullptr) {
        base.program = action.program.program;
        base.slots = operands(action.program);
        base.outputs = action.outputs;
        return {finish(std::move(base), action.outputs)};
      }
      std::vector<Part> parts;
      for (std::size_t i = 0; i < action.set.size(); ++i) {
        const CheckedValue& value = action.set[i];
        Step step = base;
        Compiled compiled;
        if (value.literal) {
          compiled.program = constant_program(*value.literal);
          step.text = to_text(*value.literal);
        } else if (value.link) {
          compiled = {first_program({&value.type, 1}), {*value.link}};
        } else {
          compiled = *value.compiled;
        }
        if (!value.text.empty()) step.text = value.text;
        step.program = compiled.program;
        step.slots = operands(compiled);
        step.outputs = {action.outputs[i]};
        parts.push_back(finish(std::move(step), {action.outputs[i]}));
      }
      return parts;
    }
    case ActionKind::kWait:
      base.action = Action::kWait;
      base.is_answer = action.is_answer;
      base.outputs = action.outputs;
      for (const CheckedBinding& time : action.in) {
        const Port port{"time", Type{.kind = Kind::kText}, std::nullopt};
        base.slots.push_back({0, bind(time.value, port, false), Use::kPort});
      }
      return {finish(std::move(base), action.outputs)};
    case ActionKind::kFail:
      base.action = Action::kCompute;
      base.roots = Roots::kFailure;
      base.program = action.program.program;
      base.slots = operands(action.program);
      return {finish(std::move(base), {})};
  }
  std::abort();  // Every kind is named above.
}

std::vector<Part> StepLowering::lower_branches() {
  std::vector<Part> parts;
  std::uint32_t choice = 0;
  if (draft_.switch_place) {
    std::vector<Port> flags;
    std::string text;
    for (std::size_t i = 0; i < checked_.branches.size(); ++i) {
      flags.push_back({fmt::format("branch_{}", i), kFlag, std::nullopt});
      const auto& when = draft_.branches[i].when;
      text += fmt::format("{}{}", i == 0 ? "" : " | ", when ? when->text : "true");
    }
    choice = add_helper(checked_.choice, Roots::kChoice, std::move(flags), std::move(text));
  }
  for (std::uint32_t i = 0; i < checked_.branches.size(); ++i) {
    Step base = main_step();
    base.slots = gates_;
    if (draft_.switch_place) base.slots.push_back({0, link(choice, i), Use::kChoice});
    const DraftAction& action = draft_.switch_place ? draft_.branches[i].action : draft_.action;
    base.text = text_of(action);
    const CheckedAction& branch = checked_.branches[i];
    if (branch.kind == ActionKind::kCall || branch.kind == ActionKind::kRun) {
      const Function& function = branch.kind == ActionKind::kRun
                                     ? *branch.command
                                     : building_.app.functions[branch.target];
      base.effects = draft_.effects.value_or(function.effects);
      base.cache = draft_.cache.value_or(function.cache);
      base.start = draft_.start.value_or(StartMode::kAuto);
      base.cpu = draft_.cpu;
      base.memory = draft_.memory;
    }
    std::ranges::move(lower_action(checked_.branches[i], std::move(base)),
                      std::back_inserter(parts));
  }
  return parts;
}

// A loop, or a foreach with a limit whose tasks are several parts: these become an internal
// workflow, which is one task per element here.
Part StepLowering::lower_in_scope() {
  Building inside{building_.app, building_.checked, {}};
  inside.workflow.name = fmt::format("{}.{}", building_.workflow.name, draft_.name.text);
  inside.workflow.is_internal = true;
  WrittenStep written;
  written.name = draft_.name.text;
  written.line = draft_.name.place.line;
  inside.workflow.written.push_back(std::move(written));
  BodyInputs inputs(building_.checked, checked_);
  const SourceOf source_of = [&](const Name& name) -> Source {
    if (name.kind == Name::Kind::kRunId) return RunIdRef{};
    if (name.kind == Name::Kind::kRound) return RoundRef{};
    return inputs.input(name);
  };
  const bool is_loop = checked_.loop.has_value();
  const std::vector<StepRef> found =
      StepLowering(checked_, 0, source_of, inside).run_inside(!is_loop);
  Step scope = main_step();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Port& port = checked_.outputs[i];
    inside.workflow.outputs.push_back({port.name, found[i], port.type});
    scope.outputs.push_back(port);
  }
  if (is_loop) {
    // The round that has just ended is the previous one now.
    const SourceOf after_round = [&](const Name& name) -> Source {
      if (name.kind == Name::Kind::kPrevious) return found[name.output];
      return source_of(name);
    };
    const CheckedValue& loop = *checked_.loop;
    Compiled compiled;
    if (loop.literal) compiled.program = constant_program(*loop.literal);
    if (loop.link) compiled = {first_program({&loop.type, 1}), {*loop.link}};
    if (loop.compiled) compiled = *loop.compiled;
    Step condition = new_step();
    condition.written = 0;
    condition.action = Action::kCompute;
    condition.helper = true;
    condition.roots = Roots::kFlags;
    condition.program = compiled.program;
    condition.text = loop.text;
    condition.outputs = {{"while", kFlag, std::nullopt}};
    for (std::uint32_t i = 0; i < compiled.names.size(); ++i) {
      condition.slots.push_back({i, after_round(compiled.names[i]), Use::kOperand});
    }
    scope.again = static_cast<std::uint32_t>(inside.workflow.outputs.size());
    scope.rounds = draft_.rounds;
    inside.workflow.outputs.push_back(
        {"while", StepRef{inside.add(std::move(condition)), 0}, kFlag});
    // An attempt is one of a round.
    scope.timeout.reset();
    scope.retry.reset();
  } else {
    // All of it is in the workflow inside.
    scope.timeout.reset();
    scope.retry.reset();
    scope.catches.clear();
  }
  scope.action = is_loop ? Action::kLoop : Action::kFlow;
  std::vector<std::uint32_t> parts(inside.workflow.steps.size());
  for (std::uint32_t i = 0; i < parts.size(); ++i) parts[i] = i;
  inside.workflow.written[0].parts = std::move(parts);
  inside.workflow.inputs = inputs.take();
  std::vector<Type> inputs_types;
  for (const WorkflowInput& input : inside.workflow.inputs) inputs_types.push_back(input.type);
  for (std::uint32_t i = 0; i < inputs.names().size(); ++i) {
    const Name& name = inputs.names()[i];
    if (name.kind == Name::Kind::kPrevious) continue;
    const Type& type = inputs_types[i];
    scope.slots.push_back({i, as_object(source_of_(name), name, type, true), Use::kPort});
  }
  scope.slots.insert(scope.slots.end(), gates_.begin(), gates_.end());
  scope.workflow = static_cast<std::uint32_t>(building_.app.workflows.size());
  building_.app.workflows.push_back(std::move(inside.workflow));
  const std::vector<Port> outputs = scope.outputs;
  return {add(std::move(scope)), outputs};
}

void StepLowering::lower_clauses(std::vector<Part>& parts) {
  std::vector<std::uint32_t> mains;
  for (const Part& part : parts) mains.push_back(part.step);
  for (std::uint32_t n = 0; n < checked_.clauses.size(); ++n) {
    const CheckedAction& action = checked_.clauses[n].action;
    if (action.kind == ActionKind::kNone) continue;
    Source error = ErrorRef{mains.front(), n};
    if (mains.size() > 1) {
      // Whichever branch failed.
      Step helper = new_step();
      helper.action = Action::kCompute;
      helper.helper = true;
      helper.foreach = driver_;
      helper.text = "error";
      helper.outputs = {{"error", Type{.kind = Kind::kJson, .optional = true}, std::nullopt}};
      const std::vector<Type> types(mains.size(), Type{.kind = Kind::kJson});
      helper.program = first_program(types);
      for (std::uint32_t i = 0; i < mains.size(); ++i) {
        helper.slots.push_back({i, ErrorRef{mains[i], n}, Use::kOperand});
      }
      error = link(add(std::move(helper)), 0);
    }
    Step base = new_step();
    base.foreach = driver_;
    base.slots = {{0, error, Use::kChoice}};
    base.text = text_of(draft_.clauses[n].action);
    if (action.kind == ActionKind::kCall) {
      base.effects = building_.app.functions[action.target].effects;
      base.cache = building_.app.functions[action.target].cache;
    }
    source_of_ = [this, error](const Name& name) {
      return name.kind == Name::Kind::kError ? error : outer_(name);
    };
    std::ranges::move(lower_action(action, std::move(base)), std::back_inserter(parts));
    source_of_ = outer_;
  }
}

// The first `count` outputs of the step.
std::vector<StepRef> StepLowering::merge(const std::vector<Part>& parts, std::size_t count) {
  std::vector<StepRef> found;
  for (std::size_t i = 0; i < count; ++i) {
    const Port& output = checked_.outputs[i];
    std::vector<StepRef> sources;
    std::vector<Type> types;
    for (const Part& part : parts) {
      const auto port = std::ranges::find(part.outputs, output.name, &Port::name);
      if (port == part.outputs.end()) continue;
      sources.push_back({part.step, static_cast<std::uint32_t>(port - part.outputs.begin())});
      types.push_back(port->type);
    }
    SLUICE_ASSERT(!sources.empty());
    if (sources.size() == 1) {
      found.push_back(sources.front());
      continue;
    }
    Step helper = new_step();
    helper.action = Action::kCompute;
    helper.helper = true;
    helper.foreach = driver_;
    helper.program = first_program(types);
    for (std::uint32_t k = 0; k < sources.size(); ++k) {
      helper.slots.push_back({k, link(sources[k].step, sources[k].output), Use::kOperand});
    }
    helper.outputs = {output};
    helper.text = fmt::format("first of {} {}", sources.size(), output.name);
    found.push_back({add(std::move(helper)), 0});
  }
  return found;
}

std::vector<StepRef> StepLowering::run_inside(bool with_clauses) {
  with_clauses_ = with_clauses;
  std::vector<Part> parts = lower_branches();
  std::vector<std::string> names;
  for (const Part& part : parts) {
    for (const Port& port : part.outputs) {
      if (std::ranges::find(names, port.name) == names.end()) names.push_back(port.name);
    }
  }
  if (with_clauses) lower_clauses(parts);
  return merge(parts, with_clauses ? checked_.outputs.size() : names.size());
}

std::vector<StepRef> StepLowering::run(std::vector<std::uint32_t> after) {
  after_ = std::move(after);
  lower_driver();
  lower_when();
  const bool is_limited = driver_ && draft_.concurrency != 0 && needs_merge_or_clause(checked_);
  std::vector<Part> parts;
  if (checked_.loop || is_limited) {
    parts = {lower_in_scope()};
    if (checked_.loop) lower_clauses(parts);
  } else {
    parts = lower_branches();
    lower_clauses(parts);
  }
  return merge(parts, checked_.outputs.size());
}

}  // namespace

std::vector<StepRef> lower_step(const CheckedStep& step, std::uint32_t written,
                                std::vector<std::uint32_t> after, const SourceOf& source_of,
                                Building& building) {
  return StepLowering(step, written, source_of, building).run(std::move(after));
}

}  // namespace sluice::model
