#include <archive.h>
#include <fcntl.h>

#include <array>
#include <cerrno>
#include <memory>

#include <archive_entry.h>

#include "base/file.h"
#include "bundle/bundle.h"
#include "bundle/internal/path.h"

namespace sluice::bundle {
namespace {

struct WriterDeleter {
  void operator()(archive* writer) const { archive_write_free(writer); }
};
struct EntryDeleter {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
using Writer = std::unique_ptr<archive, WriterDeleter>;
using Entry = std::unique_ptr<archive_entry, EntryDeleter>;

la_ssize_t append(archive*, void* out, const void* bytes, std::size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

std::unexpected<Error> archive_error(archive* writer, std::string_view doing) {
  const char* message = archive_error_string(writer);
  return fail(ErrorCode::kInternal,
              fmt::format("{}: {}", doing, message == nullptr ? "no reason given" : message));
}

Status write_content(archive* writer, const std::filesystem::path& directory, const File& file) {
  SLUICE_TRY(const Fd fd, open_file(directory / file.path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::array<char, 65536> buffer{};
  std::uint64_t total = 0;
  while (true) {
    const ssize_t size = ::read(fd.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(system_error(errno, fmt::format("read '{}'", file.path)));
    if (size == 0) break;
    total += static_cast<std::uint64_t>(size);
    if (total > file.size.value) break;
    if (archive_write_data(writer, buffer.data(), static_cast<std::size_t>(size)) != size) {
      return archive_error(writer, fmt::format("pack '{}'", file.path));
    }
  }
  if (total != file.size.value) {
    return fail(ErrorCode::kUnavailable, fmt::format("'{}' changed while it was read", file.path));
  }
  return {};
}

Status write_all_files(archive* writer, const std::filesystem::path& directory,
                       const std::vector<File>& files) {
  for (const File& file : files) {
    SLUICE_OK(check_path(file.path));
    const Entry entry(archive_entry_new2(writer));
    if (entry == nullptr) return fail(ErrorCode::kResourceExhausted, "pack the app: out of memory");
    archive_entry_set_pathname(entry.get(), file.path.c_str());
    archive_entry_set_size(entry.get(), static_cast<la_int64_t>(file.size.value));
    archive_entry_set_filetype(entry.get(), AE_IFREG);
    archive_entry_set_perm(entry.get(), file.executable ? 0755 : 0644);
    archive_entry_set_mtime(entry.get(), 0, 0);
    if (archive_write_header(writer, entry.get()) < ARCHIVE_WARN) {
      return archive_error(writer, fmt::format("pack '{}'", file.path));
    }
    SLUICE_OK(write_content(writer, directory, file));
  }
  return {};
}

}  // namespace

Status pack(const std::filesystem::path& directory, const std::vector<File>& files,
            std::string& out, const Limits& limits) {
  ByteCount total;
  for (const File& file : files) total += file.size;
  if (total > limits.bundle_bytes || files.size() > limits.bundle_files) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the app is larger than {} or {} files", to_text(limits.bundle_bytes),
                            limits.bundle_files));
  }
  const Writer writer(archive_write_new());
  if (writer == nullptr) return fail(ErrorCode::kResourceExhausted, "pack the app: out of memory");
  // Names are bytes that are UTF-8: without the option the C locale would mangle them.
  const bool is_set = archive_write_set_format_pax_restricted(writer.get()) == ARCHIVE_OK &&
                      archive_write_set_format_option(writer.get(), "pax", "hdrcharset",
                                                      "BINARY") >= ARCHIVE_WARN &&
                      archive_write_add_filter_zstd(writer.get()) == ARCHIVE_OK &&
                      archive_write_set_bytes_in_last_block(writer.get(), 1) == ARCHIVE_OK;
  if (!is_set) return archive_error(writer.get(), "pack the app");
  const std::size_t before = out.size();
  if (archive_write_open(writer.get(), &out, nullptr, append, nullptr) != ARCHIVE_OK) {
    return archive_error(writer.get(), "pack the app");
  }
  Status written = write_all_files(writer.get(), directory, files);
  if (written && archive_write_close(writer.get()) != ARCHIVE_OK) {
    written = archive_error(writer.get(), "pack the app");
  }
  if (!written) {
    // What close writes goes nowhere any more.
    static_cast<void>(archive_write_fail(writer.get()));
    out.resize(before);
  }
  return written;
}

}  // namespace sluice::bundle
