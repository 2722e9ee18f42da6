// The fuzzer's body on random bytes of fixed seeds, so that it runs with the unit tests.

#include "core_commands.h"

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace sluice::core::testing {
namespace {

std::vector<std::uint8_t> bytes_of(std::uint64_t seed) {
  Random random(seed);
  std::vector<std::uint8_t> bytes(50 + random.below(600));
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random.next());
  return bytes;
}

// Core aborts where a rule is broken; this says how to see it again.
volatile std::uint64_t running_seed = 0;
void tell_seed(int) { std::fprintf(stderr, "SLUICE_SEED=%" PRIu64 "\n", running_seed); }

// SLUICE_SEED=n runs that one only.
TEST(CoreCommands, what_is_committed_is_what_the_model_computes) {
  std::signal(SIGABRT, tell_seed);
  std::uint64_t first = 1;
  std::uint64_t last = 3000;
  if (const char* seed = std::getenv("SLUICE_SEED"))
    first = last = std::strtoull(seed, nullptr, 10);
  if (const char* seeds = std::getenv("SLUICE_SEEDS")) last = std::strtoull(seeds, nullptr, 10);
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const std::vector<std::uint8_t> bytes = bytes_of(seed);
    running_seed = seed;
    run_core_commands(bytes.data(), bytes.size());
  }
}

}  // namespace
}  // namespace sluice::core::testing
