#include "store/budget.h"

#include "base/random.h"

namespace sluice::store {
namespace {

TEST(Budget, RefusesWhatWouldPassTheLimitAndChargesNothingThen) {
  Budget budget({100});
  EXPECT_TRUE(budget.try_charge({60}));
  EXPECT_FALSE(budget.try_charge({41}));
  EXPECT_EQ(budget.charged(), ByteCount{60});
  EXPECT_TRUE(budget.try_charge({40}));
  EXPECT_EQ(budget.left(), ByteCount{0});
  EXPECT_TRUE(budget.try_charge({0}));
}

TEST(Budget, IsNotFooledByASizeThatOverflows) {
  Budget budget({100});
  ASSERT_TRUE(budget.try_charge({60}));
  EXPECT_FALSE(budget.try_charge({UINT64_MAX}));
  EXPECT_FALSE(budget.try_charge({UINT64_MAX - 59}));
  Budget unlimited({UINT64_MAX});
  ASSERT_TRUE(unlimited.try_charge({5}));
  EXPECT_FALSE(unlimited.try_charge({UINT64_MAX}));
  EXPECT_TRUE(unlimited.try_charge({UINT64_MAX - 5}));
}

TEST(Budget, RemembersItsPeak) {
  Budget budget({100});
  ASSERT_TRUE(budget.try_charge({80}));
  budget.refund({70});
  ASSERT_TRUE(budget.try_charge({20}));
  EXPECT_EQ(budget.peak(), ByteCount{80});
  EXPECT_EQ(budget.charged(), ByteCount{30});
}

TEST(BudgetDeathTest, AbortsWhenMoreIsRefundedThanWasCharged) {
  Budget budget({100});
  ASSERT_TRUE(budget.try_charge({10}));
  EXPECT_DEATH(budget.refund({11}), "refund of 11 with 10 charged");
}

TEST(Budget, HoldsUnderRandomChargesAndRefunds) {
  Random random(1);
  Budget budget({1 << 20});
  std::vector<ByteCount> held;
  std::uint64_t sum = 0;
  for (int i = 0; i < 20000; ++i) {
    if (!held.empty() && random.chance(0.45)) {
      std::swap(held[random.below(held.size())], held.back());
      budget.refund(held.back());
      sum -= held.back().value;
      held.pop_back();
    } else {
      const ByteCount size{random.below(1 << 14)};
      const bool fits = sum + size.value <= budget.limit().value;
      ASSERT_EQ(budget.try_charge(size), fits);
      if (fits) {
        held.push_back(size);
        sum += size.value;
      }
    }
    ASSERT_EQ(budget.charged().value, sum);
    ASSERT_LE(budget.peak(), budget.limit());
  }
}

}  // namespace
}  // namespace sluice::store
