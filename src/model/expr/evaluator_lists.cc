#include <algorithm>
#include <cmath>

#include "model/expr/evaluator.h"

// Macros, and the functions on lists and references.

namespace sluice::expr {

Value Evaluator::condition(NodeIndex index, NodeIndex body) {
  const Value value = load(body, eval(body));
  return tag(value) == Tag::kBool ? value : not_bool(index, value);
}

// `all` is && over the elements, `exists` is ||: one element that decides is enough, even of a list
// that is still open.
Value Evaluator::quantifier(NodeIndex index, const CodeNode& node) {
  const bool decisive = node.op == Op::kExists;
  Sequence list;
  Value stop;
  if (!sequence(index, eval(node.a), Maps::kKeys, End::kOpen, list, stop)) return stop;
  const std::size_t begin = used_.size();
  bool is_stuck = false;
  std::optional<Value> absent;
  std::optional<Value> error;
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    const std::size_t before = used_.size();
    locals_[node.c] = item(list, i);
    const Value value = condition(index, node.b);
    if (tag(value) == Tag::kBool && value.as_bool() == decisive) {
      set_aside(begin, before);
      if (list.tag == Tag::kRef) use(item(list, i).as_ref());
      return value;
    }
    if (tag(value) == Tag::kUnknown) is_stuck = true;
    if (tag(value) == Tag::kHole && !absent) absent = value;
    if (tag(value) == Tag::kError && !error) error = value;
  }
  if (!list.closed && list.tag == Tag::kRef) need(list.of.as_ref());
  if (is_stuck || !list.closed) return V::make(Tag::kUnknown);
  use_end(list);
  if (absent) return *absent;
  return error ? *error : V::make_bool(!decisive);
}

Value Evaluator::exists_one(NodeIndex index, const CodeNode& node) {
  Sequence list;
  Value stop;
  if (!sequence(index, eval(node.a), Maps::kKeys, End::kMustBeClosed, list, stop)) return stop;
  const std::size_t begin = used_.size();
  std::uint32_t count = 0;
  bool is_stuck = false;
  std::optional<Value> error;
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    const std::size_t before = used_.size();
    locals_[node.c] = item(list, i);
    const Value value = condition(index, node.b);
    if (tag(value) == Tag::kHole) {
      set_aside(begin, before);
      return value;
    }
    if (tag(value) == Tag::kUnknown) is_stuck = true;
    if (tag(value) == Tag::kError && !error) error = value;
    if (tag(value) == Tag::kBool && value.as_bool()) ++count;
  }
  if (is_stuck) return V::make(Tag::kUnknown);
  return error ? *error : V::make_bool(count == 1);
}

Value Evaluator::map_each(NodeIndex index, const CodeNode& node) {
  const bool is_filtered = node.op == Op::kMapWhere;
  const NodeIndex of = is_filtered ? code_->children[node.a] : node.a;
  const NodeIndex body = is_filtered ? code_->children[node.a + 2] : node.b;
  Sequence list;
  Value stop;
  if (!sequence(index, eval(of), Maps::kKeys, End::kMustBeClosed, list, stop)) return stop;
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    locals_[node.c] = item(list, i);
    if (is_filtered) {
      const Value chosen = condition(index, code_->children[node.a + 1]);
      if (order.add(chosen)) break;
      if (tag(chosen) != Tag::kBool || !chosen.as_bool()) continue;
    }
    const Value value = eval(body);
    if (order.add(value)) break;
    stack_.push_back(value);
  }
  if (order.is_good()) return list_value(stack_, from);
  stack_.resize(from);
  return order.verdict();
}

Value Evaluator::filter(NodeIndex index, const CodeNode& node) {
  Sequence list;
  Value stop;
  if (!sequence(index, eval(node.a), Maps::kKeys, End::kMustBeClosed, list, stop)) return stop;
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    const Value element = item(list, i);
    locals_[node.c] = element;
    // An absent condition counts as false.
    const Value chosen = condition(index, node.b);
    if (order.add(chosen)) break;
    if (tag(chosen) == Tag::kBool && chosen.as_bool()) stack_.push_back(element);
  }
  if (order.is_good()) return list_value(stack_, from);
  stack_.resize(from);
  return order.verdict();
}

