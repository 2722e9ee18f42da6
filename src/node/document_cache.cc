#include "node/document_cache.h"

namespace sluice::node {

evaluate::DocumentPtr DocumentCache::find(ObjectId object) {
  const auto found = by_object_.find(object.value);
  if (found == by_object_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->document;
}

void DocumentCache::add(ObjectId object, evaluate::DocumentPtr document) {
  if (document->memory() > memory_max_ || by_object_.contains(object.value)) return;
  memory_ += document->memory();
  entries_.push_front({object, std::move(document)});
  by_object_[object.value] = entries_.begin();
  while (memory_ > memory_max_) {
    memory_ -= entries_.back().document->memory();
    by_object_.erase(entries_.back().object.value);
    entries_.pop_back();
  }
}

}  // namespace sluice::node
