#pragma once

// Every limit of the engine, with its unit, its reason and what happens when it is hit: the error
// names the limit and how to raise it. Passed by const reference from main; there is no global.

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/units.h"

namespace sluice {

struct Limits {
  // Parsing. Beyond: a validation error.
  std::size_t yaml_bytes = 1 << 20;
  std::size_t yaml_depth = 64;
  std::size_t steps_per_workflow = 1000;
  std::size_t expression_bytes = 16 << 10;
  std::size_t json_depth = 64;
  std::size_t json_bytes =
      16 << 20;  // A parsed JSON value; larger ones belong into bytes or a file.

  // Wire. Fixed by the protocol (wire/abi.h asserts the relations).
  static constexpr std::size_t kInlineMax = 16 << 10;  // A value inside a control frame.
  static constexpr std::size_t kFrameMax = 64 << 10;   // Payload of one frame.
  static constexpr std::size_t kChunkMax = 256 << 10;  // One chunk between store and network.
  static_assert(kInlineMax < kFrameMax);

  // Runs. Beyond: TooLarge for the task that emits, 429 for a new run.
  std::uint32_t elements_per_list = 1'000'000;
  std::uint32_t tasks_per_run = 2'000'000;
  std::uint32_t runs_in_flight = 10'000;
  std::uint32_t attempts_max = 100;  // The highest `retry.attempts`.

  // Bundles. Beyond: 413.
  ByteCount bundle_bytes = 512_MiB;
  std::uint32_t bundle_files = 20'000;

  // Logs. Beyond: the rest is dropped and the log says so.
  ByteCount log_per_task = 1_MiB;
  ByteCount log_per_run = 64_MiB;

  // Times.
  Duration attempt_timeout = std::chrono::minutes(10);
  Duration grace = std::chrono::seconds(2);
  Duration worker_keep_alive = std::chrono::minutes(10);
  Duration worker_start_timeout = std::chrono::seconds(30);

  // Retention of ended runs: whichever comes first.
  Duration retention = std::chrono::hours(24 * 7);
  std::uint32_t retention_runs = 10'000;
  double retention_disk_share = 0.10;
};

}  // namespace sluice
