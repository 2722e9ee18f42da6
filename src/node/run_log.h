#pragma once

// What the tasks of a run printed: lines `path | text`, in order of arrival. The first 16 KiB stay
// in memory, all else is appended to a file in the run's folder. Bounded per task and per run; what
// is beyond is dropped and the log says so. Loop thread.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "api/control.h"
#include "base/fd.h"
#include "base/limits.h"

namespace sluice::node {

// The unfinished line and the share of one task.
struct TaskLog {
  std::string partial;
  std::string tail;  // The last lines, for the error message of a failure.
  std::uint64_t bytes = 0;
  bool is_full = false;
};

class RunLog {
 public:
  // Appends what a task printed; bytes that are not UTF-8 are replaced. `folder` is made when
  // needed.
  void append(const std::string& path, TaskLog& task, std::string_view text,
              const std::filesystem::path& folder, const Limits& limits);
  // The attempt is over: an unfinished line ends.
  void finish(const std::string& path, TaskLog& task, const std::filesystem::path& folder,
              const Limits& limits);

  // At most 64 KiB of the log's text from position `after`; lines of other steps or tasks left out.
  // What is inside of a flow or a loop is of that step and task, too.
  api::LogChunk read(std::uint64_t after, std::string_view step, std::string_view task) const;
  std::uint64_t size() const { return size_; }
  std::uint64_t on_disk() const { return size_ - memory_.size(); }

 private:
  void add_line(std::string_view path, std::string_view line, const std::filesystem::path& folder);

  std::string memory_;      // The first part.
  std::uint64_t size_ = 0;  // Of the whole log.
  bool is_full_ = false;
  Fd file_;
};

}  // namespace sluice::node
