#pragma once

// A body that is kept in a file for a while (an app's archive). Owned by one conversation; gone
// with it, however that ends. What a killed process left is swept at the next start.

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::api {

class UploadFile {
 public:
  // `number` makes the name unique in this process.
  static Result<UploadFile> create(const std::filesystem::path& directory, std::uint64_t number);
  UploadFile(UploadFile&& other) noexcept;
  UploadFile& operator=(UploadFile&&) = delete;
  ~UploadFile();

  Status append(std::string_view bytes);
  const std::filesystem::path& path() const { return path_; }

 private:
  UploadFile(std::filesystem::path path, Fd file);

  std::filesystem::path path_;  // Empty: moved away.
  Fd file_;
};

// Makes the directory and removes what an earlier process left in it.
Status prepare_upload_directory(const std::filesystem::path& directory);

}  // namespace sluice::api
