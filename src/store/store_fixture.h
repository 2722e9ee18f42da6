#pragma once

// A store in a folder of its own, and the baseline that every test must come back to.

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "store/store.h"

namespace sluice::store {

using Bytes = std::vector<std::byte>;

inline std::size_t descriptor_count() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

// Bytes that differ from place to place.
inline Bytes pattern(std::size_t size, std::uint32_t seed = 1) {
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

}  // namespace sluice::store
