#include "model/internal/lower_written.h"

#include <algorithm>
#include <set>
#include <span>
#include <unordered_map>

#include "model/internal/lower_names.h"

namespace sluice::model {
namespace {

std::string_view action_name(ActionKind kind) {
  switch (kind) {
    case ActionKind::kNone:
      return "";
    case ActionKind::kCall:
      return "call";
    case ActionKind::kRun:
      return "run";
    case ActionKind::kFlow:
      return "flow";
    case ActionKind::kSet:
      return "set";
    case ActionKind::kWait:
      return "wait";
    case ActionKind::kFail:
      return "fail";
  }
  return "";
}

// `ffmpeg`, for people.
std::string program_name(const Command& command) {
  if (command.is_shell) return "sh";
  std::string name;
  for (const Command::Piece& piece : command.words.front())
    name += piece.input ? "${...}" : piece.text;
  return name;
}

// In the order of the ports that they are bound to.
std::vector<const DraftValue*> values_of(const DraftAction& run) {
  std::vector<const DraftValue*> values;
  for (const std::vector<DraftCommand::Piece>& word : run.command->words) {
    for (const DraftCommand::Piece& piece : word)
      if (piece.value) values.push_back(&*piece.value);
  }
  for (const DraftBinding& binding : run.in) values.push_back(&binding.value);
  return values;
}

// Which of the names that a program knows are in one expression, and what becomes of them there.
// It goes by the text, as the resolver of names does; so a variable of a macro that is called like
// a step, with the name of an output behind it, is taken for that: more is said to be waited for
// than is.
class Takes {
 public:
  Takes(const expr::Syntax& syntax, const std::vector<std::string>& names) : syntax_(syntax) {
    for (std::size_t i = 0; i < names.size(); ++i) places_.emplace(names[i], i);
    takes_.resize(names.size());
  }

  // As high as a tree may be (Syntax::kHeightMax).
  void walk(expr::Syntax::Node index, Take take);
  const std::optional<Take>& of(std::size_t name) const { return takes_[name]; }

 private:
  // The dotted name that ends here, outermost first; none where there is something else in it.
  std::vector<std::string_view> dotted(expr::Syntax::Node index) const;
  bool note(const std::vector<std::string_view>& segments, Take take);

  const expr::Syntax& syntax_;
  std::unordered_map<std::string_view, std::size_t> places_;
  std::vector<std::optional<Take>> takes_;
};

std::vector<std::string_view> Takes::dotted(expr::Syntax::Node index) const {
  std::vector<std::string_view> segments;
  for (;;) {
    const expr::SyntaxNode& node = syntax_.node(index);
    segments.push_back(node.name);
    if (node.kind == expr::SyntaxKind::kName) break;
    if (node.kind != expr::SyntaxKind::kField) return {};
    index = syntax_.children(index).front();
  }
  std::ranges::reverse(segments);
  return segments;
}

bool Takes::note(const std::vector<std::string_view>& segments, Take take) {
  std::string name;
  for (std::size_t i = 0; i < segments.size() && i < 2; ++i) {
    name += (i == 0 ? "" : ".") + std::string(segments[i]);
    const auto found = places_.find(name);
    if (found == places_.end()) continue;
    // A field behind it is looked into.
    const Take taken = i + 1 < segments.size() ? Take::kWhole : take;
    std::optional<Take>& known = takes_[found->second];
    known = std::max(known.value_or(taken), taken);
    return true;
  }
  return false;
}

void Takes::walk(expr::Syntax::Node index, Take take) {
  const expr::SyntaxNode& node = syntax_.node(index);
  const auto children = syntax_.children(index);
  const auto walk_all = [&](std::span<const expr::Syntax::Node> nodes, Take each) {
    for (const expr::Syntax::Node child : nodes) walk(child, each);
  };
  switch (node.kind) {
    case expr::SyntaxKind::kConstant:
      return;
    case expr::SyntaxKind::kName:
    case expr::SyntaxKind::kField:
      if (!note(dotted(index), take)) walk_all(children, Take::kWhole);
      return;
    case expr::SyntaxKind::kIndex:
      walk(children[0], Take::kElement);
      walk(children[1], Take::kWhole);
      return;
    case expr::SyntaxKind::kCall: {
      const bool hands_on = node.name == "first" || node.name == "present" || node.name == "any" ||
                            node.name == "has";
      return walk_all(children, hands_on ? Take::kHandOn : Take::kWhole);
    }
    case expr::SyntaxKind::kChoice:
      walk(children[0], Take::kWhole);
      return walk_all(children.subspan(1), take);
    case expr::SyntaxKind::kMethod:
    case expr::SyntaxKind::kUnary:
    case expr::SyntaxKind::kBinary:
    case expr::SyntaxKind::kList:
    case expr::SyntaxKind::kMap:
    case expr::SyntaxKind::kText:
      return walk_all(children, Take::kWhole);
  }
}

class Writing {
 public:
  Writing(const CheckedWorkflow& workflow, const std::vector<std::uint32_t>& places,
          const CheckedStep* step)
      : workflow_(workflow), places_(places), step_(step) {}

