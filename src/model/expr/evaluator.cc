#include "model/expr/evaluator.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace sluice::expr {

Evaluator::Evaluator(const Budget& budget) : budget_(budget), arena_(budget.memory) {
  meter_.most = budget.steps;
}

bool Evaluator::InOrder::add(const Value& value) {
  if (V::tag(value) == Tag::kUnknown) is_stuck = true;
  if (V::tag(value) == Tag::kError && !is_stuck && !error) error = value;
  return error.has_value();
}

void Evaluator::set_aside(std::size_t from, std::size_t to) {
  const auto begin = used_.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = used_.begin() + static_cast<std::ptrdiff_t>(to);
  aside_.insert(aside_.end(), begin, end);
  used_.erase(begin, end);
}

Value Evaluator::eval(NodeIndex index) {
  // Once the budget is spent nothing has a value any more: the walk unwinds.
  if (++meter_.used > meter_.most || out_of_memory_) return V::make(Tag::kUnknown);
  last_node_ = index;
  return dispatch(index, code_->nodes[index]);
}

Value Evaluator::dispatch(NodeIndex index, const CodeNode& node) {
  switch (node.op) {
    case Op::kConstant:
      return V::of_json(code_->constants[node.a]);
    case Op::kTypeName:
      return V::make_text(code_->strings[node.a], Tag::kType);
    case Op::kVariable:
      return V::make_ref({node.a, 0, {}});
    case Op::kLocal:
      return locals_[node.a];
    case Op::kBroken:
      return V::make_said(index, code_->strings[node.a].c_str());
    case Op::kField:
      return field(index, node);
    case Op::kIndex:
      return element_at(index, node);
    case Op::kAnd:
    case Op::kOr:
      return logic(index, node);
    case Op::kNot:
      return logical_not(index, node);
    case Op::kNegate:
      return negate(index, node);
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kModulo:
      return arithmetic(index, node);
    case Op::kEqual:
    case Op::kNotEqual:
      return equality(index, node);
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
      return order(index, node);
    case Op::kIn:
      return membership(index, node);
    case Op::kChoice:
      return choice(node);
    case Op::kList:
      return list_literal(node);
    case Op::kMap:
      return map_literal(index, node);
    case Op::kText:
      return text_of(index, node);
    case Op::kAll:
    case Op::kExists:
      return quantifier(index, node);
    case Op::kExistsOne:
      return exists_one(index, node);
    case Op::kMapEach:
    case Op::kMapWhere:
      return map_each(index, node);
    case Op::kFilter:
      return filter(index, node);
    case Op::kHas:
      return has(index, node);
    case Op::kSize:
      return size(index, node);
    case Op::kInt:
    case Op::kDouble:
    case Op::kString:
    case Op::kBool:
    case Op::kType:
      return convert(index, node);
    case Op::kDyn:
      return eval(node.a);
    case Op::kRange:
      return range(index, node);
    case Op::kFlatten:
      return flatten(index, node);
    case Op::kContains:
    case Op::kStartsWith:
    case Op::kEndsWith:
    case Op::kMatches:
      return text_function(index, node);
    case Op::kFirstOf:
      return first_of(index, node);
    case Op::kFirst:
      return first(node);
    case Op::kPresentOf:
      return present_of(index, node);
    case Op::kPresent:
      return present(node);
    case Op::kAnyOf:
    case Op::kAny:
      return any(index, node);
  }
  return V::make(Tag::kUnknown);
}

Value Evaluator::choice(const CodeNode& node) {
  const Value condition = load(node.a, eval(node.a));
  if (tag(condition) == Tag::kBool) return eval(condition.as_bool() ? node.b : node.c);
  return not_bool(node.a, condition);
}

Value Evaluator::field(NodeIndex index, const CodeNode& node) {
  const Value of = load(index, eval(node.a));
  const std::string& name = code_->strings[node.b];
  if (of.kind() == Value::Kind::kMap) return member_of(index, of, V::make_text(name));
  if (is_no_value(of)) return of;
  return V::make_error(Mishap::kNoField, index, static_cast<std::int64_t>(tag(of)));
}

Value Evaluator::member_of(NodeIndex index, const Value& map, const Value& key) {
  if (tag(map) == Tag::kJsonMap) {
    const Json::Map& members = V::json_map(map);
    charge(members.size() / 16);
    if (key.kind() != Value::Kind::kText) return V::make_error(Mishap::kNoKey, index);
    const Json* found = V::json(map).find(key.as_text());
    return found ? V::of_json(*found) : V::make_error(Mishap::kNoKey, index);
  }
  const MapBox& box = V::map(map);
  for (std::uint32_t i = 0; i < box.count && !meter_.is_spent(); ++i) {
    if (is_equal(box.keys[i], key, meter_)) return box.values[i];
  }
  return V::make_error(Mishap::kNoKey, index);
}

