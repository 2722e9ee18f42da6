#pragma once

// Tells when something in the folder of an app may have changed: inotify on all of its folders that
// are not ignored. It says "look again" and not what happened: editors write by rename, versions of
// inotify merge events, and whether the app is another one is decided by its digest.

#include <filesystem>
#include <set>

#include "base/fd.h"
#include "base/limits.h"
#include "base/result.h"

namespace sluice::cli {

class AppWatch {
 public:
  static Result<AppWatch> open(std::filesystem::path folder);

  // Readable when something has changed.
  const Fd& events() const { return events_; }
  // Takes the events that are there.
  Status drain();
  // Watches the folders that the app has now. True if one was new: what was put into it before that
  // gave no event, so the app has to be read again after this. kInvalidArgument where the folder
  // holds what no app may hold; the folders so far stay watched.
  Result<bool> refresh(const Limits& limits);

 private:
  AppWatch(std::filesystem::path folder, Fd events)
      : folder_(std::move(folder)), events_(std::move(events)) {}
  Result<bool> watch(const std::filesystem::path& folder);

  std::filesystem::path folder_;
  Fd events_;
  std::set<int> watched_;  // As many as an app has folders (Limits::bundle_files).
};

}  // namespace sluice::cli
