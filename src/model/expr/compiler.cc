#include "model/expr/compiler.h"

#include <algorithm>
#include <array>

#include "model/expr/evaluate.h"
#include "model/names.h"

namespace sluice::expr {
namespace {

struct Operator {
  std::string_view name;
  Op op;
};
constexpr std::array<Operator, 14> kOperators{{{"&&", Op::kAnd},
                                               {"||", Op::kOr},
                                               {"==", Op::kEqual},
                                               {"!=", Op::kNotEqual},
                                               {"<", Op::kLess},
                                               {"<=", Op::kLessEqual},
                                               {">", Op::kGreater},
                                               {">=", Op::kGreaterEqual},
                                               {"in", Op::kIn},
                                               {"+", Op::kAdd},
                                               {"-", Op::kSubtract},
                                               {"*", Op::kMultiply},
                                               {"/", Op::kDivide},
                                               {"%", Op::kModulo}}};

constexpr std::array<std::string_view, 8> kTypeNames{"bool", "int", "double",    "string",
                                                     "list", "map", "null_type", "type"};

// What another language calls a constant.
struct Foreign {
  std::string_view name;
  std::string_view ours;
};
constexpr std::array<Foreign, 7> kForeign{{{"None", "null"},
                                           {"nil", "null"},
                                           {"undefined", "null"},
                                           {"NULL", "null"},
                                           {"True", "true"},
                                           {"False", "false"},
                                           {"yes", "true"}}};

std::string opaque_hint(const Static& value) {
  if (value.shape != Shape::kOpaque) return {};
  return "bytes, arrays and files are handed on; give them to a function";
}

}  // namespace

Compiler::Compiler(const Syntax& syntax, const Resolve& resolve, Mistakes& mistakes,
                   Checking checking)
    : syntax_(syntax),
      resolve_(resolve),
      mistakes_(mistakes),
      checking_(checking),
      program_(new Program()),
      code_(*program_->code_) {}

std::shared_ptr<const Program> Compiler::compile(std::span<const Node> roots) {
  for (const Node index : roots) {
    variables_.clear();
    is_timed_ = false;
    const Typed typed = visit(index);
    Root root;
    root.type = typed.known.type;
    root.spot = syntax_.node(index).spot;
    root.is_timed = is_timed_;
    std::ranges::sort(variables_);
    const auto rest = std::ranges::unique(variables_);
    variables_.erase(rest.begin(), rest.end());
    root.variables = variables_;
    root.is_constant = variables_.empty();
    const CodeNode& top = code_.nodes[typed.node];
    if (top.op == Op::kVariable) root.plain = top.a;
    program_->roots_.push_back(std::move(root));
    code_.roots.push_back(typed.node);
  }
  if (!failed_ && checking_ == Checking::kStrict) {
    for (std::uint32_t i = 0; i < roots.size(); ++i) check_constant_root(i);
  }
  return failed_ ? nullptr : program_;
}

// What names nothing is the same at deploy as in a run: `1 / 0` fails now.
void Compiler::check_constant_root(std::uint32_t root) {
  if (!program_->roots_[root].is_constant) return;
  struct Nothing final : Knowledge {
    Look look(const Ref&) const override { return {}; }
    Reading read(const Ref&) const override { return {}; }
  };
  // Small: a thousand of these must not hold a deploy up. What needs more is left to the run.
  Evaluation evaluation({.steps = 10'000, .memory = 1 << 20, .json = 1 << 20});
  const Outcome& outcome = evaluation.evaluate(*program_, root, Nothing());
  if (outcome.kind != Outcome::Kind::kError || outcome.exhausted) return;
  failed_ = true;
  mistakes_.push_back({outcome.failure.spot, outcome.failure.message, ""});
}

std::uint32_t Compiler::keep(std::string_view text) {
  code_.strings.emplace_back(text);
  return static_cast<std::uint32_t>(code_.strings.size() - 1);
}

Compiler::Typed Compiler::emit(CodeNode node, Static known) {
  code_.nodes.push_back(node);
  return {static_cast<std::uint32_t>(code_.nodes.size() - 1), known};
}

Compiler::Typed Compiler::emit_many(Op op, Spot spot, const std::vector<Typed>& children,
                                    Static known) {
  const auto first = static_cast<std::uint32_t>(code_.children.size());
  for (const Typed& child : children) code_.children.push_back(child.node);
  return emit(
      {.op = op, .count = static_cast<std::uint32_t>(children.size()), .a = first, .spot = spot},
      known);
}

Compiler::Typed Compiler::broken(Spot spot, std::string message, std::string hint) {
  const std::uint32_t text = keep(hint.empty() ? message : message + "; " + hint);
  if (checking_ == Checking::kStrict) {
    failed_ = true;
    mistakes_.push_back({spot, std::move(message), std::move(hint)});
  }
  return emit({.op = Op::kBroken, .a = text, .spot = spot}, Static());
}

void Compiler::wrong_type(Spot spot, std::string message, std::string hint) {
  if (checking_ == Checking::kLate) return;
  failed_ = true;
  mistakes_.push_back({spot, std::move(message), std::move(hint)});
}

Compiler::Typed Compiler::visit(Node index) {
  const SyntaxNode& node = syntax_.node(index);
  switch (node.kind) {
    case SyntaxKind::kConstant: {
      code_.constants.push_back(node.constant);
      const auto at = static_cast<std::uint32_t>(code_.constants.size() - 1);
      return emit({.op = Op::kConstant, .a = at, .spot = node.spot},
                  static_of_constant(code_.constants.back()));
    }
    case SyntaxKind::kName:
    case SyntaxKind::kField:
      return name_or_field(index);
    case SyntaxKind::kIndex:
      return index_of(index);
    case SyntaxKind::kCall:
    case SyntaxKind::kMethod:
      return call(index);
    case SyntaxKind::kUnary:
      return unary(index);
    case SyntaxKind::kBinary:
      return binary(index);
    case SyntaxKind::kChoice:
      return choice(index);
    case SyntaxKind::kList:
      return list(index);
    case SyntaxKind::kMap:
      return map(index);
    case SyntaxKind::kText:
      return text(index);
  }
  return {};
}

Compiler::Typed Compiler::name_or_field(Node index) {
  std::vector<Node> path{index};
  while (syntax_.node(path.back()).kind == SyntaxKind::kField && !syntax_.node(path.back()).quoted)
    path.push_back(syntax_.children(path.back())[0]);
  std::ranges::reverse(path);
  const SyntaxNode& base = syntax_.node(path[0]);
  if (base.kind != SyntaxKind::kName) {
    const SyntaxNode& node = syntax_.node(index);
    return field(visit(syntax_.children(index)[0]), node);
  }
  if (!base.absolute) {
    for (std::size_t i = locals_.size(); i-- > 0;) {
      if (locals_[i].name != base.name) continue;
      Typed typed = emit({.op = Op::kLocal, .a = static_cast<std::uint32_t>(i), .spot = base.spot},
                         locals_[i].known);
      for (std::size_t k = 1; k < path.size(); ++k) typed = field(typed, syntax_.node(path[k]));
      return typed;
    }
  }
  return resolved(path);
}

Compiler::Typed Compiler::resolved(const std::vector<Node>& path) {
  std::vector<std::string_view> names;
  for (const Node node : path) names.emplace_back(syntax_.node(node).name);
  const auto found = resolve_(names);
  if (!found) {
    if (std::ranges::find(kTypeNames, names[0]) != kTypeNames.end()) {
      Typed typed =
          emit({.op = Op::kTypeName, .a = keep(names[0]), .spot = syntax_.node(path[0]).spot},
               static_of(Shape::kTypeName));
      for (std::size_t k = 1; k < path.size(); ++k) typed = field(typed, syntax_.node(path[k]));
      return typed;
    }
    std::string hint = found.error().hint;
    const auto* foreign = std::ranges::find(kForeign, names[0], &Foreign::name);
    if (hint.empty() && foreign != kForeign.end())
      hint = fmt::format("did you mean '{}'?", foreign->ours);
    const std::size_t at = std::min<std::size_t>(found.error().name, path.size() - 1);
    return broken(syntax_.node(path[at]).spot, found.error().message, std::move(hint));
  }
  const std::uint32_t variable = found->variable;
  if (code_.variables.size() <= variable) code_.variables.resize(variable + 1);
  code_.variables[variable] = found->type;
  variables_.push_back(variable);
  const std::size_t used = std::clamp<std::size_t>(found->names, 1, path.size());
  Typed typed =
      emit({.op = Op::kVariable, .a = variable, .spot = syntax_.node(path[used - 1]).spot},
           static_of(found->type));
  for (std::size_t k = used; k < path.size(); ++k) typed = field(typed, syntax_.node(path[k]));
  return typed;
}

Compiler::Typed Compiler::field(const Typed& operand, const SyntaxNode& node) {
  const Static& of = operand.known;
  if (of.is_known() && of.shape != Shape::kMap) {
    std::string hint = opaque_hint(of);
    if (of.shape == Shape::kList)
      hint = fmt::format("of each element: x.map(e, e.{}); of one: x[0].{}", node.name, node.name);
    wrong_type(node.spot, fmt::format("{} has no field '{}'", shown(of), model::shown(node.name)),
               std::move(hint));
  }
  Static known = element_of(static_of(Shape::kMap, of.type.optional));
  known.type.optional = of.type.optional;
  return emit({.op = Op::kField, .a = operand.node, .b = keep(node.name), .spot = node.spot},
              known);
}

Compiler::Typed Compiler::index_of(Node index) {
  const SyntaxNode& node = syntax_.node(index);
  const Typed of = visit(syntax_.children(index)[0]);
  const Typed at = visit(syntax_.children(index)[1]);
  const Spot at_spot = syntax_.node(syntax_.children(index)[1]).spot;
  if (of.known.is_known() && of.known.shape != Shape::kList && of.known.shape != Shape::kMap) {
    wrong_type(node.spot, fmt::format("{} has no elements", shown(of.known)),
               opaque_hint(of.known));
  } else if (of.known.shape == Shape::kList && !at.known.may_be_number()) {
    wrong_type(at_spot, fmt::format("the index of a list is an int, not {}", shown(at.known)));
  } else if (of.known.shape == Shape::kList && at.known.constant && at.known.constant->as_int() &&
             *at.known.constant->as_int() < 0) {
    wrong_type(at_spot, "the index of a list is not negative",
               "the last element is x[size(x) - 1]");
  }
  Static known = element_of(of.known);
  known.type.optional = known.type.optional || of.known.type.optional || at.known.type.optional;
  return emit({.op = Op::kIndex, .a = of.node, .b = at.node, .spot = node.spot}, known);
}

void Compiler::check_condition(const Typed& condition, Node index, std::string_view of) {
  if (condition.known.may_be(Shape::kBool)) return;
  wrong_type(syntax_.node(index).spot,
             fmt::format("{} needs a bool, not {}", of, shown(condition.known)),
             condition.known.shape == Shape::kOpaque ? opaque_hint(condition.known)
             : condition.known.is_number()           ? "compare it: x != 0"
             : condition.known.shape == Shape::kText ? "compare it: x != ''"
             : condition.known.shape == Shape::kList ? "compare its size: size(x) > 0"
                                                     : "");
}

Compiler::Typed Compiler::unary(Node index) {
  const SyntaxNode& node = syntax_.node(index);
  const Typed of = visit(syntax_.children(index)[0]);
  if (node.name == "!") {
    check_condition(of, syntax_.children(index)[0], "'!'");
    return emit({.op = Op::kNot, .a = of.node, .spot = node.spot},
                static_of(Shape::kBool, of.known.type.optional));
  }
  if (!of.known.may_be_number()) {
    wrong_type(node.spot, fmt::format("'-' needs a number, not {}", shown(of.known)),
               opaque_hint(of.known));
  }
  Static known = of.known;
  known.constant = nullptr;
  if (!known.is_number()) known.type.kind = model::Kind::kJson;
  return emit({.op = Op::kNegate, .a = of.node, .spot = node.spot}, known);
}

Compiler::Typed Compiler::binary(Node index) {
  const SyntaxNode& node = syntax_.node(index);
  const Node left_node = syntax_.children(index)[0];
  const Node right_node = syntax_.children(index)[1];
  const Typed left = visit(left_node);
  const Typed right = visit(right_node);
  const auto* found = std::ranges::find(kOperators, node.name, &Operator::name);
  const Op op = found->op;
  const bool optional = left.known.type.optional || right.known.type.optional;
  if (op == Op::kAdd || op == Op::kSubtract || op == Op::kMultiply || op == Op::kDivide ||
      op == Op::kModulo) {
    return arithmetic(op, node, left, right);
  }
  const Static& a = left.known;
  const Static& b = right.known;
  if (op == Op::kAnd || op == Op::kOr) {
    check_condition(left, left_node, fmt::format("'{}'", node.name));
    check_condition(right, right_node, fmt::format("'{}'", node.name));
  } else if (!is_json(a.type) || !is_json(b.type)) {
    const Static& opaque = is_json(a.type) ? b : a;
    wrong_type(
        node.spot,
        fmt::format("'{}' cannot look into {}", node.name,
                    opaque.type.is_list() ? "lists of bytes, arrays or files" : shown(opaque)),
        "bytes, arrays and files are handed on; give them to a function");
  } else if (op == Op::kIn) {
    if (!b.may_be(Shape::kList) && b.shape != Shape::kMap) {
      wrong_type(node.spot, fmt::format("'in' needs a list or a map, not {}", shown(b)),
                 b.shape == Shape::kText ? "of a text: text.contains(part)" : "");
    }
  } else if (op != Op::kEqual && op != Op::kNotEqual) {
    const bool fits = !a.is_known() || !b.is_known() || (a.is_number() && b.is_number()) ||
                      (a.shape == b.shape && (a.shape == Shape::kText || a.shape == Shape::kBool));
    const auto has_order = [](const Static& value) {
      return !value.is_known() || value.is_number() || value.shape == Shape::kText ||
             value.shape == Shape::kBool;
    };
    if (!fits || !has_order(a) || !has_order(b)) {
      wrong_type(node.spot,
                 fmt::format("'{}' cannot compare {} with {}", node.name, shown(a), shown(b)));
    }
  }
  return emit({.op = op, .a = left.node, .b = right.node, .spot = node.spot},
              static_of(Shape::kBool, optional));
}

Compiler::Typed Compiler::arithmetic(Op op, const SyntaxNode& node, const Typed& left,
                                     const Typed& right) {
  const Static& a = left.known;
  const Static& b = right.known;
  Static known = static_of(Shape::kUnknown);
  known.type.kind = model::Kind::kJson;
  bool fits = a.may_be_number() && b.may_be_number();
  if (a.is_number() && b.is_number()) {
    known =
        static_of(a.shape == Shape::kInt && b.shape == Shape::kInt ? Shape::kInt : Shape::kDouble);
  }
  if (op == Op::kAdd) {
    if (a.shape == Shape::kList || b.shape == Shape::kList) {
      fits = a.may_be(Shape::kList) && b.may_be(Shape::kList);
      known = a.shape != b.shape ? list_of(Static()) : unite(a, b);
    } else if (a.shape == Shape::kText || b.shape == Shape::kText) {
      fits = a.may_be(Shape::kText) && b.may_be(Shape::kText);
      known = static_of(Shape::kText);
    } else if (!a.is_known() && !b.is_known()) {
      known.type.kind = model::Kind::kAny;  // Lists of references, perhaps.
    }
  }
  if (op == Op::kModulo) {
    fits = a.may_be(Shape::kInt) && b.may_be(Shape::kInt);
    known = static_of(Shape::kInt);
  }
  if (!fits) {
    const Static& opaque = a.shape == Shape::kOpaque ? a : b;
    std::string hint = opaque_hint(opaque);
    const bool has_text = a.shape == Shape::kText || b.shape == Shape::kText;
    if (hint.empty() && op == Op::kAdd && has_text)
      hint = "write string(x), or a template: \"text ${x}\"";
    if (hint.empty() && op == Op::kAdd && (a.shape == Shape::kList || b.shape == Shape::kList))
      hint = "one element is added to a list by x + [element]";
    wrong_type(node.spot,
               fmt::format("'{}' has no meaning between {} and {}", node.name, shown(a), shown(b)),
               std::move(hint));
  }
  known.type.optional = a.type.optional || b.type.optional;
  return emit({.op = op, .a = left.node, .b = right.node, .spot = node.spot}, known);
}

Compiler::Typed Compiler::choice(Node index) {
  const auto children = syntax_.children(index);
  const Typed condition = visit(children[0]);
  const Typed yes = visit(children[1]);
  const Typed no = visit(children[2]);
  check_condition(condition, children[0], "'?'");
  Static known = unite(yes.known, no.known);
  known.type.optional = known.type.optional || condition.known.type.optional;
  return emit({.op = Op::kChoice,
               .a = condition.node,
               .b = yes.node,
               .c = no.node,
               .spot = syntax_.node(index).spot},
              known);
}

Compiler::Typed Compiler::list(Node index) {
  std::vector<Typed> elements;
  Static element;
  for (const Node child : syntax_.children(index)) {
    elements.push_back(visit(child));
    const Static& known = elements.back().known;
    element = elements.size() == 1 ? known : unite(element, known);
  }
  return emit_many(Op::kList, syntax_.node(index).spot, elements, list_of(element));
}

Compiler::Typed Compiler::map(Node index) {
  std::vector<Typed> members;
  const auto children = syntax_.children(index);
  for (std::size_t i = 0; i < children.size(); ++i) {
    members.push_back(visit(children[i]));
    const Static& known = members.back().known;
    const Spot spot = syntax_.node(children[i]).spot;
    const bool is_key = i % 2 == 0;
    if (is_key && known.is_known() && known.shape != Shape::kText && known.shape != Shape::kInt &&
        known.shape != Shape::kBool) {
      wrong_type(spot,
                 fmt::format("the key of a map is a text, an int or a bool, not {}", shown(known)));
    }
    if (!is_key && !is_json(known.type)) {
      wrong_type(spot, "bytes, arrays and files cannot be part of a map: a map is one JSON value",
                 "a list can hold them; or give them to the function as an input of its own");
    }
  }
  return emit_many(Op::kMap, syntax_.node(index).spot, members, static_of(Shape::kMap));
}

Compiler::Typed Compiler::text(Node index) {
  std::vector<Typed> pieces;
  bool optional = false;
  for (const Node child : syntax_.children(index)) {
    pieces.push_back(visit(child));
    const Static& known = pieces.back().known;
    optional = optional || known.type.optional;
    if (!is_json(known.type)) {
      wrong_type(
          syntax_.node(child).spot,
          fmt::format("{} cannot appear in a text",
                      known.type.is_list() ? "a list of bytes, arrays or files" : shown(known)),
          "declare it as text, or give it to a function");
    }
  }
  return emit_many(Op::kText, syntax_.node(index).spot, pieces, static_of(Shape::kText, optional));
}

// ---- Program -----------------------------------------------------------------------------------

Program::Program() : code_(std::make_unique<Code>()) {}
Program::~Program() = default;

std::shared_ptr<const Program> Program::compile(const Syntax& syntax,
                                                std::span<const Syntax::Node> roots,
                                                const Resolve& resolve, Mistakes& mistakes,
                                                Checking checking) {
  return Compiler(syntax, resolve, mistakes, checking).compile(roots);
}

const model::Type& Program::variable_type(std::uint32_t variable) const {
  static const model::Type kUnknown;
  return variable < code_->variables.size() ? code_->variables[variable] : kUnknown;
}

std::uint32_t Program::variables() const {
  return static_cast<std::uint32_t>(code_->variables.size());
}

}  // namespace sluice::expr
