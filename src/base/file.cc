#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

namespace sluice {

Result<Fd> open_file(const std::filesystem::path& path, int flags, unsigned mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return fail(system_error(errno, fmt::format("open {}", path.native())));
  return fd;
}

Result<std::string> read_file(const std::filesystem::path& path, ByteCount max) {
  SLUICE_TRY(const Fd fd, open_file(path, O_RDONLY));
  std::string content;
  char buffer[64 << 10];
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0) {
      if (errno == EINTR) continue;
      return fail(system_error(errno, fmt::format("read {}", path.native())));
    }
    if (got == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got));
    if (content.size() > max.value) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("read {}: larger than {}", path.native(), to_text(max)));
    }
  }
}

Status write_all(const Fd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0) {
      if (errno == EINTR) continue;
      return fail(system_error(errno, "write"));
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Status write_file(const std::filesystem::path& path, std::string_view content, Sync sync) {
  std::filesystem::path aside = path;
  aside += ".new";
  {
    SLUICE_TRY(const Fd fd, open_file(aside, O_WRONLY | O_CREAT | O_TRUNC));
    if (Status written = write_all(fd, content); !written) {
      ::unlink(aside.c_str());
      return fail(std::move(written).error().wrap(aside.native()));
    }
    if (sync == Sync::kYes && ::fsync(fd.get()) != 0) {
      return fail(system_error(errno, fmt::format("sync {}", aside.native())));
    }
  }
  if (::rename(aside.c_str(), path.c_str()) != 0) {
    return fail(system_error(errno, fmt::format("rename to {}", path.native())));
  }
  if (sync == Sync::kYes) {
    SLUICE_TRY(const Fd directory, open_file(path.parent_path(), O_RDONLY | O_DIRECTORY));
    if (::fsync(directory.get()) != 0) {
      return fail(system_error(errno, fmt::format("sync {}", path.parent_path().native())));
    }
  }
  return {};
}

Status make_directory(const std::filesystem::path& path) {
  std::filesystem::path so_far;
  for (const auto& part : path) {
    so_far /= part;
    if (::mkdir(so_far.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail(system_error(errno, fmt::format("create directory {}", so_far.native())));
    }
  }
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{} is not a directory", path.native()));
  }
  return {};
}

Status remove_tree(const std::filesystem::path& path) {
  // Somebody else may be removing the same tree (the launcher of a server that was killed): an
  // entry that is gone in between is what we want, so it is tried again, and each time there is
  // less.
  std::error_code error;
  for (int tries = 0; tries < 100; ++tries) {
    std::filesystem::remove_all(path, error);
    if (error != std::errc::no_such_file_or_directory && error != std::errc::directory_not_empty) {
      break;
    }
  }
  if (error) return fail(system_error(error.value(), fmt::format("remove {}", path.native())));
  return {};
}

}  // namespace sluice
