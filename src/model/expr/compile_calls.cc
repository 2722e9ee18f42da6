#include <algorithm>

#include "model/expr/compiler.h"
#include "model/names.h"

// Calls: functions, methods and macros.

namespace sluice::expr {
namespace {

std::string plural(std::size_t count, std::string_view word) {
  return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

Shape result_of(Op op) {
  if (op == Op::kSize || op == Op::kInt) return Shape::kInt;
  if (op == Op::kDouble) return Shape::kDouble;
  if (op == Op::kString) return Shape::kText;
  if (op == Op::kType) return Shape::kTypeName;
  return Shape::kBool;
}

// `extra`: one more in this form of the call, which has no dot.
std::string count_mistake(const FunctionRow& row, std::size_t extra, std::size_t given) {
  const std::size_t least = row.arguments_min + extra;
  if (row.arguments_min == row.arguments_max)
    return fmt::format("'{}' takes {}, not {}", row.name, plural(least, "argument"), given);
  if (given < least) {
    return fmt::format("'{}' takes at least {}, not {}", row.name, plural(least, "argument"),
                       given);
  }
  return fmt::format("'{}' takes {} to {} arguments, not {}", row.name, least,
                     row.arguments_max + extra, given);
}

}  // namespace

Compiler::Typed Compiler::call(Node index) {
  const SyntaxNode& node = syntax_.node(index);
  const bool is_method = node.kind == SyntaxKind::kMethod;
  const auto children = syntax_.children(index);
  const FunctionRow* row = find_function(node.name, is_method);
  if (row && row->is_macro) return macro(index, *row);
  std::vector<Typed> arguments;
  for (const Node child : children) arguments.push_back(visit(child));
  if (!row) {
    return broken(
        node.spot,
        fmt::format("unknown {} '{}'", is_method ? "method" : "function", model::shown(node.name)),
        function_hint(node.name, is_method));
  }
  // What stands before the dot of a method, or is the first argument of its other form.
  const bool has_both = row->is_method && row->is_function;
  const std::size_t extra = is_method || has_both ? 1 : 0;
  const std::size_t unwritten = is_method ? 1 : 0;
  if (arguments.size() < extra + row->arguments_min ||
      arguments.size() > extra + row->arguments_max) {
    return broken(node.spot, count_mistake(*row, extra - unwritten, arguments.size() - unwritten),
                  fmt::format("write {}", function_form(row->name)));
  }
  if (row->op == Op::kFirst || row->op == Op::kPresent || row->op == Op::kAny)
    return selection(row->op, node, arguments);
  return simple(*row, node, arguments);
}

Compiler::Typed Compiler::selection(Op op, const SyntaxNode& node,
                                    const std::vector<Typed>& arguments) {
  const std::size_t before = op == Op::kAny ? 1 : 0;
  if (op == Op::kAny) {
    is_timed_ = true;
    const Static& count = arguments[0].known;
    if (!count.may_be_number()) {
      wrong_type(node.spot,
                 fmt::format("the first argument of 'any' is a number, not {}", shown(count)),
                 "write any(1, a.x, b.x)");
    }
  }
  const bool is_one = arguments.size() == before + 1;
  Static element = arguments[before].known;
  bool all_optional = true;
  if (is_one) {
    // Of something that may be a list or one value, only the data knows.
    if (element.shape == Shape::kList) element = element_of(element);
    if (!element.is_known()) element = Static();
  } else {
    for (std::size_t i = before; i < arguments.size(); ++i) {
      all_optional = all_optional && arguments[i].known.type.optional;
      if (i > before) element = unite(element, arguments[i].known);
    }
  }
  Static known = element;
  known.constant = nullptr;
  if (op == Op::kFirst) {
    known.type.optional = is_one || all_optional;
  } else {
    known.type.optional = false;
    known = list_of(known);
    known.type.optional = op == Op::kAny || (is_one && arguments[before].known.type.optional);
  }
  if (!is_one) return emit_many(op, node.spot, arguments, known);
  const Op single = op == Op::kFirst     ? Op::kFirstOf
                    : op == Op::kPresent ? Op::kPresentOf
                                         : Op::kAnyOf;
  return emit({.op = single,
               .a = arguments[0].node,
               .b = before == 1 ? arguments[1].node : 0,
               .spot = node.spot},
              known);
}

std::uint32_t Compiler::pattern_of(const Typed& argument, Spot spot) {
  const auto* text = argument.known.constant ? argument.known.constant->as_string() : nullptr;
  if (!text) return 0;
  auto pattern = Pattern::compile(*text);
  if (!pattern) {
    // With Checking::kLate evaluation says it.
    wrong_type(spot, pattern.error().message(), "patterns are those of RE2; write them as r'...'");
    return 0;
  }
  code_.patterns.push_back(std::move(*pattern));
  return static_cast<std::uint32_t>(code_.patterns.size());
}

void Compiler::check_argument(Op op, const SyntaxNode& node, const std::vector<Typed>& arguments) {
  const Static& of = arguments[0].known;
  const auto wrong = [&](std::string_view wanted, const Static& given) {
    wrong_type(node.spot, fmt::format("'{}' needs {}, not {}", node.name, wanted, shown(given)),
               given.shape == Shape::kOpaque
                   ? "bytes, arrays and files are handed on; give them to a function"
                   : "");
  };
  const bool is_text_only =
      op == Op::kContains || op == Op::kStartsWith || op == Op::kEndsWith || op == Op::kMatches;
  if (is_text_only) {
    if (!of.may_be(Shape::kText)) return wrong("a text", of);
    if (!arguments[1].known.may_be(Shape::kText)) return wrong("a text", arguments[1].known);
  } else if (op == Op::kSize) {
    if (of.is_known() && of.shape != Shape::kText && of.shape != Shape::kList &&
        of.shape != Shape::kMap) {
      wrong("a list, a map or a text", of);
    }
  } else if (op == Op::kFlatten) {
    if (!of.may_be(Shape::kList)) wrong("a list", of);
  } else if (op == Op::kRange) {
    const auto* count = of.constant ? of.constant->as_int() : nullptr;
    if (!of.may_be_number()) {
      wrong("a number", of);
    } else if (count && *count < 0) {
      wrong_type(node.spot, "'range' of a negative number");
    }
  } else if (op == Op::kInt || op == Op::kDouble) {
    if (of.is_known() && !of.is_number() && of.shape != Shape::kText) wrong("a number or text", of);
  } else if (op == Op::kBool) {
    if (of.is_known() && of.shape != Shape::kBool && of.shape != Shape::kText)
      wrong("a bool or text", of);
  } else if (op == Op::kString && !is_json(of.type)) {
    wrong("what JSON can say", of);
  }
}

Compiler::Typed Compiler::simple(const FunctionRow& row, const SyntaxNode& node,
                                 const std::vector<Typed>& arguments) {
  const Static& of = arguments[0].known;
  check_argument(row.op, node, arguments);
  CodeNode code{.op = row.op, .a = arguments[0].node, .spot = node.spot};
  if (arguments.size() > 1) code.b = arguments[1].node;
  bool optional = of.type.optional;
  if (arguments.size() > 1) optional = optional || arguments[1].known.type.optional;
  Static known;
  if (row.op == Op::kDyn) {
    known.type.optional = optional;
    return {arguments[0].node, known};
  }
  if (row.op == Op::kMatches) code.c = pattern_of(arguments[1], node.spot);
  if (row.op == Op::kHas) optional = false;
  if (row.op == Op::kRange) {
    known = list_of(static_of(Shape::kInt));
  } else if (row.op == Op::kFlatten) {
    // list<list<T>> is list<T>; of list<json> each element is perhaps a list.
    const Static inner = element_of(of);
    Static element = inner.shape == Shape::kList ? element_of(inner) : inner;
    element.type.optional = element.type.optional || inner.type.optional;
    known = list_of(element);
  } else {
    known = static_of(result_of(row.op));
  }
  known.type.optional = optional;
  return emit(code, known);
}

Compiler::Typed Compiler::macro(Node index, const FunctionRow& row) {
  const SyntaxNode& node = syntax_.node(index);
  const auto children = syntax_.children(index);
  const Typed of = visit(children[0]);
  const std::size_t given = children.size() - 1;
  if (given < row.arguments_min || given > row.arguments_max) {
    return broken(node.spot, count_mistake(row, 0, given),
                  fmt::format("write {}", function_form(row.name)));
  }
  const SyntaxNode& name = syntax_.node(children[1]);
  if (name.kind != SyntaxKind::kName || name.absolute) {
    return broken(name.spot, fmt::format("the first argument of '{}' is a new name", row.name),
                  fmt::format("write {}", function_form(row.name)));
  }
  if (of.known.is_known() && of.known.shape != Shape::kList && of.known.shape != Shape::kMap) {
    wrong_type(node.spot,
               fmt::format("'{}' needs a list or a map, not {}", row.name, shown(of.known)));
  }
  const auto local = static_cast<std::uint32_t>(locals_.size());
  const Static element = of.known.shape == Shape::kMap ? Static() : element_of(of.known);
  locals_.push_back({name.name, element});
  code_.locals = std::max(code_.locals, local + 1);
  const bool is_map = row.op == Op::kMapEach;
  const Typed first = visit(children[2]);
  if (!is_map || given == 3) check_condition(first, children[2], fmt::format("'{}'", row.name));
  Typed value = first;
  if (given == 3) value = visit(children[3]);
  locals_.pop_back();

  Static known;
  if (is_map) {
    known = list_of(value.known);
    known.type.optional = of.known.type.optional;
  } else if (row.op == Op::kFilter) {
    known = list_of(element);
    known.type.optional = of.known.type.optional;
  } else {
    known = static_of(Shape::kBool, of.known.type.optional || first.known.type.optional);
  }
  if (given == 3) {
    Typed all = emit_many(Op::kMapWhere, node.spot, {of, first, value}, known);
    code_.nodes[all.node].c = local;
    return all;
  }
  return emit({.op = row.op, .a = of.node, .b = first.node, .c = local, .spot = node.spot}, known);
}

}  // namespace sluice::expr
