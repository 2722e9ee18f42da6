#pragma once

// What a task of a kCompute step can see: the tables of core, and the bytes of objects. The node
// shows it its scheduler and its store, a bulk thread a snapshot of both, a test what it likes.

#include <cstdint>
#include <string>

#include "core/types.h"
#include "model/expr/evaluate.h"

namespace sluice::evaluate {

class Sight {
 public:
  virtual ~Sight() = default;
  // As Scheduler::look. Answers the same while one answer is made.
  virtual core::Known look(const core::Datum& datum) const = 0;
  // What the value of an object is, which look() gave for `datum`; kAny if that is not known.
  virtual model::Kind kind(const core::Datum& datum, const core::Object& object) const = 0;
  // Its value, if it is sealed; what it points to lives as long as this.
  virtual expr::Reading read(const core::Datum& datum, const core::Object& object) const = 0;
};

// The task whose expressions are evaluated, beside its data.
struct Task {
  const model::Step& step;
  std::uint32_t index = 0;
  std::uint32_t round = 0;  // Of the scope.
  std::string run_id;
};

}  // namespace sluice::evaluate
