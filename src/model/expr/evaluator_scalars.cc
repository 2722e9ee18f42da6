#include <algorithm>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "model/expr/evaluator.h"

// Logic, arithmetic, comparison, conversion and texts.

namespace sluice::expr {
namespace {

// Conversions of a double: what is not below this does not fit.
constexpr double kIntEnd = 9223372036854775808.0;

std::int64_t both_tags(Tag a, Tag b) {
  return static_cast<std::int64_t>(a) * 256 + static_cast<std::int64_t>(b);
}

}  // namespace

Value Evaluator::not_bool(NodeIndex index, const Value& value) {
  if (is_no_value(value)) return value;
  return V::make_error(Mishap::kNotBool, index, static_cast<std::int64_t>(tag(value)));
}

// `&&`: false if either is false; else unknown, else absent, else an error. `||` alike.
Value Evaluator::logic(NodeIndex index, const CodeNode& node) {
  const bool decisive = node.op == Op::kOr;
  const std::size_t begin = used_.size();
  const Value a = condition(index, node.a);
  if (tag(a) == Tag::kBool && a.as_bool() == decisive) return a;
  const std::size_t middle = used_.size();
  const Value b = condition(index, node.b);
  if (tag(b) == Tag::kBool && b.as_bool() == decisive) {
    set_aside(begin, middle);
    return b;
  }
  if (tag(a) == Tag::kUnknown || tag(b) == Tag::kUnknown) return V::make(Tag::kUnknown);
  if (tag(a) == Tag::kHole || tag(b) == Tag::kHole) return V::make(Tag::kHole);
  return tag(a) == Tag::kError ? a : b;
}

Value Evaluator::logical_not(NodeIndex index, const CodeNode& node) {
  const Value value = condition(index, node.a);
  return tag(value) == Tag::kBool ? V::make_bool(!value.as_bool()) : value;
}

bool Evaluator::operands(NodeIndex index, const CodeNode& node, Value& a, Value& b) {
  const std::size_t begin = used_.size();
  a = load(index, eval(node.a));
  if (tag(a) == Tag::kHole) return false;
  const std::size_t middle = used_.size();
  b = load(index, eval(node.b));
  if (tag(b) == Tag::kHole) {
    set_aside(begin, middle);
    a = b;
    return false;
  }
  if (tag(a) == Tag::kUnknown) return false;
  if (tag(b) == Tag::kUnknown) {
    a = b;
    return false;
  }
  if (tag(a) == Tag::kError) return false;
  if (tag(b) != Tag::kError) return true;
  a = b;
  return false;
}

Value Evaluator::negate(NodeIndex index, const CodeNode& node) {
  const Value value = load(index, eval(node.a));
  if (tag(value) == Tag::kDouble) return V::make_double(-value.as_double());
  if (tag(value) == Tag::kInt) {
    if (value.as_int() == INT64_MIN) return V::make_error(Mishap::kOverflow, index);
    return V::make_int(-value.as_int());
  }
  if (is_no_value(value)) return value;
  return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(value)));
}

Value Evaluator::ints(NodeIndex index, Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  bool overflows = false;
  if (op == Op::kAdd) {
    overflows = __builtin_add_overflow(a, b, &result);
  } else if (op == Op::kSubtract) {
    overflows = __builtin_sub_overflow(a, b, &result);
  } else if (op == Op::kMultiply) {
    overflows = __builtin_mul_overflow(a, b, &result);
  } else {
    if (b == 0) return V::make_error(Mishap::kDivisionByZero, index);
    overflows = a == INT64_MIN && b == -1;
    if (!overflows) result = op == Op::kDivide ? a / b : a % b;
  }
  return overflows ? V::make_error(Mishap::kOverflow, index) : V::make_int(result);
}

Value Evaluator::doubles(NodeIndex index, Op op, double a, double b) {
  if (op == Op::kAdd) return V::make_double(a + b);
  if (op == Op::kSubtract) return V::make_double(a - b);
  if (op == Op::kMultiply) return V::make_double(a * b);
  if (op == Op::kDivide) return V::make_double(a / b);
  return V::make_error(Mishap::kBadOperands, index, both_tags(Tag::kDouble, Tag::kDouble));
}

