#pragma once

// Small whole-file operations. Writes go aside, are synced and renamed, so that a reader sees the
// old content or the new one.

#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"

namespace sluice {

// kResourceExhausted when the file is larger than `max`.
Result<std::string> read_file(const std::filesystem::path& path, ByteCount max);
enum class Sync : bool { kNo, kYes };
Status write_file(const std::filesystem::path& path, std::string_view content,
                  Sync sync = Sync::kYes);
Result<Fd> open_file(const std::filesystem::path& path, int flags, unsigned mode = 0600);
// Creates it with mode 0700 and its parents; an existing directory is fine.
Status make_directory(const std::filesystem::path& path);
// Removes the tree below `path`, links not followed; a missing one is fine.
Status remove_tree(const std::filesystem::path& path);
// All of `bytes`, in as many calls as it takes.
Status write_all(const Fd& fd, std::string_view bytes);

}  // namespace sluice
