#include "node/scratch_watch.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/log.h"

namespace sluice::node {
namespace {

// A second of a fast disk is a GiB or two: what may be written beyond the bound.
constexpr Duration kEvery = std::chrono::seconds(1);
// A look may take at most this share of a thread.
constexpr int kShare = 10;
constexpr std::uint64_t kEntryLeast = 4096;
constexpr std::uint64_t kBlock = 512;  // Of st_blocks, whatever the file system's own are.

// Below `top` and through no link, since the task may put one there at any moment.
Fd open_below(const Fd& top, const std::string& path) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, top.get(), path.c_str(), &how, sizeof how)));
}

}  // namespace

ByteCount folder_size(const std::filesystem::path& folder, ByteCount most) {
  const Fd top(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!top) return {};
  std::uint64_t sum = 0;
  // Names and no descriptors: how deep it goes is the task's choice.
  std::vector<std::string> left{"."};
  while (!left.empty()) {
    const std::string path = std::move(left.back());
    left.pop_back();
    Fd opened = open_below(top, path);
    DIR* const entries = opened ? ::fdopendir(opened.get()) : nullptr;
    if (entries == nullptr) continue;
    const int at = opened.release();
    while (const dirent* entry = ::readdir(entries)) {
      const std::string_view name = entry->d_name;
      struct stat status{};
      if (name == "." || name == "..") continue;
      if (::fstatat(at, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      sum += std::max(static_cast<std::uint64_t>(status.st_blocks) * kBlock, kEntryLeast);
      if (S_ISDIR(status.st_mode)) left.push_back(path + '/' + entry->d_name);
      if (sum > most.value) break;
    }
    ::closedir(entries);
    if (sum > most.value) break;
  }
  return ByteCount{sum};
}

struct ScratchWatch::Look {
  std::vector<TaskFolder> folders;
  std::vector<std::uint64_t> full;
  Duration took{};
};

ScratchWatch::ScratchWatch(aio::Loop& loop, aio::BulkPool& bulk, ByteCount most, TaskFolders& tasks)
    : loop_(loop),
      bulk_(bulk),
      most_(most),
      tasks_(tasks),
      timer_(loop),
      is_alive_(std::make_shared<bool>(true)) {}

ScratchWatch::~ScratchWatch() { *is_alive_ = false; }

void ScratchWatch::task_started() {
  if (is_due_) return;
  is_due_ = true;
  timer_.at(loop_.now() + kEvery, [this] { look(); });
}

void ScratchWatch::look() {
  auto look = std::make_shared<Look>(Look{.folders = tasks_.task_folders(), .full = {}});
  is_due_ = false;
  if (look->folders.empty()) return;  // The next task begins anew.
  is_due_ = true;
  const auto work = [look, most = most_] {
    const TimePoint began = std::chrono::steady_clock::now();
    for (const TaskFolder& folder : look->folders) {
      if (folder_size(folder.path, most) > most) look->full.push_back(folder.task);
    }
    look->took = std::chrono::steady_clock::now() - began;
  };
  const auto done = [this, look, is_alive = is_alive_] {
    if (*is_alive) on_looked(*look);
  };
  if (const Status submitted = bulk_.submit(work, done); !submitted) {
    log::debug("the folders of tasks are looked at later{}",
               log::field("error", submitted.error().message()));
    on_looked({});
  }
}

void ScratchWatch::on_looked(const Look& look) {
  for (const std::uint64_t task : look.full) tasks_.on_folder_full(task);
  timer_.at(loop_.now() + std::max<Duration>(kEvery, look.took * kShare), [this] { this->look(); });
}

}  // namespace sluice::node
