// Expressions between core, the store and the bulk threads: a node without workers, whose runs have
// nothing but expressions.

#include "node/evaluator.h"

#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include <gtest/gtest.h>

#include "base/file.h"
#include "model/lower_fixture.h"
#include "node/output_views.h"
#include "node/run_table.h"
#include "wire/abi.h"

namespace sluice::node {
namespace {

constexpr Duration kAwaited = std::chrono::seconds(120);

class EvaluatorTest : public testing::Test {
 protected:
  EvaluatorTest()
      : folder_(std::filesystem::temp_directory_path() /
                fmt::format("sluice-evaluator-{}", ::getpid())),
        loop_("test"),
        bulk_(loop_, 1, 1),
        store_(make_store(folder_)),
        journal_(journal::make_memory_journal()),
        pump_(loop_, limits_, Random(1)),
        runs_(pump_, *store_, *journal_, loop_, bulk_, limits_, DataPaths{.root = folder_},
              Random(2)),
        evaluator_(pump_, *store_, runs_, loop_, bulk_) {
    pump_.set_handler([this](const core::Action& action, const core::Actions&) { act(action); });
  }
  ~EvaluatorTest() override { static_cast<void>(remove_tree(folder_)); }

  static std::unique_ptr<store::Store> make_store(const std::filesystem::path& folder) {
    EXPECT_TRUE(make_directory(folder / "spill"));
    EXPECT_TRUE(make_directory(folder / "runs"));
    return std::move(
        store::Store::make({.memory = 64_MiB, .spill_directory = folder / "spill"}).value());
  }
  void act(const core::Action& action) {
    if (const auto* asked = std::get_if<core::Compute>(&action)) evaluator_.on(*asked);
    if (const auto* held = std::get_if<core::Retain>(&action)) store_->retain(held->object);
    if (const auto* unused = std::get_if<core::Release>(&action)) store_->release(unused->object);
    if (const auto* commit = std::get_if<core::Commit>(&action)) runs_.on(*commit);
    if (const auto* element = std::get_if<core::OutputElement>(&action)) runs_.on(*element);
    if (const auto* ready = std::get_if<core::OutputReady>(&action)) runs_.on(*ready);
    if (const auto* ended = std::get_if<core::RunEnded>(&action)) runs_.on(*ended);
    if (const auto* drained = std::get_if<core::RunDrained>(&action)) runs_.on(*drained);
  }
  // A workflow of one input, one step and one output.
  void deploy(std::string_view expression) {
    version_ = std::make_shared<AppVersion>();
    version_->name = "a";
    version_->app = std::make_shared<model::App>(model::app_of(fmt::format(
        "  main:\n    inputs: {{ v: json }}\n    steps: {{ s: {{ set: {{ y: \"{}\" }} }} }}\n"
        "    outputs: {{ y: \"${{s.y}}\" }}\n",
        expression)));
  }
  RunRecord& start(const std::string& input) {
    RunRecord& run = *runs_.accept({.version = version_, .workflow = 0}, std::nullopt).value();
    const ObjectId object =
        store_->put({.kind = SLUICE_KIND_JSON}, std::as_bytes(std::span(input))).value();
    const store::Store::View view = store_->view(object).value();
    runs_.wait_for_end(run, kAwaited, [this] { loop_.stop(); });
    pump_.push(core::InputReady{
        .run = run.key,
        .input = 0,
        .object = {.id = object, .size = view.size, .checksum = view.checksum, .sealed = true}});
    return run;
  }
  std::string result_of(const RunRecord& run) {
    if (run.failure) return run.failure->name + ": " + run.failure->message;
    return to_text(outputs_json(run));
  }
  std::string result(const std::string& input) {
    RunRecord& run = start(input);
    loop_.run();
    return result_of(run);
  }
  static std::string array(std::size_t count) {
    std::string text = "[0";
    for (std::size_t i = 1; i < count; ++i) text += fmt::format(",{}", i);
    return text + "]";
  }

  Limits limits_;
  std::filesystem::path folder_;
  aio::Loop loop_;
  aio::BulkPool bulk_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<journal::Journal> journal_;
  Pump pump_;
  RunTable runs_;
  Evaluator evaluator_;
  AppVersionPtr version_;
};

TEST_F(EvaluatorTest, ALittleIsDoneOnTheLoop) {
  deploy("${size(inputs.v) + 1}");
  EXPECT_EQ(result("[1,2,3]"), R"({"y":4})");
  EXPECT_GE(evaluator_.counters().on_loop, 1U);
  EXPECT_EQ(evaluator_.counters().on_bulk, 0U);
}

TEST_F(EvaluatorTest, WhatHasMuchToReadIsDoneOnABulkThread) {
  deploy("${size(inputs.v.filter(e, e % 2 == 0))}");
  EXPECT_EQ(result(array(20'001)), R"({"y":10001})");
  EXPECT_EQ(evaluator_.counters().on_bulk, 1U);
  EXPECT_EQ(store_->usage().objects, 0U);
}

TEST_F(EvaluatorTest, WhatTakesMoreStepsThanTheLoopHasIsNoMistake) {
  deploy("${size(range(int(inputs.v)).filter(e, e % 2 == 0))}");
  EXPECT_EQ(result("100000"), R"({"y":50000})");
  EXPECT_EQ(evaluator_.counters().on_bulk, 1U);
  EXPECT_EQ(result("1000001").substr(0, 14), "BadExpression:");
}

TEST_F(EvaluatorTest, WhatTheBulkThreadsHaveNoRoomForWaitsAndTheLoopGoesOn) {
  deploy("${size(inputs.v.filter(e, e % 2 == 0))}");
  std::mutex mutex;
  std::condition_variable changed;
  bool is_begun = false;
  bool is_free = false;
  ASSERT_TRUE(bulk_.submit(
      [&] {
        std::unique_lock lock(mutex);
        is_begun = true;
        changed.notify_all();
        changed.wait(lock, [&] { return is_free; });
      },
      [] {}));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return is_begun; });
  }
  ASSERT_TRUE(bulk_.submit([] {}, [] {}));
  ASSERT_FALSE(bulk_.submit([] {}, [] {})) << "the pool is full";
  RunRecord& run = start(array(20'001));
  // Looked at when the job is there, and was refused: each turn of the loop asks for the next.
  std::function<void()> look = [&] {
    if (evaluator_.counters().on_bulk == 0) {
      ASSERT_TRUE(loop_.post([&] { look(); }));
      return;
    }
    EXPECT_FALSE(is_ended(run.state)) << "the loop has done it itself";
    const std::lock_guard lock(mutex);
    is_free = true;
    changed.notify_all();
  };
  look();
  loop_.run();
  EXPECT_EQ(result_of(run), R"({"y":10001})");
}

}  // namespace
}  // namespace sluice::node
