#pragma once

// The data directory: who owns it, what lies where (docs/data-directory.md). One process at a time.

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::node {

struct DataPaths {
  std::filesystem::path root;
  std::filesystem::path apps() const { return root / "apps"; }  // NS/APP/N/…
  std::filesystem::path runs() const { return root / "runs"; }  // NS/YYYYMMDD/RUN/…
  // Installed packages, by what asked for them.
  std::filesystem::path packages() const { return root / "packages"; }
  std::filesystem::path cache() const { return root / "cache"; }  // What `cache: true` reuses.
  std::filesystem::path spill() const { return root / "spill"; }  // Objects; emptied at start.
  std::filesystem::path scratch() const {
    return root / "scratch";
  }  // Workers' folders, uploads; emptied at start.
  std::filesystem::path sdk() const { return root / "sdk"; }  // The SDKs in this binary, unpacked.
  // Above all apps, where Node.js looks for what they import: `import … from "sluice"`.
  std::filesystem::path node_sdk() const { return root / "node_modules" / "sluice"; }
};

// A share of the disk that the folder, or the nearest one above it that is there, lies on; 0 where
// the file system does not say.
std::uint64_t disk_share(std::filesystem::path folder, double share);

class DataDirectory {
 public:
  // Creates what is missing, takes the lock (kUnavailable when another server has it, naming its
  // pid), checks the layout version.
  static Result<DataDirectory> open(const std::filesystem::path& root);

  const DataPaths& paths() const { return paths_; }
  // Names this directory in the environment of workers: strays of an earlier server are found by
  // it.
  const std::string& mark() const { return mark_; }

 private:
  DataDirectory(DataPaths paths, std::string mark, Fd lock)
      : paths_(std::move(paths)), mark_(std::move(mark)), lock_(std::move(lock)) {}

  DataPaths paths_;
  std::string mark_;
  Fd lock_;
};

}  // namespace sluice::node
