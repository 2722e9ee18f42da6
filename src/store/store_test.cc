#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <fstream>
#include <numeric>

#include "base/file.h"

namespace sluice::store {
namespace {

using Bytes = std::vector<std::byte>;

std::size_t descriptor_count() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

// Bytes that differ from place to place.
Bytes pattern(std::size_t size, std::uint32_t seed = 1) {
  Bytes bytes(size);
  for (std::byte& byte : bytes) {
    seed = seed * 1664525 + 1013904223;
    byte = static_cast<std::byte>(seed >> 24);
  }
  return bytes;
}

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "sluice-store-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
    descriptors_ = descriptor_count();
  }
  // Every test leaves nothing: no object, region or byte, no descriptor, no file.
  void TearDown() override {
    if (store_) {
      store_->check_invariants();
      EXPECT_EQ(store_->usage().objects, 0u) << "a test releases what it made";
      store_.reset();
    }
    EXPECT_EQ(descriptor_count(), descriptors_);
    EXPECT_TRUE(std::filesystem::is_empty(directory_ / "spill"));
    EXPECT_TRUE(remove_tree(directory_));
  }

  Store& make(Options options) {
    options.spill_directory = directory_ / "spill";
    auto made = Store::make(std::move(options));
    EXPECT_TRUE(made) << made.error().message();
    store_ = std::move(*made);
    return *store_;
  }

  Bytes read_all(ObjectId object) {
    const auto view = store_->view(object);
    EXPECT_TRUE(view);
    Bytes bytes(static_cast<std::size_t>(view->size) + 1);  // One more: it must not be filled.
    const auto got = store_->read(object, 0, bytes);
    EXPECT_TRUE(got) << got.error().message();
    bytes.resize(*got);
    EXPECT_EQ(bytes.size(), view->size);
    return bytes;
  }

  // What a worker does: maps the region and writes.
  void fill(const Range& range, const Bytes& bytes) {
    const auto fd = store_->open_region(range.region, true);
    ASSERT_TRUE(fd) << fd.error().message();
    ASSERT_LE(bytes.size(), range.length);
    ASSERT_EQ(::pwrite(fd->get(), bytes.data(), bytes.size(), static_cast<off_t>(range.offset)),
              static_cast<ssize_t>(bytes.size()));
  }

  std::filesystem::path directory_;
  std::size_t descriptors_ = 0;
  std::unique_ptr<Store> store_;
};

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

// ---- outboxes
// ------------------------------------------------------------------------------------

TEST_F(StoreTest, MakesAnObjectOfWhatAWorkerWroteIntoItsRange) {
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

TEST_F(StoreTest, ARangeOfNothingIsAGrantToo) {
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

TEST_F(StoreTest, BelievesNoRangeThatItDidNotGrant) {
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

TEST_F(StoreTest, TellsAFileThatAWorkerTruncatedFromTheValueItPromised) {
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

TEST_F(StoreTest, AWorkerCannotChangeTheSizeOfSharedMemory) {
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

TEST_F(StoreTest, AReadOnlyRegionCannotBeMappedWritable) {
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

TEST_F(StoreTest, OnlyRegionsOfOutboxesAreOpenedForWriting) {
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

TEST_F(StoreTest, KeepsOneEmptyRegionPerOutboxAndGivesItUpWhenMemoryIsShort) {
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

TEST_F(StoreTest, SmallSpilledValuesShareFiles) {
  Store& store = make({.memory = {0}});
  std::vector<ObjectId> objects;
  for (int i = 0; i < 500; ++i) objects.push_back(*store.put({}, pattern(20'000, 7)));
  EXPECT_LE(store.usage().regions, 4u);
  for (const ObjectId object : objects) store.release(object);
  EXPECT_EQ(store.usage().regions, 0u);
}

TEST_F(StoreTest, ADroppedOutboxLosesItsGrantsAndKeepsItsObjects) {
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

TEST_F(StoreTest, TellsWhichRegionsAreGoneAndTakesTheirMemoryFromWhoeverHasThemMapped) {
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

TEST_F(StoreTest, RemovesItsOwnLeftoversAtStartAndNothingElse) {
  const auto spill = directory_ / "spill";
  ASSERT_TRUE(make_directory(spill));
  ASSERT_TRUE(write_file(spill / "sluice-object-aBc123", "left", Sync::kNo));
  ASSERT_TRUE(write_file(spill / "somebody's", "theirs", Sync::kNo));
  make({.memory = 1_MiB});
  EXPECT_FALSE(std::filesystem::exists(spill / "sluice-object-aBc123"));
  EXPECT_TRUE(std::filesystem::remove(spill / "somebody's"));
}

TEST_F(StoreTest, SaysWhyItCannotStart) {
  ASSERT_TRUE(make_directory(directory_ / "spill"));
  ASSERT_TRUE(write_file(directory_ / "file", "", Sync::kNo));
  const auto made = Store::make({.memory = 1_MiB, .spill_directory = directory_ / "file"});
  ASSERT_FALSE(made);
  EXPECT_NE(made.error().message().find("is not a directory"), std::string::npos);
}

}  // namespace
}  // namespace sluice::store
