#pragma once

// What simulated functions compute with. A payload is a digest: equal digests are equal bytes, and
// a function mixes the digests of its inputs, so a wrong input anywhere shows in every result
// behind it.

#include <cstdint>
#include <string>
#include <vector>

#include "core/types.h"

namespace sluice::sim {

using Digest = std::uint64_t;

inline Digest mix(Digest a, Digest b) {
  std::uint64_t z = a * 0x9e3779b97f4a7c15ULL + b + 0x2545f4914f6cdd1dULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

struct Value {
  enum class Kind : std::uint8_t {
    kAbsent,   // As an element: a hole.
    kUnknown,  // Made from the result of a task that fails: it never comes.
    kOne,
    kList,
  };
  Kind kind = Kind::kAbsent;
  Digest digest = 0;
  std::vector<Value> items;

  static Value one(Digest digest) { return {.kind = Kind::kOne, .digest = digest, .items = {}}; }
  static Value list(std::vector<Value> items = {}) {
    return {.kind = Kind::kList, .digest = 0, .items = std::move(items)};
  }
  static Value unknown() { return {.kind = Kind::kUnknown, .digest = 0, .items = {}}; }
  bool is_absent() const { return kind == Kind::kAbsent; }
  // It, or something in it.
  bool has_unknown() const {
    if (kind == Kind::kUnknown) return true;
    for (const Value& item : items)
      if (item.has_unknown()) return true;
    return false;
  }
  friend bool operator==(const Value&, const Value&) = default;
};

inline Digest digest_of(const Value& value) {
  Digest digest = mix(static_cast<Digest>(value.kind), value.digest);
  for (const Value& item : value.items) digest = mix(digest, digest_of(item));
  return digest;
}

inline std::uint64_t size_of(Digest digest) { return 1 + digest % 5000; }
inline Checksum checksum_of(Digest digest) { return {.high = digest, .low = mix(digest, 1)}; }

std::string to_text(const Value& value);

}  // namespace sluice::sim