Value Evaluator::arithmetic(NodeIndex index, const CodeNode& node) {
  Value a;
  Value b;
  if (!operands(index, node, a, b)) return a;
  const Tag left = tag(a);
  const Tag right = tag(b);
  const auto is_number = [](Tag t) { return t == Tag::kInt || t == Tag::kDouble; };
  const auto is_list = [](Tag t) {
    return t == Tag::kList || t == Tag::kJsonList || t == Tag::kRange || t == Tag::kRef ||
           t == Tag::kPresent;
  };
  if (left == Tag::kInt && right == Tag::kInt) return ints(index, node.op, a.as_int(), b.as_int());
  if (is_number(left) && is_number(right)) {
    const auto number = [](const Value& v) {
      return V::tag(v) == Tag::kInt ? static_cast<double>(v.as_int()) : v.as_double();
    };
    return doubles(index, node.op, number(a), number(b));
  }
  if (node.op == Op::kAdd && left == Tag::kText && right == Tag::kText) {
    const std::size_t size = a.as_text().size() + b.as_text().size();
    char* copy = bytes(size + 1);
    if (!copy) return V::make(Tag::kUnknown);
    std::ranges::copy(b.as_text(), std::ranges::copy(a.as_text(), copy).out);
    charge(size / 64);
    return V::make_text({copy, size});
  }
  if (node.op == Op::kAdd && is_list(left) && is_list(right)) return concatenation(index, a, b);
  return V::make_error(Mishap::kBadOperands, index, both_tags(left, right));
}

Value Evaluator::equality(NodeIndex index, const CodeNode& node) {
  Value a;
  Value b;
  if (!operands(index, node, a, b)) return a;
  const auto is_scalar = [](Tag t) { return t <= Tag::kText; };
  if (!is_scalar(tag(a)) || !is_scalar(tag(b))) {
    a = force(index, a);
    b = force(index, b);
    if (tag(a) == Tag::kUnknown || tag(a) == Tag::kError) return tag(b) == Tag::kUnknown ? b : a;
    if (tag(b) == Tag::kUnknown || tag(b) == Tag::kError) return b;
  }
  return V::make_bool(is_equal(a, b, meter_) == (node.op == Op::kEqual));
}

Value Evaluator::order(NodeIndex index, const CodeNode& node) {
  Value a;
  Value b;
  if (!operands(index, node, a, b)) return a;
  std::partial_ordering result = std::partial_ordering::unordered;
  const Tag left = tag(a);
  const Tag right = tag(b);
  if (left == Tag::kInt && right == Tag::kInt) {
    result = a.as_int() <=> b.as_int();
  } else if ((left == Tag::kInt || left == Tag::kDouble) &&
             (right == Tag::kInt || right == Tag::kDouble)) {
    const double x = left == Tag::kInt ? static_cast<double>(a.as_int()) : a.as_double();
    const double y = right == Tag::kInt ? static_cast<double>(b.as_int()) : b.as_double();
    result = x <=> y;
  } else if (left == Tag::kText && right == Tag::kText) {
    // The order of UTF-8 bytes is that of characters.
    charge(std::min(a.as_text().size(), b.as_text().size()) / 64);
    result = a.as_text().compare(b.as_text()) <=> 0;
  } else if (left == Tag::kBool && right == Tag::kBool) {
    result = a.as_bool() <=> b.as_bool();
  } else {
    return V::make_error(Mishap::kBadOperands, index, both_tags(left, right));
  }
  if (node.op == Op::kLess) return V::make_bool(result < 0);
  if (node.op == Op::kLessEqual) return V::make_bool(result <= 0);
  if (node.op == Op::kGreater) return V::make_bool(result > 0);
  return V::make_bool(result >= 0);
}

Value Evaluator::membership(NodeIndex index, const CodeNode& node) {
  Value a;
  Value b;
  if (!operands(index, node, a, b)) return a;
  const bool is_list = b.kind() == Value::Kind::kList || b.kind() == Value::Kind::kRef;
  if (!is_list && b.kind() != Value::Kind::kMap)
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(b)));
  a = force(index, a);
  if (is_list) b = force(index, b);
  if (tag(a) == Tag::kUnknown || tag(a) == Tag::kError) return tag(b) == Tag::kUnknown ? b : a;
  if (tag(b) == Tag::kUnknown || tag(b) == Tag::kError) return b;
  if (!is_list) {
    const Value member = member_of(index, b, a);
    return V::make_bool(tag(member) != Tag::kError);
  }
  for (std::size_t i = 0; i < b.size() && !meter_.is_spent(); ++i) {
    if (is_equal(a, b.at(i), meter_)) return V::make_bool(true);
  }
  return V::make_bool(false);
}

// ---- Conversions -------------------------------------------------------------------------------

Value Evaluator::convert(NodeIndex index, const CodeNode& node) {
  const Value value = load(node.a, eval(node.a));
  if (is_no_value(value)) return value;
  if (node.op == Op::kInt) return to_int(index, value);
  if (node.op == Op::kDouble) return to_double(index, value);
  if (node.op == Op::kString) return to_string(index, value);
  if (node.op == Op::kBool) return to_bool(index, value);
  return V::make_text(type_name(tag(value)), Tag::kType);
}

