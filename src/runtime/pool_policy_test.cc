#include "runtime/pool_policy.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace sluice::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Failure = PoolPolicy::StartFailure;
using Tickets = PoolPolicy::Tickets;

// Runs the policy with a clock of its own and writes down what it says: pools are a, b, …, workers
// are numbered in the order of their starts.
struct Table {
  explicit Table(std::uint32_t workers_max = 0, Duration keep_alive = minutes(10))
      : policy({.workers_max = workers_max, .keep_alive = keep_alive}) {}

  PoolId pool(std::uint32_t workers_max = 0) {
    const PoolId id = policy.add_pool(workers_max);
    names[id] = std::string(1, static_cast<char>('a' + static_cast<char>(names.size())));
    return id;
  }
  // What is said until nothing more is: "start a1, assign 7 to 1, end 1".
  std::string said() {
    std::string text;
    while (const auto action = policy.next(now)) {
      policy.check_invariants();
      if (const auto* lack = std::get_if<PoolPolicy::Short>(&*action)) {
        shortages += fmt::format("{}{} ", lack->ticket, lack->only_pool ? " in its pool" : "");
        continue;
      }
      if (!text.empty()) text += ", ";
      if (const auto* start = std::get_if<PoolPolicy::Start>(&*action)) {
        workers.push_back(start->worker);
        text += fmt::format("start {}{}", names[start->pool], workers.size());
      } else if (const auto* assign = std::get_if<PoolPolicy::Assign>(&*action)) {
        text += fmt::format("assign {} to {}", assign->ticket, number(assign->worker));
      } else {
        text += fmt::format("end {}", number(std::get<PoolPolicy::EndWorker>(*action).worker));
      }
    }
    policy.check_invariants();
    return text;
  }
  std::size_t number(WorkerId worker) {
    return static_cast<std::size_t>(std::ranges::find(workers, worker) - workers.begin()) + 1;
  }
  WorkerId worker(std::size_t which) { return workers.at(which - 1); }
  void ready(std::size_t which) { policy.ready(worker(which), now); }
  void give_back(std::size_t which) { policy.give_back(worker(which), now); }
  void gone(std::size_t which) { policy.gone(worker(which)); }
  Tickets failed(std::size_t which, Failure failure = Failure::kOther) {
    Tickets tickets = policy.start_failed(worker(which), failure, now);
    gone(which);
    return tickets;
  }

  PoolPolicy policy;
  TimePoint now{seconds(1000)};
  std::map<PoolId, std::string> names;
  std::vector<WorkerId> workers;
  std::string shortages;  // Tickets that were said to be short.
};

TEST(PoolPolicy, StartsOneWorkerPerTicketAndAnswersInOrder) {
  Table table;
  const PoolId a = table.pool();
  table.policy.request(a, 7);
  table.policy.request(a, 8);
  EXPECT_EQ(table.said(), "start a1, start a2");
  EXPECT_EQ(table.said(), "");
  table.ready(2);
  EXPECT_EQ(table.said(), "assign 7 to 2");
  table.ready(1);
  EXPECT_EQ(table.said(), "assign 8 to 1");
}

TEST(PoolPolicy, GivesTheWorkerThatWasUsedLast) {
  Table table;
  const PoolId a = table.pool();
  for (const std::uint64_t ticket : {1U, 2U}) table.policy.request(a, ticket);
  table.said();
  table.ready(1);
  table.ready(2);
  EXPECT_EQ(table.said(), "assign 1 to 2, assign 2 to 1");
  table.give_back(2);
  table.give_back(1);
  table.policy.request(a, 3);
  EXPECT_EQ(table.said(), "assign 3 to 1");
}

TEST(PoolPolicy, GivesAWorkerThatComesBackToTheNextTicketInsteadOfStartingOne) {
  Table table(1);
  const PoolId a = table.pool();
  table.policy.request(a, 1);
  table.policy.request(a, 2);
  EXPECT_EQ(table.said(), "start a1");
  table.ready(1);
  EXPECT_EQ(table.said(), "assign 1 to 1");
  table.give_back(1);
  EXPECT_EQ(table.said(), "assign 2 to 1");
}

TEST(PoolPolicy, KeepsToTheMaximumOfAPool) {
  Table table;
  const PoolId a = table.pool(2);
  for (std::uint64_t ticket = 1; ticket <= 5; ++ticket) table.policy.request(a, ticket);
  EXPECT_EQ(table.said(), "start a1, start a2");
  table.ready(1);
  EXPECT_EQ(table.said(), "assign 1 to 1");
  table.policy.ending(table.worker(1));
  EXPECT_EQ(table.said(), "");  // Its place is free when it is gone, not before.
  table.gone(1);
  EXPECT_EQ(table.said(), "start a3");
}

