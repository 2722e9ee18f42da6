// What workers write into and what they may do there.

#include <sys/mman.h>
#include <sys/stat.h>

#include "store/store_fixture.h"

namespace sluice::store {
namespace {

using StoreOutboxTest = StoreTest;

// ------------------------------------------------------------------------------------

TEST_F(StoreOutboxTest, MakesAnObjectOfWhatAWorkerWroteIntoItsRange) {
  for (const ByteCount memory : {16_MiB, ByteCount{0}}) {
    for (const std::uint64_t size : {0, 1, 16 << 10, (16 << 10) + 1, 1'000'000}) {
      SCOPED_TRACE(testing::Message() << size << " bytes, memory " << to_text(memory));
      Store& store = make({.memory = memory});
      const OutboxId outbox = store.make_outbox();
      const auto range = store.grant(outbox, size + 5000);
      ASSERT_TRUE(range) << range.error().message();
      EXPECT_EQ(range->length, size + 5000);
      EXPECT_EQ(range->offset % 64, 0u);
      EXPECT_EQ(store.region(range->region)->is_file, memory == ByteCount{0});
      const Bytes bytes = pattern(size);
      fill(*range, bytes);
      const auto object = store.adopt(outbox, *range, size, {.kind = 2});
      ASSERT_TRUE(object) << object.error().message();
      const auto view = store.view(*object);
      EXPECT_TRUE(view->sealed);
      EXPECT_EQ(view->checksum, checksum(bytes));
      EXPECT_EQ(view->meta.kind, 2);
      if (const Range* place = std::get_if<Range>(&view->bytes)) {
        EXPECT_EQ(*place, (Range{range->region, range->offset, size}));
      } else {
        EXPECT_LE(size, 16u << 10);
      }
      EXPECT_EQ(read_all(*object), bytes);
      store.check_invariants();
      store.release(*object);
    }
  }
}

TEST_F(StoreOutboxTest, ARangeOfNothingIsAGrantToo) {
  Store& store = make({.memory = 16_MiB});
  const OutboxId outbox = store.make_outbox();
  const auto first = store.grant(outbox, 0);
  const auto second = store.grant(outbox, 0);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->offset, second->offset);
  store.take_back(outbox, *first);
  const auto object = store.adopt(outbox, *second, 0, {});
  ASSERT_TRUE(object);
  EXPECT_EQ(store.view(*object)->size, 0u);
  store.release(*object);
}

TEST_F(StoreOutboxTest, BelievesNoRangeThatItDidNotGrant) {
  Store& store = make({.memory = 16_MiB});
  const OutboxId outbox = store.make_outbox();
  const OutboxId stranger = store.make_outbox();
  const auto range = store.grant(outbox, 100'000);
  const auto secret = store.put({}, pattern(100'000));
  ASSERT_TRUE(range && secret);
  const Range of_node = std::get<Range>(store.view(*secret)->bytes);
  struct Row {
    OutboxId outbox;
    Range range;
    std::uint64_t size;
  };
  for (const Row& row : {
           Row{stranger, *range, 10},
           Row{outbox, {range->region, range->offset + 64, range->length}, 10},
           Row{outbox, {range->region, range->offset, range->length + 64}, 10},
           Row{outbox, {range->region, range->offset, range->length - 1}, 10},
           Row{outbox, *range, range->length + 1},
           Row{outbox, *range, UINT64_MAX},
           Row{outbox, of_node, 10},
           Row{outbox, {RegionId{}, 0, 0}, 0},
           Row{outbox, {RegionId::make(55, 1), 0, 10}, 10},
           Row{OutboxId{}, *range, 10},
       }) {
    EXPECT_EQ(store.adopt(row.outbox, row.range, row.size, {}).error().code(),
              ErrorCode::kInvalidArgument);
    if (row.range != *range) store.take_back(row.outbox, row.range);
  }
  store.take_back(stranger, *range);
  const auto object = store.adopt(outbox, *range, 20'000, {});
  ASSERT_TRUE(object) << "the grant still stands";
  EXPECT_EQ(store.adopt(outbox, *range, 20'000, {}).error().code(), ErrorCode::kInvalidArgument)
      << "but only once";
  store.take_back(outbox, *range);
  EXPECT_EQ(store.view(*object)->size, 20'000u);
  store.release(*object);
  store.release(*secret);
}

TEST_F(StoreOutboxTest, TellsAFileThatAWorkerTruncatedFromTheValueItPromised) {
  Store& store = make({.memory = {0}});
  const OutboxId outbox = store.make_outbox();
  const auto range = store.grant(outbox, 100'000);
  const auto later = store.grant(outbox, 100'000);
  ASSERT_TRUE(range && later);
  fill(*range, pattern(100'000));
  const auto object = store.adopt(outbox, *range, 100'000, {});
  ASSERT_TRUE(object);
  ASSERT_EQ(::ftruncate(store.open_region(range->region, true)->get(), 50), 0);
  Bytes out(1000);
  EXPECT_EQ(store.read(*object, 0, out).error().code(), ErrorCode::kDataLoss);
  EXPECT_EQ(store.adopt(outbox, *later, 100'000, {}).error().code(), ErrorCode::kDataLoss);
  store.release(*object);
  EXPECT_EQ(store.usage().regions, 0u) << "the grant that failed was taken back";
}

TEST_F(StoreOutboxTest, AWorkerCannotChangeTheSizeOfSharedMemory) {
  Store& store = make({.memory = 16_MiB});
  const OutboxId outbox = store.make_outbox();
  const auto range = store.grant(outbox, 100'000);
  ASSERT_TRUE(range);
  const auto fd = store.open_region(range->region, true);
  ASSERT_TRUE(fd);
  EXPECT_NE(::ftruncate(fd->get(), 0), 0);
  EXPECT_NE(::ftruncate(fd->get(), 1 << 30), 0);
  store.take_back(outbox, *range);
}

TEST_F(StoreOutboxTest, AReadOnlyRegionCannotBeMappedWritable) {
  for (const ByteCount memory : {16_MiB, ByteCount{0}}) {
    Store& store = make({.memory = memory});
    const OutboxId outbox = store.make_outbox();
    const auto range = store.grant(outbox, 100'000);
    ASSERT_TRUE(range);
    const auto fd = store.open_region(range->region, false);
    ASSERT_TRUE(fd);
    EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
    void* mapped = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
    EXPECT_EQ(mapped, MAP_FAILED);
    mapped = ::mmap(nullptr, 4096, PROT_READ, MAP_SHARED, fd->get(), 0);
    ASSERT_NE(mapped, MAP_FAILED);
    EXPECT_NE(::mprotect(mapped, 4096, PROT_READ | PROT_WRITE), 0);
    EXPECT_EQ(::munmap(mapped, 4096), 0);
    EXPECT_EQ(::pwrite(fd->get(), "x", 1, 0), -1);
    store.take_back(outbox, *range);
  }
}

TEST_F(StoreOutboxTest, OnlyRegionsOfOutboxesAreOpenedForWriting) {
  Store& store = make({.memory = 16_MiB});
  const auto in_memory = store.put({}, pattern(100'000));
  const auto in_file = store.put({}, pattern(20 << 20));
  ASSERT_TRUE(in_memory && in_file);
  for (const ObjectId object : {*in_memory, *in_file}) {
    const RegionId region = std::get<Range>(store.view(object)->bytes).region;
    EXPECT_EQ(store.open_region(region, true).error().code(), ErrorCode::kPermissionDenied);
    EXPECT_TRUE(store.open_region(region, false));
    store.release(object);
  }
}

TEST_F(StoreOutboxTest, KeepsOneEmptyRegionPerOutboxAndGivesItUpWhenMemoryIsShort) {
  Store& store = make({.memory = 16_MiB});
  const OutboxId outbox = store.make_outbox();
  const auto a = store.grant(outbox, 3 << 20);
  const auto b = store.grant(outbox, 3 << 20);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(store.usage().regions, 2u);
  store.take_back(outbox, *a);
  store.take_back(outbox, *b);
  EXPECT_EQ(store.usage().regions, 1u);
  EXPECT_EQ(store.usage().memory, 4_MiB);
  store.check_invariants();
  const auto again = store.grant(outbox, 3 << 20);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->region == a->region || again->region == b->region) << "recycled";
  store.take_back(outbox, *again);

  const OutboxId other = store.make_outbox();
  const auto large = store.grant(other, 16 << 20);
  ASSERT_TRUE(large);
  EXPECT_FALSE(store.region(large->region)->is_file) << "the empty region made room";
  EXPECT_EQ(store.usage().memory, 16_MiB);
  store.take_back(other, *large);
  EXPECT_EQ(store.usage().regions, 0u) << "nothing is kept while memory is short";
}

TEST_F(StoreOutboxTest, SmallSpilledValuesShareFiles) {
  Store& store = make({.memory = {0}});
  std::vector<ObjectId> objects;
  for (int i = 0; i < 500; ++i) objects.push_back(*store.put({}, pattern(20'000, 7)));
  EXPECT_LE(store.usage().regions, 4u);
  for (const ObjectId object : objects) store.release(object);
  EXPECT_EQ(store.usage().regions, 0u);
}

TEST_F(StoreOutboxTest, ADroppedOutboxLosesItsGrantsAndKeepsItsObjects) {
  Store& store = make({.memory = 16_MiB});
  const OutboxId outbox = store.make_outbox();
  const auto granted = store.grant(outbox, 100'000);
  const auto used = store.grant(outbox, 100'000);
  ASSERT_TRUE(granted && used);
  const Bytes bytes = pattern(100'000);
  fill(*used, bytes);
  const auto object = store.adopt(outbox, *used, bytes.size(), {});
  ASSERT_TRUE(object);
  store.drop_outbox(outbox);
  store.drop_outbox(outbox);  // Twice is nothing.
  store.check_invariants();
  EXPECT_EQ(store.grant(outbox, 1).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(store.adopt(outbox, *granted, 1, {}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(read_all(*object), bytes);
  EXPECT_EQ(store.usage().regions, 1u);
  store.release(*object);
  EXPECT_EQ(store.usage().regions, 0u);
}

TEST_F(StoreOutboxTest, TellsWhichRegionsAreGoneAndTakesTheirMemoryFromWhoeverHasThemMapped) {
  Store& store = make({.memory = 16_MiB});
  std::vector<RegionId> closed;
  store.on_region_closed([&](RegionId region) { closed.push_back(region); });
  const OutboxId outbox = store.make_outbox();
  const auto range = store.grant(outbox, 1 << 20);
  ASSERT_TRUE(range);
  fill(*range, pattern(1 << 20));
  const auto fd = store.open_region(range->region, true);
  ASSERT_TRUE(fd);
  struct stat status{};
  ASSERT_EQ(::fstat(fd->get(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, 1 << 20);
  store.drop_outbox(outbox);
  EXPECT_EQ(closed, std::vector<RegionId>{range->region});
  ASSERT_EQ(::fstat(fd->get(), &status), 0);
  EXPECT_EQ(status.st_blocks, 0);
}

TEST_F(StoreOutboxTest, RemovesItsOwnLeftoversAtStartAndNothingElse) {
  const auto spill = directory_ / "spill";
  ASSERT_TRUE(make_directory(spill));
  ASSERT_TRUE(write_file(spill / "sluice-object-aBc123", "left", Sync::kNo));
  ASSERT_TRUE(write_file(spill / "somebody's", "theirs", Sync::kNo));
  make({.memory = 1_MiB});
  EXPECT_FALSE(std::filesystem::exists(spill / "sluice-object-aBc123"));
  EXPECT_TRUE(std::filesystem::remove(spill / "somebody's"));
}

TEST_F(StoreOutboxTest, SaysWhyItCannotStart) {
  ASSERT_TRUE(make_directory(directory_ / "spill"));
  ASSERT_TRUE(write_file(directory_ / "file", "", Sync::kNo));
  const auto made = Store::make({.memory = 1_MiB, .spill_directory = directory_ / "file"});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("is not a directory"), std::string::npos);
}

}  // namespace
}  // namespace sluice::store
