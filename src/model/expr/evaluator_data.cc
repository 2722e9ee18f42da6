#include <algorithm>

#include "model/expr/evaluator.h"

// How data is looked at: loading, forcing, presence, and the elements of any kind of list.

namespace sluice::expr {
namespace {

// A list is there with its first element, or once it is closed without one.
bool is_there(const Look& look) { return look.count > 0 || look.closed; }

}  // namespace

bool Evaluator::is_static_list(const Ref& ref) const {
  return ref.variable < code_->variables.size() && code_->variables[ref.variable].lists > ref.depth;
}

model::Kind Evaluator::kind_of(const Ref& ref, const Look& look) const {
  if (look.kind != model::Kind::kAny || ref.variable >= code_->variables.size()) return look.kind;
  const model::Type& type = code_->variables[ref.variable];
  return type.lists == ref.depth ? type.kind : model::Kind::kAny;
}

char* Evaluator::bytes(std::size_t count) {
  void* result = arena_.allocate(count);
  if (!result) out_of_memory_ = true;
  return static_cast<char*>(result);
}

Value Evaluator::text_value(std::string_view text) {
  char* copy = bytes(text.size() + 1);
  if (!copy) return V::make(Tag::kUnknown);
  std::ranges::copy(text, copy);
  return V::make_text({copy, text.size()});
}

Value Evaluator::list_value(std::vector<Value>& items, std::size_t from, bool is_open) {
  const std::size_t count = items.size() - from;
  auto* box = static_cast<ListBox*>(static_cast<void*>(bytes(sizeof(ListBox))));
  auto* copy = static_cast<Value*>(static_cast<void*>(bytes(count * sizeof(Value))));
  if (box && copy) {
    std::copy(items.begin() + static_cast<std::ptrdiff_t>(from), items.end(), copy);
    *box = {copy, static_cast<std::uint32_t>(count), is_open};
  }
  items.resize(from);
  return box && copy ? V::make_list(box) : V::make(Tag::kUnknown);
}

Value Evaluator::said(NodeIndex index, std::string_view text) {
  char* copy = bytes(text.size() + 1);
  if (!copy) return V::make(Tag::kUnknown);
  *std::ranges::copy(text, copy).out = '\0';
  return V::make_said(index, copy);
}

Value Evaluator::failure_map(const Look& look) {
  auto* items = static_cast<Value*>(static_cast<void*>(bytes(4 * sizeof(Value))));
  auto* box = static_cast<MapBox*>(static_cast<void*>(bytes(sizeof(MapBox))));
  if (!items || !box) return V::make(Tag::kUnknown);
  items[0] = V::make_text("name");
  items[1] = V::make_text("message");
  items[2] = V::make_text(look.name);
  items[3] = V::make_text(look.message);
  *box = {items, items + 2, 2};
  return V::make_map(box);
}

Value Evaluator::read(NodeIndex index, const Ref& ref, const Look& look) {
  if (!look.sealed) return need(ref);
  const Reading reading = knowledge_->read(ref);
  if (reading.state == Reading::State::kNotLoaded) {
    reads_.push_back(ref);
    return V::make(Tag::kUnknown);
  }
  if (!look.constant) use(ref);
  switch (reading.state) {
    case Reading::State::kOpaque:
      return V::make_error(Mishap::kOpaque, index);
    case Reading::State::kTooLarge:
      return V::make_error(Mishap::kTooLarge, index);
    case Reading::State::kBroken:
      return said(index, reading.message);
    case Reading::State::kLoaded:
    case Reading::State::kNotLoaded:
      break;
  }
  const Value value = V::of_json(*reading.json);
  // A `float` is a double whatever its producer wrote: 3 and 3.0 are the same to it.
  if (tag(value) == Tag::kInt && kind_of(ref, look) == model::Kind::kFloat)
    return V::make_double(static_cast<double>(value.as_int()));
  return value;
}

Value Evaluator::load(NodeIndex index, const Value& value) {
  if (tag(value) != Tag::kRef && tag(value) != Tag::kPresent) return value;
  const Ref ref = value.as_ref();
  charge(1);
  const Look known = look(ref);
  switch (known.state) {
    case Look::State::kUnknown:
      return need(ref);
    case Look::State::kAbsent:
      use(ref);
      return V::make(Tag::kHole);
    case Look::State::kObject:
      return read(index, ref, known);
    case Look::State::kList:
      if (!is_there(known)) return need(ref);
      use(ref);
      return value;
    case Look::State::kNumber:
      return V::make_int(known.number);
    case Look::State::kFailure:
      use(ref);
      return failure_map(known);
  }
  return value;
}

Evaluator::Presence Evaluator::presence(const Value& value) {
  if (tag(value) == Tag::kUnknown) return Presence::kUnknown;
  if (tag(value) == Tag::kHole) return Presence::kAbsent;
  if (tag(value) == Tag::kError) return Presence::kError;
  if (tag(value) != Tag::kRef && tag(value) != Tag::kPresent) return Presence::kThere;
  const Ref ref = value.as_ref();
  charge(1);
  const Look known = look(ref);
  switch (known.state) {
    case Look::State::kUnknown:
      break;
    case Look::State::kAbsent:
      use(ref);
      return Presence::kAbsent;
    case Look::State::kObject:
      if (!known.sealed) break;
      if (!known.constant) use(ref);
      return Presence::kThere;
    case Look::State::kList:
      if (!is_there(known)) break;
      use(ref);
      return Presence::kThere;
    case Look::State::kNumber:
      return Presence::kThere;
    case Look::State::kFailure:
      use(ref);
      return Presence::kThere;
  }
  need(ref);
  return Presence::kUnknown;
}

// ---- All of a value ----------------------------------------------------------------------------

Value Evaluator::force(NodeIndex index, const Value& value) {
  std::size_t read_bytes = 0;
  return force_inside(index, value, read_bytes);
}

Value Evaluator::force_inside(NodeIndex index, const Value& value, std::size_t& read_bytes) {
  if (tag(value) == Tag::kList || tag(value) == Tag::kPresent)
    return force_list(index, value, read_bytes);
  if (tag(value) == Tag::kMap) return force_map(index, value, read_bytes);
  if (tag(value) != Tag::kRef) return value;
  const Ref ref = value.as_ref();
  const Look known = look(ref);
  if (known.state == Look::State::kList) return force_list(index, value, read_bytes);
  if (known.state == Look::State::kObject && known.sealed) {
    read_bytes += known.size;
    if (read_bytes > budget_.json) {
      use(ref);
      return V::make_error(Mishap::kTooLarge, index);
    }
  }
  return load(index, value);
}

Value Evaluator::force_list(NodeIndex index, const Value& value, std::size_t& read_bytes) {
  Sequence list;
  Value stop;
  if (!sequence(index, value, Maps::kRefused, End::kMustBeClosed, list, stop)) return stop;
  if (tag(list.of) == Tag::kJsonList || tag(list.of) == Tag::kRange) return list.of;
  const std::size_t from = stack_.size();
  InOrder order;
  for (std::uint32_t i = 0; i < list.count && !meter_.is_spent(); ++i) {
    charge(1);
    Value element = force_inside(index, item(list, i), read_bytes);
    // What comes after one that must be loaded is asked for in the same go.
    if (order.add(element)) break;
    if (tag(element) == Tag::kHole) element = V::make(Tag::kNull);
    stack_.push_back(element);
  }
  if (order.is_good() && !meter_.is_spent()) return list_value(stack_, from);
  stack_.resize(from);
  return order.verdict();
}

Value Evaluator::force_map(NodeIndex index, const Value& value, std::size_t& read_bytes) {
  const MapBox& map = V::map(value);
  auto* values = static_cast<Value*>(static_cast<void*>(bytes(map.count * sizeof(Value))));
  auto* box = static_cast<MapBox*>(static_cast<void*>(bytes(sizeof(MapBox))));
  if (!values || !box) return V::make(Tag::kUnknown);
  InOrder order;
  for (std::uint32_t i = 0; i < map.count; ++i) {
    charge(1);
    values[i] = force_inside(index, map.values[i], read_bytes);
    if (order.add(values[i])) break;
    if (tag(values[i]) == Tag::kHole) values[i] = V::make(Tag::kNull);
  }
  if (!order.is_good()) return order.verdict();
  *box = {map.keys, values, map.count};
  return V::make_map(box);
}

// ---- Lists -------------------------------------------------------------------------------------

bool Evaluator::sequence_of_ref(NodeIndex index, End end, Sequence& out, Value& stop) {
  const Ref ref = out.of.as_ref();
  const Look known = look(ref);
  out.count = known.count;
  out.closed = known.closed;
  if (end == End::kMustBeClosed && !known.closed) {
    stop = need(ref);
    return false;
  }
  if (end == End::kMustBeClosed) use(ref);
  if (ref.depth < 2 || out.count == 0) return true;
  use(ref);
  stop = V::make_error(Mishap::kNestedLists, index);
  return false;
}

bool Evaluator::sequence(NodeIndex index, const Value& value, Maps maps, End end, Sequence& out,
                         Value& stop) {
  Value of = value;
  if (tag(of) == Tag::kRef && look(of.as_ref()).state != Look::State::kList) of = load(index, of);
  if (tag(of) == Tag::kPresent) of = present_items(of, UINT32_MAX);
  out.of = of;
  out.tag = tag(of);
  out.closed = true;
  if (is_no_value(of)) {
    stop = of;
    return false;
  }
  if (out.tag == Tag::kRef) return sequence_of_ref(index, end, out, stop);
  const Value::Kind kind = of.kind();
  if (kind != Value::Kind::kList && (kind != Value::Kind::kMap || maps == Maps::kRefused)) {
    stop = V::make_error(Mishap::kBadOperand, index, static_cast<std::int64_t>(out.tag));
    return false;
  }
  out.count = static_cast<std::uint32_t>(of.size());
  out.closed = out.tag != Tag::kList || !V::list(of).is_open;
  if (out.closed || end == End::kOpen) return true;
  stop = V::make(Tag::kUnknown);
  return false;
}

Value Evaluator::item(const Sequence& sequence, std::uint32_t at) const {
  if (sequence.tag == Tag::kRef) {
    Ref ref = sequence.of.as_ref();
    ref.index[ref.depth++] = at;
    return V::make_ref(ref);
  }
  if (sequence.tag == Tag::kJsonMap || sequence.tag == Tag::kMap) return sequence.of.key(at);
  return sequence.of.at(at);
}

Value Evaluator::present_items(const Value& present, std::uint32_t enough) {
  const Ref ref = present.as_ref();
  const Look known = look(ref);
  if (known.state != Look::State::kList)
    return known.state == Look::State::kAbsent ? load(0, present) : need(ref);
  const std::size_t from = stack_.size();
  bool is_open = false;
  std::uint32_t i = 0;
  for (; i < known.count && !is_open && !meter_.is_spent(); ++i) {
    Ref element = ref;
    element.index[element.depth++] = i;
    const Value value = V::make_ref(element);
    const Presence there = presence(value);
    if (there == Presence::kUnknown) is_open = true;
    if (there != Presence::kThere) continue;
    stack_.push_back(value);
    if (stack_.size() - from >= enough) is_open = true;
  }
  if (!is_open && known.closed) use(ref);
  if (!is_open && !known.closed) {
    need(ref);
    is_open = true;
  }
  return list_value(stack_, from, is_open);
}

}  // namespace sluice::expr
