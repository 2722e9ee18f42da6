#pragma once

// The evaluator: a walk over the nodes of a Program with four outcomes for each, value, absent,
// unknown, error. What an outcome depends on is recorded as it goes; where a part turns out not to
// matter (`true || …`), its records are set aside again.
//
// Values flow unread. Three steps make more of one: `load` reads what an operator looks into,
// `force` reads all that is inside as well, a Sequence walks over the elements of any list.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/expr/arena.h"
#include "model/expr/code.h"
#include "model/expr/evaluate.h"
#include "model/expr/pattern.h"
#include "model/expr/value_access.h"

namespace sluice::expr {

// The words for an error value.
Failure describe(const Value& error, const Program::Code& code);

class Evaluator {
 public:
  explicit Evaluator(const Budget& budget);
  const Outcome& evaluate(const Program::Code& code, std::uint32_t root, const Knowledge& knowledge,
                          Want want);
  std::uint64_t steps() const { return meter_.used; }

 private:
  using V = ValueAccess;
  using NodeIndex = std::uint32_t;

  // The elements of a list of any kind, or the keys of a map. `tag` is that of `of`.
  struct Sequence {
    Value of;
    Tag tag = Tag::kList;
    std::uint32_t count = 0;
    bool closed = true;
  };
  enum class Presence : std::uint8_t { kThere, kAbsent, kUnknown, kError };
  // What strict operators agree on: absent, else unknown, else the first error.
  struct Strict {
    Tag worst = Tag::kNull;  // kNull: all are values.
    Value error;
  };
  // Literals, results of `map`: the first element in order that is not certain, or an error.
  struct InOrder {
    bool is_stuck = false;
    std::optional<Value> error;
    // Whether to stop here: an error is certain once all before it are.
    bool add(const Value& value);
    bool is_good() const { return !is_stuck && !error; }
    Value verdict() const { return error ? *error : V::make(Tag::kUnknown); }
  };

  // evaluator.cc
  Value eval(NodeIndex index);
  Value dispatch(NodeIndex index, const CodeNode& node);
  Value choice(const CodeNode& node);
  Value field(NodeIndex index, const CodeNode& node);
  Value element_at(NodeIndex index, const CodeNode& node);
  Value element_of_list(NodeIndex index, const Value& list, const Value& at);
  Value member_of(NodeIndex index, const Value& map, const Value& key);
  Value list_literal(const CodeNode& node);
  Value map_literal(NodeIndex index, const CodeNode& node);
  Value text_of(NodeIndex index, const CodeNode& node);
  void finish(NodeIndex root, Value value, Want want);
  Value finished(NodeIndex root, const Value& value);
  void fail_exhausted();

  // evaluator_data.cc
  Look look(const Ref& ref) const { return knowledge_->look(ref); }
  bool is_static_list(const Ref& ref) const;
  model::Kind kind_of(const Ref& ref, const Look& look) const;
  Value load(NodeIndex index, const Value& value);
  Value read(NodeIndex index, const Ref& ref, const Look& look);
  Value force(NodeIndex index, const Value& value);
  Value force_inside(NodeIndex index, const Value& value, std::size_t& read_bytes);
  Value force_list(NodeIndex index, const Value& value, std::size_t& read_bytes);
  Value force_map(NodeIndex index, const Value& value, std::size_t& read_bytes);
  Value failure_map(const Look& look);
  Presence presence(const Value& value);
  // Opens what `value` holds; else false and in `stop` why. Keys of a map are elements, too, if
  // `maps` says so. An open list is `closed` or it is not a sequence yet, if `must_be_closed`.
  enum class Maps : std::uint8_t { kRefused, kKeys };
  // kOpen: whoever relies on the end of the list records it (use_end).
  enum class End : std::uint8_t { kOpen, kMustBeClosed };
  bool sequence(NodeIndex index, const Value& value, Maps maps, End end, Sequence& out,
                Value& stop);
  bool sequence_of_ref(NodeIndex index, End end, Sequence& out, Value& stop);
  Value item(const Sequence& sequence, std::uint32_t at) const;
  // The list of a kPresent, as far as it is known; at most `enough` elements.
  Value present_items(const Value& present, std::uint32_t enough);
  Value text_value(std::string_view text);
  Value list_value(std::vector<Value>& items, std::size_t from, bool is_open = false);
  char* bytes(std::size_t count);