Value Evaluator::has(NodeIndex index, const CodeNode& node) {
  const CodeNode& of = code_->nodes[node.a];
  if (of.op == Op::kField) {
    // A field of a map is there or not; what it says does not matter.
    const Value map = load(node.a, eval(of.a));
    if (tag(map) == Tag::kHole) return V::make_bool(false);
    if (tag(map) == Tag::kUnknown || tag(map) == Tag::kError) return map;
    if (map.kind() != Value::Kind::kMap)
      return V::make_error(Mishap::kNoField, node.a, static_cast<std::int64_t>(tag(map)));
    const Value member = member_of(node.a, map, V::make_text(code_->strings[of.b]));
    if (tag(member) == Tag::kError) return V::make_bool(false);
    const Presence there = presence(member);
    if (there == Presence::kUnknown) return V::make(Tag::kUnknown);
    return V::make_bool(there == Presence::kThere);
  }
  const Value value = eval(node.a);
  switch (presence(value)) {
    case Presence::kThere:
      return V::make_bool(true);
    case Presence::kAbsent:
      return V::make_bool(false);
    case Presence::kUnknown:
      return V::make(Tag::kUnknown);
    case Presence::kError:
      return value;
  }
  return V::make_error(Mishap::kNoField, index);
}

Value Evaluator::size(NodeIndex index, const CodeNode& node) {
  Value of = eval(node.a);
  const bool is_list_ref = tag(of) == Tag::kRef && look(of.as_ref()).state == Look::State::kList;
  if (!is_list_ref) of = load(node.a, of);
  if (tag(of) == Tag::kText) {
    const std::string_view text = of.as_text();
    charge(text.size() / 64);
    return V::make_int(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
  }
  if (of.kind() == Value::Kind::kMap) return V::make_int(static_cast<std::int64_t>(of.size()));
  if (is_list_ref) {
    const Look known = look(of.as_ref());
    if (!known.closed) return need(of.as_ref());
    use(of.as_ref());
    return V::make_int(known.count);
  }
  Sequence list;
  Value stop;
  if (!sequence(index, of, Maps::kKeys, End::kMustBeClosed, list, stop)) return stop;
  return V::make_int(list.count);
}

Value Evaluator::range(NodeIndex index, const CodeNode& node) {
  const Value count = load(node.a, eval(node.a));
  if (is_no_value(count)) return count;
  std::int64_t number = -1;
  if (tag(count) == Tag::kInt) {
    number = count.as_int();
  } else if (tag(count) == Tag::kDouble && count.as_double() == std::floor(count.as_double()) &&
             std::fabs(count.as_double()) < 1e15) {
    number = static_cast<std::int64_t>(count.as_double());
  } else {
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(count)));
  }
  if (number < 0) return V::make_error(Mishap::kNegativeIndex, index, number);
  if (number > Budget().elements) return V::make_error(Mishap::kTooManyElements, index);
  if (number > budget_.elements) {
    charge(budget_.steps + std::uint64_t{1});  // A larger budget has room for it.
    return V::make(Tag::kUnknown);
  }
  return V::make_range(number);
}

bool Evaluator::flatten_element(NodeIndex index, const Value& element, InOrder& order) {
  Value inner = element;
  if (tag(element) == Tag::kRef) {
    const Ref ref = element.as_ref();
    const Look known = look(ref);
    const model::Kind kind = kind_of(ref, known);
    const bool may_be_list = is_static_list(ref) || kind == model::Kind::kAny ||
                             kind == model::Kind::kJson || known.state == Look::State::kList;
    if (may_be_list && known.state != Look::State::kList) {
      // What cannot be looked into is no list, so it stays as it is.
      inner = load(index, element);
      if (tag(inner) == Tag::kError && V::mishap(inner) == Mishap::kOpaque) inner = element;
    }
  }
  const bool is_list =
      inner.kind() == Value::Kind::kList || tag(inner) == Tag::kPresent ||
      (tag(inner) == Tag::kRef && look(inner.as_ref()).state == Look::State::kList);
  if (tag(inner) == Tag::kUnknown || tag(inner) == Tag::kError) return order.add(inner);
  if (!is_list) {
    stack_.push_back(element);
    return false;
  }
  Sequence list;
  Value stop;
  if (!sequence(index, inner, Maps::kRefused, End::kMustBeClosed, list, stop)) {
    if (tag(stop) != Tag::kHole) return order.add(stop);
    stack_.push_back(stop);
    return false;
  }
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    charge(1);
    stack_.push_back(item(list, i));
  }
  return false;
}

