#include "cli/temporary_folder.h"

#include <stdlib.h>

#include <cerrno>

#include "base/file.h"

namespace sluice::cli {

Result<TemporaryFolder> TemporaryFolder::make(std::string_view purpose) {
  std::error_code error;
  const std::filesystem::path base = std::filesystem::temp_directory_path(error);
  if (error) return fail(system_error(error.value(), "find the folder for temporary files"));
  std::string name = (base / fmt::format("sluice-{}-XXXXXX", purpose)).native();
  if (::mkdtemp(name.data()) == nullptr)
    return fail(system_error(errno, "create a folder in " + base.native()));
  return TemporaryFolder(std::move(name));
}

TemporaryFolder::~TemporaryFolder() {
  if (!path_.empty()) static_cast<void>(remove_tree(path_));
}

}  // namespace sluice::cli
