#pragma once

// The Python SDK, carried inside the binary as a tar archive (src/CMakeLists.txt packs it), so that
// one file is the whole product. The node unpacks it into the data directory at start, `sluice
// export` into a temporary one.

#include <filesystem>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"

namespace sluice::bundle {

std::string_view python_sdk_archive();
// Replaces what is at `folder`.
Status unpack_python_sdk(const std::filesystem::path& folder, const Limits& limits);

}  // namespace sluice::bundle
