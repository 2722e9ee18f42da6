#include "model/lower.h"

#include <algorithm>

#include "model/internal/check_value.h"
#include "model/internal/lower_step.h"
#include "model/internal/lower_written.h"
#include "model/internal/small_programs.h"

namespace sluice::model {
namespace {

class WorkflowLowering {
 public:
  WorkflowLowering(const CheckedWorkflow& checked, bool is_flow, App& app)
      : checked_(checked), is_flow_(is_flow), building_{app, checked, {}} {}

  Workflow run();

 private:
  void lower_next(std::uint32_t number);
  void lower_output(const CheckedOutput& output);
  Source source_of(const Name& name) const;

  const CheckedWorkflow& checked_;
  const bool is_flow_;  // Some step runs it in place.
  Building building_;
  std::vector<std::vector<StepRef>> found_;  // Per step of the file: its outputs.
  std::vector<std::uint32_t> written_;       // Per step of the file: its place in `written`.
};

Source WorkflowLowering::source_of(const Name& name) const {
  switch (name.kind) {
    case Name::Kind::kInput:
      return InputRef{name.owner};
    case Name::Kind::kOutput:
      return found_[name.owner][name.output];
    case Name::Kind::kItem:
      return ItemRef{};
    case Name::Kind::kIndex:
      return IndexRef{};
    case Name::Kind::kRunId:
      return RunIdRef{};
    case Name::Kind::kPrevious:
    case Name::Kind::kRound:
    case Name::Kind::kError:
      break;  // Never outside of a loop or a clause.
  }
  std::abort();
}

void WorkflowLowering::lower_next(std::uint32_t number) {
  const CheckedStep& step = checked_.steps[number];
  WrittenStep written = written_step(step, checked_, written_, building_.app);
  const auto index = static_cast<std::uint32_t>(building_.workflow.written.size());
  written_[number] = index;
  // All that the steps before do must be done; helpers do nothing.
  std::vector<std::uint32_t> after;
  for (const std::uint32_t before : written.after) {
    for (const std::uint32_t part : building_.workflow.written[before].parts) {
      if (!building_.workflow.steps[part].helper) after.push_back(part);
    }
  }
  const auto first = static_cast<std::uint32_t>(building_.workflow.steps.size());
  building_.workflow.written.push_back(std::move(written));
  found_[number] = lower_step(
      step, index, std::move(after), [this](const Name& name) { return source_of(name); },
      building_);
  for (std::uint32_t i = first; i < building_.workflow.steps.size(); ++i) {
    building_.workflow.written[index].parts.push_back(i);
  }
}

void WorkflowLowering::lower_output(const CheckedOutput& output) {
  const CheckedValue& value = output.value;
  Port port{output.name, value.type, std::nullopt};
  const SourceOf source = [this](const Name& name) { return source_of(name); };
  Source from;
  if (value.literal && is_flow_) {
    from =
        StepRef{add_constant_helper(building_, output.name, kNoWritten, *value.literal, port), 0};
  } else if (value.literal) {
    from = Literal{*value.literal};
  } else if (value.compiled) {
    from = StepRef{add_value_helper(building_, output.name, kNoWritten, *value.compiled, port,
                                    value.text, source),
                   0};
  } else if (value.link->kind == Name::Kind::kRunId) {
    const Compiled id{first_program({&value.type, 1}), {*value.link}};
    from = StepRef{
        add_value_helper(building_, output.name, kNoWritten, id, port, value.text, source), 0};
  } else if (is_flow_ && value.type.lists >= 2) {
    // The edge of a flow carries no list of lists.
    const Compiled list{first_program({&value.type, 1}), {*value.link}};
    port.type = as_computed(port.type);
    from = StepRef{
        add_value_helper(building_, output.name, kNoWritten, list, port, value.text, source), 0};
  } else {
    from = source(*value.link);
  }
  building_.workflow.outputs.push_back({output.name, std::move(from), port.type});
}

Workflow WorkflowLowering::run() {
  const DraftWorkflow& draft = *checked_.draft;
  Workflow& workflow = building_.workflow;
  workflow.name = draft.name.text;
  workflow.inputs = checked_.inputs;
  workflow.timeout = draft.timeout;
  workflow.on_failure = draft.on_failure;
  workflow.keep = draft.keep;
  found_.resize(checked_.steps.size());
  written_.resize(checked_.steps.size());
  for (const std::uint32_t number : checked_.order) lower_next(number);
  for (const CheckedOutput& output : checked_.outputs) lower_output(output);
  workflow.written_outputs = written_outputs(checked_, written_);
  return std::move(workflow);
}

}  // namespace

void lower(std::span<const CheckedWorkflow> workflows, App& app) {
  std::vector<bool> is_flow(workflows.size(), false);
  for (const CheckedWorkflow& workflow : workflows) {
    const auto mark = [&](const CheckedAction& action) {
      if (action.kind == ActionKind::kFlow) is_flow[action.target] = true;
    };
    for (const CheckedStep& step : workflow.steps) {
      std::ranges::for_each(step.branches, mark);
      for (const CheckedClause& clause : step.clauses) mark(clause.action);
    }
  }
  // Names and inputs of all are needed before the steps of any.
  app.workflows.resize(workflows.size());
  for (std::size_t i = 0; i < workflows.size(); ++i) {
    app.workflows[i].name = workflows[i].draft->name.text;
    app.workflows[i].inputs = workflows[i].inputs;
  }
  for (std::size_t i = 0; i < workflows.size(); ++i) {
    Workflow lowered = WorkflowLowering(workflows[i], is_flow[i], app).run();
    app.workflows[i] = std::move(lowered);
  }
}

}  // namespace sluice::model
