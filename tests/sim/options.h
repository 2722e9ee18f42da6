#pragma once

// How hostile a simulated world is. Each seed draws its own (swarm): with everything on at once,
// rare combinations would drown each other.

#include <string>

#include "base/random.h"
#include "base/units.h"

namespace sluice::sim {

struct Options {
  std::uint32_t nodes = 1;
  std::uint32_t slots = 2;  // Per node.
  std::uint32_t runs = 1;
  // Per attempt.
  double crash = 0;  // Counts as an attempt.
  double lost = 0;   // Its worker is lost: does not count.
  double hang = 0;   // Until the time-out.
  double slow = 0;
  double no_worker = 0;              // It is said to have none for a while.
  bool lies_before_failing = false;  // What a doomed attempt emits is not what the next one emits.
  double open_outputs = 0;           // Emitted while they grow.
  // Per step of the world.
  double stale_event = 0;
  double cancel = 0;  // Per run.
  double broken_upload = 0;
  double slots_change = 0;
  double failing_function = 0;
  double deadline = 0;
  Duration worker_delay{};  // The longest; the average is half of it.
  Duration journal_delay{};
  Duration network_delay{};
  Duration upload_delay{};

  static Options draw(Random& random);
};
std::string to_text(const Options& options);

}  // namespace sluice::sim