  WrittenValue value(std::string name, const DraftValue& draft, const CheckedValue& checked,
                     const DraftTexts& texts) const;
  WrittenValue value(std::string name, const DraftValue& draft, const std::vector<Name>& names,
                     const DraftTexts& texts) const;
  WrittenAction action(const DraftAction& draft, const CheckedAction& checked,
                       const App& app) const;

 private:
  WrittenName name_of(const Name& name) const;

  const CheckedWorkflow& workflow_;
  const std::vector<std::uint32_t>& places_;
  const CheckedStep* step_;  // Null for the outputs of the workflow.
};

WrittenName Writing::name_of(const Name& name) const {
  WrittenName written;
  written.text = text_of(name, workflow_);
  switch (name.kind) {
    case Name::Kind::kInput:
      written.kind = WrittenName::Kind::kInput;
      written.owner = name.owner;
      written.type = workflow_.inputs[name.owner].type;
      break;
    case Name::Kind::kOutput: {
      const Port& port = workflow_.steps[name.owner].published[name.output];
      written.kind = WrittenName::Kind::kStep;
      written.owner = places_[name.owner];
      written.output = port.name;
      written.type = port.type;
      break;
    }
    case Name::Kind::kItem:
      written.kind = WrittenName::Kind::kItem;
      written.type = step_->item;
      break;
    case Name::Kind::kIndex:
      written.kind = WrittenName::Kind::kIndex;
      written.type.kind = Kind::kInt;
      break;
    case Name::Kind::kPrevious:
      written.kind = WrittenName::Kind::kPrevious;
      written.output = step_->outputs[name.output].name;
      written.text = "previous." + written.output;
      written.type = step_->outputs[name.output].type;
      break;
    case Name::Kind::kRound:
      written.kind = WrittenName::Kind::kRound;
      written.type.kind = Kind::kInt;
      break;
    case Name::Kind::kError:
      written.kind = WrittenName::Kind::kError;
      written.type.kind = Kind::kJson;
      break;
    case Name::Kind::kRunId:
      written.kind = WrittenName::Kind::kRunId;
      written.type.kind = Kind::kText;
      break;
  }
  return written;
}

WrittenValue Writing::value(std::string name, const DraftValue& draft,
                            const std::vector<Name>& names, const DraftTexts& texts) const {
  WrittenValue written;
  written.name = std::move(name);
  written.text = draft.literal ? to_text(*draft.literal) : draft.text;
  if (!draft.node) return written;
  std::vector<WrittenName> all;
  std::vector<std::string> spelled;
  for (const Name& one : names) {
    all.push_back(name_of(one));
    spelled.push_back(all.back().text);
  }
  Takes takes(texts.syntax, spelled);
  takes.walk(*draft.node, Take::kHandOn);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!takes.of(i)) continue;
    all[i].take = *takes.of(i);
    written.names.push_back(std::move(all[i]));
  }
  return written;
}

