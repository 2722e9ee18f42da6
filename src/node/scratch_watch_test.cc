#include "node/scratch_watch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "base/file.h"

namespace sluice::node {
namespace {

class FolderSize : public testing::Test {
 protected:
  FolderSize() {
    std::string name = testing::TempDir() + "folder_size.XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~FolderSize() override { EXPECT_TRUE(remove_tree(folder)); }

  void write(const std::filesystem::path& path, std::size_t size) {
    std::filesystem::create_directories((folder / path).parent_path());
    std::ofstream(folder / path) << std::string(size, 'x');
  }

  std::filesystem::path folder;
};

TEST_F(FolderSize, CountsWhatIsAllottedBelowIt) {
  EXPECT_EQ(folder_size(folder, 1_GiB).value, 0U);
  write("a", 100'000);
  write("b/c/d", 50'000);
  const std::uint64_t size = folder_size(folder, 1_GiB).value;
  EXPECT_GE(size, 150'000U);
  EXPECT_LE(size, 200'000U);
}

TEST_F(FolderSize, CountsAnEntryAsAPage) {
  for (int i = 0; i < 100; ++i) write("empty" + std::to_string(i), 0);
  EXPECT_EQ(folder_size(folder, 1_GiB).value, 100 * 4096U);
  EXPECT_EQ(folder_size(folder, 10_KiB).value, 3 * 4096U) << "no further than the bound";
}

TEST_F(FolderSize, DoesNotFollowLinksAndDoesNotCountHoles) {
  ASSERT_EQ(::symlink("/usr", (folder / "usr").c_str()), 0);
  ASSERT_EQ(::symlink("..", (folder / "up").c_str()), 0);
  write("sparse", 0);
  ASSERT_EQ(::truncate((folder / "sparse").c_str(), 1 << 30), 0);
  EXPECT_EQ(folder_size(folder, 1_GiB).value, 3 * 4096U);
}

TEST_F(FolderSize, OfWhatIsNotThereIsNothing) {
  EXPECT_EQ(folder_size(folder / "none", 1_GiB).value, 0U);
  write("file", 5000);
  EXPECT_EQ(folder_size(folder / "file", 1_GiB).value, 0U);
}

}  // namespace
}  // namespace sluice::node
