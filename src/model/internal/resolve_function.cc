#include "model/internal/resolve_function.h"

#include <algorithm>

#include <fmt/format.h>

#include "model/literal.h"
#include "model/names.h"

namespace sluice::model {
namespace {

std::vector<std::string> names_of(const std::vector<Port>& ports) {
  std::vector<std::string> names;
  for (const Port& port : ports) names.push_back(port.name);
  return names;
}

const Port* find_port(const std::vector<Port>& ports, std::string_view name) {
  const auto found = std::ranges::find(ports, name, &Port::name);
  return found == ports.end() ? nullptr : &*found;
}

// A value of one element, of which the code certainly makes no list (and the other way round).
bool is_scalar(const Type& type) {
  return !type.is_list() && type.kind != Kind::kAny && type.kind != Kind::kJson;
}

// Why the declared type of an input and the annotation of its parameter cannot both be right; empty
// when they can. The declared one wins wherever the SDK could still hand the value over.
std::string input_contradiction(const Type& declared, const Type& annotated) {
  if (declared.access == Access::kStream && is_scalar(annotated))
    return "reads a list element by element";
  if (annotated.access == Access::kStream && is_scalar(declared)) return "is one value";
  if (annotated.access == Access::kPipe && declared.is_list())
    return "is a list, not the bytes of one value";
  if (declared.access == Access::kPipe && annotated.access != Access::kPipe &&
      is_scalar(annotated)) {
    return "reads bytes while they are written";
  }
  if (declared.is_list() && declared.access == Access::kWhole && is_scalar(annotated))
    return "is a list";
  if (annotated.is_list() && is_scalar(declared)) return "is one value";
  return {};
}

class Resolver {
 public:
  Resolver(const DraftFunction& draft, const CodePorts* code, Report& report)
      : draft_(draft), code_(code), report_(report) {}

  ResolvedFunction run() {
    Function& function = resolved_.function;
    function.name = draft_.name.text;
    function.runtime = draft_.runtime.value_or(Runtime::kPython3);
    if (draft_.handler) function.handler = draft_.handler->text;
    if (draft_.binary) function.binary = draft_.binary->text;
    function.memory = draft_.memory;
    function.cpu = draft_.cpu;
    function.timeout = draft_.timeout;
    function.retry = draft_.retry;
    function.env = draft_.env;
    function.effects = draft_.effects;
    function.cache = draft_.cache;
    function.parallel = draft_.parallel;
    function.workers = draft_.workers;
    resolve_inputs();
    resolve_outputs();
    check_names();
    return std::move(resolved_);
  }

 private:
  void resolve_inputs() {
    std::vector<Port>& inputs = resolved_.function.inputs;
    if (!draft_.inputs) {
      resolved_.inputs_known = code_ != nullptr;
      if (code_ != nullptr) inputs = code_->inputs;
      return;
    }
    for (const DraftPort& declared : *draft_.inputs) inputs.push_back(resolve_input(declared));
    if (code_ == nullptr) return;
    for (const Port& parameter : code_->inputs) {
      if (find_port(inputs, parameter.name) != nullptr) continue;
      if (parameter.default_value || parameter.type.optional) {
        inputs.push_back(parameter);  // Declared in part: the code has the rest.
        continue;
      }
      report_.add(draft_.inputs_place,
                  fmt::format("'{}' in {} needs the parameter '{}', which is not among the inputs",
                              draft_.handler->text, code_->file, shown(parameter.name)),
                  fmt::format("add '{}: {}', or leave 'inputs' out", shown(parameter.name),
                              to_text(parameter.type)));
    }
  }

  Port resolve_input(const DraftPort& declared) {
    Port port{declared.name.text, declared.type.value_or(Type{}), declared.default_value};
    const Port* parameter = code_ == nullptr ? nullptr : find_port(code_->inputs, port.name);
    if (code_ != nullptr && parameter == nullptr) {
      parameter = find_port(code_->inputs_if_declared, port.name);
    }
    // What is wrong with the name itself has been said.
    const bool is_good_name =
        !identifier_problem(port.name) &&
        (draft_.runtime != Runtime::kPython3 || !is_python_keyword(port.name));
    const bool is_read_by_name =
        code_ != nullptr && std::ranges::find(code_->reads, port.name) != code_->reads.end();
    if (code_ != nullptr && parameter == nullptr && is_good_name && !is_read_by_name) {
      report_.add(declared.name.place,
                  fmt::format("'{}' in {} has no parameter '{}'", draft_.handler->text, code_->file,
                              shown(port.name)),
                  code_->inputs.empty() ? "it has no parameters"
                                        : did_you_mean_or_list(port.name, names_of(code_->inputs)));
    }
    if (declared.is_broken) return port;
    if (parameter != nullptr && !declared.type) port.type = parameter->type;
    if (parameter != nullptr && declared.type) {
      const std::string contradiction = input_contradiction(*declared.type, parameter->type);
      if (!contradiction.empty()) {
        report_.add(declared.type_place,
                    fmt::format("input '{}' is {}, but the code reads {}: {} {}", shown(port.name),
                                to_text(*declared.type), to_text(parameter->type),
                                to_text(*declared.type), contradiction),
                    "make the type here and the annotation in the code agree");
      }
    }
    if (parameter != nullptr && !port.default_value) port.default_value = parameter->default_value;
    if (parameter != nullptr && parameter->type.optional && !port.default_value)
      port.type.optional = true;
    if (!port.default_value) return port;
    if (const auto problem = literal_problem(*port.default_value, port.type)) {
      report_.add(
          declared.default_value ? declared.default_place : declared.type_place,
          declared.default_value
              ? fmt::format("the default of '{}' is wrong: it {}", shown(port.name), *problem)
              : fmt::format("the default of '{}' in {} is wrong: the input {}", shown(port.name),
                            code_->file, *problem));
    }
    if (port.default_value->is_null() && port.type.optional) port.default_value.reset();
    return port;
  }

