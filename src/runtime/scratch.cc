#include "runtime/scratch.h"

#include <sys/stat.h>

#include <system_error>
#include <vector>

#include "base/file.h"

namespace sluice::runtime {

namespace {

// Gives the owner back all rights on every folder below; a walk with its own stack, because the
// depth of the tree is the worker's choice.
void open_folders(const std::filesystem::path& top) {
  std::vector<std::filesystem::path> left{top};
  while (!left.empty()) {
    const std::filesystem::path folder = std::move(left.back());
    left.pop_back();
    ::chmod(folder.c_str(), 0700);
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(folder, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      std::error_code ignored;
      if (std::filesystem::is_directory(entry->symlink_status(ignored))) {
        left.push_back(entry->path());
      }
    }
  }
}

}  // namespace

Status remove_scratch(const std::filesystem::path& folder) {
  if (remove_tree(folder)) return {};
  open_folders(folder);
  return remove_tree(folder);
}

}  // namespace sluice::runtime