Value Evaluator::element_at(NodeIndex index, const CodeNode& node) {
  const std::size_t begin = used_.size();
  Value of = eval(node.a);
  // A list that is still coming is not waited for: one element of it is enough.
  const bool is_ref = tag(of) == Tag::kRef;
  if (is_ref) {
    const Look known = look(of.as_ref());
    if (known.state == Look::State::kList) {
      if (known.count == 0 && known.closed) use(of.as_ref());
    } else if (known.state == Look::State::kUnknown && is_static_list(of.as_ref())) {
      // Its element is asked for below.
    } else {
      of = load(index, of);
    }
  }
  if (tag(of) == Tag::kHole) return of;
  const std::size_t middle = used_.size();
  const Value at = load(node.b, eval(node.b));
  if (tag(at) == Tag::kHole) {
    set_aside(begin, middle);
    return at;
  }
  if (tag(of) == Tag::kUnknown) return of;
  if (tag(at) == Tag::kUnknown) {
    if (tag(of) == Tag::kRef && look(of.as_ref()).state == Look::State::kUnknown) need(of.as_ref());
    return at;
  }
  if (tag(of) == Tag::kError) return of;
  if (tag(at) == Tag::kError) {
    // It is certain only if the list is not absent.
    if (tag(of) == Tag::kRef || tag(of) == Tag::kPresent) {
      const Value loaded = load(index, of);
      if (tag(loaded) == Tag::kUnknown || tag(loaded) == Tag::kHole) return loaded;
    }
    return at;
  }
  return element_of_list(index, of, at);
}

Value Evaluator::element_of_list(NodeIndex index, const Value& list, const Value& at) {
  if (tag(list) == Tag::kJsonMap || tag(list) == Tag::kMap) return member_of(index, list, at);
  if (list.kind() != Value::Kind::kList && list.kind() != Value::Kind::kRef)
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(list)));

  const bool is_by_ref = tag(list) == Tag::kRef;
  std::int64_t position = -1;
  Value wrong = V::make(Tag::kNull);
  if (tag(at) == Tag::kInt) {
    position = at.as_int();
    if (position < 0) wrong = V::make_error(Mishap::kNegativeIndex, index, position);
  } else if (tag(at) == Tag::kDouble && at.as_double() == std::floor(at.as_double()) &&
             std::fabs(at.as_double()) < 1e15) {
    position = static_cast<std::int64_t>(at.as_double());
    if (position < 0) wrong = V::make_error(Mishap::kNegativeIndex, index, position);
  } else {
    wrong = V::make_error(Mishap::kBadIndex, index, static_cast<std::int64_t>(tag(at)));
  }
  if (is_by_ref && list.as_ref().depth >= 2) wrong = V::make_error(Mishap::kNestedLists, index);
  if (tag(wrong) == Tag::kError) {
    // Certain once the list is there: until then it may still be absent.
    const Value loaded = load(index, list);
    if (tag(loaded) == Tag::kUnknown || tag(loaded) == Tag::kHole) return loaded;
    return wrong;
  }
  const auto limit = static_cast<std::int64_t>(UINT32_MAX);
  if (tag(list) == Tag::kPresent) {
    const auto enough = static_cast<std::uint32_t>(std::min(position, limit - 1) + 1);
    const Value items = present_items(list, enough);
    return tag(items) == Tag::kList ? element_of_list(index, items, at) : items;
  }
  if (!is_by_ref) {
    const auto count = static_cast<std::int64_t>(list.size());
    if (position < count) return list.at(static_cast<std::size_t>(position));
    if (tag(list) == Tag::kList && V::list(list).is_open) return V::make(Tag::kUnknown);
    return V::make_error(Mishap::kNoElement, index, position);
  }
  Ref element = list.as_ref();
  const Look known = look(element);
  if (known.state == Look::State::kList && position >= known.count && known.closed) {
    use(element);
    return V::make_error(Mishap::kNoElement, index, position);
  }
  if (position >= limit) return need(element);
  element.index[element.depth++] = static_cast<std::uint32_t>(position);
  if (known.state != Look::State::kList || position >= known.count) return need(element);
  // That there is such an element matters even where nobody looks at it: else it is an error.
  use(element);
  return V::make_ref(element);
}

Value Evaluator::list_literal(const CodeNode& node) {
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < node.count; ++i) {
    const Value value = eval(code_->children[node.a + i]);
    if (order.add(value)) break;
    stack_.push_back(value);
  }
  if (order.is_good()) return list_value(stack_, from);
  stack_.resize(from);
  return order.verdict();
}

