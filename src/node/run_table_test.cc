#include "node/run_table.h"

#include <unistd.h>

#include <gtest/gtest.h>

#include "base/file.h"

namespace sluice::node {
namespace {

// A node without workers: workflows without steps end as soon as they are accepted.
class RunTableTest : public testing::Test {
 protected:
  RunTableTest()
      : folder_(std::filesystem::temp_directory_path() / fmt::format("sluice-runs-{}", ::getpid())),
        loop_("test"),
        bulk_(loop_, 1),
        store_(make_store(folder_)),
        journal_(journal::make_memory_journal()),
        pump_(loop_, limits_, Random(1)) {
    limits_.retention_runs = 2;
    runs_.emplace(pump_, *store_, *journal_, loop_, bulk_, limits_, DataPaths{.root = folder_},
                  Random(2));
    pump_.set_handler([this](const core::Action& action, const core::Actions&) {
      if (const auto* ready = std::get_if<core::OutputReady>(&action)) runs_->on(*ready);
      if (const auto* ended = std::get_if<core::RunEnded>(&action)) runs_->on(*ended);
      if (const auto* drained = std::get_if<core::RunDrained>(&action)) runs_->on(*drained);
    });
    auto app = std::make_shared<model::App>();
    app->name = "empty";
    app->workflows.push_back(
        {.name = "nothing", .outputs = {{.name = "x", .source = model::Literal{Json(1)}}}});
    version_ = std::make_shared<AppVersion>();
    version_->name = "empty";
    version_->app = std::move(app);
  }
  ~RunTableTest() override { static_cast<void>(remove_tree(folder_)); }

  static std::unique_ptr<store::Store> make_store(const std::filesystem::path& folder) {
    EXPECT_TRUE(make_directory(folder / "spill"));
    EXPECT_TRUE(make_directory(folder / "runs"));
    return std::move(
        store::Store::make({.memory = 64_MiB, .spill_directory = folder / "spill"}).value());
  }
  RunId run_one() {
    RunRecord* run = runs_->accept({.version = version_, .workflow = 0}, std::nullopt).value();
    EXPECT_EQ(run->state, RunState::kSucceeded);
    return run->id;
  }

  Limits limits_;
  std::filesystem::path folder_;
  aio::Loop loop_;
  aio::BulkPool bulk_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<journal::Journal> journal_;
  Pump pump_;
  std::optional<RunTable> runs_;
  AppVersionPtr version_;
};

TEST_F(RunTableTest, KeepsTheNewestEndedRunsAndSaysOfTheOthersThatTheyAreGone) {
  const RunId first = run_one();
  const RunId second = run_one();
  const RunId third = run_one();
  const RunId fourth = run_one();
  for (const RunId& old : {first, second}) {
    const Result<RunRecord*> found = runs_->known(old);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code(), ErrorCode::kGone);
  }
  EXPECT_TRUE(runs_->known(third));
  EXPECT_TRUE(runs_->known(fourth));
  EXPECT_EQ(runs_->in_flight(), 0U);
}

TEST_F(RunTableTest, ADeletedRunIsNotFoundAndNotGone) {
  const RunId run = run_one();
  EXPECT_TRUE(runs_->remove(run));
  EXPECT_EQ(runs_->known(run).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(runs_->remove(run).error().code(), ErrorCode::kNotFound);
}

TEST_F(RunTableTest, RefusesMoreRunsInFlightThanItsLimit) {
  limits_.runs_in_flight = 0;
  EXPECT_EQ(runs_->accept({.version = version_, .workflow = 0}, std::nullopt).error().code(),
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace sluice::node
