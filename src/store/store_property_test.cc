// Random operations on a real store, compared with a model that keeps every value as a plain
// vector.

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/file.h"
#include "base/random.h"
#include "store/store.h"

namespace sluice::store {
namespace {

using Bytes = std::vector<std::byte>;

struct Value {
  Bytes bytes;
  std::uint32_t references = 1;
  bool open = false;
};
struct Grant {
  OutboxId outbox;
  Range range;
};

class Exercise {
 public:
  Exercise(std::uint64_t seed, const std::filesystem::path& directory) : random_(seed) {
    const std::uint64_t segment = std::uint64_t{64} << (10 + random_.below(3));
    options_ = {.memory = {random_.below(8) * segment + random_.below(100'000)},
                .spill_directory = directory,
                .disk = {random_.chance(0.5) ? random_.below(40) * segment : UINT64_MAX},
                .segment = {segment}};
    auto made = Store::make(options_);
    EXPECT_TRUE(made);
    store_ = std::move(*made);
    for (int i = 0; i < 3; ++i) outboxes_.push_back(store_->make_outbox());
  }

  void step() {
    switch (random_.below(11)) {
      case 0:
        return put();
      case 1:
        return open();
      case 2:
      case 3:
        return append();
      case 4:
        return seal();
      case 5:
        return grant();
      case 6:
        return use_grant();
      case 7:
        return retain();
      case 8:
      case 9:
        return release();
      case 10:
        if (random_.chance(0.1)) replace_outbox();
        return;
    }
  }

  void check() {
    store_->check_invariants();
    const Usage usage = store_->usage();
    ASSERT_LE(usage.memory_peak, options_.memory);
    ASSERT_LE(usage.disk, options_.disk);
    ASSERT_EQ(usage.objects, values_.size());
    if (values_.empty()) return;
    const auto& [object, value] = *some(values_);
    const auto view = store_->view(object);
    ASSERT_TRUE(view);
    ASSERT_EQ(view->size, value.bytes.size());
    ASSERT_EQ(view->sealed, !value.open);
    ASSERT_EQ(view->checksum, checksum(value.bytes));
    const std::uint64_t offset = random_.below(value.bytes.size() + 1);
    Bytes out(random_.below(100'000));
    const auto got = store_->read(object, offset, out);
    ASSERT_TRUE(got);
    ASSERT_EQ(*got, std::min<std::uint64_t>(out.size(), value.bytes.size() - offset));
    ASSERT_TRUE(std::equal(out.begin(), out.begin() + static_cast<long>(*got),
                           value.bytes.begin() + static_cast<long>(offset)));
  }

  std::uint64_t refused() const { return refused_; }

  void end() {
    while (!values_.empty()) release();
    for (const OutboxId outbox : outboxes_) store_->drop_outbox(outbox);
    store_->check_invariants();
    EXPECT_EQ(store_->usage().disk, ByteCount{0});
    EXPECT_EQ(store_->usage().objects, 0u);
    EXPECT_LE(store_->usage().regions, 1u) << "the node's own outbox may keep one";
  }

 private:
  template <class Map>
  typename Map::iterator some(Map& map) {
    auto it = map.begin();
    std::advance(it, static_cast<long>(random_.below(map.size())));
    return it;
  }
  // Mostly small, sometimes larger than a segment.
  std::uint64_t some_size() { return random_.below(std::uint64_t{1} << (1 + random_.below(19))); }
  Bytes some_bytes(std::uint64_t size) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; i += 64) bytes[i] = static_cast<std::byte>(random_.next());
    return bytes;
  }
  void expect_exhausted(const Error& error) {
    ASSERT_EQ(error.code(), ErrorCode::kResourceExhausted) << error.message();
    ++refused_;
  }

  void put() {
    Bytes bytes = some_bytes(some_size());
    const auto object = store_->put({}, bytes);
    if (!object) return expect_exhausted(object.error());
    ASSERT_TRUE(values_.emplace(*object, Value{.bytes = std::move(bytes)}).second);
  }
  void open() {
    const auto object = store_->open({}, std::nullopt);
    ASSERT_TRUE(object);
    ASSERT_TRUE(values_.emplace(*object, Value{.open = true}).second);
  }
  void append() {
    if (values_.empty()) return;
    auto& [object, value] = *some(values_);
    const Bytes bytes = some_bytes(some_size());
    if (random_.chance(0.5)) static_cast<void>(store_->view(object));  // Its range is known now.
    const Status appended = store_->append(object, bytes);
    if (!value.open) {
      ASSERT_EQ(appended.error().code(), ErrorCode::kFailedPrecondition);
    } else if (!appended) {
      expect_exhausted(appended.error());
    } else {
      value.bytes.insert(value.bytes.end(), bytes.begin(), bytes.end());
    }
  }
  void seal() {
    if (values_.empty()) return;
    auto& [object, value] = *some(values_);
    ASSERT_EQ(store_->seal(object).has_value(), value.open);
    value.open = false;
  }
  void grant() {
    const OutboxId outbox = outboxes_[random_.below(outboxes_.size())];
    const auto range = store_->grant(outbox, some_size());
    if (!range) return expect_exhausted(range.error());
    grants_.push_back({outbox, *range});
  }
  void use_grant() {
    if (grants_.empty()) return;
    std::swap(grants_[random_.below(grants_.size())], grants_.back());
    const Grant grant = grants_.back();
    grants_.pop_back();
    if (random_.chance(0.3)) return store_->take_back(grant.outbox, grant.range);
    Bytes bytes = some_bytes(random_.below(grant.range.length + 1));
    const auto fd = store_->open_region(grant.range.region, true);
    ASSERT_TRUE(fd);
    ASSERT_EQ(
        ::pwrite(fd->get(), bytes.data(), bytes.size(), static_cast<off_t>(grant.range.offset)),
        static_cast<ssize_t>(bytes.size()));
    const auto object = store_->adopt(grant.outbox, grant.range, bytes.size(), {});
    ASSERT_TRUE(object) << object.error().message();
    ASSERT_TRUE(values_.emplace(*object, Value{.bytes = std::move(bytes)}).second);
  }
  void retain() {
    if (values_.empty()) return;
    auto& [object, value] = *some(values_);
    store_->retain(object);
    ++value.references;
  }
  void release() {
    if (values_.empty()) return;
    const auto it = some(values_);
    store_->release(it->first);
    if (--it->second.references == 0) values_.erase(it);
  }
  void replace_outbox() {
    OutboxId& outbox = outboxes_[random_.below(outboxes_.size())];
    store_->drop_outbox(outbox);
    std::erase_if(grants_, [&](const Grant& grant) { return grant.outbox == outbox; });
    outbox = store_->make_outbox();
  }

  Random random_;
  Options options_;
  std::unique_ptr<Store> store_;
  std::vector<OutboxId> outboxes_;
  std::map<ObjectId, Value> values_;
  std::vector<Grant> grants_;
  std::uint64_t refused_ = 0;
};

TEST(StoreProperty, AgreesWithAPlainModelAndHoldsItsBudgetsUnderRandomOperations) {
  std::string name = testing::TempDir() + "sluice-store-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  std::uint64_t refused = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Exercise run(seed, name);
    for (int i = 0; i < 300 && !testing::Test::HasFatalFailure(); ++i) {
      run.step();
      run.check();
    }
    if (testing::Test::HasFatalFailure()) break;
    run.end();
    refused += run.refused();
  }
  EXPECT_GT(refused, 0u) << "no run met its budgets: the test does not test them";
  EXPECT_TRUE(std::filesystem::is_empty(name));
  EXPECT_TRUE(remove_tree(name));
}

}  // namespace
}  // namespace sluice::store
