// Any bytes as the archive of an app: unpacked within the limits, or refused with nothing left.
// What was unpacked can be listed and packed again.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/file.h"
#include "bundle/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace fs = std::filesystem;
  using namespace sluice;
  static const fs::path root =
      fs::temp_directory_path() / ("sluice-fuzz-" + std::to_string(::getpid()));
  Limits limits;
  limits.bundle_bytes = 1_MiB;
  limits.bundle_files = 100;
  const fs::path directory = root / "app";
  const Status unpacked =
      bundle::unpack({reinterpret_cast<const char*>(data), size}, directory, limits);
  if (!unpacked) {
    SLUICE_ASSERT(!fs::exists(fs::symlink_status(directory)), "left after an error");
    static_cast<void>(remove_tree(root));
    return 0;
  }
  const auto files = bundle::list_files(directory, limits);
  if (!files) {  // Its own .sluiceignore may be beyond the limits.
    static_cast<void>(remove_tree(root));
    return 0;
  }
  std::string again;
  const Status packed = bundle::pack(directory, *files, again, limits);
  SLUICE_ASSERT(packed.has_value(), "{}", packed.error().message());
  const fs::path copy = root / "copy";
  const Status twice = bundle::unpack(again, copy, limits);
  SLUICE_ASSERT(twice.has_value() || files->empty(), "{}", twice.error().message());
  SLUICE_ASSERT(files->empty() ||
                bundle::digest(copy, *files) == bundle::digest(directory, *files));
  static_cast<void>(remove_tree(root));
  return 0;
}
