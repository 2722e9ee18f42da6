#include "node/document_cache.h"

namespace sluice::node {
namespace {

// What an entry takes beside its document: of small ones that is more than they are.
constexpr std::size_t kEntryMemory = 128;

std::size_t memory_of(const evaluate::Document& document) {
  return document.memory() + kEntryMemory;
}

}  // namespace

evaluate::DocumentPtr DocumentCache::find(ObjectId object) {
  const auto found = by_object_.find(object.value);
  if (found == by_object_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->document;
}

void DocumentCache::add(ObjectId object, evaluate::DocumentPtr document) {
  if (memory_of(*document) > memory_max_ || by_object_.contains(object.value)) return;
  memory_ += memory_of(*document);
  entries_.push_front({object, std::move(document)});
  by_object_[object.value] = entries_.begin();
  while (memory_ > memory_max_) {
    memory_ -= memory_of(*entries_.back().document);
    by_object_.erase(entries_.back().object.value);
    entries_.pop_back();
  }
}

}  // namespace sluice::node