Value Evaluator::flatten(NodeIndex index, const CodeNode& node) {
  Sequence list;
  Value stop;
  if (!sequence(index, eval(node.a), Maps::kRefused, End::kMustBeClosed, list, stop)) return stop;
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    charge(1);
    if (flatten_element(index, item(list, i), order)) break;
  }
  if (order.is_good()) return list_value(stack_, from);
  stack_.resize(from);
  return order.verdict();
}

// ---- first, present, any -----------------------------------------------------------------------

Value Evaluator::first(const CodeNode& node) {
  for (std::uint32_t i = 0; i < node.count; ++i) {
    const Value value = eval(code_->children[node.a + i]);
    switch (presence(value)) {
      case Presence::kThere:
      case Presence::kError:
        return value;
      case Presence::kUnknown:
        return V::make(Tag::kUnknown);
      case Presence::kAbsent:
        break;
    }
  }
  return V::make(Tag::kHole);
}

Value Evaluator::several(NodeIndex index, const Value& value) {
  if (value.kind() == Value::Kind::kList || tag(value) == Tag::kPresent) return value;
  if (is_no_value(value)) return value;
  if (tag(value) == Tag::kRef) {
    const Ref ref = value.as_ref();
    const Look known = look(ref);
    if (known.state == Look::State::kList) return value;
    const model::Kind kind = kind_of(ref, known);
    const bool may_be_list = kind == model::Kind::kAny || kind == model::Kind::kJson;
    if (known.state == Look::State::kObject && !may_be_list) {
      const Presence there = presence(value);
      if (there != Presence::kThere) return V::make(Tag::kUnknown);
    } else {
      const Value loaded = load(index, value);
      const bool is_opaque = tag(loaded) == Tag::kError && V::mishap(loaded) == Mishap::kOpaque;
      if (tag(loaded) == Tag::kJsonList || tag(loaded) == Tag::kHole ||
          tag(loaded) == Tag::kUnknown || (tag(loaded) == Tag::kError && !is_opaque)) {
        return loaded;
      }
    }
  }
  const std::size_t from = stack_.size();
  stack_.push_back(value);
  return list_value(stack_, from);
}

Value Evaluator::first_of(NodeIndex index, const CodeNode& node) {
  const Value of = several(index, eval(node.a));
  if (tag(of) == Tag::kPresent) {
    const Value items = present_items(of, 1);
    if (tag(items) != Tag::kList) return items;
    if (items.size() > 0) return items.at(0);
    return V::make(V::list(items).is_open ? Tag::kUnknown : Tag::kHole);
  }
  Sequence list;
  Value stop;
  if (!sequence(index, of, Maps::kRefused, End::kOpen, list, stop)) return stop;
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    charge(1);
    const Value element = item(list, i);
    const Presence there = presence(element);
    if (there == Presence::kUnknown) return V::make(Tag::kUnknown);
    if (there == Presence::kThere) return element;
  }
  if (list.closed) {
    use_end(list);
    return V::make(Tag::kHole);
  }
  if (list.tag == Tag::kRef) need(list.of.as_ref());
  return V::make(Tag::kUnknown);
}

Value Evaluator::present(const CodeNode& node) {
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < node.count; ++i) {
    const Value value = eval(code_->children[node.a + i]);
    if (order.add(value)) break;
    stack_.push_back(value);
  }
  if (!order.is_good()) {
    stack_.resize(from);
    return order.verdict();
  }
  bool is_open = false;
  std::size_t kept = from;
  for (std::size_t i = from; i < stack_.size() && !is_open; ++i) {
    const Presence there = presence(stack_[i]);
    if (there == Presence::kUnknown) is_open = true;
    if (there == Presence::kThere) stack_[kept++] = stack_[i];
  }
  stack_.resize(kept);
  return list_value(stack_, from, is_open);
}