TEST(PoolPolicy, GivesRoomToTheOldestTicket) {
  Table table(1);
  const PoolId a = table.pool();
  const PoolId b = table.pool();
  const PoolId c = table.pool();
  table.policy.request(b, 1);
  table.policy.request(c, 2);
  table.policy.request(a, 3);
  EXPECT_EQ(table.said(), "start b1");
  table.gone(1);
  table.policy.withdraw(1);
  EXPECT_EQ(table.said(), "start c2");
}

TEST(PoolPolicy, EndsTheWorkerThatIsIdleLongestWhenThereIsNoRoom) {
  Table table(3);
  const PoolId a = table.pool();
  const PoolId b = table.pool();
  const PoolId c = table.pool();
  table.policy.request(a, 1);
  table.policy.request(a, 2);
  table.policy.request(b, 3);
  table.said();
  for (const std::size_t worker : {1U, 2U, 3U}) table.ready(worker);
  EXPECT_EQ(table.said(), "assign 3 to 3, assign 1 to 2, assign 2 to 1");
  table.give_back(3);
  table.now += seconds(1);
  table.give_back(1);
  table.policy.request(c, 4);
  EXPECT_EQ(table.said(), "end 3");  // One in need, one that ends: no more.
  table.policy.request(c, 5);
  EXPECT_EQ(table.said(), "end 1");
  table.policy.request(c, 6);
  EXPECT_EQ(table.said(), "");  // Nobody else is idle.
  table.gone(3);
  EXPECT_EQ(table.said(), "start c4");
  table.gone(1);
  EXPECT_EQ(table.said(), "start c5");
}

TEST(PoolPolicy, EndsWhatWasIdleForTheKeepAliveAndSaysWhenToLook) {
  Table table(0, seconds(10));
  const PoolId a = table.pool();
  EXPECT_EQ(table.policy.next_deadline(), std::nullopt);
  table.policy.request(a, 1);
  table.policy.request(a, 2);
  table.said();
  table.ready(1);
  table.ready(2);
  table.said();
  const TimePoint start = table.now;
  table.give_back(1);
  table.now += seconds(4);
  table.give_back(2);
  EXPECT_EQ(table.policy.next_deadline(), start + seconds(10));
  table.now = start + seconds(10);
  EXPECT_EQ(table.said(), "end 1");
  EXPECT_EQ(table.policy.next_deadline(), start + seconds(14));
  table.policy.request(a, 3);
  EXPECT_EQ(table.said(), "assign 3 to 2");
  table.now = start + seconds(14);
  EXPECT_EQ(table.said(), "");
  EXPECT_EQ(table.policy.next_deadline(), std::nullopt);
}

TEST(PoolPolicy, FailsAllTicketsOfAPoolWhoseCodeDoesNotLoad) {
  Table table;
  const PoolId a = table.pool();
  const PoolId b = table.pool();
  for (const std::uint64_t ticket : {1U, 2U, 3U}) table.policy.request(a, ticket);
  table.policy.request(b, 9);
  EXPECT_EQ(table.said(), "start a1, start a2, start a3, start b4");
  EXPECT_EQ(table.failed(1, Failure::kLoad), (Tickets{1, 2, 3}));
  EXPECT_EQ(table.failed(2, Failure::kLoad), Tickets{});
  table.ready(4);
  EXPECT_EQ(table.said(), "assign 9 to 4");
}

TEST(PoolPolicy, FailsTheOldestTicketPerCrashAndAllFromTheThirdInARow) {
  Table table;
  const PoolId a = table.pool(1);
  for (std::uint64_t ticket = 1; ticket <= 5; ++ticket) table.policy.request(a, ticket);
  EXPECT_EQ(table.said(), "start a1");
  EXPECT_EQ(table.failed(1), Tickets{1});
  EXPECT_EQ(table.said(), "");
  EXPECT_EQ(table.policy.next_deadline(), table.now + milliseconds(100));
  table.now += milliseconds(100);
  EXPECT_EQ(table.said(), "start a2");
  EXPECT_EQ(table.failed(2), Tickets{2});
  EXPECT_EQ(table.said(), "");
  EXPECT_EQ(table.policy.next_deadline(), table.now + milliseconds(200));
  table.now += milliseconds(200);
  EXPECT_EQ(table.said(), "start a3");
  EXPECT_EQ(table.failed(3), (Tickets{3, 4, 5}));
}

