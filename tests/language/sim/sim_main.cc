// sluice-language-sim: the cases of the corpus on the real scheduler and evaluator, everything
// around them simulated, under faults.
//   sluice-language-sim [FOLDER] [--seeds N] [--from S] [--case GLOB] [--trace]
//   sluice-language-sim [FOLDER] --minutes M [--from S] [--case GLOB]
// Each seed is run with each run of each case. FOLDER is tests/language.

#include <fnmatch.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "case_world.h"
#include "prepared.h"

namespace sluice::language {
namespace {

struct Options {
  std::string folder = SLUICE_LANGUAGE_FOLDER;
  std::uint64_t seeds = 1;
  std::uint64_t from = 1;
  std::uint64_t minutes = 0;
  std::string glob = "*";
  bool trace = false;
  bool keep_going = false;  // All runs that go wrong, not only the first.
};

struct Totals {
  std::uint64_t runs = 0;
  std::uint64_t events = 0;
  std::uint64_t rolled_back = 0;
  std::uint64_t bad = 0;
};

// For the handler of SIGABRT: what to print when an assertion fails.
const sim::Trace* current_trace = nullptr;
std::string current_name;
std::uint64_t current_seed = 0;

void print_failure() {
  std::fprintf(stderr, "%s failed with seed %llu; its last lines:\n", current_name.c_str(),
               static_cast<unsigned long long>(current_seed));
  if (current_trace != nullptr) current_trace->print_last(stderr);
  std::fprintf(stderr, "again: sluice-language-sim --case '%s' --from %llu --trace\n",
               current_name.c_str(), static_cast<unsigned long long>(current_seed));
}

void on_abort(int) {
  std::fflush(stdout);
  print_failure();
  ::_exit(1);
}

bool run_one(const Library& library, const Prepared& prepared, const CaseRun& run,
             std::uint64_t seed, const Options& options, Totals& totals, Cache& cache) {
  sim::Trace trace(options.trace);
  current_trace = &trace;
  current_name = run.name;
  current_seed = seed;
  CaseWorld world(library, prepared.app, run, prepared.of->faults, seed_of(run, seed), trace,
                  cache);
  const std::optional<std::string> wrong = world.run();
  ++totals.runs;
  totals.events += world.events();
  totals.rolled_back += world.rolled_back();
  if (wrong) {
    ++totals.bad;
    std::fflush(stdout);
    std::fprintf(stderr, "%s: %s\n", run.name.c_str(), wrong->c_str());
    if (!options.keep_going || options.trace)
      print_failure();
    else
      std::fprintf(stderr, "  seed %llu\n", static_cast<unsigned long long>(seed));
  }
  current_trace = nullptr;
  return !wrong;
}

// An assertion ends the process: where all that goes wrong is wanted, each run has one of its own.
bool run_apart(const auto& run) {
  std::fflush(stdout);
  const ::pid_t child = ::fork();
  if (child == 0) ::_exit(run() ? 0 : 1);
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

int complain(const std::string& what) {
  std::fprintf(stderr, "sluice-language-sim: %s\n", what.c_str());
  return 2;
}

int run_all(const Options& options) {
  const auto library = load_library(options.folder + "/functions.yaml");
  if (!library) return complain(library.error().message());
  const auto cases = load_cases(options.folder + "/cases", *library);
  if (!cases) return complain(cases.error().message());
  std::vector<Prepared> prepared;
  for (const Case& each : *cases) {
    if (const auto why = lacking(each)) {
      if (::fnmatch(options.glob.c_str(), each.name.c_str(), 0) == 0)
        std::printf("skipped %s: %s\n", each.name.c_str(), why->c_str());
      continue;
    }
    Result<Prepared> one = prepare(each);
    if (!one) return complain(one.error().message());
    prepared.push_back(std::move(*one));
  }
  Totals totals;
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(options.minutes);
  const auto is_over = [&](std::uint64_t seed) {
    if (totals.bad > 0 && !options.keep_going) return true;
    if (options.minutes > 0) return std::chrono::steady_clock::now() >= end;
    return seed >= options.from + options.seeds;
  };
  for (std::uint64_t seed = options.from; !is_over(seed); ++seed) {
    for (const Prepared& each : prepared) {
      Cache cache;
      for (const CaseRun& run : each.of->runs) {
        if (::fnmatch(options.glob.c_str(), run.name.c_str(), 0) != 0 &&
            ::fnmatch(options.glob.c_str(), each.of->name.c_str(), 0) != 0)
          continue;
        cache.is_whole = cache.runs == static_cast<std::uint32_t>(&run - each.of->runs.data());
        const auto one = [&] { return run_one(*library, each, run, seed, options, totals, cache); };
        if (!options.keep_going) {
          if (!one()) break;
        } else if (++totals.runs; !run_apart(one)) {
          ++totals.bad;
        }
      }
      if (totals.bad > 0 && !options.keep_going) break;
    }
  }
  std::printf("%zu cases, %llu runs, %llu events, %llu roll-backs: %s\n", prepared.size(),
              static_cast<unsigned long long>(totals.runs),
              static_cast<unsigned long long>(totals.events),
              static_cast<unsigned long long>(totals.rolled_back),
              totals.bad == 0 ? "no violation" : "FAILED");
  if (totals.runs == 0) return complain("no case is called " + options.glob);
  return totals.bad == 0 ? 0 : 1;
}

int usage() {
  return complain(
      "usage: [FOLDER] [--seeds N | --minutes M] [--from S] [--case GLOB] [--trace] "
      "[--keep-going]");
}

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--trace" || flag == "--keep-going") {
      (flag == "--trace" ? options.trace : options.keep_going) = true;
      continue;
    }
    if (!flag.starts_with("--")) {
      options.folder = flag;
      continue;
    }
    if (i + 1 == argc) return usage();
    const std::string_view value = argv[++i];
    if (flag == "--case") {
      options.glob = value;
      continue;
    }
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) return usage();
    if (flag == "--seeds")
      options.seeds = number;
    else if (flag == "--from")
      options.from = number;
    else if (flag == "--minutes")
      options.minutes = number;
    else
      return usage();
  }
  ::signal(SIGABRT, on_abort);
  return run_all(options);
}

}  // namespace
}  // namespace sluice::language

int main(int argc, char** argv) { return sluice::language::main(argc, argv); }
