#include "store/region_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "base/check.h"
#include "base/file.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // Linux 6.3; newer than Debian 12's headers.
#endif

namespace sluice::store {
namespace {

constexpr std::string_view kNamePrefix = "sluice-object-";

// Where the file system has no O_TMPFILE: a name for as short as possible.
Result<Fd> open_named_and_unlink(const std::filesystem::path& directory) {
  std::string name = directory / (std::string(kNamePrefix) + "XXXXXX");
  Fd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return fail(system_error(errno, fmt::format("create a file in {}", directory.native())));
  if (::unlink(name.c_str()) != 0) return fail(system_error(errno, fmt::format("unlink {}", name)));
  return fd;
}

Result<Fd> open_unnamed(const std::filesystem::path& directory) {
  Fd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  if (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL)
    return open_named_and_unlink(directory);
  return fail(system_error(errno, fmt::format("create a file in {}", directory.native())));
}

Result<Fd> open_memory() {
  Fd fd(::memfd_create("sluice-region", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL)
    fd = Fd(::memfd_create("sluice-region", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fail(system_error(errno, "create shared memory"));
  return fd;
}

}  // namespace

Result<RegionFile> RegionFile::in_memory(std::uint64_t size) {
  SLUICE_TRY(Fd fd, open_memory());
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) {
    return fail(
        system_error(errno, fmt::format("create {} of shared memory", to_text(ByteCount{size}))));
  }
  // Its workers hold it writable: without the seals one could truncate it under the others' maps,
  // or grow it beyond what is charged.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return fail(system_error(errno, "seal shared memory"));
  }
  return RegionFile(std::move(fd), false);
}

Result<RegionFile> RegionFile::on_disk(const std::filesystem::path& directory, std::uint64_t size,
                                       Reserve reserve) {
  SLUICE_TRY(Fd fd, open_unnamed(directory));
  if (size > 0) {
    int error = ::ftruncate(fd.get(), static_cast<off_t>(size)) == 0 ? 0 : errno;
    if (error == 0 && reserve == Reserve::kYes &&
        ::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) != 0 && errno != EOPNOTSUPP) {
      error = errno;
    }
    if (error != 0) {
      return fail(system_error(
          error, fmt::format("reserve {} in {}", to_text(ByteCount{size}), directory.native())));
    }
  }
  return RegionFile(std::move(fd), true);
}

Status RegionFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0) {
      if (errno == EINTR) continue;
      return fail(system_error(errno, is_file_ ? "write a spilled value" : "write shared memory"));
    }
    offset += static_cast<std::uint64_t>(put);
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return {};
}

Status RegionFile::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      return fail(system_error(errno, is_file_ ? "read a spilled value" : "read shared memory"));
    }
    if (got == 0) {
      return fail(
          ErrorCode::kDataLoss,
          fmt::format("read a value: its file ends at byte {}; a worker truncated it", offset));
    }
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

Result<Checksum> RegionFile::checksum_of(std::uint64_t offset, std::uint64_t length) const {
  // A quarter of a second-level cache: the copy is read again while it is still there.
  std::array<std::byte, 128 << 10> portion;
  ChecksumStream stream;
  while (length > 0) {
    const auto part = std::span(portion).first(
        static_cast<std::size_t>(std::min<std::uint64_t>(length, portion.size())));
    SLUICE_OK(read_at(offset, part));
    stream.update(part);
    offset += part.size();
    length -= part.size();
  }
  return stream.value();
}

Status RegionFile::resize(std::uint64_t size) {
  SLUICE_ASSERT(is_file_, "shared memory is sealed to its size");
  if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) {
    return fail(
        system_error(errno, fmt::format("resize a spill file to {}", to_text(ByteCount{size}))));
  }
  return {};
}

Result<std::uint64_t> RegionFile::size_now() const {
  struct stat status{};
  if (::fstat(fd_.get(), &status) != 0) return fail(system_error(errno, "stat a region"));
  return static_cast<std::uint64_t>(status.st_size);
}

Result<Fd> RegionFile::open_again(bool writable) const {
  // Through /proc a descriptor gets access rights of its own; dup() would share the writable ones.
  const std::string path = fmt::format("/proc/self/fd/{}", fd_.get());
  Fd fd(::open(path.c_str(), (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC));
  if (!fd) return fail(system_error(errno, "open a region for a worker"));
  return fd;
}

void RegionFile::discard(std::uint64_t size) {
  // Best effort: closing the descriptor frees the memory as well once the last mapping is gone.
  if (is_file_) {
    static_cast<void>(::ftruncate(fd_.get(), 0));
  } else {
    static_cast<void>(::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
                                  static_cast<off_t>(size)));
  }
}

Status sweep_spill_directory(const std::filesystem::path& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->path().filename().native().starts_with(kNamePrefix)) continue;
    if (::unlink(entry->path().c_str()) != 0 && errno != ENOENT) {
      return fail(system_error(errno, fmt::format("remove {}", entry->path().native())));
    }
  }
  if (error) return fail(system_error(error.value(), fmt::format("list {}", directory.native())));
  return {};
}

}  // namespace sluice::store