TEST(PoolPolicy, TriesOneStartAtATimeAfterAFailureAndForgetsFailuresWhenOneSucceeds) {
  Table table;
  const PoolId a = table.pool();
  for (std::uint64_t ticket = 1; ticket <= 3; ++ticket) table.policy.request(a, ticket);
  EXPECT_EQ(table.said(), "start a1, start a2, start a3");
  EXPECT_EQ(table.failed(1), Tickets{1});
  table.gone(2);
  table.gone(3);
  table.now += milliseconds(100);
  EXPECT_EQ(table.said(), "start a4");
  table.ready(4);
  EXPECT_EQ(table.said(), "assign 2 to 4, start a5");
  EXPECT_EQ(table.failed(5), Tickets{3});
  EXPECT_GT(table.policy.next_deadline(), table.now + minutes(1));  // The keep-alive; nobody waits.
  table.policy.request(a, 4);
  EXPECT_EQ(table.said(), "");
  EXPECT_EQ(table.policy.next_deadline(),
            table.now + milliseconds(100));  // The first in a row again.
}

TEST(PoolPolicy, StartsNoOtherInTheFaceOfAStartThatIsEnding) {
  Table table;
  const PoolId a = table.pool();
  table.policy.request(a, 1);
  EXPECT_EQ(table.said(), "start a1");
  table.policy.ending(table.worker(1));  // Its connection is closed; how it ended is not yet known.
  EXPECT_EQ(table.said(), "");
  EXPECT_EQ(table.failed(1), Tickets{1});
}

TEST(PoolPolicy, BacksOffToFiveSecondsAndNoFurther) {
  Table table;
  const PoolId a = table.pool();
  Duration longest{};
  for (std::uint64_t ticket = 1; ticket <= 40; ++ticket) {
    table.policy.request(a, ticket);
    ASSERT_EQ(table.said(), fmt::format("start a{}", ticket));
    table.failed(ticket);
    table.policy.request(a, 1000 + ticket);
    ASSERT_EQ(table.said(), "");
    const Duration wait = *table.policy.next_deadline() - table.now;
    longest = std::max(longest, wait);
    table.policy.withdraw(1000 + ticket);
    table.now += wait;
  }
  EXPECT_EQ(longest, seconds(5));
}

TEST(PoolPolicy, DropsAPoolWhenItsLastWorkerIsGone) {
  Table table;
  const PoolId a = table.pool(3);
  for (std::uint64_t ticket = 1; ticket <= 5; ++ticket) table.policy.request(a, ticket);
  EXPECT_EQ(table.said(), "start a1, start a2, start a3");
  table.ready(1);
  table.ready(2);
  EXPECT_EQ(table.said(), "assign 1 to 2, assign 2 to 1");
  EXPECT_EQ(table.policy.drop_pool(a), (Tickets{3, 4, 5}));
  EXPECT_EQ(table.said(), "end 3");
  table.give_back(1);
  EXPECT_EQ(table.said(), "end 1");
  table.gone(1);
  table.gone(3);
  EXPECT_TRUE(table.policy.has_pool(a));
  table.gone(2);
  EXPECT_FALSE(table.policy.has_pool(a));
  EXPECT_NE(table.pool(), a);  // The slot is used again, the name is not.
  EXPECT_EQ(table.policy.drop_pool(a), Tickets{});
}

TEST(PoolPolicy, SaysWhoWaitsUntilATaskEnds) {
  Table table(2);
  const PoolId a = table.pool();
  const PoolId b = table.pool();
  table.policy.request(a, 1);
  table.policy.request(a, 2);
  table.policy.request(b, 3);
  EXPECT_EQ(table.said(), "start a1, start a2");
  EXPECT_EQ(table.shortages, "3 ");
  EXPECT_EQ(table.said(), "");
  EXPECT_EQ(table.shortages, "3 ") << "once";
  table.ready(1);
  EXPECT_EQ(table.said(), "assign 1 to 1");
  EXPECT_EQ(table.shortages, "3 3 ") << "again: somebody else got what it may have waited for";
  table.ready(2);
  EXPECT_EQ(table.said(), "assign 2 to 2");
  table.give_back(1);
  table.shortages.clear();
  EXPECT_EQ(table.said(), "end 1");
  EXPECT_EQ(table.shortages, "") << "there will be room";
  table.gone(1);
  EXPECT_EQ(table.said(), "start b3");
}

TEST(PoolPolicy, SaysWhoWaitsForAWorkerOfItsPool) {
  Table table(5);
  const PoolId a = table.pool(1);
  table.policy.request(a, 1);
  table.policy.request(a, 2);
  EXPECT_EQ(table.said(), "start a1");
  EXPECT_EQ(table.shortages, "2 in its pool ");
}

