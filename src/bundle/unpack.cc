#include <archive.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <memory>
#include <unordered_map>

#include <archive_entry.h>

#include "base/file.h"
#include "bundle/bundle.h"
#include "bundle/internal/path.h"
#include "model/names.h"

namespace sluice::bundle {
namespace {

namespace fs = std::filesystem;

// Directories, too, cost something: this many per file.
constexpr std::uint32_t kEntriesPerFile = 2;

struct ReaderDeleter {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, ReaderDeleter>;

std::unexpected<Error> refuse(std::string_view path, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("'{}' in the archive {}", model::shown(path), why));
}

std::unexpected<Error> reader_error(archive* reader) {
  const char* message = archive_error_string(reader);
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("not a tar archive (plain, gzip or zstd): {}",
                          model::shown(message == nullptr ? "it ends too early" : message)));
}

// Writes entries below a directory that was empty and that nobody else writes to.
class Unpacker {
 public:
  Unpacker(archive* reader, const fs::path& directory, const Limits& limits)
      : reader_(reader), directory_(directory), limits_(limits) {}

  Status run() {
    archive_entry* entry = nullptr;
    while (true) {
      const int result = archive_read_next_header(reader_, &entry);
      if (result == ARCHIVE_EOF) break;
      // A warning is about a name that the locale cannot show; names are checked below.
      if (result < ARCHIVE_WARN) return reader_error(reader_);
      // Known only now: one of gzip and zstd, not a filter upon filters, which is how bombs are
      // made.
      if (archive_filter_count(reader_) > 2) {
        return fail(ErrorCode::kInvalidArgument, "the archive is compressed more than once");
      }
      if (++entries_ > std::uint64_t{limits_.bundle_files} * kEntriesPerFile) return too_many();
      SLUICE_OK(add(entry));
    }
    if (files_ == 0) return fail(ErrorCode::kInvalidArgument, "the archive holds no files");
    return {};
  }

 private:
  Status add(archive_entry* entry) {
    std::string path;
    // The UTF-8 form is there for pax headers, the raw one for all others.
    if (const char* utf8 = archive_entry_pathname_utf8(entry)) {
      path = utf8;
    } else if (const char* raw = archive_entry_pathname(entry)) {
      path = raw;
    }
    const bool is_directory = archive_entry_filetype(entry) == AE_IFDIR;
    while (path.starts_with("./")) path.erase(0, 2);
    while (is_directory && path.ends_with('/')) path.pop_back();
    if (is_directory && (path.empty() || path == ".")) return {};
    SLUICE_OK(check_path(path));
    if (archive_entry_symlink(entry) != nullptr || archive_entry_filetype(entry) == AE_IFLNK) {
      return refuse(path, "is a symbolic link: pack what it points to");
    }
    if (archive_entry_hardlink(entry) != nullptr) {
      return refuse(path, "is a hard link: pack the file itself (tar --hard-dereference)");
    }
    if (is_directory) return make_directories(path);
    if (archive_entry_filetype(entry) != AE_IFREG) {
      return refuse(path, "is neither a file nor a directory");
    }
    return write_file(entry, path);
  }

  // Every part is one that this unpacking made: no link can be on the way.
  Status make_directories(std::string_view path) {
    std::size_t end = 0;
    while (end != std::string_view::npos) {
      end = path.find('/', end == 0 ? 0 : end + 1);
      const std::string part(path.substr(0, end));
      const auto [known, is_new] = names_.emplace(part, Kind::kDirectory);
      if (!is_new && known->second == Kind::kFile) return refuse(part, "is a file and a directory");
      if (!is_new) continue;
      if (names_.size() > std::uint64_t{limits_.bundle_files} * kEntriesPerFile) return too_many();
      if (::mkdir((directory_ / part).c_str(), 0755) != 0) {
        return fail(system_error(errno, fmt::format("create directory '{}'", part)));
      }
    }
    return {};
  }

  Status write_file(archive_entry* entry, const std::string& path) {
    if (++files_ > limits_.bundle_files) return too_many();
    if (const std::size_t slash = path.rfind('/'); slash != std::string::npos) {
      SLUICE_OK(make_directories(std::string_view(path).substr(0, slash)));
    }
    if (!names_.emplace(path, Kind::kFile).second) return refuse(path, "is there twice");
    if (archive_entry_size_is_set(entry) != 0 &&
        static_cast<std::uint64_t>(archive_entry_size(entry)) >
            limits_.bundle_bytes.value - total_) {
      return too_large(path);
    }
    const bool is_executable = (archive_entry_perm(entry) & S_IXUSR) != 0;
    SLUICE_TRY(const Fd fd,
               open_file(directory_ / path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                         is_executable ? 0755 : 0644));
    // archive_read_data fills the gaps of sparse files: zeros count like all other bytes.
    std::array<char, 65536> buffer{};
    while (true) {
      const la_ssize_t size = archive_read_data(reader_, buffer.data(), buffer.size());
      if (size == 0) return {};
      if (size < 0) return reader_error(reader_);
      total_ += static_cast<std::uint64_t>(size);
      if (total_ > limits_.bundle_bytes.value) return too_large(path);
      SLUICE_OK(write_all(fd, {buffer.data(), static_cast<std::size_t>(size)}));
    }
  }

  std::unexpected<Error> too_many() const {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the archive holds more than {} files", limits_.bundle_files));
  }
  std::unexpected<Error> too_large(std::string_view path) const {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the archive unpacks to more than {} (at '{}')",
                            to_text(limits_.bundle_bytes), model::shown(path)));
  }

  enum class Kind : bool { kFile, kDirectory };

  archive* reader_;
  const fs::path& directory_;
  const Limits& limits_;
  std::unordered_map<std::string, Kind> names_;
  std::uint64_t entries_ = 0;
  std::uint32_t files_ = 0;
  std::uint64_t total_ = 0;
};

// Creates the directory, or takes it if it is there and empty.
Status take_directory(const fs::path& directory) {
  SLUICE_OK(make_directory(directory));
  std::error_code error;
  const bool is_empty = fs::is_empty(directory, error);
  if (error)
    return fail(system_error(error.value(), fmt::format("look into '{}'", directory.string())));
  if (!is_empty) {
    return fail(ErrorCode::kAlreadyExists, fmt::format("'{}' is not empty", directory.string()));
  }
  return {};
}

}  // namespace

Status unpack(std::string_view archive_bytes, const std::filesystem::path& directory,
              const Limits& limits) {
  const Reader reader(archive_read_new());
  if (reader == nullptr)
    return fail(ErrorCode::kResourceExhausted, "unpack the app: out of memory");
  // These and no others: every format that is read is one that can be attacked.
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  // Names are what the bytes say, whatever the locale of the process.
  archive_read_set_format_option(reader.get(), "tar", "hdrcharset", "BINARY");
  if (archive_read_open_memory(reader.get(), archive_bytes.data(), archive_bytes.size()) !=
      ARCHIVE_OK) {
    return reader_error(reader.get());
  }
  SLUICE_OK(take_directory(directory));
  Status unpacked = Unpacker(reader.get(), directory, limits).run();
  if (!unpacked) static_cast<void>(remove_tree(directory));
  return unpacked;
}

}  // namespace sluice::bundle