Value Evaluator::map_literal(NodeIndex index, const CodeNode& node) {
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < node.count; i += 2) {
    Value key = load(index, eval(code_->children[node.a + i]));
    const bool is_key = tag(key) == Tag::kText || tag(key) == Tag::kInt || tag(key) == Tag::kBool;
    if (!is_key && tag(key) != Tag::kUnknown && tag(key) != Tag::kError)
      key = V::make_error(Mishap::kBadKey, index, static_cast<std::int64_t>(tag(key)));
    if (order.add(key)) break;
    for (std::size_t k = from; is_key && k < stack_.size() && !meter_.is_spent(); k += 2) {
      if (tag(stack_[k]) == Tag::kUnknown || !is_equal(stack_[k], key, meter_)) continue;
      order.add(V::make_error(Mishap::kRepeatedKey, index));
      break;
    }
    if (order.error) break;
    const Value value = eval(code_->children[node.a + i + 1]);
    if (order.add(value)) break;
    stack_.push_back(key);
    stack_.push_back(value);
  }
  const std::size_t count = (stack_.size() - from) / 2;
  auto* box = static_cast<MapBox*>(static_cast<void*>(bytes(sizeof(MapBox))));
  auto* values = static_cast<Value*>(static_cast<void*>(bytes(2 * count * sizeof(Value))));
  if (!box || !values || !order.is_good()) {
    stack_.resize(from);
    return order.verdict();
  }
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = stack_[from + 2 * i];
    values[count + i] = stack_[from + 2 * i + 1];
  }
  stack_.resize(from);
  *box = {values, values + count, static_cast<std::uint32_t>(count)};
  return V::make_map(box);
}

Value Evaluator::text_of(NodeIndex index, const CodeNode& node) {
  // All pieces are evaluated first: absent wins over unknown, that over an error.
  const std::size_t from = stack_.size();
  const std::size_t begin = used_.size();
  Strict strict;
  for (std::uint32_t i = 0; i < node.count; ++i) {
    const std::size_t before = used_.size();
    const NodeIndex child = code_->children[node.a + i];
    const Value piece = force(child, load(child, eval(child)));
    if (tag(piece) == Tag::kHole) {
      set_aside(begin, before);
      stack_.resize(from);
      return piece;
    }
    if (tag(piece) == Tag::kUnknown) strict.worst = Tag::kUnknown;
    if (tag(piece) == Tag::kError && strict.worst == Tag::kNull) {
      strict.worst = Tag::kError;
      strict.error = piece;
    }
    stack_.push_back(piece);
  }
  Value result = strict.worst == Tag::kError ? strict.error : V::make(Tag::kUnknown);
  if (strict.worst == Tag::kNull) {
    text_.clear();
    std::string_view problem;
    bool is_good = true;
    for (std::size_t i = from; i < stack_.size() && is_good; ++i) {
      const Value& piece = stack_[i];
      if (tag(piece) == Tag::kText) {
        is_good = text_.size() + piece.as_text().size() <= budget_.memory;
        if (is_good) text_ += piece.as_text();
      } else {
        is_good = append_json(text_, piece, budget_.memory, problem);
      }
    }
    charge(text_.size() / 64);
    if (is_good) {
      result = text_value(text_);
    } else if (problem.empty()) {
      out_of_memory_ = true;
    } else {
      result = said(index, problem);
    }
  }
  stack_.resize(from);
  return result;
}

// ---- The outcome -------------------------------------------------------------------------------

namespace {

// JSON that was read has no other numbers.
bool is_finite(const Value& value) {
  if (ValueAccess::tag(value) == Tag::kDouble) return std::isfinite(value.as_double());
  const bool is_list = ValueAccess::tag(value) == Tag::kList;
  if (!is_list && ValueAccess::tag(value) != Tag::kMap) return true;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!is_finite(is_list ? value.at(i) : value.member(i))) return false;
  }
  return true;
}

}  // namespace

Value Evaluator::finished(NodeIndex root, const Value& value) {
  if (tag(value) == Tag::kMap || tag(value) == Tag::kDouble) {
    const Value whole = force(root, value);
    return is_finite(whole) ? whole : V::make_error(Mishap::kNotFinite, root);
  }
  if (tag(value) == Tag::kPresent) {
    const Value items = present_items(value, UINT32_MAX);
    return tag(items) == Tag::kList ? finished(root, items) : items;
  }
  if (tag(value) != Tag::kList) return value;
  const ListBox& box = V::list(value);
  if (box.is_open) return V::make(Tag::kUnknown);
  const auto is_plain = [](const Value& item) {
    return tag(item) != Tag::kList && tag(item) != Tag::kMap && tag(item) != Tag::kDouble &&
           tag(item) != Tag::kPresent;
  };
  if (std::all_of(box.items, box.items + box.count, is_plain)) return value;
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < box.count; ++i) {
    const Value item = finished(root, box.items[i]);
    if (order.add(item)) break;
    stack_.push_back(item);
  }
  if (order.is_good()) return list_value(stack_, from);
  stack_.resize(from);
  return order.verdict();
}

