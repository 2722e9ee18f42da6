#pragma once

// The bytes behind one region: shared memory, or an unnamed file in the spill directory. Nothing of
// either is left when the process is killed. The node never maps them: a worker that has the
// descriptor may truncate a file under a mapping (SIGBUS) or write while somebody reads; pread
// copies, and a file that became shorter is an error like any other.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "base/fd.h"
#include "base/hash.h"
#include "base/result.h"

namespace sluice::store {

class RegionFile {
 public:
  // Shared memory of this size, sealed against any other size. The one place that decides what
  // shared memory is made of (a memfd; a private tmpfs with huge pages needs no other change).
  static Result<RegionFile> in_memory(std::uint64_t size);
  // A file without a name. kYes reserves its blocks, so that a worker that has mapped it is not
  // killed by a full disk.
  enum class Reserve : bool { kNo, kYes };
  static Result<RegionFile> on_disk(const std::filesystem::path& directory, std::uint64_t size,
                                    Reserve reserve);

  bool is_file() const { return is_file_; }
  Status write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // All of `out`, or kDataLoss: the bytes were there when they were promised.
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const;
  // Any thread may call it on a descriptor of its own (open_again): reads in portions, keeps
  // nothing.
  Result<Checksum> checksum_of(std::uint64_t offset, std::uint64_t length) const;
  Status resize(std::uint64_t size);  // Files only.
  // Bytes that are really there; a worker may have truncated a file.
  Result<std::uint64_t> size_now() const;
  // A descriptor of its own; a read-only one allows no writable mapping.
  Result<Fd> open_again(bool writable) const;
  // Gives the memory back to the system even if a worker still has it mapped.
  void discard(std::uint64_t size);

 private:
  RegionFile(Fd fd, bool is_file) : fd_(std::move(fd)), is_file_(is_file) {}
  Fd fd_;
  bool is_file_;
};

// Removes what a server without unnamed files may have left when it was killed.
Status sweep_spill_directory(const std::filesystem::path& directory);

}  // namespace sluice::store
