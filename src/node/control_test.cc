#include "node/control.h"

#include <stdlib.h>

#include <latch>

#include <gtest/gtest.h>

#include "base/file.h"
#include "node/node.h"

namespace sluice::node {
namespace {

constexpr std::string_view kYaml = R"(
app: sized
functions:
  size: { runtime: python3, handler: code.size, inputs: { data: bytes }, outputs: { n: int } }
workflows:
  size:
    inputs: { data: bytes }
    steps:
      size: { call: size, in: { data: "${inputs.data}" } }
    outputs: { n: "${size.n}" }
  count:
    inputs: { xs: list<int> }
    steps:
      count: { set: { n: "${size(inputs.xs)}" } }
    outputs: { n: "${count.n}" }
  letters:
    inputs: { text: text }
    steps:
      count: { set: { n: "${size(inputs.text)}" } }
    outputs: { n: "${count.n}" }
)";
constexpr std::size_t kQueue = 8;
constexpr int kBulkThreads = 2;  // Of a node.

// A whole node with one app, and a queue into its loop that is soon full.
class NodeControlTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/sluice-control-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    root_ = name;
    data_.emplace(DataDirectory::open(root_).value());
    const std::filesystem::path app = data_->paths().apps() / "default" / "sized";
    ASSERT_TRUE(make_directory(app / "1/bundle"));
    ASSERT_TRUE(write_file(app / "1/bundle/sluice.yaml", kYaml, Sync::kNo));
    ASSERT_TRUE(
        write_file(app / "1/bundle/code.py", "def size(data):\n    return len(data)\n", Sync::kNo));
    ASSERT_TRUE(write_file(app / "state.json", R"({"current":1,"last":1})", Sync::kNo));
    auto launcher = runtime::start_launcher(data_->mark(), data_->paths().scratch());
    ASSERT_TRUE(launcher) << launcher.error().message();
    node_ = Node::make(loop_, limits_, {}, *data_, std::move(*launcher)).value();
  }
  void TearDown() override {
    node_.reset();
    EXPECT_TRUE(remove_tree(root_));
  }

  // What a call of the control is answered: `ask` gives the reply away.
  template <class T>
  Result<T> answer(const std::function<void(api::Reply<T>)>& ask) {
    std::optional<Result<T>> got;
    bool is_waiting = false;
    ask([&](Result<T> result) {
      got = std::move(result);
      if (is_waiting) loop_.stop();
    });
    is_waiting = true;
    if (!got) loop_.run();
    return std::move(*got);
  }
  api::RunOpened open_run() {
    auto opened = answer<api::RunOpened>([this](api::Reply<api::RunOpened> reply) {
      node_->control().open_run({.workflow = "size"}, std::move(reply));
    });
    EXPECT_TRUE(opened) << opened.error().message();
    return std::move(*opened);
  }
  Result<std::int64_t> number_of(const RunId& id) {
    const Result<Json> document = answer<Json>([&](api::Reply<Json> reply) {
      node_->control().run(id, std::chrono::minutes(2), std::move(reply));
    });
    if (!document) return fail(document.error());
    const Json* number = document->find("outputs")->find("n");
    if (number == nullptr) return fail(ErrorCode::kNotFound, to_text(*document));
    return *number->as_int();
  }
  // All bulk threads are busy until this goes.
  struct Blocked {
    explicit Blocked(NodeControlTest& test) {
      for (int i = 0; i < kBulkThreads; ++i) {
        test.node_->control().apart([gate = gate] { gate->wait(); }, [](Status) {});
      }
    }
    Blocked(const Blocked&) = delete;
    ~Blocked() { gate->count_down(); }
    std::shared_ptr<std::latch> gate = std::make_shared<std::latch>(1);
  };
  Result<Json> run(const RunId& id) {
    return answer<Json>(
        [&](api::Reply<Json> reply) { node_->control().run(id, std::nullopt, std::move(reply)); });
  }
  // How many posts the queue still took.
  std::size_t fill_queue() {
    std::size_t count = 0;
    while (loop_.post([this] { loop_.stop(); })) ++count;
    return count;
  }
  // Does what is queued, all of it in one go.
  void empty_queue() { loop_.run(); }

  std::filesystem::path root_;
  Limits limits_;
  std::optional<DataDirectory> data_;
  aio::Loop loop_{"test-loop", kQueue};
  std::unique_ptr<Node> node_;
};