  void resolve_outputs() {
    std::vector<Port>& outputs = resolved_.function.outputs;
    if (!draft_.outputs) {
      resolved_.outputs_known = code_ != nullptr;
      if (code_ != nullptr) outputs = code_->outputs;
      return;
    }
    resolved_.outputs_known = !draft_.outputs->empty();
    bool is_whole = true;
    for (const DraftPort& declared : *draft_.outputs) {
      Port port{declared.name.text, declared.type.value_or(Type{}), std::nullopt};
      // What the code says is of its only output; with several it returns a dict of them.
      if (!declared.type && draft_.outputs->size() == 1 && code_ != nullptr &&
          code_->outputs.size() == 1) {
        port.type = code_->outputs[0].type;
      }
      is_whole = is_whole && !declared.is_broken;
      outputs.push_back(std::move(port));
    }
    if (is_whole && code_ != nullptr && !outputs.empty() && code_->outputs.size() == 1)
      check_outputs();
  }

  void check_outputs() {
    const std::vector<Port>& outputs = resolved_.function.outputs;
    const Type& returned = code_->outputs[0].type;
    const auto lists = std::ranges::count_if(outputs, [](const Port& port) {
      return port.type.is_list() || port.type.kind == Kind::kAny;
    });
    const auto certain_lists =
        std::ranges::count_if(outputs, [](const Port& port) { return port.type.is_list(); });
    const std::string who = fmt::format("'{}' in {}", draft_.handler->text, code_->file);
    if (code_->is_generator && lists == 0) {
      report_.add(draft_.outputs_place,
                  fmt::format("{} is a generator, but none of the outputs is a list", who),
                  outputs.size() == 1
                      ? fmt::format("write {}: list<{}>, or return instead of yield",
                                    outputs[0].name, to_text(outputs[0].type))
                      : "what it yields goes to the only output that is a list<T>");
      return;
    }
    if (code_->is_generator && certain_lists > 1) {
      report_.add(draft_.outputs_place,
                  fmt::format("{} is a generator, but several outputs are lists", who),
                  "what it yields goes to the only output that is a list<T>: return the others");
      return;
    }
    if (code_->is_generator) {
      check_yielded(returned, who);
      return;
    }
    if (outputs.size() > 1) {
      if (is_scalar(returned) || returned.is_list()) {
        report_.add(draft_.outputs_place,
                    fmt::format("{} returns {}, but there are {} outputs", who, to_text(returned),
                                outputs.size()),
                    "with several outputs it returns a dict with their names");
      }
      return;
    }
    const Type& declared = outputs[0].type;
    const bool contradicts =
        (declared.is_list() && is_scalar(returned)) || (is_scalar(declared) && returned.is_list());
    if (contradicts) {
      report_.add(draft_.outputs->front().type_place,
                  fmt::format("output '{}' is {}, but {} returns {}", shown(outputs[0].name),
                              to_text(declared), who, to_text(returned)),
                  "make the type here and the annotation in the code agree");
    }
  }

  // `-> Iterator[int]` for a declared list<list<bytes>>: elements are as certain as whole values.
  void check_yielded(const Type& returned, const std::string& who) {
    for (std::size_t i = 0; i < draft_.outputs->size(); ++i) {
      const Type& declared = resolved_.function.outputs[i].type;
      if (!declared.is_list() || !returned.is_list()) continue;
      const Type wanted = declared.element();
      const Type given = returned.element();
      if ((wanted.is_list() && is_scalar(given)) || (is_scalar(wanted) && given.is_list())) {
        report_.add((*draft_.outputs)[i].type_place,
                    fmt::format("output '{}' is {}, but {} yields {}",
                                shown(resolved_.function.outputs[i].name), to_text(declared), who,
                                to_text(given)),
                    "make the type here and the annotation in the code agree");
      }
    }
  }

  void check_names() {
    if (draft_.runtime != Runtime::kPython3) return;
    for (const auto* ports : {&draft_.inputs, &draft_.outputs}) {
      if (!*ports) continue;
      for (const DraftPort& port : **ports) {
        if (!is_python_keyword(port.name.text) || identifier_problem(port.name.text)) continue;
        report_.add(port.name.place,
                    fmt::format("port '{}': the name is a keyword of Python", port.name.text),
                    fmt::format("write '{}_'", port.name.text));
      }
    }
  }

  const DraftFunction& draft_;
  const CodePorts* code_;
  Report& report_;
  ResolvedFunction resolved_;
};

}  // namespace

ResolvedFunction resolve_function(const DraftFunction& draft, const CodePorts* code,
                                  Report& report) {
  return Resolver(draft, code, report).run();
}

}  // namespace sluice::model
