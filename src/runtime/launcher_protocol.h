#pragma once

// Engine <-> launcher, over one SEQPACKET pair: a message is one packet. Both ends are the same
// binary (the launcher is a fork of the engine), so that structs travel as they are.

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::runtime {

// Of one request with its strings. Half of what a socket buffer takes by default, so that a packet
// of this size can always be sent to an idle launcher. Beyond: the spawn is refused.
inline constexpr std::size_t kLaunchMessageMax = 96 << 10;

struct LaunchRequest {
  enum class Kind : std::uint32_t { kSpawn = 1, kSignal = 2 };
  Kind kind = Kind::kSpawn;
  std::int32_t signal = 0;
  std::int32_t nice = 0;
  std::uint32_t arguments = 0;
  std::uint64_t worker = 0;  // The engine counts them; never used twice.
};
// A spawn is followed by strings, each ending with NUL: cwd, `arguments` arguments, the
// environment. Two descriptors go with it: control, log.
std::string encode_spawn(const LaunchRequest& request, const std::string& cwd,
                         const std::vector<std::string>& argv, const std::vector<std::string>& env);

struct SpawnStrings {
  const char* cwd = nullptr;
  std::vector<const char*> argv;  // Both end with nullptr, as exec wants them.
  std::vector<const char*> env;
};
// Points into `packet`.
Result<SpawnStrings> decode_spawn_strings(std::span<const char> packet);

struct LaunchReply {
  enum class Kind : std::uint32_t { kSpawned = 1, kRefused = 2, kExited = 3 };
  Kind kind = Kind::kSpawned;
  pid_t pid = -1;
  std::int32_t code = 0;        // kExited: status or signal. kRefused: an ErrorCode.
  std::uint32_t signalled = 0;  // kExited.
  std::uint64_t worker = 0;
};
// kRefused is followed by the message.

}  // namespace sluice::runtime
