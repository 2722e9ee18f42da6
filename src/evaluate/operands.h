#pragma once

// The variables of a step's program: operand slots of the plan, some of them known without any
// data, the others as core knows them.

#include <cstdint>
#include <optional>
#include <vector>

#include "evaluate/sight.h"

namespace sluice::evaluate {

class Operands final : public expr::Knowledge {
 public:
  // Both outlive this.
  Operands(const Task& task, const Sight& sight);

  expr::Look look(const expr::Ref& ref) const override;
  expr::Reading read(const expr::Ref& ref) const override;

  // What core knows of it; nothing for what is known without data.
  std::optional<core::Known> known(const expr::Ref& ref) const;
  core::Datum datum(const expr::Ref& ref) const;

 private:
  const model::Source* source(const expr::Ref& ref) const;

  const Task& task_;
  const Sight& sight_;
  Json run_id_;
  static constexpr std::uint32_t kNoSlot = 0xffffffff;
  std::vector<std::uint32_t> slots_;  // By variable.
};

}  // namespace sluice::evaluate
