#pragma once

// What a task sees, copied: so that an evaluation that takes its time can run on another thread
// while the world goes on. An answer made from it may be overtaken; core notices and asks again.
// It is taken piece by piece, so that a list of a million elements stops nobody.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "evaluate/document.h"
#include "evaluate/sight.h"

namespace sluice::evaluate {

class Snapshot final : public Sight {
 public:
  // Of the operands that the program names.
  explicit Snapshot(const model::Step& step);

  // Copies up to `looks` data more; true: it is complete. `live` is always the same task's.
  bool take(const Sight& live, std::size_t looks);
  void add(ObjectId object, DocumentPtr document);

  core::Known look(const core::Datum& datum) const override;
  model::Kind kind(const core::Datum& datum, const core::Object& object) const override;
  expr::Reading read(const core::Datum& datum, const core::Object& object) const override;

 private:
  // A Known with what an evaluation needs of it: a list may have a million.
  struct Cell {
    core::Known::State state = core::Known::State::kUnknown;
    bool closed = false;
    bool sealed = true;
    model::Kind kind = model::Kind::kAny;
    std::uint32_t count = 0;
    std::int64_t number = 0;  // Also the size of an object.
    ObjectId object;
  };
  struct List {
    std::vector<Cell> elements;
    std::vector<std::vector<Cell>> inner;  // Of elements that are lists; else empty.
  };
  struct Operand {
    std::uint32_t slot = 0;
    Cell value;
    core::Failure failure;
    List list;
  };

  Cell copy(const Sight& live, const core::Datum& datum, core::Failure* failure);
  const Cell* find(const core::Datum& datum) const;
  const Operand* operand(std::uint32_t slot) const;

  std::vector<Operand> operands_;
  std::size_t next_ = 0;                                      // The operand that is being copied,
  bool is_begun_ = false;                                     // its own cell is there;
  std::uint32_t element_ = 0;                                 // the next element,
  std::uint32_t inner_ = 0;                                   // and the next element of that.
  std::unordered_map<std::uint64_t, DocumentPtr> documents_;  // By ObjectId.value.
};

}  // namespace sluice::evaluate
