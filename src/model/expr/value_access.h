#pragma once

// How a Value is kept: sixteen bytes with a tag, pointing into the arena of an evaluation, into a
// Program or into documents. Only the evaluator looks at it this way.

#include <bit>
#include <cstdint>
#include <string_view>

#include "base/json.h"
#include "model/expr/evaluate.h"

namespace sluice::expr {

// Order and values of the first ten as in Value::Kind.
enum class Tag : std::uint8_t {
  kNull,
  kBool,
  kInt,
  kDouble,
  kText,
  kList,  // ListBox.
  kMap,   // MapBox.
  kType,
  kRef,
  kHole,      // Absent.
  kJsonList,  // Read.
  kJsonMap,   // Read.
  kRange,     // 0 … int - 1.
  kPresent,   // A list by reference, without its holes.
  kUnknown,
  kError,
};

struct ListBox {
  const Value* items = nullptr;
  std::uint32_t count = 0;
  bool is_open = false;  // More may come; what it waits for is among the needs already.
};

struct MapBox {
  const Value* keys = nullptr;
  const Value* values = nullptr;
  std::uint32_t count = 0;
};

// Why an evaluation failed; with the node it gives the message (failure.cc).
enum class Mishap : std::uint8_t {
  kNoField,        // detail: tag of the operand.
  kNoElement,      // detail: the index.
  kNegativeIndex,  // detail: the index.
  kBadIndex,       // detail: tag of the index.
  kNoKey,
  kNotBool,      // detail: tag.
  kBadOperand,   // detail: tag.
  kBadOperands,  // detail: both tags.
  kOverflow,
  kDivisionByZero,
  kBadConversion,
  kNotFinite,
  kBadKey,  // detail: tag.
  kRepeatedKey,
  kOpaque,
  kTooLarge,
  kTooManyElements,
  kNestedLists,
  kSaid,  // detail: a text that ends with a zero.
};

struct ValueAccess {
  static Tag tag(const Value& v) { return static_cast<Tag>(v.tag_); }
  static Value make(Tag tag) {
    Value v;
    v.tag_ = static_cast<std::uint8_t>(tag);
    v.int_ = 0;
    return v;
  }
  static Value make_bool(bool value) {
    Value v = make(Tag::kBool);
    v.bool_ = value;
    return v;
  }
  static Value make_int(std::int64_t value) {
    Value v = make(Tag::kInt);
    v.int_ = value;
    return v;
  }
  static Value make_range(std::int64_t count) {
    Value v = make(Tag::kRange);
    v.int_ = count;
    return v;
  }
  static Value make_double(double value) {
    Value v = make(Tag::kDouble);
    v.double_ = value;
    return v;
  }
  // Texts are shorter than 4 GiB: the budget is.
  static Value make_text(std::string_view text, Tag tag = Tag::kText) {
    Value v = make(tag);
    v.number_ = static_cast<std::uint32_t>(text.size());
    v.text_ = text.data();
    return v;
  }
  static Value make_ref(const Ref& ref, Tag tag = Tag::kRef) {
    Value v = make(tag);
    v.depth_ = static_cast<std::uint8_t>(ref.depth);
    v.number_ = ref.variable;
    v.index_ = ref.index;
    return v;
  }
  static Value make_list(const ListBox* list) {
    Value v = make(Tag::kList);
    v.list_ = list;
    return v;
  }
  static Value make_map(const MapBox* map) {
    Value v = make(Tag::kMap);
    v.map_ = map;
    return v;
  }
  static Value make_error(Mishap mishap, std::uint32_t node, std::int64_t detail = 0) {
    Value v = make(Tag::kError);
    v.depth_ = static_cast<std::uint8_t>(mishap);
    v.number_ = node;
    v.int_ = detail;
    return v;
  }
  static Value make_said(std::uint32_t node, const char* text) {
    Value v = make_error(Mishap::kSaid, node);
    v.text_ = text;
    return v;
  }
  static Value of_json(const Json& json);

  static Mishap mishap(const Value& v) { return static_cast<Mishap>(v.depth_); }
  static std::uint32_t node(const Value& v) { return v.number_; }
  static std::int64_t detail(const Value& v) { return v.int_; }
  static const char* said(const Value& v) { return v.text_; }
  static const ListBox& list(const Value& v) { return *v.list_; }
  static const MapBox& map(const Value& v) { return *v.map_; }
  static const Json::List& json_list(const Value& v) { return *v.json_->as_list(); }
  static const Json::Map& json_map(const Value& v) { return *v.json_->as_map(); }
  static const Json& json(const Value& v) { return *v.json_; }
};

// Appends compact JSON; false once `out` would be longer than `bytes_max`, or `what` cannot be said
// in JSON (then `problem` says why). The value has no references and is certain.
bool append_json(std::string& out, const Value& what, std::size_t bytes_max,
                 std::string_view& problem);

// Steps of an evaluation. What loops inside of one node counts here, and gives up once it is spent.
struct Meter {
  std::uint64_t used = 0;
  std::uint64_t most = 0;
  bool is_spent() const { return used > most; }
};

// Of what is certain and read. Numbers are compared by value, maps without regard to order; holes
// are null. Without meaning once the meter is spent.
bool is_equal(const Value& a, const Value& b, Meter& meter);

// Its type in the words of CEL: "int", "null_type", ….
std::string_view type_name(Tag tag);

}  // namespace sluice::expr
