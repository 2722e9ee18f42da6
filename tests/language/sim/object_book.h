#pragma once

// The objects of a simulated node: values as JSON, and how often core holds them and attempts use
// them. Aborts when core breaks a rule about them.

#include <cstdint>
#include <map>
#include <string>

#include "base/check.h"
#include "base/json.h"
#include "core/types.h"
#include "evaluate/document.h"
#include "model/type.h"

namespace sluice::language {

class ObjectBook {
 public:
  // With `late`, an expression sees the inside of a value only after it has asked for it.
  explicit ObjectBook(bool late) : late_(late) {}

  // The value of a port (an element, where the port is a list).
  core::Object add(const Json& value, const model::Type& type, bool sealed = true) {
    return add(value, kind_of(value, type), sealed);
  }
  core::Object add(const Json& value, model::Kind kind, bool sealed = true) {
    const ObjectId id{++last_};
    Stored& stored = objects_[id];
    stored = {.value = value, .kind = kind, .is_sealed = sealed, .is_loaded = !late_};
    return describe(id, stored);
  }
  core::Object seal(ObjectId id) {
    Stored& stored = at(id);
    SLUICE_ASSERT(!stored.is_sealed);
    stored.is_sealed = true;
    return describe(id, stored);
  }

  const Json& use(ObjectId id) {
    Stored& stored = at(id);
    ++stored.uses;
    return stored.value;
  }
  void unuse(ObjectId id) {
    Stored& stored = at(id);
    SLUICE_ASSERT(stored.uses > 0);
    --stored.uses;
  }
  void retain(ObjectId id) { ++at(id).held; }
  void release(ObjectId id) {
    Stored& stored = at(id);
    if (--stored.held != 0) return;
    SLUICE_ASSERT(stored.uses == 0, "object {} is released while it is used", id.value);
    objects_.erase(id);
  }

  const Json& value(ObjectId id) const { return at(id).value; }
  model::Kind kind(ObjectId id) const { return at(id).kind; }
  bool is_there(ObjectId id) const { return objects_.contains(id); }
  bool is_sealed(ObjectId id) const { return at(id).is_sealed; }
  std::size_t size() const { return objects_.size(); }
  ObjectId any() const { return objects_.begin()->first; }

  void load(ObjectId id) {
    if (const auto found = objects_.find(id); found != objects_.end())
      found->second.is_loaded = true;
  }
  expr::Reading read(const core::Object& object) const {
    const Stored& stored = at(object.id);
    SLUICE_ASSERT(stored.is_sealed, "object {} is read while it grows", object.id.value);
    expr::Reading reading = evaluate::reading_of(stored.kind, object.size);
    if (reading.state != expr::Reading::State::kNotLoaded || !stored.is_loaded) return reading;
    return {.state = expr::Reading::State::kLoaded, .json = &stored.value, .message = {}};
  }

 private:
  struct Stored {
    Json value;
    model::Kind kind = model::Kind::kJson;
    std::uint32_t held = 1;  // How often core holds it.
    std::uint32_t uses = 0;  // Attempts that may read it.
    bool is_sealed = true;
    bool is_loaded = true;
  };

  static model::Kind kind_of(const Json& value, const model::Type& type) {
    using enum model::Kind;
    const bool is_text = value.as_string() != nullptr;
    if (type.is_list()) return kJson;
    if (type.kind == kAny) return is_text ? kText : kJson;
    const bool is_kept = type.kind == kText || type.kind == kBytes || type.kind == kFile;
    return is_kept && is_text ? type.kind : kJson;
  }
  static core::Object describe(ObjectId id, const Stored& stored) {
    if (!stored.is_sealed) return {.id = id, .size = 0, .checksum = {}, .sealed = false};
    const std::string bytes =
        stored.kind == model::Kind::kJson ? to_text(stored.value) : *stored.value.as_string();
    std::uint64_t sum = 0xcbf29ce484222325ULL ^ static_cast<std::uint64_t>(stored.kind);
    for (const char byte : bytes) sum = (sum ^ static_cast<unsigned char>(byte)) * 0x100000001b3ULL;
    return {.id = id, .size = bytes.size(), .checksum = {.high = sum, .low = ~sum}};
  }
  Stored& at(ObjectId id) {
    const auto found = objects_.find(id);
    SLUICE_ASSERT(found != objects_.end(), "object {} is used after its release", id.value);
    return found->second;
  }
  const Stored& at(ObjectId id) const { return const_cast<ObjectBook*>(this)->at(id); }

  std::map<ObjectId, Stored> objects_;
  std::uint64_t last_ = 0;
  bool late_;
};

}  // namespace sluice::language
