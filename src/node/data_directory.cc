#include "node/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

#include "base/file.h"
#include "base/hash.h"

namespace sluice::node {
namespace {
constexpr std::string_view kLayoutVersion = "1\n";
}

std::uint64_t disk_share(std::filesystem::path folder, double share) {
  struct statvfs disk{};
  while (::statvfs(folder.c_str(), &disk) != 0) {
    if (errno != ENOENT || !folder.has_relative_path()) return 0;
    folder = folder.parent_path();
  }
  return static_cast<std::uint64_t>(static_cast<double>(disk.f_blocks) *
                                    static_cast<double>(disk.f_frsize) * share);
}

Result<DataDirectory> DataDirectory::open(const std::filesystem::path& root) {
  SLUICE_OK(make_directory(root));
  std::error_code error;
  DataPaths paths{.root = std::filesystem::canonical(root, error)};
  if (error)
    return fail(system_error(error.value(), fmt::format("data directory {}", root.native())));

  SLUICE_TRY(Fd lock, open_file(paths.root / "lock", O_RDWR | O_CREAT));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error(errno, "lock the data directory"));
    const std::string owner = read_file(paths.root / "lock", 4_KiB).value_or("");
    return fail(
        ErrorCode::kUnavailable,
        fmt::format("the data directory {} is in use by another server{}; stop it or choose "
                    "another directory with --data",
                    paths.root.native(), owner.empty() ? "" : fmt::format(" (pid {})", owner)));
  }
  const std::string pid = fmt::format("{}", ::getpid());
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(system_error(errno, "write the lock file"));
  }

  const std::filesystem::path version_file = paths.root / "version";
  if (std::filesystem::exists(version_file)) {
    SLUICE_TRY(const std::string version, read_file(version_file, 4_KiB));
    if (version != kLayoutVersion) {
      return fail(
          ErrorCode::kFailedPrecondition,
          fmt::format("the data directory {} has layout version {}; this program knows only 1",
                      paths.root.native(), version.substr(0, version.find('\n'))));
    }
  } else {
    SLUICE_OK(write_file(version_file, kLayoutVersion));
  }

  // The folders of one server's life: nothing in them outlives it. Runs are in memory until there
  // is a durable journal, so their folders go too.
  for (const auto& folder : {paths.spill(), paths.scratch(), paths.runs()}) {
    SLUICE_OK(remove_tree(folder));
    SLUICE_OK(make_directory(folder));
  }
  SLUICE_OK(make_directory(paths.apps()));
  const Sha256 digest = sha256(paths.root.native());
  std::string mark = to_hex(std::span(digest).first(12));
  return DataDirectory(std::move(paths), std::move(mark), std::move(lock));
}

}  // namespace sluice::node
