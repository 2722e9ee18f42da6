#pragma once

// Evaluation of a Program while the data is still coming. It gives a value as soon as that is
// certain and says `unknown` before, so that evaluating again with more known can never give
// another value: a result does not depend on who was faster (the one exception is `any`, which is
// there for that). Rules: docs/reference/expressions.md.
//
// It never reads by itself. What is known comes from a Knowledge; references are passed on unread,
// and what must be looked into but is not loaded yet is named in `reads`.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "model/expr/program.h"
#include "model/type.h"

namespace sluice::expr {

// A datum: a variable, an element of it, or an element of that. The same shape as core::Datum.
struct Ref {
  std::uint32_t variable = 0;
  std::uint32_t depth = 0;
  std::array<std::uint32_t, 2> index{};  // 0 beyond `depth`.
  friend auto operator<=>(const Ref&, const Ref&) = default;
};

// What is known of a datum.
struct Look {
  enum class State : std::uint8_t {
    kUnknown,  // Nothing yet. A list without elements that is still open may be given as this.
    kAbsent,   // It never comes.
    kObject,   // One value; it can be read once it is sealed.
    kList,     // `count` elements so far; no more if `closed`. Elements may be unknown or absent.
    kNumber,   // `number`, known without reading: `index`, `round`.
    kFailure,  // `error`: {name, message}.
  };
  State state = State::kUnknown;
  bool sealed = true;     // kObject.
  bool closed = false;    // kList.
  bool constant = false;  // It cannot change: not worth a mention in `used` (run.id, literals).
  model::Kind kind = model::Kind::kAny;  // kObject: kAny if not known.
  std::uint32_t count = 0;               // kList.
  std::uint64_t size = 0;                // kObject.
  std::int64_t number = 0;               // kNumber.
  std::string_view name;                 // kFailure; the views live as long as the Knowledge.
  std::string_view message;
};

// The value of a sealed object.
struct Reading {
  enum class State : std::uint8_t {
    kLoaded,
    kNotLoaded,  // Asked for in `reads`; evaluate again once it is there.
    kOpaque,     // bytes, arrays, files: nothing to look into.
    kTooLarge,   // More than 1 MiB.
    kBroken,     // Not what its type says: `message`.
  };
  State state = State::kNotLoaded;
  const Json* json = nullptr;  // kLoaded; a text is a string. Lives as long as the Knowledge.
  std::string_view message;
};

// What is known now. Both answer the same for as long as one evaluation runs and its outcome is
// looked at.
class Knowledge {
 public:
  virtual ~Knowledge() = default;
  // An element is asked for only if its list is known to have it.
  virtual Look look(const Ref& ref) const = 0;
  virtual Reading read(const Ref& ref) const = 0;
};

class Value;
struct ListBox;
struct MapBox;

// The outcome's value. Small, copied freely; it points into the Evaluation, the Program and the
// documents of the Knowledge.
class Value {
 public:
  enum class Kind : std::uint8_t {
    kNull,
    kBool,
    kInt,
    kDouble,
    kText,
    kList,
    kMap,
    kType,  // What `type(x)` gives; as JSON its name.
    kRef,   // Unread: an object or a list, or still unknown.
    kHole,  // An absent element of a list.
  };
  Kind kind() const;

  bool as_bool() const { return bool_; }
  std::int64_t as_int() const { return int_; }
  double as_double() const { return double_; }
  std::string_view as_text() const;  // kText, kType.
  Ref as_ref() const { return {number_, depth_, index_}; }
  // kList. Elements of an outcome's list are of any kind; those of a map's values have no kRef.
  std::size_t size() const;  // kList, kMap: members.
  Value at(std::size_t index) const;
  // kMap: key (kText, kInt or kBool) and value of member `index`.
  Value key(std::size_t index) const;
  Value member(std::size_t index) const;

  Value() = default;

 private:
  friend struct ValueAccess;
  // How it is kept (value_access.h); the first ten are as in Kind.
  std::uint8_t tag_ = 0;
  std::uint8_t depth_ = 0;    // kRef. Errors: the code.
  std::uint32_t number_ = 0;  // kText: bytes. kRef: the variable. Errors: the node.
  union {
    bool bool_;
    std::int64_t int_;
    double double_;
    const char* text_;
    const Json* json_;
    const ListBox* list_;
    const MapBox* map_;
    std::array<std::uint32_t, 2> index_;
  };
};

// What the outcome is for.
enum class Want : std::uint8_t {
  kValue,      // To be bound: references stay references, at the top and in lists. A map is one
               // JSON value, so references inside of it are read.
  kCondition,  // A bool; anything else is an error. (Absent stays absent: the caller takes it for
               // false.)
  kJson,       // All read, at most 1 MiB: no kRef, no kView; holes are null.
};

struct Failure {
  std::string name;  // BadExpression or TooLarge.
  std::string message;
  Spot spot;
};

struct Outcome {
  enum class Kind : std::uint8_t {
    kUnknown,  // Evaluate again when one of `needs` has changed, or `reads` are loaded.
    kAbsent,
    kValue,
    kView,  // The list `view`, handed on while it grows; `drop_holes`: without its holes.
    kError,
  };
  Kind kind = Kind::kUnknown;
  bool drop_holes = false;
  bool exhausted = false;  // kError: the budget was too small.
  Value value;
  Ref view;
  Failure failure;

  // Without these the outcome might be another: read, found absent, found there, or (a list) found
  // closed. An element is named without its list. What was named and is only handed on, in `value`
  // or `view`, is not in it. Ascending, each once. kUnknown: what it saw on the way to `needs`.
  std::vector<Ref> used;
  // kUnknown: what it is stuck on. A list: that it has an element, or is closed. An element that is
  // not there yet: also that its list is closed or absent.
  std::vector<Ref> needs;
  // kUnknown: sealed objects to load.
  std::vector<Ref> reads;
};

// What one evaluation may cost. Beyond: BadExpression (steps), TooLarge (bytes).
struct Budget {
  std::uint32_t steps = 1'000'000;
  std::uint32_t elements = 1'000'000;  // Of `range`.
  std::size_t memory = 16 << 20;       // Of lists, maps and texts that are built.
  std::size_t json = 1 << 20;          // Read into one JSON value, or written as one.
};

// Scratch memory of evaluations, used again and again by one thread.
class Evaluation {
 public:
  explicit Evaluation(const Budget& budget = {});
  ~Evaluation();
  Evaluation(const Evaluation&) = delete;
  Evaluation& operator=(const Evaluation&) = delete;

  // The outcome is valid until the next call, and while program and knowledge are.
  const Outcome& evaluate(const Program& program, std::uint32_t root, const Knowledge& knowledge,
                          Want want = Want::kValue);

  // Steps of the last evaluation.
  std::uint32_t steps() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Compact JSON. Holes are null, keys that are no texts become texts. `value` has no references
// (Want::kJson, or what is inside of a map); more than `bytes_max`: TooLarge.
Result<std::string> to_json_text(const Value& value, std::size_t bytes_max = 1 << 20);
Result<Json> to_json(const Value& value, std::size_t bytes_max = 1 << 20);

}  // namespace sluice::expr