Value Evaluator::present_of(NodeIndex index, const CodeNode& node) {
  Value of = eval(node.a);
  if (tag(of) == Tag::kRef) {
    const Ref ref = of.as_ref();
    const Look known = look(ref);
    const bool is_list = known.state == Look::State::kList ||
                         (known.state == Look::State::kUnknown && is_static_list(ref));
    if (is_list && ref.depth < 2) return V::make_ref(ref, Tag::kPresent);
  }
  of = several(index, of);
  if (tag(of) != Tag::kList) return of;
  const ListBox& box = V::list(of);
  const std::size_t from = stack_.size();
  bool is_open = box.is_open;
  for (std::uint32_t i = 0; i < box.count && !meter_.is_spent(); ++i) {
    charge(1);
    const Presence there = presence(box.items[i]);
    if (there == Presence::kUnknown) {
      is_open = true;
      break;
    }
    if (there == Presence::kThere) stack_.push_back(box.items[i]);
  }
  return list_value(stack_, from, is_open);
}

// What is there now, in the order of the arguments. The caller records the choice.
Value Evaluator::any(NodeIndex index, const CodeNode& node) {
  const bool is_one = node.op == Op::kAnyOf;
  const NodeIndex count_node = is_one ? node.a : code_->children[node.a];
  const Value count = load(count_node, eval(count_node));
  if (is_no_value(count)) return count;
  if (tag(count) != Tag::kInt)
    return V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(tag(count)));
  const std::int64_t wanted = count.as_int();
  if (wanted < 0) return V::make_error(Mishap::kNegativeIndex, index, wanted);

  const std::size_t from = stack_.size();
  Sequence list;
  bool is_open = false;
  if (is_one) {
    Value stop;
    if (!sequence(index, several(index, eval(node.b)), Maps::kRefused, End::kOpen, list, stop))
      return stop;
    is_open = !list.closed;
    if (is_open && list.tag == Tag::kRef) need(list.of.as_ref());
  } else {
    list.count = node.count - 1;
  }
  std::vector<std::size_t> marks;  // Ranges of what was used for those that are not chosen.
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    if (static_cast<std::int64_t>(stack_.size() - from) >= wanted) break;
    charge(1);
    const std::size_t before = used_.size();
    const Value value = is_one ? item(list, i) : eval(code_->children[node.a + 1 + i]);
    switch (presence(value)) {
      case Presence::kError:
        stack_.resize(from);
        return value;
      case Presence::kUnknown:
        is_open = true;
        break;
      case Presence::kThere:
        stack_.push_back(value);
        continue;
      case Presence::kAbsent:
        break;
    }
    marks.push_back(before);
    marks.push_back(used_.size());
  }
  if (static_cast<std::int64_t>(stack_.size() - from) >= wanted) {
    // The choice is of those that are there; that others are absent or late is no part of it.
    for (std::size_t i = marks.size(); i > 0; i -= 2) set_aside(marks[i - 2], marks[i - 1]);
    return list_value(stack_, from);
  }
  stack_.resize(from);
  if (is_open) return V::make(Tag::kUnknown);
  if (is_one) use_end(list);
  return V::make(Tag::kHole);
}

Value Evaluator::concatenation(NodeIndex index, const Value& left, const Value& right) {
  const std::size_t from = stack_.size();
  bool is_stuck = false;
  for (const Value* part : {&left, &right}) {
    Sequence list;
    Value stop;
    if (!sequence(index, *part, Maps::kRefused, End::kMustBeClosed, list, stop)) {
      if (tag(stop) != Tag::kUnknown && !is_stuck) {
        stack_.resize(from);
        return stop;
      }
      is_stuck = true;
      continue;
    }
    for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
      charge(1);
      stack_.push_back(item(list, i));
    }
  }
  if (!is_stuck) return list_value(stack_, from);
  stack_.resize(from);
  return V::make(Tag::kUnknown);
}

}  // namespace sluice::expr