TEST_F(NodeControlTest, TheAbortOfAnUploadIsTakenThoughTheLoopsQueueIsFull) {
  api::RunOpened opened = open_run();
  const auto state = run(opened.run);
  ASSERT_TRUE(state);
  EXPECT_EQ(*state->find("state")->as_string(), "RUNNING");
  EXPECT_EQ(fill_queue(), kQueue - 1);
  // Every other call is refused by now.
  EXPECT_EQ(run(opened.run).error().code(), ErrorCode::kUnavailable);
  opened.abort("the client left");
  empty_queue();
  EXPECT_EQ(run(opened.run).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(fill_queue(), kQueue);
  empty_queue();
}

TEST_F(NodeControlTest, AnUploadIsRefusedWhereItsAbortWouldHaveNoPlace) {
  EXPECT_EQ(fill_queue(), kQueue);
  const auto opened = answer<api::RunOpened>([this](api::Reply<api::RunOpened> reply) {
    node_->control().open_run({.workflow = "size"}, std::move(reply));
  });
  EXPECT_EQ(opened.error().code(), ErrorCode::kUnavailable);
  empty_queue();
  const auto runs =
      answer<Json>([this](api::Reply<Json> reply) { node_->control().runs({}, std::move(reply)); });
  EXPECT_TRUE(runs.value().find("runs")->as_list()->empty());
}

TEST_F(NodeControlTest, AnUploadThatIsOverGivesThePlaceOfItsAbortBack) {
  {
    const api::RunOpened opened = open_run();
    EXPECT_EQ(fill_queue(), kQueue - 1);
    empty_queue();
  }
  EXPECT_EQ(fill_queue(), kQueue);
  empty_queue();
}

TEST_F(NodeControlTest, ALargeDocumentOfInputsHoldsNoOtherCallUp) {
  const std::string text(100'000, 'x');
  std::optional<Result<api::RunOpened>> started;
  {
    const Blocked blocked(*this);
    node_->control().start_run({.workflow = "letters", .json_bytes = text.size()},
                               Json(Json::Map{{"text", Json(text)}}),
                               [&](Result<api::RunOpened> opened) {
                                 started = std::move(opened);
                                 loop_.stop();
                               });
    EXPECT_TRUE(
        answer<Json>([this](api::Reply<Json> reply) { node_->control().nodes(std::move(reply)); }));
    EXPECT_FALSE(started) << "bound by the loop";
  }
  if (!started) loop_.run();
  ASSERT_TRUE(*started) << started->error().message();
  EXPECT_EQ(number_of((*started)->run).value(), 100'000);
}

TEST_F(NodeControlTest, AMistakeInALargeDocumentOfInputsIsNamedAndThereIsNoRun) {
  const auto opened = answer<api::RunOpened>([&](api::Reply<api::RunOpened> reply) {
    node_->control().start_run({.workflow = "letters", .json_bytes = 100'000},
                               Json(Json::Map{{"text", Json(1)}}), std::move(reply));
  });
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message(), "input 'text' must be a string, not int (1)");
  const auto runs =
      answer<Json>([this](api::Reply<Json> reply) { node_->control().runs({}, std::move(reply)); });
  EXPECT_TRUE(runs.value().find("runs")->as_list()->empty());
}

TEST_F(NodeControlTest, ALongListOfInputsIsGivenInManyTurns) {
  Json list = Json::list();
  for (int i = 0; i < 5'000; ++i) list.push(i);
  std::vector<std::string> order;
  std::optional<RunId> id;
  node_->control().start_run({.workflow = "count"}, Json(Json::Map{{"xs", std::move(list)}}),
                             [&](Result<api::RunOpened> opened) {
                               ASSERT_TRUE(opened) << opened.error().message();
                               id = opened->run;
                               order.emplace_back("run");
                               loop_.stop();
                             });
  node_->control().nodes([&](const Result<Json>&) { order.emplace_back("nodes"); });
  loop_.run();
  EXPECT_EQ(order, (std::vector<std::string>{"nodes", "run"}));
  EXPECT_EQ(number_of(*id).value(), 5'000);
}

TEST_F(NodeControlTest, ARunMayEndWhileALargeTextOfItIsLookedInto) {
  api::RunOpened opened = answer<api::RunOpened>([this](api::Reply<api::RunOpened> reply) {
                            node_->control().open_run({.workflow = "letters"}, std::move(reply));
                          }).value();
  const auto stream = answer<api::InputStream>([&](api::Reply<api::InputStream> reply) {
                        node_->control().open_input(opened.run, "text", "", std::move(reply));
                      }).value();
  ASSERT_TRUE(answer<void>([&](api::Reply<void> reply) {
    node_->control().write_input(stream, std::string(100'000, 'x'), std::move(reply));
  }));
  std::optional<Status> closed;
  {
    const Blocked blocked(*this);
    node_->control().close_input(stream, [&](Status status) {
      closed = std::move(status);
      loop_.stop();
    });
    EXPECT_TRUE(run(opened.run)) << "asked while the text is looked into";
    EXPECT_FALSE(closed);
    opened.abort("the client left");
    EXPECT_FALSE(run(opened.run));
  }
  if (!closed) loop_.run();
  EXPECT_EQ(closed->error().code(), ErrorCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::node
