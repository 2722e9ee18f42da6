#pragma once

// What tasks write into their folders, bounded. Nothing of the system does that for a process
// without a file system of its own, so while tasks run a bulk thread looks at their folders now and
// then, and whose folder holds too much is ended. Between two looks a task may write beyond its
// bound as fast as the disk goes; a full disk is then its own and its neighbours' failure, as on
// any machine. Loop only.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "aio/loop.h"
#include "base/units.h"

namespace sluice::node {

// Bytes that are allotted to what lies in a folder, links not followed. Each entry counts at least
// 4 KiB: millions of empty files fill a disk, too. Stops counting once there is more than `most`.
// What may not be read counts nothing. Blocking.
ByteCount folder_size(const std::filesystem::path& folder, ByteCount most);

struct TaskFolder {
  std::uint64_t task = 0;  // Its handle.
  std::filesystem::path path;
};

class TaskFolders {
 public:
  virtual ~TaskFolders() = default;
  virtual std::vector<TaskFolder> task_folders() const = 0;
  // It held more than it may when it was looked at; the task may be over by now.
  virtual void on_folder_full(std::uint64_t task) = 0;
};

class ScratchWatch {
 public:
  ScratchWatch(aio::Loop& loop, aio::BulkPool& bulk, ByteCount most, TaskFolders& tasks);
  ~ScratchWatch();

  // A task runs. The watch goes on by itself as long as any does.
  void task_started();
  ByteCount most() const { return most_; }

 private:
  struct Look;

  void look();
  void on_looked(const Look& look);

  aio::Loop& loop_;
  aio::BulkPool& bulk_;
  const ByteCount most_;
  TaskFolders& tasks_;
  aio::Timer timer_;
  bool is_due_ = false;             // The timer runs, or a look is on its way.
  std::shared_ptr<bool> is_alive_;  // Of this, for a look that ends later.
};

}  // namespace sluice::node