WrittenValue Writing::value(std::string name, const DraftValue& draft, const CheckedValue& checked,
                            const DraftTexts& texts) const {
  WrittenValue written;
  if (checked.link) {
    written = value(std::move(name), draft, std::vector<Name>{*checked.link}, texts);
  } else {
    written = value(std::move(name), draft,
                    checked.compiled ? checked.compiled->names : std::vector<Name>{}, texts);
  }
  written.type = checked.type;
  if (checked.compiled) written.is_timed = checked.compiled->program->roots().front().is_timed;
  return written;
}

WrittenAction Writing::action(const DraftAction& draft, const CheckedAction& checked,
                              const App& app) const {
  const DraftTexts& texts = step_->draft->texts;
  WrittenAction written;
  written.action = action_name(checked.kind);
  written.index = checked.target;
  written.is_answer = checked.is_answer;
  for (const Port& port : checked.outputs) written.outputs.push_back(port.name);
  const bool is_call = checked.kind == ActionKind::kCall;
  if (is_call || checked.kind == ActionKind::kFlow) {
    std::unordered_map<std::string_view, const DraftValue*> drafts;
    for (const DraftBinding& binding : draft.in) drafts.emplace(binding.port.text, &binding.value);
    const auto bind = [&](const CheckedBinding& binding, const std::string& name, const Type& type,
                          bool has_default) {
      WrittenValue bound = value(name, *drafts.at(name), binding.value, texts);
      bound.type = type;
      bound.has_default = has_default;
      written.in.push_back(std::move(bound));
    };
    for (const CheckedBinding& binding : checked.in) {
      if (is_call) {
        const Port& port = app.functions[checked.target].inputs[binding.port];
        bind(binding, port.name, port.type, port.default_value.has_value());
      } else {
        const WorkflowInput& input = app.workflows[checked.target].inputs[binding.port];
        bind(binding, input.name, input.type, input.default_value.has_value());
      }
    }
    written.target =
        is_call ? app.functions[checked.target].name : app.workflows[checked.target].name;
  }
  if (checked.kind == ActionKind::kRun) {
    const std::vector<const DraftValue*> values = values_of(draft);
    for (const CheckedBinding& binding : checked.in) {
      const Port& port = checked.command->inputs[binding.port];
      written.in.push_back(value(port.name, *values[binding.port], binding.value, texts));
      written.in.back().type = port.type;
    }
    written.target = program_name(*checked.command->command);
  }
  for (std::size_t i = 0; i < checked.set.size(); ++i)
    written.in.push_back(value(draft.set[i].port.text, draft.set[i].value, checked.set[i], texts));
  for (const CheckedBinding& time : checked.in) {
    if (checked.kind == ActionKind::kWait)
      written.in.push_back(value("time", *draft.time, time.value, texts));
  }
  if (draft.fail_name)
    written.in.push_back(value("name", *draft.fail_name, checked.program.names, texts));
  if (draft.fail_message)
    written.in.push_back(value("message", *draft.fail_message, checked.program.names, texts));
  if (is_call) {
    const Function& function = app.functions[checked.target];
    written.retry = function.retry.value_or(Retry{});
    written.timeout = function.timeout;
    written.effects = function.effects;
    written.cache = function.cache;
  }
  return written;
}

void collect(const std::vector<Name>& names, std::set<std::uint32_t>& used) {
  for (const Name& name : names) {
    if (name.kind == Name::Kind::kOutput) used.insert(name.owner);
  }
}

void collect(const CheckedValue& value, std::set<std::uint32_t>& used) {
  if (value.link) collect({*value.link}, used);
  if (value.compiled) collect(value.compiled->names, used);
}

void collect(const CheckedAction& action, std::set<std::uint32_t>& used) {
  for (const CheckedBinding& binding : action.in) collect(binding.value, used);
  for (const CheckedValue& value : action.set) collect(value, used);
  collect(action.program.names, used);
}

