#include "options.h"

#include <fmt/format.h>

namespace sluice::sim {

Options Options::draw(Random& random) {
  using std::chrono::microseconds;
  const auto sometimes = [&](double share, double most) {
    return random.chance(share) ? random.unit() * most : 0.0;
  };
  const auto delay = [&](std::uint64_t most_us) {
    // From nothing over microseconds to the whole, evenly over the orders of magnitude.
    return Duration(microseconds(random.below(1 + (most_us >> random.below(12)))));
  };
  Options options;
  options.nodes = random.chance(0.5) ? 1 : static_cast<std::uint32_t>(2 + random.below(2));
  options.slots = static_cast<std::uint32_t>(1 + random.below(5));
  options.runs = static_cast<std::uint32_t>(1 + random.below(3));
  options.crash = sometimes(0.5, 0.4);
  options.lost = sometimes(0.4, 0.4);
  options.hang = sometimes(0.3, 0.2);
  options.slow = sometimes(0.3, 0.3);
  options.lies_before_failing = random.chance(0.5);
  options.open_outputs = sometimes(0.5, 1);
  options.stale_event = sometimes(0.5, 0.2);
  options.cancel = sometimes(0.2, 0.7);
  options.broken_upload = sometimes(0.1, 0.5);
  options.slots_change = sometimes(0.2, 0.02);
  options.failing_function = sometimes(0.3, 0.3);
  options.deadline = sometimes(0.2, 0.5);
  options.no_worker = sometimes(0.4, 0.5);
  options.worker_delay = delay(50'000);
  options.journal_delay = delay(50'000);
  options.network_delay = delay(50'000);
  options.upload_delay = delay(50'000);
  return options;
}

std::string to_text(const Options& options) {
  return fmt::format(
      "nodes {} slots {} runs {} crash {:.2f} lost {:.2f} hang {:.2f} slow {:.2f}{} open {:.2f} "
      "stale "
      "{:.2f} no worker {:.2f} cancel {:.2f} broken upload {:.2f} slots change {:.3f} failing "
      "{:.2f} deadline "
      "{:.2f} "
      "delays: worker {} journal {} network {} upload {}",
      options.nodes, options.slots, options.runs, options.crash, options.lost, options.hang,
      options.slow, options.lies_before_failing ? " lies" : "", options.open_outputs,
      options.stale_event, options.no_worker, options.cancel, options.broken_upload,
      options.slots_change, options.failing_function, options.deadline,
      sluice::to_text(options.worker_delay), sluice::to_text(options.journal_delay),
      sluice::to_text(options.network_delay), sluice::to_text(options.upload_delay));
}

}  // namespace sluice::sim
