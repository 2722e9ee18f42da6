#include "evaluate/snapshot.h"

#include <algorithm>
#include <utility>

namespace sluice::evaluate {

Snapshot::Snapshot(const model::Step& step) {
  for (std::uint32_t i = 0; i < step.slots.size(); ++i) {
    if (step.slots[i].use == model::Use::kOperand)
      operands_.push_back({.slot = i, .value = {}, .failure = {}, .list = {}});
  }
}

Snapshot::Cell Snapshot::copy(const Sight& live, const core::Datum& datum, core::Failure* failure) {
  const core::Known known = live.look(datum);
  Cell cell;
  cell.state = known.state;
  cell.closed = known.closed;
  cell.count = known.count;
  cell.number = known.number;
  if (known.state == core::Known::State::kObject) {
    cell.sealed = known.object.sealed;
    cell.kind = live.kind(datum, known.object);
    cell.number = static_cast<std::int64_t>(known.object.size);
    cell.object = known.object.id;
  }
  if (known.failure != nullptr && failure != nullptr) *failure = *known.failure;
  return cell;
}

bool Snapshot::take(const Sight& live, std::size_t looks) {
  for (std::size_t used = 0; next_ < operands_.size(); ++used) {
    if (used >= looks) return false;
    Operand& operand = operands_[next_];
    if (!is_begun_) {
      operand.value = copy(live, {.slot = operand.slot}, &operand.failure);
      is_begun_ = true;
      if (operand.value.state == core::Known::State::kList)
        operand.list.elements.reserve(operand.value.count);
    } else if (element_ < operand.list.elements.size()) {
      // The last element that was copied is a list itself.
      std::vector<Cell>& inner = operand.list.inner[element_];
      inner.push_back(
          copy(live, {.slot = operand.slot, .depth = 2, .index = {element_, inner_}}, nullptr));
      ++inner_;
    } else {
      operand.list.elements.push_back(
          copy(live, {.slot = operand.slot, .depth = 1, .index = {element_, 0}}, nullptr));
      if (operand.list.elements.back().state == core::Known::State::kList)
        operand.list.inner.resize(element_ + 1);
    }
    const bool is_list = operand.value.state == core::Known::State::kList;
    if (is_list && element_ < operand.list.elements.size()) {
      const Cell& last = operand.list.elements[element_];
      const bool is_more = last.state == core::Known::State::kList && inner_ < last.count;
      if (is_more) continue;
      ++element_;
      inner_ = 0;
    }
    if (is_list && element_ < operand.value.count) continue;
    ++next_;
    is_begun_ = false;
    element_ = inner_ = 0;
  }
  return true;
}

void Snapshot::add(ObjectId object, DocumentPtr document) {
  documents_[object.value] = std::move(document);
}

const Snapshot::Operand* Snapshot::operand(std::uint32_t slot) const {
  const auto found = std::find_if(operands_.begin(), operands_.end(),
                                  [&](const Operand& one) { return one.slot == slot; });
  return found == operands_.end() ? nullptr : &*found;
}

const Snapshot::Cell* Snapshot::find(const core::Datum& datum) const {
  const Operand* of = operand(datum.slot);
  if (of == nullptr) return nullptr;
  if (datum.depth == 0) return &of->value;
  if (datum.index[0] >= of->list.elements.size()) return nullptr;
  if (datum.depth == 1) return &of->list.elements[datum.index[0]];
  if (datum.index[0] >= of->list.inner.size()) return nullptr;
  const std::vector<Cell>& inner = of->list.inner[datum.index[0]];
  return datum.index[1] < inner.size() ? &inner[datum.index[1]] : nullptr;
}

core::Known Snapshot::look(const core::Datum& datum) const {
  core::Known known;
  const Cell* cell = find(datum);
  if (cell == nullptr) return known;
  known.state = cell->state;
  known.closed = cell->closed;
  known.count = cell->count;
  known.number = cell->number;
  if (cell->state == core::Known::State::kObject) {
    known.object.id = cell->object;
    known.object.size = static_cast<std::uint64_t>(cell->number);
    known.object.sealed = cell->sealed;
  }
  if (cell->state == core::Known::State::kFailure || cell->state == core::Known::State::kBroken)
    known.failure = &operand(datum.slot)->failure;
  return known;
}

model::Kind Snapshot::kind(const core::Datum& datum, const core::Object&) const {
  const Cell* cell = find(datum);
  return cell == nullptr ? model::Kind::kAny : cell->kind;
}

expr::Reading Snapshot::read(const core::Datum& datum, const core::Object& object) const {
  const auto found = documents_.find(object.id.value);
  return found == documents_.end() ? reading_of(kind(datum, object), object.size)
                                   : found->second->reading();
}

}  // namespace sluice::evaluate
