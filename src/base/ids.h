#pragma once

// Identifiers (contracts: ids). RunId leaves the process; Id<Tag> never does.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"
#include "base/units.h"

namespace sluice {

// A dense integer inside one process: table index and generation in one word, so that a stale
// copy is noticed instead of naming somebody else. 0 is no id.
template <class Tag>
struct Id {
  std::uint64_t value = 0;

  static Id make(std::uint32_t index, std::uint32_t generation) {
    return Id{(std::uint64_t{generation} << 32) | index};
  }
  std::uint32_t index() const { return static_cast<std::uint32_t>(value); }
  std::uint32_t generation() const { return static_cast<std::uint32_t>(value >> 32); }
  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(const Id&, const Id&) = default;
};

using ObjectId = Id<struct ObjectTag>;  // One immutable value in this node's store.
using WorkerId = Id<struct WorkerTag>;  // One worker process of this node.
using RunKey = Id<struct RunTag>;       // A run inside core's tables.
using NodeId = Id<struct NodeTag>;      // A node, as core sees it. This node alone: NodeId{1}.

// 128 bits, 48 of them milliseconds since 1970, the rest random. As text 26 characters of
// Crockford's base 32, lower case: sorts by time.
struct RunId {
  std::array<std::uint8_t, 16> bytes{};

  static RunId make(WallTime now, Random& random);
  static Result<RunId> parse(std::string_view text);
  std::string to_text() const;
  WallTime time() const;
  friend auto operator<=>(const RunId&, const RunId&) = default;
};

// XXH3-128 of a payload's bytes.
struct Checksum {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend auto operator<=>(const Checksum&, const Checksum&) = default;
};

// Names of apps, workflows, functions, namespaces: [A-Za-z0-9_][A-Za-z0-9_-]{0,62}.
bool is_name(std::string_view text);
// Names of steps, ports, inputs: [A-Za-z_][A-Za-z0-9_]{0,62}.
bool is_identifier(std::string_view text);

}  // namespace sluice

template <class Tag>
struct std::hash<sluice::Id<Tag>> {
  std::size_t operator()(const sluice::Id<Tag>& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
template <>
struct std::hash<sluice::RunId> {
  std::size_t operator()(const sluice::RunId& id) const noexcept;
};
