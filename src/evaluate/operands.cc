#include "evaluate/operands.h"

namespace sluice::evaluate {
namespace {

bool is_data(const model::Source& source) {
  return !std::holds_alternative<model::Literal>(source) &&
         !std::holds_alternative<model::IndexRef>(source) &&
         !std::holds_alternative<model::RoundRef>(source) &&
         !std::holds_alternative<model::RunIdRef>(source);
}

expr::Look constant_value(const Json& json) {
  expr::Look look;
  look.state = expr::Look::State::kObject;
  look.constant = true;
  look.kind = json.as_string() != nullptr ? model::Kind::kText : model::Kind::kJson;
  return look;
}

expr::Look constant_number(std::int64_t number) {
  expr::Look look;
  look.state = expr::Look::State::kNumber;
  look.constant = true;
  look.number = number;
  return look;
}

}  // namespace

Operands::Operands(const Task& task, const Sight& sight)
    : task_(task), sight_(sight), run_id_(task.run_id) {
  for (std::uint32_t i = 0; i < task.step.slots.size(); ++i) {
    const model::Slot& slot = task.step.slots[i];
    if (slot.use != model::Use::kOperand) continue;
    if (slot.port >= slots_.size()) slots_.resize(slot.port + 1, kNoSlot);
    slots_[slot.port] = i;
  }
}

const model::Source* Operands::source(const expr::Ref& ref) const {
  if (ref.variable >= slots_.size() || slots_[ref.variable] == kNoSlot) return nullptr;
  return &task_.step.slots[slots_[ref.variable]].source;
}

core::Datum Operands::datum(const expr::Ref& ref) const {
  return {.slot = slots_[ref.variable], .depth = ref.depth, .index = ref.index};
}

std::optional<core::Known> Operands::known(const expr::Ref& ref) const {
  const model::Source* from = source(ref);
  if (from == nullptr || !is_data(*from)) return std::nullopt;
  return sight_.look(datum(ref));
}

expr::Look Operands::look(const expr::Ref& ref) const {
  using State = expr::Look::State;
  expr::Look look;
  const model::Source* from = source(ref);
  if (from == nullptr) {
    look.state = State::kAbsent;
    return look;
  }
  if (const auto* literal = std::get_if<model::Literal>(from))
    return constant_value(literal->value);
  if (std::holds_alternative<model::RunIdRef>(*from)) return constant_value(run_id_);
  if (std::holds_alternative<model::IndexRef>(*from)) return constant_number(task_.index);
  if (std::holds_alternative<model::RoundRef>(*from)) return constant_number(task_.round);
  const core::Known known = sight_.look(datum(ref));
  switch (known.state) {
    case core::Known::State::kUnknown:
      break;
    case core::Known::State::kAbsent:
      look.state = State::kAbsent;
      break;
    case core::Known::State::kObject:
      look.state = State::kObject;
      look.sealed = known.object.sealed;
      look.size = known.object.size;
      look.kind = sight_.kind(datum(ref), known.object);
      break;
    case core::Known::State::kList:
      look.state = State::kList;
      look.closed = known.closed;
      look.count = known.count;
      break;
    case core::Known::State::kNumber:
      look.state = State::kNumber;
      look.number = known.number;
      break;
    case core::Known::State::kFailure:
      look.state = State::kFailure;
      look.name = known.failure->name;
      look.message = known.failure->message;
      break;
    case core::Known::State::kBroken:
      look.state = State::kObject;  // Whoever looks into it is told.
      look.sealed = true;
      look.kind = model::Kind::kJson;
      break;
    case core::Known::State::kFlag:
      look.state = State::kObject;  // It is there; there is nothing to look into.
      look.kind = model::Kind::kBytes;
      break;
  }
  return look;
}

expr::Reading Operands::read(const expr::Ref& ref) const {
  const model::Source* from = source(ref);
  const auto loaded = [](const Json& json) {
    return expr::Reading{.state = expr::Reading::State::kLoaded, .json = &json, .message = {}};
  };
  if (from != nullptr) {
    if (const auto* literal = std::get_if<model::Literal>(from)) return loaded(literal->value);
    if (std::holds_alternative<model::RunIdRef>(*from)) return loaded(run_id_);
  }
  const std::optional<core::Known> now = known(ref);
  if (now && now->state == core::Known::State::kBroken)
    return {
        .state = expr::Reading::State::kBroken, .json = nullptr, .message = now->failure->message};
  if (!now || now->state != core::Known::State::kObject)
    return {.state = expr::Reading::State::kOpaque, .json = nullptr, .message = {}};
  return sight_.read(datum(ref), now->object);
}

}  // namespace sluice::evaluate
