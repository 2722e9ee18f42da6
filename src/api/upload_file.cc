#include "api/upload_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <system_error>

#include <fmt/format.h>

#include "base/file.h"

namespace sluice::api {
namespace {
constexpr std::string_view kPrefix = "upload-";
}

Result<UploadFile> UploadFile::create(const std::filesystem::path& directory,
                                      std::uint64_t number) {
  std::filesystem::path path = directory / fmt::format("{}{}-{}", kPrefix, ::getpid(), number);
  SLUICE_TRY(Fd file, open_file(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600));
  return UploadFile(std::move(path), std::move(file));
}

UploadFile::UploadFile(std::filesystem::path path, Fd file)
    : path_(std::move(path)), file_(std::move(file)) {}

UploadFile::UploadFile(UploadFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}

UploadFile::~UploadFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Status UploadFile::append(std::string_view bytes) { return write_all(file_, bytes); }

Status prepare_upload_directory(const std::filesystem::path& directory) {
  SLUICE_OK(make_directory(directory));
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    std::error_code ignored;  // Somebody else removed it, or the next start will.
    std::filesystem::remove(entry.path(), ignored);
  }
  if (failure)
    return fail(system_error(failure.value(), fmt::format("list {}", directory.string())));
  return {};
}

}  // namespace sluice::api
