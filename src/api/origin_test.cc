#include "api/origin.h"

#include <gtest/gtest.h>

#include "api/pace.h"

namespace sluice::api {
namespace {

std::uint32_t status_of(const OriginCheck& check, const std::string& host,
                        const std::string& origin = "none") {
  RequestHead head;
  head.fields.emplace_back("host", host);
  if (origin != "none") head.fields.emplace_back("origin", origin);
  const auto checked = check.check(head);
  return checked ? 200 : checked.error().status;
}

TEST(OriginCheck, TakesItsOwnNamesAndRefusesOthers) {
  const OriginCheck check("127.0.0.1", 7600, {"sluice.test", "front.test:8080"});
  for (const auto* host :
       {"127.0.0.1:7600", "127.0.0.1", "localhost:7600", "localhost", "LocalHost:7600",
        "sluice.test", "sluice.test:1234", "SLUICE.TEST", "front.test:8080"}) {
    EXPECT_EQ(status_of(check, host), 200U) << host;
  }
  for (const auto* host :
       {"evil.example", "evil.example:7600", "127.0.0.1:7601", "localhost:80", "127.0.0.2:7600",
        "localhost.evil.example:7600", "front.test", "front.test:8081", "[::1]:7600",
        "0.0.0.0:7600", "127.1:7600", "localhost.", "2130706433:7600"}) {
    EXPECT_EQ(status_of(check, host), 403U) << host;
  }
  for (const auto* host :
       {"", ":7600", "localhost:", "localhost:x", "a b", "user@localhost", "localhost/x",
        "localhost:7600:1", "[::1", "[]:7600", "localhost,evil", "localhost:999999"}) {
    EXPECT_EQ(status_of(check, host), 400U) << host;
  }
  EXPECT_EQ(status_of(OriginCheck("::1", 7600, {}), "[::1]:7600"), 200U);
}

TEST(OriginCheck, RefusesPagesOfOthers) {
  const OriginCheck check("127.0.0.1", 7600, {"front.test"});
  EXPECT_EQ(status_of(check, "127.0.0.1:7600", "http://127.0.0.1:7600"), 200U);
  EXPECT_EQ(status_of(check, "localhost:7600", "http://localhost:7600"), 200U);
  EXPECT_EQ(status_of(check, "front.test", "http://front.test"), 200U);
  EXPECT_EQ(status_of(check, "front.test", "http://front.test:80"), 200U);
  for (const auto* origin :
       {"null", "", "http://evil.example", "http://localhost:3000", "https://localhost:7600",
        "http://localhost", "http://localhost:7600.evil.example", "file://",
        "http://localhost:7600/", "http://127.0.0.1:7600"}) {
    EXPECT_EQ(status_of(check, "localhost:7600", origin), 403U) << origin;
  }
}

TEST(Pace, EndsForThoseWhoStallOrTrickle) {
  using std::chrono::seconds;
  const TimePoint start{seconds(1000)};
  const Pace::Rule rule{.rate_min = 100, .grace = seconds(10), .idle = seconds(60)};
  Pace trickle(rule, start);
  EXPECT_EQ(trickle.deadline(), start + seconds(10));
  trickle.moved(1, start + seconds(9));
  EXPECT_EQ(trickle.deadline(), start + seconds(10));
  trickle.moved(199, start + seconds(9));
  EXPECT_EQ(trickle.deadline(), start + seconds(12));
  trickle.excuse(start + seconds(9), start + seconds(29));
  EXPECT_EQ(trickle.deadline(), start + seconds(32));
  Pace fast(rule, start);
  fast.moved(1 << 30, start + seconds(1));
  EXPECT_EQ(fast.deadline(), start + seconds(61));
  fast.moved(1, start + seconds(50));
  EXPECT_EQ(fast.deadline(), start + seconds(61));
}

}  // namespace
}  // namespace sluice::api
