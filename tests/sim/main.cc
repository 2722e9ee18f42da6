// sluice-sim: runs seeds of the simulated world.
//   sluice-sim --seed N [--trace]    one seed, again
//   sluice-sim --seeds N [--from M]  N seeds from M (1)
//   sluice-sim --minutes M [--from N]
//   sluice-sim --list FOLDER         the seeds of past bugs: files named by their seed

#include <signal.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "world.h"

namespace {

using sluice::sim::Trace;
using sluice::sim::World;

// For the handler of SIGABRT: what to print when an assertion fails.
const Trace* current_trace = nullptr;
std::uint64_t current_seed = 0;

void print_failure() {
  std::fprintf(stderr, "seed %llu failed; its last lines:\n",
               static_cast<unsigned long long>(current_seed));
  if (current_trace != nullptr) current_trace->print_last(stderr);
  std::fprintf(stderr, "again: sluice-sim --seed %llu --trace\n",
               static_cast<unsigned long long>(current_seed));
}

void on_abort(int) {
  print_failure();
  std::fflush(stdout);
  ::_exit(1);
}

struct Totals {
  std::uint64_t seeds = 0;
  std::uint64_t events = 0;
  std::uint64_t rolled_back = 0;
  std::uint64_t succeeded = 0;
};

bool run_seed(std::uint64_t seed, bool print, Totals& totals) {
  Trace trace(print);
  current_trace = &trace;
  current_seed = seed;
  World world(seed, trace);
  const World::Report report = world.run();
  ++totals.seeds;
  totals.events += report.events;
  totals.rolled_back += report.rolled_back;
  totals.succeeded += report.succeeded;
  if (report.violation) {
    std::fflush(stdout);
    std::fprintf(stderr, "%s\n", report.violation->c_str());
    print_failure();
  }
  current_trace = nullptr;
  return !report.violation;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

int usage() {
  std::fprintf(
      stderr,
      "usage: sluice-sim --seed N [--trace] | --seeds N [--from M] | --minutes M [--from N] | "
      "--list FOLDER\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  std::optional<std::uint64_t> seed, seeds, minutes;
  std::uint64_t from = 1;
  std::optional<std::filesystem::path> list;
  bool print = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--trace") {
      print = true;
      continue;
    }
    if (i + 1 == argc) return usage();
    const std::string_view value = argv[++i];
    const auto number = parse_number(value);
    if (flag == "--list") {
      list = value;
    } else if (!number) {
      return usage();
    } else if (flag == "--seed") {
      seed = *number;
    } else if (flag == "--seeds") {
      seeds = *number;
    } else if (flag == "--minutes") {
      minutes = *number;
    } else if (flag == "--from") {
      from = *number;
    } else {
      return usage();
    }
  }
  if (!seed && !seeds && !minutes && !list) return usage();
  ::signal(SIGABRT, on_abort);

  Totals totals;
  bool good = true;
  if (seed) good &= run_seed(*seed, print, totals);
  if (list) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(*list, error)) {
      if (const auto past = parse_number(entry.path().filename().native()))
        good &= run_seed(*past, print, totals);
    }
    if (error) {
      std::fprintf(stderr, "list %s: %s\n", list->c_str(), error.message().c_str());
      return 2;
    }
  }
  for (std::uint64_t i = 0; seeds && good && i < *seeds; ++i)
    good = run_seed(from + i, print, totals);
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(minutes.value_or(0));
  for (std::uint64_t i = 0; minutes && good && std::chrono::steady_clock::now() < end; ++i) {
    good = run_seed(from + i, print, totals);
  }
  std::printf("%llu seeds, %llu events, %llu roll-backs, %llu runs succeeded: %s\n",
              static_cast<unsigned long long>(totals.seeds),
              static_cast<unsigned long long>(totals.events),
              static_cast<unsigned long long>(totals.rolled_back),
              static_cast<unsigned long long>(totals.succeeded), good ? "no violation" : "FAILED");
  return good ? 0 : 1;
}