Value Evaluator::to_int(NodeIndex index, const Value& value) {
  if (tag(value) == Tag::kInt) return value;
  if (tag(value) == Tag::kDouble) {
    // Also false for NaN.
    if (!(std::fabs(value.as_double()) < kIntEnd)) return V::make_error(Mishap::kOverflow, index);
    return V::make_int(static_cast<std::int64_t>(value.as_double()));
  }
  if (tag(value) != Tag::kText)
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(value)));
  std::string_view text = value.as_text();
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      (text.size() != value.as_text().size() && text.starts_with('-'))) {
    return V::make_error(Mishap::kBadConversion, index);
  }
  return V::make_int(number);
}

Value Evaluator::to_double(NodeIndex index, const Value& value) {
  if (tag(value) == Tag::kDouble) return value;
  if (tag(value) == Tag::kInt) return V::make_double(static_cast<double>(value.as_int()));
  if (tag(value) != Tag::kText)
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(value)));
  std::string_view text = value.as_text();
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() ||
      (text.size() != value.as_text().size() && text.starts_with('-'))) {
    return V::make_error(Mishap::kBadConversion, index);
  }
  return V::make_double(number);
}

Value Evaluator::to_string(NodeIndex index, const Value& value) {
  if (tag(value) == Tag::kText) return value;
  if (tag(value) == Tag::kDouble) {
    const double number = value.as_double();
    if (std::isnan(number)) return V::make_text("NaN");
    if (std::isinf(number)) return V::make_text(number > 0 ? "Infinity" : "-Infinity");
    return text_value(fmt::format("{}", number));
  }
  const Value whole = force(index, value);
  if (tag(whole) == Tag::kUnknown || tag(whole) == Tag::kError) return whole;
  text_.clear();
  std::string_view problem;
  if (append_json(text_, whole, budget_.memory, problem)) {
    charge(text_.size() / 64);
    if (tag(whole) == Tag::kType) return V::make_text(whole.as_text());
    return text_value(text_);
  }
  if (!problem.empty()) return said(index, problem);
  out_of_memory_ = true;
  return V::make(Tag::kUnknown);
}

Value Evaluator::to_bool(NodeIndex index, const Value& value) {
  if (tag(value) == Tag::kBool) return value;
  if (tag(value) != Tag::kText)
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(value)));
  for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (value.as_text() == word) return V::make_bool(true);
  }
  for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (value.as_text() == word) return V::make_bool(false);
  }
  return V::make_error(Mishap::kBadConversion, index);
}

// ---- Texts -------------------------------------------------------------------------------------

Value Evaluator::text_function(NodeIndex index, const CodeNode& node) {
  Value a;
  Value b;
  if (!operands(index, node, a, b)) return a;
  if (tag(a) != Tag::kText || tag(b) != Tag::kText) {
    const Value& wrong = tag(a) != Tag::kText ? a : b;
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(wrong)));
  }
  const std::string_view text = a.as_text();
  const std::string_view part = b.as_text();
  if (node.op == Op::kMatches) return matches(index, node, text, part);
  if (node.op == Op::kContains) {
    // libstdc++ looks for the first character and compares from there: the product at worst.
    charge(text.size() / 64 * (1 + std::min(part.size(), text.size()) / 64));
    if (meter_.is_spent()) return V::make(Tag::kUnknown);
    return V::make_bool(text.find(part) != std::string_view::npos);
  }
  charge(part.size() / 64);
  return V::make_bool(node.op == Op::kStartsWith ? text.starts_with(part) : text.ends_with(part));
}

Value Evaluator::matches(NodeIndex index, const CodeNode& node, std::string_view text,
                         std::string_view pattern) {
  const Pattern* compiled = nullptr;
  if (node.c > 0) {
    compiled = &code_->patterns[node.c - 1];
  } else {
    if (!pattern_ || pattern_->text() != pattern) {
      // Compiling costs some microseconds, and more for a long pattern.
      charge(100 + pattern.size());
      auto result = Pattern::compile(pattern);
      if (!result) return said(index, result.error().message());
      pattern_.emplace(std::move(*result));
    }
    compiled = &*pattern_;
  }
  charge(text.size() / 64 * (1 + compiled->size() / 64));
  if (meter_.is_spent()) return V::make(Tag::kUnknown);
  return V::make_bool(compiled->is_found_in(text));
}

}  // namespace sluice::expr