TEST(PoolPolicy, ForgetsWithdrawnTickets) {
  Table table;
  const PoolId a = table.pool();
  table.policy.request(a, 1);
  table.policy.withdraw(1);
  table.policy.withdraw(77);
  EXPECT_EQ(table.said(), "");
  table.policy.request(a, 1);
  EXPECT_EQ(table.said(), "start a1");
  table.policy.withdraw(1);
  table.ready(1);
  EXPECT_EQ(table.said(), "");
}

// Random events, all invariants after each, and two promises: every ticket is answered exactly once
// or withdrawn, and when everything heals every ticket gets its worker.
TEST(PoolPolicy, AnswersEveryTicketOnceWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const auto workers_max = static_cast<std::uint32_t>(1 + random.below(6));
    PoolPolicy policy({.workers_max = workers_max, .keep_alive = seconds(2)});
    std::vector<PoolId> pools;
    std::set<std::uint64_t> open;
    std::map<WorkerId, char> workers;  // s(tarting), i(dle), a(ssigned), e(nding)
    std::uint64_t next_ticket = 1;
    TimePoint now{seconds(1)};
    const auto close = [&](const Tickets& tickets) {
      for (const std::uint64_t ticket : tickets) ASSERT_EQ(open.erase(ticket), 1U) << seed;
    };
    const auto act = [&] {
      while (const auto action = policy.next(now)) {
        if (const auto* start = std::get_if<PoolPolicy::Start>(&*action)) {
          ASSERT_TRUE(workers.emplace(start->worker, 's').second);
        } else if (const auto* assign = std::get_if<PoolPolicy::Assign>(&*action)) {
          ASSERT_EQ(workers.at(assign->worker), 'i');
          workers.at(assign->worker) = 'a';
          close({assign->ticket});
        } else if (const auto* lack = std::get_if<PoolPolicy::Short>(&*action)) {
          ASSERT_TRUE(open.contains(lack->ticket)) << seed;
          ASSERT_TRUE(lack->only_pool || workers.size() >= workers_max) << seed;
        } else {
          char& state = workers.at(std::get<PoolPolicy::EndWorker>(*action).worker);
          ASSERT_TRUE(state == 'i' || state == 's');
          state = 'e';
        }
        policy.check_invariants();
      }
    };
    const auto step = [&](WorkerId id, char state, bool is_healed) {
      const bool is_unlucky = !is_healed && random.chance(0.3);
      if (state == 's' && is_unlucky) {
        close(policy.start_failed(id, random.chance(0.3) ? Failure::kLoad : Failure::kOther, now));
        policy.gone(id);
        workers.erase(id);
      } else if (state == 's') {
        policy.ready(id, now);
        workers.at(id) = 'i';
      } else if (state == 'e' || is_unlucky) {
        policy.gone(id);
        workers.erase(id);
      } else if (state == 'a') {
        policy.give_back(id, now);
        workers.at(id) = 'i';
      }
    };
    for (int event = 0; event < 400; ++event) {
      now += milliseconds(random.below(300));
      const std::uint64_t kind = random.below(10);
      if (pools.empty() || (kind == 0 && pools.size() < 5)) {
        pools.push_back(policy.add_pool(static_cast<std::uint32_t>(random.below(3))));
      } else if (kind == 1 && random.chance(0.2)) {
        const std::size_t which = random.below(pools.size());
        close(policy.drop_pool(pools[which]));
        pools.erase(pools.begin() + static_cast<std::ptrdiff_t>(which));
      } else if (kind <= 4) {
        open.insert(next_ticket);
        policy.request(pools[random.below(pools.size())], next_ticket++);
      } else if (kind == 5 && !open.empty()) {
        const std::uint64_t ticket = *open.begin();
        policy.withdraw(ticket);
        open.erase(ticket);
      } else if (!workers.empty()) {
        auto chosen = workers.begin();
        std::advance(chosen, static_cast<std::ptrdiff_t>(random.below(workers.size())));
        step(chosen->first, chosen->second, false);
      }
      policy.check_invariants();
      act();
      ASSERT_LE(workers.size(), workers_max);
    }
    for (int round = 0; round < 2000 && !open.empty(); ++round) {
      now += milliseconds(100);
      const auto copy = workers;
      for (const auto& [id, state] : copy) step(id, state, true);
      act();
    }
    EXPECT_TRUE(open.empty()) << "seed " << seed << ": " << open.size() << " tickets wait for ever";
  }
}

}  // namespace
}  // namespace sluice::runtime
