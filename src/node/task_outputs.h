#pragma once

// What the tasks of a run with `keep: all` have written, in files of the run's folder: small values
// one behind the other in `values`, others each in a file with a number, and a line of `index` for
// each, in the order of their commits. Nothing of it stays in memory but what fills the next write.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "api/control.h"
#include "base/fd.h"
#include "base/ids.h"
#include "store/store.h"

namespace sluice::node {

class TaskOutputs {
 public:
  struct Entry {
    std::string task;    // Path.
    std::string output;  // Name.
    enum class Kind : std::uint8_t { kValue, kElement, kHole, kClosed };
    Kind kind = Kind::kValue;
    std::uint32_t index = 0;  // Of the element; kClosed: how many there are.
    store::Meta meta;
    std::uint64_t size = 0;
    Checksum checksum;
  };

  // `folder` is made with the first value.
  explicit TaskOutputs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // A value in hand, a hole, or the end of a list.
  Status add(const Entry& entry, std::string_view bytes);
  // A value that the caller writes to the file that this returns: aside, then renamed.
  Result<std::filesystem::path> add_file(const Entry& entry);
  // What was said so far of the task at this path and of all inside of it never existed.
  Status drop(std::string_view task);

  Status flush();
  // Of an ended run: flushes, and holds no descriptor any more.
  Status close();
  std::uint64_t on_disk() const { return values_written_ + index_written_; }  // Without files.
  const std::filesystem::path& folder() const { return folder_; }

 private:
  Status add_line(const Entry& entry, std::int64_t offset, std::uint64_t file);
  Status add_text(std::string line);

  std::filesystem::path folder_;
  std::string values_, index_;  // Not written yet; a few KiB.
  Fd values_file_, index_file_;
  std::uint64_t values_written_ = 0, index_written_ = 0;
  std::uint64_t last_file_ = 0;
};

// Bulk thread. The value, or the list as a JSON array whose elements are inside where they are
// small JSON or text, else references below `address`. `element`: of a list. kNotFound: nothing was
// kept.
Result<api::OutputBytes> read_task_output(const std::filesystem::path& folder,
                                          const std::string& address, std::string_view task,
                                          std::string_view output,
                                          std::optional<std::uint32_t> element);

}  // namespace sluice::node
