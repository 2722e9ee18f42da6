#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "core/scheduler.h"
#include "core/testing/fake_records.h"

namespace sluice::core::testing {

// The program of a kCompute step: looks at operands and says what follows.
class Evaluation {
 public:
  // `value_of` reads an object, `make` writes one.
  Evaluation(const Scheduler& scheduler, const Compute& compute,
             std::function<Value(ObjectId)> value_of, std::function<Object(Value)> make)
      : given(compute.given),
        scheduler_(scheduler),
        task_(compute.attempt.task),
        value_of_(std::move(value_of)),
        make_(std::move(make)) {
    answer.attempt = compute.attempt;
  }
  template <class... Index>
  Known look(std::uint32_t slot, Index... index) {
    return scheduler_.look(task_, datum(slot, index...));
  }
  // The value, noted as used; nothing, noted as needed.
  template <class... Index>
  std::optional<Value> read(std::uint32_t slot, Index... index) {
    const Known known = look(slot, index...);
    if (known.state == Known::State::kObject && known.object.sealed) {
      use(slot, index...);
      return value_of_(known.object.id);
    }
    if (known.state == Known::State::kUnknown || known.state == Known::State::kObject)
      need(slot, index...);
    else
      use(slot, index...);
    return std::nullopt;
  }
  template <class... Index>
  void use(std::uint32_t slot, Index... index) {
    answer.used.push_back(datum(slot, index...));
  }
  template <class... Index>
  void need(std::uint32_t slot, Index... index) {
    answer.needs.push_back(datum(slot, index...));
  }
  ComputedOutput& give(std::uint32_t port, ComputedOutput::Kind kind) {
    return answer.outputs.emplace_back(ComputedOutput{.port = port, .kind = kind});
  }
  void give_value(std::uint32_t port, Value value) {
    give(port, ComputedOutput::Kind::kValue).pieces.push_back(piece(value));
  }
  template <class... Index>
  void give_reference(std::uint32_t port, std::uint32_t slot, Index... index) {
    give(port, ComputedOutput::Kind::kValue).pieces.push_back(reference(slot, index...));
  }
  Piece piece(Value value) { return {.object = make_(value)}; }
  template <class... Index>
  static Piece reference(std::uint32_t slot, Index... index) {
    return {.kind = Piece::Kind::kDatum, .datum = datum(slot, index...)};
  }
  template <class... Index>
  static Datum datum(std::uint32_t slot, Index... index) {
    Datum made{.slot = slot, .depth = sizeof...(index)};
    std::uint32_t i = 0;
    ((made.index[i++] = static_cast<std::uint32_t>(index)), ...);
    return made;
  }

  Computed answer;
  std::uint64_t given;

 private:
  const Scheduler& scheduler_;
  TaskKey task_;
  std::function<Value(ObjectId)> value_of_;
  std::function<Object(Value)> make_;
};

}  // namespace sluice::core::testing
