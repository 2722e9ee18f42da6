#include "bundle/program.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "bundle/internal/child.h"

namespace sluice::bundle {

bool is_program(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

std::string find_program(std::string_view name, std::string_view folders) {
  while (true) {
    const std::size_t colon = folders.find(':');
    const std::string_view folder = folders.substr(0, colon);
    if (folder.starts_with('/')) {
      std::string path = fmt::format("{}/{}", folder, name);
      if (is_program(path)) return path;
    }
    if (colon == std::string_view::npos) return {};
    folders.remove_prefix(colon + 1);
  }
}

std::optional<std::string> program_version(const std::string& path) {
  const Result<std::string> said =
      run_child({path, "--version"}, "", {.time = std::chrono::seconds(10), .output = 4_KiB});
  if (!said) return std::nullopt;
  // `Python 3.11.2`, `v18.19.0`
  const std::size_t begin = said->find_first_of("0123456789");
  if (begin == std::string::npos) return std::nullopt;
  return said->substr(begin, said->find_first_not_of("0123456789.", begin) - begin);
}

}  // namespace sluice::bundle
