#include "case_world.h"

#include <array>

#include "prepared.h"

namespace sluice::language {
namespace {

TEST(CaseWorld, RunsASeedTwiceWithTheSameTraceAndReachesTheRareCases) {
  const std::string folder = SLUICE_LANGUAGE_FOLDER;
  const auto library = load_library(folder + "/functions.yaml");
  ASSERT_TRUE(library) << library.error().message();
  const auto cases = load_cases(folder + "/cases", *library);
  ASSERT_TRUE(cases) << cases.error().message();
  std::uint64_t rolled_back = 0;
  std::uint64_t runs = 0;
  for (const Case& each : *cases) {
    if (!each.name.starts_with("early_data/") || lacking(each)) continue;
    const Result<Prepared> prepared = prepare(each);
    ASSERT_TRUE(prepared) << prepared.error().message();
    std::array<Cache, 2> caches;
    for (const CaseRun& run : each.runs) {
      sim::Trace first(false);
      sim::Trace second(false);
      CaseWorld once(*library, prepared->app, run, each.faults, seed_of(run, 1), first, caches[0]);
      CaseWorld twice(*library, prepared->app, run, each.faults, seed_of(run, 1), second,
                      caches[1]);
      EXPECT_EQ(once.run(), std::nullopt) << run.name;
      EXPECT_EQ(twice.run(), std::nullopt) << run.name;
      EXPECT_EQ(first.hash(), second.hash()) << run.name;
      rolled_back += once.rolled_back();
      ++runs;
    }
  }
  // A simulator that never takes anything back would find nothing.
  EXPECT_GT(runs, 15U);
  EXPECT_GT(rolled_back, 50U);
}

}  // namespace
}  // namespace sluice::language