void Evaluator::finish(NodeIndex root, Value value, Want want) {
  using Kind = Outcome::Kind;
  if (want == Want::kCondition) {
    value = load(root, value);
    if (tag(value) != Tag::kBool) value = not_bool(root, value);
  } else if (want == Want::kJson) {
    value = force(root, load(root, value));
    if (!is_finite(value)) value = V::make_error(Mishap::kNotFinite, root);
  } else if (tag(value) == Tag::kPresent) {
    outcome_.kind = Kind::kView;
    outcome_.view = value.as_ref();
    outcome_.drop_holes = true;
    return;
  } else if (tag(value) == Tag::kRef) {
    const Ref ref = value.as_ref();
    const Look known = look(ref);
    if (known.state == Look::State::kList ||
        (known.state == Look::State::kUnknown && is_static_list(ref))) {
      outcome_.kind = Kind::kView;
      outcome_.view = ref;
      return;
    }
    // Its end is waited for by whoever is bound to it, not here.
    if (known.state != Look::State::kUnknown && known.state != Look::State::kObject)
      value = load(root, value);
  } else {
    value = finished(root, value);
  }
  outcome_.kind = tag(value) == Tag::kUnknown ? Kind::kUnknown
                  : tag(value) == Tag::kHole  ? Kind::kAbsent
                  : tag(value) == Tag::kError ? Kind::kError
                                              : Kind::kValue;
  outcome_.value = value;
}

void Evaluator::fail_exhausted() {
  // With more known it might have been cheaper: then it is not certain.
  if (!needs_.empty() || !reads_.empty()) {
    outcome_.kind = Outcome::Kind::kUnknown;
    return;
  }
  outcome_.kind = Outcome::Kind::kError;
  outcome_.exhausted = true;
  const Spot spot = code_->nodes[last_node_].spot;
  if (out_of_memory_) {
    outcome_.failure = {"TooLarge",
                        fmt::format("the expression builds more than {} MiB of lists and texts",
                                    budget_.memory >> 20),
                        spot};
  } else {
    outcome_.failure = {"BadExpression",
                        fmt::format("the expression takes more than {} steps", budget_.steps),
                        spot};
  }
  used_.insert(used_.end(), aside_.begin(), aside_.end());
}

const Outcome& Evaluator::evaluate(const Program::Code& code, std::uint32_t root,
                                   const Knowledge& knowledge, Want want) {
  code_ = &code;
  knowledge_ = &knowledge;
  arena_.clear();
  meter_.used = 0;
  out_of_memory_ = false;
  used_.clear();
  aside_.clear();
  needs_.clear();
  reads_.clear();
  stack_.clear();
  locals_.resize(code.locals);
  outcome_.drop_holes = false;
  outcome_.exhausted = false;

  const NodeIndex top = code.roots[root];
  finish(top, eval(top), want);
  if (meter_.is_spent() || out_of_memory_) {
    fail_exhausted();
  } else if (outcome_.kind == Outcome::Kind::kError) {
    outcome_.failure = describe(outcome_.value, code);
  }
  const auto take = [](std::vector<Ref>& from, std::vector<Ref>& to) {
    if (from.size() > 1) {
      std::ranges::sort(from);
      const auto rest = std::ranges::unique(from);
      from.erase(rest.begin(), rest.end());
    }
    to.swap(from);
  };
  const bool is_unknown = outcome_.kind == Outcome::Kind::kUnknown;
  // What does not matter for a value may have led to where it is stuck.
  if (is_unknown) used_.insert(used_.end(), aside_.begin(), aside_.end());
  if (!is_unknown) {
    needs_.clear();
    reads_.clear();
  }
  take(used_, outcome_.used);
  take(needs_, outcome_.needs);
  take(reads_, outcome_.reads);
  return outcome_;
}

// ---- Evaluation --------------------------------------------------------------------------------

struct Evaluation::Impl {
  explicit Impl(const Budget& budget) : evaluator(budget) {}
  Evaluator evaluator;
};

Evaluation::Evaluation(const Budget& budget) : impl_(std::make_unique<Impl>(budget)) {}
Evaluation::~Evaluation() = default;

const Outcome& Evaluation::evaluate(const Program& program, std::uint32_t root,
                                    const Knowledge& knowledge, Want want) {
  return impl_->evaluator.evaluate(*program.code_, root, knowledge, want);
}

std::uint32_t Evaluation::steps() const {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(impl_->evaluator.steps(), UINT32_MAX));
}

}  // namespace sluice::expr
