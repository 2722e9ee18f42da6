#include "program/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sluice::program {
namespace {

constexpr std::uint32_t kWatched = IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO |
                                   IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR | IN_DONT_FOLLOW;
// What one look at the watch reads.
constexpr std::size_t kEventsSize = 64 << 10;

std::string join(const std::string& folder, const char* name) {
  return folder.empty() ? std::string(name) : folder + "/" + name;
}

FileState state_in(const struct stat& status) {
  return {.inode = status.st_ino,
          .size = static_cast<std::uint64_t>(status.st_size),
          .modified = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

Fd open_below(const Fd& folder, const char* path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, folder.get(), path, &how, sizeof how)));
}

}  // namespace

Result<Folder> Folder::open(const std::string& path, std::vector<ProductFiles*> files) {
  Folder folder;
  folder.path_ = path;
  folder.files_ = std::move(files);
  folder.folder_ = Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.folder_) return fail(system_error(errno, fmt::format("open {}", path)));
  if (folder.files_.empty()) return folder;
  folder.watch_ = Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  folder.lacks_watch_ = !folder.watch_;
  if (folder.watch_) folder.watch("");
  return folder;
}

bool Folder::is_interesting(const std::string& folder) const {
  return std::ranges::any_of(
      files_, [&](const ProductFiles* files) { return may_contain(files->pattern(), folder); });
}

void Folder::watch(const std::string& folder) {
  const std::string path = folder.empty() ? path_ : path_ + "/" + folder;
  const int watch = ::inotify_add_watch(watch_.get(), path.c_str(), kWatched);
  if (watch < 0) {
    if (errno == ENOSPC || errno == ENOMEM) lacks_watch_ = true;
    return;  // Else it is gone again, or no folder.
  }
  watched_[watch] = folder;
}

void Folder::hear() {
  if (!watch_) return;
  alignas(inotify_event) std::array<char, kEventsSize> buffer;
  bool is_lost = false;
  while (true) {
    const ssize_t got = ::read(watch_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (const char* at = buffer.data(); at < buffer.data() + got;) {
      inotify_event event;
      std::memcpy(&event, at, sizeof event);
      const char* name = at + sizeof event;
      at += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) is_lost = true;
      const auto folder = watched_.find(event.wd);
      if (folder == watched_.end()) continue;
      if ((event.mask & IN_IGNORED) != 0) {
        watched_.erase(folder);
        continue;
      }
      if (event.len == 0) continue;  // About the folder itself.
      const std::string path = join(folder->second, name);
      if ((event.mask & IN_ISDIR) != 0) {
        const bool is_new = (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
        if (is_new && is_interesting(path)) {
          watch(path);
          // What was made in it before the watch was there.
          std::vector<std::string> found;
          look_into(path, found);
          std::ranges::sort(found);
          for (const std::string& each : found) {
            for (ProductFiles* files : files_) {
              if (files->is_wanted(each)) files->written(each);
            }
          }
        }
      }
      for (ProductFiles* files : files_) {
        if (!files->is_wanted(path)) continue;
        if ((event.mask & IN_CREATE) != 0) files->appeared(path, false);
        if ((event.mask & IN_MOVED_TO) != 0) files->appeared(path, true);
        if ((event.mask & IN_MODIFY) != 0) files->written(path);
        if ((event.mask & IN_CLOSE_WRITE) != 0) files->closed(path);
        if ((event.mask & (IN_MOVED_FROM | IN_DELETE)) != 0) files->gone(path);
      }
    }
  }
  if (is_lost) look();
}

void Folder::look_into(const std::string& folder, std::vector<std::string>& found) {
  // Folders below with their own stack: how deep they go is the program's choice. Patterns bound
  // it.
  std::vector<std::string> left{folder};
  while (!left.empty()) {
    const std::string here = std::move(left.back());
    left.pop_back();
    Fd fd = open_below(folder_, here.empty() ? "." : here.c_str(), O_RDONLY | O_DIRECTORY);
    if (!fd) continue;
    DIR* entries = ::fdopendir(fd.get());
    if (entries == nullptr) continue;
    fd.release();  // It belongs to `entries` now.
    while (const dirent* entry = ::readdir(entries)) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      const std::string path = join(here, entry->d_name);
      const bool is_wanted = std::ranges::any_of(
          files_, [&](const ProductFiles* files) { return files->is_wanted(path); });
      if (is_wanted) found.push_back(path);
      if ((entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) && is_interesting(path)) {
        if (watch_ && !here.empty()) watch(path);
        left.push_back(path);
      }
    }
    ::closedir(entries);
  }
}

void Folder::look() {
  if (files_.empty()) return;
  std::vector<std::string> found;
  look_into("", found);
  std::ranges::sort(found);
  for (const std::string& path : found) {
    for (ProductFiles* files : files_) {
      if (files->is_wanted(path)) files->found(path);
    }
  }
}

Result<OpenFile> Folder::open_file(const std::string& path) const {
  // Without O_NONBLOCK a named pipe would make us wait for a writer.
  OpenFile file{.fd = open_below(folder_, path.c_str(), O_RDONLY | O_NONBLOCK)};
  if (!file.fd) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR) return fail(ErrorCode::kNotFound, "is not there");
    if (error == ELOOP || error == EXDEV) {
      return fail(ErrorCode::kInvalidArgument,
                  "is a link: an output is a file in the folder of the program itself");
    }
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("cannot be read: {}", std::strerror(error)));
  }
  struct stat status{};
  if (::fstat(file.fd.get(), &status) != 0) return fail(system_error(errno, "look at a file"));
  if (!S_ISREG(status.st_mode)) {
    return fail(ErrorCode::kInvalidArgument,
                S_ISDIR(status.st_mode) ? "is a folder, and no file" : "is no plain file");
  }
  if (status.st_nlink > 1) {
    return fail(ErrorCode::kInvalidArgument,
                "is a hard link: an output is a file in the folder of the program itself");
  }
  file.state = state_in(status);
  file.mode = static_cast<std::uint16_t>(status.st_mode & 0777);
  return file;
}

std::optional<FileState> Folder::state_of(const std::string& path) const {
  struct stat status{};
  if (::fstatat(folder_.get(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return std::nullopt;
  }
  return state_in(status);
}

}  // namespace sluice::program
