#include "node/run_table.h"

#include <sys/statvfs.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/file.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

constexpr Duration kAwaited = std::chrono::seconds(120);

// A node without workers: workflows without steps end as soon as their inputs are there.
class RunTableTest : public testing::Test {
 protected:
  RunTableTest()
      : folder_(std::filesystem::temp_directory_path() / fmt::format("sluice-runs-{}", ::getpid())),
        loop_("test"),
        bulk_(loop_, 1),
        store_(make_store(folder_)),
        journal_(journal::make_memory_journal()),
        pump_(loop_, limits_, Random(1)) {
    open_table();
    pump_.set_handler([this](const core::Action& action, const core::Actions&) {
      if (const auto* ready = std::get_if<core::OutputReady>(&action)) runs_->on(*ready);
      if (const auto* ended = std::get_if<core::RunEnded>(&action)) runs_->on(*ended);
      if (const auto* drained = std::get_if<core::RunDrained>(&action)) runs_->on(*drained);
      if (const auto* unused = std::get_if<core::Release>(&action)) store_->release(unused->object);
    });
    auto app = std::make_shared<model::App>();
    app->name = "empty";
    app->workflows.push_back(
        {.name = "nothing", .outputs = {{.name = "x", .source = model::Literal{Json(1)}}}});
    const model::Type bytes{.kind = model::Kind::kBytes};
    app->workflows.push_back(
        {.name = "copy",
         .inputs = {{.name = "x", .type = bytes}},
         .outputs = {{.name = "y", .source = model::InputRef{0}, .type = bytes}}});
    app->workflows.push_back(
        {.name = "two",
         .inputs = {{.name = "x", .type = bytes}, {.name = "more", .type = bytes}},
         .outputs = {{.name = "y", .source = model::InputRef{0}, .type = bytes},
                     {.name = "more", .source = model::InputRef{1}, .type = bytes}}});
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
  // With limits_ as they are now.
  void open_table() {
    runs_.emplace(pump_, *store_, *journal_, loop_, bulk_, limits_, DataPaths{.root = folder_},
                  Random(2));
  }
  RunId run_one() {
    RunRecord* run = runs_->accept({.version = version_, .workflow = 0}, std::nullopt).value();
    EXPECT_EQ(run->state, RunState::kSucceeded);
    return run->id;
  }
  // A run that leaves `size` bytes on the disk; ended when this returns.
  RunId run_copy(std::size_t size) {
    RunRecord* run = runs_->accept({.version = version_, .workflow = 1}, std::nullopt).value();
    const RunId id = run->id;
    const std::string content(size, 'x');
    const ObjectId object =
        store_->put({.kind = SLUICE_KIND_BYTES}, std::as_bytes(std::span(content))).value();
    const store::Store::View view = store_->view(object).value();
    runs_->wait_for_end(*run, kAwaited, [this] { loop_.stop(); });
    pump_.push(core::InputReady{
        .run = run->key,
        .input = 0,
        .object = {.id = object, .size = view.size, .checksum = view.checksum, .sealed = true}});
    loop_.run();
    return id;
  }
  ErrorCode missing(const RunId& run) {
    const Result<RunRecord*> found = runs_->known(run);
    return found ? ErrorCode::kInternal : found.error().code();
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
  limits_.retention_runs = 2;
  const RunId first = run_one();
  const RunId second = run_one();
  const RunId third = run_one();
  const RunId fourth = run_one();
  runs_->retain(loop_.now());
  EXPECT_EQ(missing(first), ErrorCode::kGone);
  EXPECT_EQ(missing(second), ErrorCode::kGone);
  EXPECT_TRUE(runs_->known(third));
  EXPECT_TRUE(runs_->known(fourth));
  EXPECT_EQ(runs_->in_flight(), 0U);
}

TEST_F(RunTableTest, TakesRunsThatHaveBeenKeptForTheirTime) {
  EXPECT_EQ(runs_->next_retention(), std::nullopt);
  const TimePoint before = loop_.now();
  const RunId first = run_one();
  const RunId second = run_one();
  const std::optional<TimePoint> due = runs_->next_retention();
  ASSERT_TRUE(due);
  EXPECT_GE(*due, before + limits_.retention);
  runs_->retain(*due - std::chrono::nanoseconds(1));
  EXPECT_TRUE(runs_->known(first));
  runs_->retain(*due);
  EXPECT_EQ(missing(first), ErrorCode::kGone);
  EXPECT_TRUE(runs_->known(second));
  runs_->retain(*due + std::chrono::hours(1));
  EXPECT_EQ(missing(second), ErrorCode::kGone);
}

TEST_F(RunTableTest, AnIdleNodeWakesUpToTakeTheOldestRunAndNeverAgainWhenNothingIsKept) {
  limits_.retention = std::chrono::milliseconds(1);
  RunRecord* run = runs_->accept({.version = version_, .workflow = 0}, std::nullopt).value();
  const RunId id = run->id;
  // It is answered when the record goes, too.
  runs_->wait_for_end(*run, kAwaited, [this] { loop_.stop(); });
  loop_.run();
  EXPECT_EQ(missing(id), ErrorCode::kGone);
  EXPECT_EQ(runs_->next_retention(), std::nullopt);
}

TEST_F(RunTableTest, ARunThatIsOneTooManyIsThereForThoseWhoEndedItAndTakenSoonAfter) {
  limits_.retention_runs = 0;
  RunRecord* run = runs_->accept({.version = version_, .workflow = 0}, std::nullopt).value();
  EXPECT_EQ(run->state, RunState::kSucceeded);
  const RunId id = run->id;
  runs_->wait_for_end(*run, kAwaited, [this] { loop_.stop(); });
  loop_.run();
  EXPECT_EQ(missing(id), ErrorCode::kGone);
}

TEST_F(RunTableTest, TakesTheOldestRunsWhenTheirFilesTakeMoreThanTheirShareOfTheDisk) {
  constexpr std::size_t kSize = 300'000;
  struct statvfs disk{};
  ASSERT_EQ(::statvfs(folder_.c_str(), &disk), 0);
  const double size = static_cast<double>(disk.f_blocks) * static_cast<double>(disk.f_frsize);
  limits_.retention_disk_share = 2.5 * kSize / size;
  open_table();
  const RunId first = run_copy(kSize);
  const RunId small = run_one();
  const RunId second = run_copy(kSize);
  const std::filesystem::path folder = runs_->known(first).value()->folder;
  EXPECT_EQ(std::filesystem::file_size(folder / "outputs/y"), kSize);
  const RunId third = run_copy(kSize);
  runs_->retain(loop_.now());
  EXPECT_EQ(missing(first), ErrorCode::kGone);
  // Only as many as it takes.
  EXPECT_TRUE(runs_->known(small));
  EXPECT_TRUE(runs_->known(second));
  EXPECT_TRUE(runs_->known(third));
  // A bulk thread removes the files.
  ASSERT_TRUE(bulk_.submit([] {}, [this] { loop_.stop(); }));
  loop_.run();
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(RunTableTest, ADeletedRunIsNotFoundAndNotGone) {
  const RunId run = run_one();
  EXPECT_TRUE(runs_->remove(run));
  EXPECT_EQ(runs_->known(run).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(runs_->remove(run).error().code(), ErrorCode::kNotFound);
}

TEST_F(RunTableTest, ARunThatIsDeletedWhileAnOutputIsWrittenLeavesNoFile) {
  constexpr std::size_t kSize = 300'000;
  RunRecord* run = runs_->accept({.version = version_, .workflow = 2}, std::nullopt).value();
  const RunId id = run->id;
  const std::filesystem::path folder = run->folder;
  const std::string content(kSize, 'x');
  const ObjectId object =
      store_->put({.kind = SLUICE_KIND_BYTES}, std::as_bytes(std::span(content))).value();
  const store::Store::View view = store_->view(object).value();
  pump_.push(core::InputReady{
      .run = run->key,
      .input = 0,
      .object = {.id = object, .size = view.size, .checksum = view.checksum, .sealed = true}});
  runs_->cancel(*run);
  // The bulk thread's word that it is written waits for the loop.
  EXPECT_TRUE(runs_->remove(id));
  EXPECT_EQ(missing(id), ErrorCode::kNotFound);
  EXPECT_TRUE(runs_->newest_first().empty());
  for (int i = 0; i < 2; ++i) {  // It is written; then the files are removed.
    ASSERT_TRUE(bulk_.submit([] {}, [this] { loop_.stop(); }));
    loop_.run();
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST_F(RunTableTest, RefusesMoreRunsInFlightThanItsLimit) {
  limits_.runs_in_flight = 0;
  EXPECT_EQ(runs_->accept({.version = version_, .workflow = 0}, std::nullopt).error().code(),
            ErrorCode::kResourceExhausted);
}

}  // namespace
}  // namespace sluice::node
