#include "cli/app_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bundle/bundle.h"

namespace sluice::cli {
namespace {

// Also the end of a folder and a changed mode: whether a file may be executed is part of the app.
constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE |
                                   IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                                   IN_ATTRIB | IN_ONLYDIR;

}  // namespace

Result<AppWatch> AppWatch::open(std::filesystem::path folder) {
  Fd events(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!events) {
    return fail(errno == EMFILE
                    ? Error(ErrorCode::kResourceExhausted,
                            "no more inotify instances: end other programs that watch files, or "
                            "raise fs.inotify.max_user_instances (sysctl)")
                    : system_error(errno, "inotify"));
  }
  AppWatch watch(std::move(folder), std::move(events));
  SLUICE_TRY([[maybe_unused]] const bool is_new, watch.watch(watch.folder_));
  return watch;
}

Result<bool> AppWatch::watch(const std::filesystem::path& folder) {
  const int number = ::inotify_add_watch(events_.get(), folder.c_str(), kChanges);
  if (number >= 0) return watched_.insert(number).second;
  if (errno == ENOSPC) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("watch {}: no more inotify watches; raise fs.inotify.max_user_watches "
                            "(sysctl), or name folders that do not belong to the app in "
                            ".sluiceignore",
                            folder.native()));
  }
  return fail(system_error(errno, fmt::format("watch {}", folder.native())));
}

Status AppWatch::drain() {
  alignas(inotify_event) std::array<char, 16384> buffer;
  while (true) {
    const ssize_t got = ::read(events_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return {};
    if (got <= 0) return fail(system_error(errno, "read inotify events"));
    std::size_t at = 0;
    while (at + sizeof(inotify_event) <= static_cast<std::size_t>(got)) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      // The kernel has ended this watch: the folder is gone.
      if ((event.mask & IN_IGNORED) != 0) watched_.erase(event.wd);
      at += sizeof event + event.len;
    }
  }
}

Result<bool> AppWatch::refresh(const Limits& limits) {
  SLUICE_TRY(const std::vector<std::string> folders, bundle::list_folders(folder_, limits));
  bool has_new = false;
  for (const std::string& folder : folders) {
    Result<bool> is_new = watch(folder_ / folder);
    // Gone since it was listed: its parent has told so, and it will be looked at again.
    if (!is_new && is_new.error().code() == ErrorCode::kNotFound) continue;
    if (!is_new) return fail(is_new.error());
    has_new = has_new || *is_new;
  }
  return has_new;
}

}  // namespace sluice::cli
