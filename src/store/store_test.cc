#include "store/store.h"

#include <array>
#include <cstring>

#include "store/store_fixture.h"

namespace sluice::store {
namespace {

TEST_F(StoreTest, PutsValuesWherePlacementSaysAndReadsThemBack) {
  struct Row {
    std::size_t size;
    ByteCount memory;
    bool inline_bytes, in_file;
  };
  for (const Row& row : {
           Row{0, 1_MiB, true, false},
           Row{1, 1_MiB, true, false},
           Row{16 << 10, 1_MiB, true, false},
           Row{(16 << 10) + 1, 1_MiB, false, true},  // No memory for a region.
           Row{(16 << 10) + 1, 4_MiB, false, false},
           Row{3 << 20, 4_MiB, false, false},
           Row{5 << 20, 4_MiB, false, true},
           Row{0, {0}, true, false},
           Row{100, {0}, false, true},
       }) {
    SCOPED_TRACE(testing::Message() << row.size << " bytes, memory " << to_text(row.memory));
    Store& store = make({.memory = row.memory});
    const Bytes bytes = pattern(row.size);
    const auto object = store.put({.kind = 5, .name = "a.bin", .file_mode = 0640}, bytes);
    ASSERT_TRUE(object) << object.error().message();
    const auto view = store.view(*object);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->meta, (Meta{.kind = 5, .name = "a.bin", .file_mode = 0640}));
    EXPECT_EQ(view->size, row.size);
    EXPECT_TRUE(view->sealed);
    EXPECT_EQ(view->checksum, checksum(bytes));
    EXPECT_EQ(std::holds_alternative<std::span<const std::byte>>(view->bytes), row.inline_bytes);
    EXPECT_EQ(view->in_file, row.in_file);
    EXPECT_EQ(read_all(*object), bytes);
    store.check_invariants();
    store.release(*object);
    EXPECT_EQ(store.usage().disk, ByteCount{0});
    EXPECT_LE(store.usage().memory_peak, row.memory);
  }
}

TEST_F(StoreTest, ReadsOnlyBytesThatExist) {
  Store& store = make({.memory = 8_MiB});
  const Bytes bytes = pattern(100'000);
  const auto object = store.put({}, bytes);
  ASSERT_TRUE(object);
  Bytes out(1000);
  EXPECT_EQ(store.read(*object, 99'900, out), 100u);
  EXPECT_TRUE(std::equal(out.begin(), out.begin() + 100, bytes.end() - 100));
  EXPECT_EQ(store.read(*object, 100'000, out), 0u);
  EXPECT_EQ(store.read(*object, UINT64_MAX, out), 0u);
  EXPECT_EQ(store.read(*object, 5, std::span<std::byte>()), 0u);
  store.release(*object);
}

TEST_F(StoreTest, KeepsAnObjectUntilTheLastReferenceIsReleased) {
  Store& store = make({.memory = 8_MiB});
  const auto object = store.put({}, pattern(10));
  ASSERT_TRUE(object);
  store.retain(*object);
  store.release(*object);
  EXPECT_TRUE(store.view(*object));
  store.release(*object);
  EXPECT_EQ(store.usage().memory, ByteCount{0});
}

TEST_F(StoreTest, RefusesStaleIdsAlsoWhenTheSlotHasANewTenant) {
  Store& store = make({.memory = 8_MiB});
  const auto old = store.put({}, pattern(10));
  ASSERT_TRUE(old);
  store.release(*old);
  const auto tenant = store.put({}, pattern(11));
  ASSERT_TRUE(tenant);
  ASSERT_EQ(tenant->index(), old->index());
  for (const ObjectId stale : {*old, ObjectId{}, ObjectId::make(77, 1)}) {
    std::byte byte;
    EXPECT_EQ(store.view(stale).error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(store.read(stale, 0, std::span(&byte, 1)).error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(store.append(stale, {}).error().code(), ErrorCode::kNotFound);
    EXPECT_EQ(store.seal(stale).error().code(), ErrorCode::kNotFound);
    bool called = false;
    store.on_growth(stale, [&] { called = true; });
    EXPECT_TRUE(called) << "a reader of an object that is gone must not wait for ever";
  }
  EXPECT_EQ(store.append(*tenant, {}).error().code(), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(store.region(RegionId::make(9, 9)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(store.open_region(RegionId{}, false).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(store.grant(OutboxId::make(9, 9), 1).error().code(), ErrorCode::kNotFound);
  store.release(*tenant);
}

#ifndef NDEBUG
using StoreDeathTest = StoreTest;
TEST_F(StoreDeathTest, AbortsInDebugBuildsWhenAnObjectIsReleasedTwice) {
  Store& store = make({.memory = 8_MiB});
  const auto object = store.put({}, pattern(10));
  ASSERT_TRUE(object);
  store.release(*object);
  EXPECT_DEATH(store.release(*object), "release of a stale object");
  EXPECT_DEATH(store.retain(*object), "retain of a stale object");
}
#endif

TEST_F(StoreTest, SaysWhatWasWantedAndHowToRaiseTheBudget) {
  Store& store = make({.memory = 4_MiB, .disk = 2_MiB});
  const OutboxId outbox = store.make_outbox();
  const auto range = store.grant(outbox, std::uint64_t{3} << 30);
  ASSERT_FALSE(range);
  EXPECT_EQ(range.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(
      range.error().message(),
      "3.0 GiB for a value: 0 B of the 4.0 MiB of memory are in use (--memory raises it), and 0 B "
      "of 2.0 MiB for spilled values");
  for (const std::uint64_t absurd : {UINT64_MAX, UINT64_MAX - 63, std::uint64_t{1} << 63}) {
    EXPECT_EQ(store.grant(outbox, absurd).error().code(), ErrorCode::kResourceExhausted);
    EXPECT_EQ(store.open({}, absurd).error().code(), ErrorCode::kResourceExhausted);
  }
  EXPECT_EQ(store.put({}, pattern(5 << 20)).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(store.usage().regions, 0u);
  EXPECT_EQ(store.put({.name = std::string(256, 'x')}, {}).error().code(),
            ErrorCode::kInvalidArgument);
}

// ---- open objects
// --------------------------------------------------------------------------------

TEST_F(StoreTest, AnOpenObjectCanBeReadWhileItGrows) {
  for (const ByteCount memory : {ByteCount{0}, 1_MiB, 64_MiB}) {
    for (const bool size_known : {false, true}) {
      SCOPED_TRACE(testing::Message() << to_text(memory) << (size_known ? ", size known" : ""));
      Store& store = make({.memory = memory});
      const Bytes bytes = pattern(6'000'000);
      const auto object =
          store.open({}, size_known ? std::optional<std::uint64_t>(bytes.size()) : std::nullopt);
      ASSERT_TRUE(object) << object.error().message();
      std::size_t position = 0;  // Of a reader.
      for (std::size_t done = 0, step = 1; done < bytes.size(); step = step * 3 / 2 + 1) {
        const std::size_t part = std::min(step, bytes.size() - done);
        ASSERT_TRUE(store.append(*object, std::span(bytes).subspan(done, part)));
        done += part;
        const auto view = store.view(*object);
        ASSERT_TRUE(view);
        ASSERT_EQ(view->size, done);
        ASSERT_FALSE(view->sealed);
        ASSERT_EQ(view->checksum, checksum(std::span(bytes).first(done)));
        if (const Range* range = std::get_if<Range>(&view->bytes)) {
          ASSERT_EQ(range->length, done);
          ASSERT_LE(range->offset + done, store.region(range->region)->size);
        }
        Bytes out(part);
        ASSERT_EQ(store.read(*object, position, out), part);
        ASSERT_TRUE(
            std::equal(out.begin(), out.end(), bytes.begin() + static_cast<long>(position)));
        position += part;
        store.check_invariants();
      }
      ASSERT_TRUE(store.seal(*object));
      EXPECT_TRUE(store.view(*object)->sealed);
      EXPECT_EQ(store.view(*object)->checksum, checksum(bytes));
      EXPECT_EQ(read_all(*object), bytes);
      EXPECT_EQ(store.append(*object, bytes).error().code(), ErrorCode::kFailedPrecondition);
      EXPECT_EQ(store.seal(*object).error().code(), ErrorCode::kFailedPrecondition);
      store.release(*object);
      EXPECT_EQ(store.usage().disk, ByteCount{0});
    }
  }
}

TEST_F(StoreTest, ARangeThatAViewShowedKeepsItsBytesWhenTheObjectMoves) {
  Store& store = make({.memory = 64_MiB});
  const Bytes bytes = pattern(1 << 20);
  const auto object = store.open({}, std::nullopt);
  ASSERT_TRUE(object);
  ASSERT_TRUE(store.append(*object, std::span(bytes).first(100'000)));
  const Range before = std::get<Range>(store.view(*object)->bytes);
  ASSERT_TRUE(store.append(*object, std::span(bytes).subspan(100'000)));
  const Range after = std::get<Range>(store.view(*object)->bytes);
  ASSERT_NE(before.region, after.region);
  // Somebody else does not get the place that was left.
  const auto other = store.put({}, pattern(200'000, 2));
  ASSERT_TRUE(other);
  const auto fd = store.open_region(before.region, false);
  ASSERT_TRUE(fd);
  Bytes seen(100'000);
  ASSERT_EQ(::pread(fd->get(), seen.data(), seen.size(), static_cast<off_t>(before.offset)),
            100'000);
  EXPECT_TRUE(std::equal(seen.begin(), seen.end(), bytes.begin()));
  store.release(*other);
  store.release(*object);
}

TEST_F(StoreTest, AValueOfAnotherSizeThanAnnouncedIsRefusedAndStaysAsItWas) {
  Store& store = make({.memory = 64_MiB});
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{10}, std::uint64_t{100'000}}) {
    const auto object = store.open({}, size);
    ASSERT_TRUE(object);
    const Bytes bytes = pattern(size);
    ASSERT_TRUE(store.append(*object, std::span(bytes).first(size / 2)));
    if (size > 0) EXPECT_EQ(store.seal(*object).error().code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(store.append(*object, pattern(size + 1)).error().code(), ErrorCode::kInvalidArgument);
    ASSERT_TRUE(store.append(*object, std::span(bytes).subspan(size / 2)));
    ASSERT_TRUE(store.seal(*object));
    EXPECT_EQ(read_all(*object), bytes);
    store.release(*object);
  }
}

TEST_F(StoreTest, AnAppendThatFindsNoRoomLeavesTheObjectAsItWas) {
  Store& store = make({.memory = {4096}, .disk = 5_MiB, .segment = 64_KiB});
  const auto object = store.open({}, std::nullopt);
  ASSERT_TRUE(object);
  const Bytes bytes = pattern(1 << 20);
  std::uint64_t size = 0;
  Status appended;
  while ((appended = store.append(*object, bytes))) size += bytes.size();
  EXPECT_EQ(appended.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(size, 5u << 20) << "all of the budget can be used";
  store.check_invariants();
  EXPECT_EQ(store.view(*object)->size, size);
  ASSERT_TRUE(store.seal(*object));
  ASSERT_EQ(read_all(*object).size(), size);
  store.release(*object);
}

TEST_F(StoreTest, StreamsFarMoreThanItsMemory) {
  Store& store = make({.memory = 16_MiB});
  constexpr std::uint64_t kSize = 1 << 30;
  const Bytes bytes = pattern(64 << 10);
  const auto object = store.open({}, std::nullopt);
  ASSERT_TRUE(object);
  std::array<std::byte, 512> out;
  for (std::uint64_t done = 0; done < kSize; done += bytes.size()) {
    ASSERT_TRUE(store.append(*object, bytes));
    if (done % (16 << 20) != 0) continue;
    ASSERT_EQ(store.read(*object, done + 1000, out), out.size());
    ASSERT_EQ(std::memcmp(out.data(), bytes.data() + 1000, out.size()), 0);
  }
  ASSERT_TRUE(store.seal(*object));
  EXPECT_EQ(store.view(*object)->size, kSize);
  EXPECT_TRUE(store.view(*object)->in_file);
  EXPECT_EQ(store.usage().disk, ByteCount{kSize}) << "what was extended too far is given back";
  EXPECT_LE(store.usage().memory_peak, 16_MiB);
  store.release(*object);
  EXPECT_EQ(store.usage().disk, ByteCount{0});
}

TEST_F(StoreTest, TellsWaitingReadersOnceOfGrowthAndOfTheEnd) {
  Store& store = make({.memory = 1_MiB});
  const auto object = store.open({}, std::nullopt);
  ASSERT_TRUE(object);
  int first = 0;
  int second = 0;
  store.on_growth(*object, [&] { ++first; });
  store.on_growth(*object, [&] { ++second; });
  ASSERT_TRUE(store.append(*object, {}));
  EXPECT_EQ(first, 0) << "nothing has grown";
  ASSERT_TRUE(store.append(*object, pattern(1)));
  ASSERT_TRUE(store.append(*object, pattern(1)));
  EXPECT_EQ(first + second, 2);
  store.on_growth(*object, [&] { ++first; });
  ASSERT_TRUE(store.seal(*object));
  EXPECT_EQ(first, 2);
  store.on_growth(*object, [&] { ++first; });
  EXPECT_EQ(first, 3) << "sealed: nothing more will come, so at once";
  store.release(*object);
}

TEST_F(StoreTest, TellsWaitingReadersThatAnOpenObjectWasDropped) {
  Store& store = make({.memory = 1_MiB});
  const auto object = store.open({}, 300'000);
  ASSERT_TRUE(object);
  ErrorCode seen = ErrorCode::kInternal;
  store.on_growth(*object, [&] { seen = store.view(*object).error().code(); });
  store.release(*object);
  EXPECT_EQ(seen, ErrorCode::kNotFound);
}

TEST_F(StoreTest, ACallbackMayUseTheStoreAndEndTheObject) {
  Store& store = make({.memory = 1_MiB});
  const auto object = store.open({}, std::nullopt);
  ASSERT_TRUE(object);
  std::vector<std::uint64_t> seen;
  store.on_growth(*object, [&] {
    seen.push_back(store.view(*object)->size);
    store.on_growth(*object, [&] { seen.push_back(store.view(*object)->size); });
    EXPECT_TRUE(store.append(*object, pattern(20'000)));
    EXPECT_TRUE(store.seal(*object));
    store.release(*object);
  });
  ASSERT_TRUE(store.append(*object, pattern(5)));
  EXPECT_EQ(seen, (std::vector<std::uint64_t>{5, 20'005}));
}

}  // namespace
}  // namespace sluice::store