// Steps, numbered as in the file, whose data the step uses.
std::set<std::uint32_t> used_by(const CheckedStep& step) {
  std::set<std::uint32_t> used;
  for (const auto* value : {&step.foreach, &step.when, &step.loop}) {
    if (*value) collect(**value, used);
  }
  for (const CheckedAction& action : step.branches) collect(action, used);
  for (const CheckedClause& clause : step.clauses) collect(clause.action, used);
  collect(step.choice.names, used);
  return used;
}

void write_actions(const CheckedStep& step, const Writing& writing, const App& app,
                   WrittenStep& written) {
  const DraftStep& draft = *step.draft;
  written.is_switch = draft.switch_place.has_value();
  for (std::size_t i = 0; i < step.branches.size(); ++i) {
    const DraftAction& action = written.is_switch ? draft.branches[i].action : draft.action;
    WrittenAction& branch =
        written.actions.emplace_back(writing.action(action, step.branches[i], app));
    // What the step says wins over the function.
    if (draft.retry) branch.retry = *draft.retry;
    if (draft.timeout) branch.timeout = draft.timeout;
    if (branch.action == "call" || branch.action == "run") {
      branch.effects = draft.effects.value_or(branch.effects);
      branch.cache = draft.cache.value_or(branch.cache);
    }
    if (written.is_switch && draft.branches[i].when) {
      branch.when = writing.value("when", *draft.branches[i].when, step.choice.names, draft.texts);
    }
  }
  for (std::size_t i = 0; i < step.clauses.size(); ++i) {
    const CheckedClause& clause = step.clauses[i];
    WrittenAction& action =
        written.clauses.emplace_back(writing.action(draft.clauses[i].action, clause.action, app));
    action.errors = clause.errors;
  }
}

}  // namespace

WrittenStep written_step(const CheckedStep& step, const CheckedWorkflow& workflow,
                         const std::vector<std::uint32_t>& places, const App& app) {
  const DraftStep& draft = *step.draft;
  const Writing writing(workflow, places, &step);
  WrittenStep written;
  written.name = draft.name.text;
  written.line = draft.name.place.line;
  for (const std::uint32_t used : used_by(step)) written.uses.push_back(places[used]);
  for (const Word& name : draft.after) {
    const auto before = std::ranges::find(workflow.steps, name.text, [](const CheckedStep& other) {
      return std::string_view(other.draft->name.text);
    });
    written.after.push_back(places[static_cast<std::size_t>(before - workflow.steps.begin())]);
  }
  for (auto* numbers : {&written.uses, &written.after}) {
    std::ranges::sort(*numbers);
    const auto rest = std::ranges::unique(*numbers);
    numbers->erase(rest.begin(), rest.end());
  }
  write_actions(step, writing, app, written);
  if (step.foreach)
    written.foreach = writing.value("foreach", *draft.foreach, *step.foreach, draft.texts);
  if (step.when) written.when = writing.value("when", *draft.when, *step.when, draft.texts);
  if (step.loop) written.loop = writing.value("while", *draft.loop, *step.loop, draft.texts);
  written.rounds = draft.rounds;
  written.concurrency = draft.concurrency;
  written.starts_early = draft.start == StartMode::kEarly;
  return written;
}

std::vector<WrittenValue> written_outputs(const CheckedWorkflow& workflow,
                                          const std::vector<std::uint32_t>& places) {
  const Writing writing(workflow, places, nullptr);
  const DraftWorkflow& draft = *workflow.draft;
  std::vector<WrittenValue> outputs;
  for (std::size_t i = 0; i < workflow.outputs.size(); ++i) {
    outputs.push_back(writing.value(draft.outputs[i].port.text, draft.outputs[i].value,
                                    workflow.outputs[i].value, draft.texts));
  }
  return outputs;
}

}  // namespace sluice::model