  // evaluator_lists.cc
  Value quantifier(NodeIndex index, const CodeNode& node);
  Value exists_one(NodeIndex index, const CodeNode& node);
  Value map_each(NodeIndex index, const CodeNode& node);
  Value filter(NodeIndex index, const CodeNode& node);
  Value condition(NodeIndex index, NodeIndex body);
  Value has(NodeIndex index, const CodeNode& node);
  Value size(NodeIndex index, const CodeNode& node);
  Value range(NodeIndex index, const CodeNode& node);
  Value flatten(NodeIndex index, const CodeNode& node);
  bool flatten_element(NodeIndex index, const Value& element, InOrder& order);
  Value first(const CodeNode& node);
  Value first_of(NodeIndex index, const CodeNode& node);
  Value present(const CodeNode& node);
  Value present_of(NodeIndex index, const CodeNode& node);
  Value any(NodeIndex index, const CodeNode& node);
  // One argument of `first`, `present`, `any`: the list that it is, or the list of it alone.
  Value several(NodeIndex index, const Value& value);
  Value concatenation(NodeIndex index, const Value& left, const Value& right);

  // evaluator_scalars.cc
  Value logic(NodeIndex index, const CodeNode& node);
  Value logical_not(NodeIndex index, const CodeNode& node);
  Value negate(NodeIndex index, const CodeNode& node);
  Value arithmetic(NodeIndex index, const CodeNode& node);
  Value ints(NodeIndex index, Op op, std::int64_t a, std::int64_t b);
  Value doubles(NodeIndex index, Op op, double a, double b);
  Value equality(NodeIndex index, const CodeNode& node);
  Value order(NodeIndex index, const CodeNode& node);
  Value membership(NodeIndex index, const CodeNode& node);
  Value convert(NodeIndex index, const CodeNode& node);
  Value to_int(NodeIndex index, const Value& value);
  Value to_double(NodeIndex index, const Value& value);
  Value to_string(NodeIndex index, const Value& value);
  Value to_bool(NodeIndex index, const Value& value);
  Value text_function(NodeIndex index, const CodeNode& node);
  Value matches(NodeIndex index, const CodeNode& node, std::string_view text,
                std::string_view pattern);
  // Evaluates and loads both operands; true if they are values, else the outcome is in `a`.
  bool operands(NodeIndex index, const CodeNode& node, Value& a, Value& b);
  Value not_bool(NodeIndex index, const Value& value);
  Value said(NodeIndex index, std::string_view text);

  // Records.
  void use(const Ref& ref) { used_.push_back(ref); }
  void use_end(const Sequence& list) {
    if (list.tag == Tag::kRef) use(list.of.as_ref());
  }
  Value need(const Ref& ref) {
    if (needs_.empty() || needs_.back() != ref) needs_.push_back(ref);
    return V::make(Tag::kUnknown);
  }
  // Sets aside what was used from `from` up to `to`: it does not matter for the outcome.
  void set_aside(std::size_t from, std::size_t to);

  // Absent, unknown or an error: handed through by nearly everything.
  static bool is_no_value(const Value& value) {
    return tag(value) == Tag::kHole || tag(value) == Tag::kUnknown || tag(value) == Tag::kError;
  }
  static Tag tag(const Value& value) { return V::tag(value); }
  void charge(std::uint64_t steps) { meter_.used += steps; }

  Budget budget_;
  const Program::Code* code_ = nullptr;
  const Knowledge* knowledge_ = nullptr;

  Arena arena_;
  Meter meter_;
  bool out_of_memory_ = false;
  NodeIndex last_node_ = 0;  // Where the budget ended.
  std::vector<Ref> used_;
  std::vector<Ref> aside_;
  std::vector<Ref> needs_;
  std::vector<Ref> reads_;
  std::vector<Value> locals_;
  std::vector<Value> stack_;  // Elements of lists that are being built.
  std::string text_;
  std::optional<Pattern> pattern_;  // The last one that was not constant.
  Outcome outcome_;
};

}  // namespace sluice::expr
