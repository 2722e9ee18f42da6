#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include "base/file.h"
#include "base/json.h"
#include "bundle/bundle.h"
#include "bundle/internal/ignore.h"
#include "bundle/internal/path.h"

namespace sluice::bundle {
namespace {

namespace fs = std::filesystem;

constexpr ByteCount kIgnoreFileMax = 256_KiB;
// Ignored entries are looked at as well; this many per file that may belong to the app.
constexpr std::uint32_t kEntriesPerFile = 10;

class Walk {
 public:
  Walk(const fs::path& root, const Limits& limits, IgnoreRules rules)
      : root_(root), limits_(limits), rules_(std::move(rules)) {}

  Status run() {
    // Directories to look into; a stack of names instead of a recursion over what is there.
    pending_.emplace_back();
    while (!pending_.empty()) {
      std::string directory = std::move(pending_.back());
      pending_.pop_back();
      SLUICE_OK(read(directory));
      folders_.push_back(std::move(directory));
    }
    std::ranges::sort(files_, {}, &File::path);
    std::ranges::sort(folders_);
    return {};
  }
  std::vector<File>& files() { return files_; }
  std::vector<std::string>& folders() { return folders_; }

 private:
  Status read(const std::string& directory) {
    std::error_code error;
    fs::directory_iterator entries(root_ / directory, error);
    if (error) {
      return fail(system_error(error.value(),
                               fmt::format("read directory '{}'", (root_ / directory).string())));
    }
    for (; entries != fs::directory_iterator(); entries.increment(error)) {
      if (error) break;
      const std::string name = entries->path().filename().string();
      SLUICE_OK(add(directory.empty() ? name : directory + "/" + name));
    }
    if (error)
      return fail(system_error(error.value(), fmt::format("read directory '{}'", directory)));
    return {};
  }

  Status add(std::string path) {
    if (++entries_ > std::uint64_t{limits_.bundle_files} * kEntriesPerFile) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("'{}' has more than {} entries: is it the directory of the app?",
                              root_.string(), limits_.bundle_files * kEntriesPerFile));
    }
    struct stat status{};
    if (::lstat((root_ / path).c_str(), &status) != 0) {
      return fail(system_error(errno, fmt::format("look at '{}'", path)));
    }
    const bool is_directory = S_ISDIR(status.st_mode);
    if (rules_.ignores(path, is_directory ? EntryKind::kDirectory : EntryKind::kFile)) return {};
    SLUICE_OK(check_path(path));
    if (is_directory) {
      pending_.push_back(std::move(path));
      return {};
    }
    if (S_ISLNK(status.st_mode)) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' is a symbolic link: replace it by what it points to, or name it in "
                      ".sluiceignore",
                      path));
    }
    if (!S_ISREG(status.st_mode)) {
      return fail(
          ErrorCode::kInvalidArgument,
          fmt::format("'{}' is neither a file nor a directory: name it in .sluiceignore", path));
    }
    return add_file({std::move(path), ByteCount{static_cast<std::uint64_t>(status.st_size)},
                     (status.st_mode & S_IXUSR) != 0});
  }

  Status add_file(File file) {
    total_ += file.size;
    if (total_ > limits_.bundle_bytes) {
      return fail(
          ErrorCode::kResourceExhausted,
          fmt::format("the app is larger than {} (with '{}'): name what does not belong to it in "
                      ".sluiceignore",
                      to_text(limits_.bundle_bytes), file.path));
    }
    if (files_.size() == limits_.bundle_files) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("the app has more than {} files: name what does not belong to it in "
                              ".sluiceignore",
                              limits_.bundle_files));
    }
    files_.push_back(std::move(file));
    return {};
  }

  const fs::path& root_;
  const Limits& limits_;
  IgnoreRules rules_;
  std::vector<std::string> pending_;
  std::vector<File> files_;
  std::vector<std::string> folders_;
  std::uint64_t entries_ = 0;
  ByteCount total_;
};

Result<std::string> read_ignore_file(const fs::path& directory) {
  const fs::path path = directory / ".sluiceignore";
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::string();
  return read_file(path, kIgnoreFileMax);
}

Result<IgnoreRules> rules_of(const fs::path& directory) {
  struct stat status{};
  if (::stat(directory.c_str(), &status) != 0) {
    return fail(system_error(errno, fmt::format("open '{}'", directory.string())));
  }
  if (!S_ISDIR(status.st_mode)) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("'{}' is not a directory: give the directory that holds sluice.yaml",
                            directory.string()));
  }
  SLUICE_TRY(const std::string text, read_ignore_file(directory));
  return IgnoreRules::parse(text);
}

// A path that is neither given back nor followed: the file as it was listed.
Result<Fd> open_listed(const fs::path& directory, const File& file) {
  return open_file(directory / file.path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}

}  // namespace

Result<std::vector<File>> list_files(const std::filesystem::path& directory, const Limits& limits) {
  SLUICE_TRY(IgnoreRules rules, rules_of(directory));
  Walk walk(directory, limits, std::move(rules));
  SLUICE_OK(walk.run());
  return std::move(walk.files());
}

Result<std::vector<std::string>> list_folders(const std::filesystem::path& directory,
                                              const Limits& limits) {
  SLUICE_TRY(IgnoreRules rules, rules_of(directory));
  Walk walk(directory, limits, std::move(rules));
  SLUICE_OK(walk.run());
  return std::move(walk.folders());
}

Result<Sha256> digest(const std::filesystem::path& directory, const std::vector<File>& files) {
  const auto number = [](std::uint64_t value) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
    return bytes;
  };
  Sha256Stream hash;
  std::array<char, 65536> buffer{};
  for (const File& file : files) {
    // Lengths before contents: no two lists of files have the same bytes.
    hash.update(number(file.path.size()));
    hash.update(file.path);
    hash.update(number(file.executable ? 1 : 0));
    hash.update(number(file.size.value));
    SLUICE_TRY(const Fd fd, open_listed(directory, file));
    std::uint64_t read = 0;
    while (true) {
      const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0) return fail(system_error(errno, fmt::format("read '{}'", file.path)));
      if (size == 0) break;
      read += static_cast<std::uint64_t>(size);
      hash.update({buffer.data(), static_cast<std::size_t>(size)});
    }
    if (read != file.size.value) {
      return fail(ErrorCode::kUnavailable,
                  fmt::format("'{}' changed while it was read", file.path));
    }
  }
  return hash.finish();
}

}  // namespace sluice::bundle
